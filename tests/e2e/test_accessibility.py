"""axe-core on every page, the keyboard alone, a narrow window, 200 % zoom, and pictures of every page at both sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artefacts" / "screens"
# page -> what tells that it is drawn; deep links on a server that has not seen this visitor before
READY = {
    "": "text=Enter the simulation",
    "recommend": "[data-testid=patients-treated]",
    "compare": "[data-testid=compare-patient]",
    "regret": "[data-testid=study]",
    "feedback": "text=How you take part",
    "case_study": "[data-testid=case-screen]",
    "case_study?present=1&screen=7": "[data-testid=case-screen]",
    "settings": "[data-testid=settings]",
    "about": "text=How it works",
}
SERIOUS = ("serious", "critical")


def drawn(page: Page, address: str) -> None:
    expect(page.locator(READY[address]).first).to_be_attached(timeout=30_000)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached(timeout=30_000)


def violations(page: Page) -> list[str]:
    """What axe calls serious or critical, one line for each element."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {node['target']} {node['html'][:160]}"
        for v in found
        if v["impact"] in SERIOUS
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("address", READY)
def test_axe_finds_nothing_serious(server: str, page: Page, address: str) -> None:
    page.goto(f"{server}/{address}")
    drawn(page, address)
    assert violations(page) == []


def test_axe_would_find_something(page: Page) -> None:
    """The check itself: grey on grey and a button without a name are found."""
    page.set_content(
        "<html lang=en><title>x</title><p style='color:#aaa;background:#bbb'>pale</p><button></button></html>"
    )
    found = " ".join(violations(page))
    assert "color-contrast" in found
    assert "button-name" in found


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_every_page_is_pictured_and_nothing_sticks_out(server: str, browser: Browser, size: tuple[int, int]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    try:
        page = context.new_page()
        for address in (a for a in READY if "?" not in a):
            page.goto(f"{server}/{address}")
            drawn(page, address)
            page.screenshot(path=PICTURES / f"page-{size[0]}-{address or 'cohort'}.png")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    finally:
        context.close()


def test_two_users_do_not_share_a_run_and_a_reload_keeps_the_place(server: str, browser: Browser) -> None:
    one, two = browser.new_context(), browser.new_context()
    try:
        first, second = one.new_page(), two.new_page()
        for page in (first, second):
            page.goto(f"{server}/case_study?screen=6")
            expect(page.locator("[data-testid=case-patients][data-value='0']")).to_be_attached(timeout=30_000)
        first.locator(".st-key-case_step_ten button").click()
        expect(first.locator("[data-testid=case-patients][data-value='10']")).to_be_attached(timeout=30_000)
        first.reload()
        expect(first.locator("[data-testid=case-patients][data-value='10']")).to_be_attached(timeout=30_000)
        expect(second.locator("[data-testid=case-patients][data-value='0']")).to_be_attached()
    finally:
        one.close()
        two.close()
