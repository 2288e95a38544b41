"""For everybody, in light and in dark: axe-core, contrast, charts with a description, 200 % zoom, a narrow window, and
pictures of every page, kept in artefacts/screens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import READY, drawn

PICTURES = Path(__file__).resolve().parents[2] / "artefacts" / "screens"
THEMES = ("light", "dark")
PAGES = (*READY, "case_study?present=1&screen=7")
# Each visible text with its colour against the ground it stands on (WCAG 2.1): [text, ratio] where it is too faint.
# A slider's value stands above its thumb, whose ground it would inherit here; kbd repeats what a button's help says.
FAINT = """() => {
  const rgba = c => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const over = (f, b) => [0, 1, 2].map(i => f[i] * f[3] + b[i] * (1 - f[3])).concat(1);
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
    const v = c[i] / 255; return sum + w * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  const lineage = e => { const all = []; for (let n = e; n; n = n.parentElement) all.push(n); return all; };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement, style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    const out = "script,style,noscript,kbd,h1.page-title,[data-testid=stSliderThumbValue],[disabled]," +
      "[aria-disabled=true]";
    if (!text || e.closest(out) || style.visibility === "hidden" || !box.width || !box.height) continue;
    const line = lineage(e), opacity = line.reduce((o, n) => o * parseFloat(getComputedStyle(n).opacity), 1);
    if (opacity < 0.05) continue;
    const white = [255, 255, 255, 1];
    const ground = line.reverse().reduce((g, n) => over(rgba(getComputedStyle(n).backgroundColor), g), white);
    const colour = rgba(e instanceof SVGElement ? style.fill : style.color); colour[3] *= opacity;
    const [a, b] = [light(over(colour, ground)), light(ground)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push([text, ratio]);
  }
  return found;
}"""
UNDESCRIBED = """() => [...document.querySelectorAll("[data-testid=stPlotlyChart]")]
  .filter(e => !e.getAttribute("aria-label")).length"""
# What a click made stale fades out and in again: a text is measured when what ends by itself has ended.
STILL = """() => document.getAnimations().every(
  a => a.playState !== "running" || a.effect.getComputedTiming().endTime === Infinity)"""
WIDTHS = "() => { const m = document.querySelector('[data-testid=stMain]'); return [m.scrollWidth, m.clientWidth]; }"
# Labels of buttons, switches and metrics that do not fit their place.
CUT = """() => [...document.querySelectorAll("button p, label p, [data-testid=stMetricValue] p, h1, h2, h3")]
  .filter(e => e.offsetWidth && e.scrollWidth > e.offsetWidth + 1 && getComputedStyle(e).overflow !== "visible")
  .map(e => e.textContent)"""


def opened(page: Page, server: str, path: str) -> Page:
    page.goto(f"{server}/{path}")
    return drawn(page, path)


def faint(page: Page) -> list[list]:
    """Each text that is too faint for its ground, with its ratio."""
    page.wait_for_function(STILL)
    return page.evaluate(FAINT)


def violations(page: Page) -> list[str]:
    """What axe calls serious or critical, one line for each element."""
    page.wait_for_function(STILL)
    return [
        f"{found['id']} ({found['impact']}): {node['target']} {node['html'][:160]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", PAGES)
def test_axe_contrast_and_descriptions(server: str, page: Page, path: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    opened(page, server, path)
    ground = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme")
    assert ground == theme
    assert violations(page) == []
    assert faint(page) == []
    assert page.evaluate(UNDESCRIBED) == 0


@pytest.mark.parametrize("theme", THEMES)
def test_pages_full_of_results(server: str, page: Page, theme: str) -> None:
    """What is only there after some work: the plan, the run's chart, all five tabs, the agreement matrix."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.emulate_media(color_scheme=theme)
    opened(page, server, "recommend")
    page.locator(".st-key-step_ten button").first.click()
    page.locator("[data-testid=patients-treated][data-value='10']").wait_for(state="attached")
    for tab in ("Ranked alternatives", "Each treatment", "Limits and contraindications", "Run log", "Why this plan"):
        page.get_by_role("tab", name=tab).click()
        page.locator(f"[role=tab][aria-selected=true]:has-text('{tab}')").wait_for()
        drawn(page, "recommend")
        assert faint(page) == [], tab
        assert page.evaluate(UNDESCRIBED) == 0, tab
    assert violations(page) == []
    page.screenshot(path=PICTURES / f"run-1280-{theme}.png")


@pytest.mark.parametrize("theme", THEMES)
def test_what_the_pointer_is_on_can_be_read(server: str, page: Page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    for path in ("", "recommend", "compare"):
        opened(page, server, path)
        for place in page.locator(
            "[role=tab]:visible, button[kind=tertiary]:visible, button[kind=secondary]:visible"
        ).all():
            place.hover()
            assert faint(page) == [], place.text_content()


def test_the_measures_would_find_something(server: str, page: Page) -> None:
    opened(page, server, "about")
    page.evaluate("() => { document.querySelector('[data-testid=stMain] p').style.color = '#aaaaaa'; }")
    assert faint(page)
    page.locator(".st-key-tour_again p").evaluate("e => { e.style = 'overflow:hidden;width:9px;display:block'; }")
    assert "Take the tour" in page.evaluate(CUT)
    page.set_content(
        "<html lang=en><title>x</title><p style='color:#aaa;background:#bbb'>pale</p><button></button></html>"
    )
    found = " ".join(violations(page))
    assert "color-contrast" in found
    assert "button-name" in found


def walked(server: str, browser: Browser, size: tuple[int, int], paths: Iterable[str]) -> Iterator[tuple[str, Page]]:
    """Every page in a window of that size; none of them scrolls sideways."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    try:
        page = context.new_page()
        for path in paths:
            opened(page, server, path)
            scroll, client = page.evaluate(WIDTHS)
            assert scroll <= client, path
            yield path, page
    finally:
        context.close()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_every_page_is_pictured_and_nothing_sticks_out(server: str, browser: Browser, size: tuple[int, int]) -> None:
    for path, page in walked(server, browser, size, READY):
        page.screenshot(path=PICTURES / f"page-{size[0]}-{path or 'cohort'}.png")


@pytest.mark.parametrize("size", [(640, 360), (480, 900)], ids=["200-percent", "narrow"])
def test_nothing_is_cut_off_in_a_small_window(server: str, browser: Browser, size: tuple[int, int]) -> None:
    """A window of 1280 x 720 at 200 % has 640 x 360 CSS pixels; the page may scroll down, not sideways. The title is
    seen where the list of pages does not fit."""
    for path, page in walked(server, browser, size, PAGES):
        assert page.evaluate(CUT) == [], path
        if "present" not in path:
            assert page.locator("h1.page-title").bounding_box()["width"] > 30, path
            page.screenshot(path=PICTURES / f"page-{size[0]}-{path or 'cohort'}.png")
