"""For everybody: contrast, keyboard, charts with a description, 200 % zoom."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

PAGES = ("", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about")
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
    const out = "script,style,noscript,kbd,[role=slider],[disabled],[aria-disabled=true]";
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
WIDTHS = "() => { const m = document.querySelector('[data-testid=stMain]'); return [m.scrollWidth, m.clientWidth]; }"
FOCUSED = "() => document.activeElement.tagName === 'BUTTON' ? document.activeElement.innerText : ''"


def opened(page: Page, url: str) -> Page:
    """The page once its script has ended and nothing is stale."""
    page.goto(url)
    expect(page.get_by_text("not for clinical use").first).to_be_visible(timeout=30_000)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached(timeout=30_000)
    return page


@pytest.mark.parametrize("path", PAGES)
def test_every_text_has_contrast_and_every_chart_a_description(server: str, page: Page, path: str) -> None:
    opened(page, f"{server}/{path}")
    assert page.evaluate(FAINT) == []
    assert page.evaluate(UNDESCRIBED) == 0


def test_the_measure_of_contrast_finds_faint_text(server: str, page: Page) -> None:
    opened(page, f"{server}/about")
    page.evaluate("() => { document.querySelector('[data-testid=stMain] p').style.color = '#aaaaaa'; }")
    assert page.evaluate(FAINT)


def test_a_patient_is_treated_from_the_keyboard(server: str, page: Page) -> None:
    opened(page, f"{server}/recommend")
    expect(page.locator("[data-testid=patients-treated][data-value='0']")).to_be_attached(timeout=30_000)
    for _ in range(60):
        page.keyboard.press("Tab")
        if "Next patient" in page.evaluate(FOCUSED):
            break
    assert "Next patient" in page.evaluate(FOCUSED)
    page.keyboard.press("Enter")
    expect(page.locator("[data-testid=patients-treated][data-value='1']")).to_be_attached(timeout=30_000)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_off_at_200_percent(server: str, browser: Browser, path: str) -> None:
    """A window of 1280 x 720 at 200 % has 640 x 360 CSS pixels; the page may scroll down, not sideways."""
    context = browser.new_context(viewport={"width": 640, "height": 360})
    scroll, client = opened(context.new_page(), f"{server}/{path}").evaluate(WIDTHS)
    context.close()
    assert scroll <= client
