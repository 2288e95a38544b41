"""In a real browser: the case study on a wall. Every screen is pictured at both sizes, under artefacts/screens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.dashboard import serving
from tests.e2e.conftest import pressed, settled

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artefacts" / "screens"
SIZES = ((1280, 720), (1920, 1080))
SCREENS = 8
OVERFLOW = """() => {
  const low = document.querySelector(".st-key-present-keys").getBoundingClientRect().top;
  const out = [];
  for (const e of document.querySelectorAll(".st-key-case-screen p, .st-key-case-screen li, .st-key-case-screen td, "
      + ".st-key-case-screen img, .st-key-case-screen h2, .st-key-case-screen button, .st-key-banner p")) {
    const box = e.getBoundingClientRect();
    if (box.width && (box.bottom > low + 1 || box.right > innerWidth + 1 || box.top < -1))
      out.push(e.tagName + " " + Math.round(box.bottom) + ">" + Math.round(low) + ": " + e.textContent.slice(0, 40));
  }
  const main = document.querySelector("[data-testid=stMain]");
  if (document.documentElement.scrollHeight > innerHeight + 1) out.push("the window scrolls");
  return out;
}"""


def screen(page: Page, n: int) -> Locator:
    return page.locator(f"[data-testid=case-screen][data-value='{n}']")


def on_screen(page: Page, n: int) -> None:
    expect(screen(page, n)).to_be_attached(timeout=60_000)
    settled(page)


def treated(page: Page, n: int) -> None:
    expect(page.locator(f"[data-testid=case-patients][data-value='{n}']")).to_be_attached(timeout=60_000)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_every_screen_fits_the_wall_without_scrolling(server: str, browser: Browser, size: tuple[int, int]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    try:
        page = context.new_page()
        for n in range(1, SCREENS + 1):
            page.goto(f"{server}/case_study?present=1&screen={n}" + ("&at=30" if n == 6 else ""))
            on_screen(page, n)
            if n == 6:
                treated(page, 30)
            page.wait_for_function("[...document.querySelectorAll('.st-key-case-screen img')].every(i => i.complete)")
            page.screenshot(path=PICTURES / f"case-{size[0]}-{n}.png")
            assert page.evaluate(OVERFLOW) == [], f"screen {n}"
    finally:
        context.close()


def test_arrow_keys_the_back_key_and_start_again(server: str, page: Page) -> None:
    page.goto(f"{server}/case_study?present=1")
    on_screen(page, 1)
    pressed(page, "ArrowRight", screen(page, 2))
    on_screen(page, 2)
    pressed(page, "ArrowRight", screen(page, 3))
    on_screen(page, 3)
    pressed(page, "ArrowLeft", screen(page, 2))
    on_screen(page, 2)
    assert "screen=2" in page.url
    page.locator(".st-key-case_reset button").click()
    on_screen(page, 1)
    page.locator(".st-key-case_present button").click()
    expect(page.get_by_role("button", name="Slides")).to_be_visible()
    assert "present" not in page.url


def test_the_run_steps_plays_pauses_and_starts_again(server: str, page: Page) -> None:
    page.goto(f"{server}/case_study?present=1&screen=6")
    treated(page, 0)
    page.locator(".st-key-case_step button").click()
    treated(page, 1)
    page.locator(".st-key-case_step_ten button").click()
    treated(page, 11)
    page.locator(".st-key-case_play label").click()
    # Looked for in the browser at every frame: the number stands for less than half a second.
    page.wait_for_function("document.querySelector('[data-testid=case-patients][data-value=\"13\"]')", timeout=60_000)
    page.locator(".st-key-case_play label").click()
    page.locator(".st-key-case_reset button").click()
    on_screen(page, 1)
    assert "at=" not in page.url


def test_a_restarted_server_comes_back_at_the_same_screen_and_patient(page: Page, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with serving(tmp_path / "first.log", database) as first:
        page.goto(f"http://127.0.0.1:{first.port}/case_study?present=1&screen=6")
        treated(page, 0)
        page.locator(".st-key-case_step_ten button").click()
        treated(page, 10)
        lost = page.locator(".st-key-case-screen [data-testid=stMetricValue]").first.inner_text()
        port, address = first.port, page.url
        first.kill()
    with serving(tmp_path / "second.log", database) as second:
        page.goto(address.replace(f":{port}/", f":{second.port}/"))
        on_screen(page, 6)
        treated(page, 10)
        expect(page.locator(".st-key-case-screen [data-testid=stMetricValue]").first).to_have_text(lost)


def test_nothing_is_asked_of_the_network(server: str, page: Page) -> None:
    """Offline: every request of a presentation goes to the dashboard's own server."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}/case_study?present=1&screen=7")
    on_screen(page, 7)
    page.locator(".st-key-case_next button").click()
    on_screen(page, 8)
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []
