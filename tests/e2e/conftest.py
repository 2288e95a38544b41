"""A real server and a real browser. Nothing here sleeps: a test waits for something it can see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from benchmarks.dashboard import CHROMIUM, FLAGS, Server

expect.set_options(timeout=60_000)  # for a machine that is busy with something else


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is missing: sudo apt-get install chromium"))


# page -> what tells that it is drawn
READY = {
    "": "text=Enter the simulation",
    "recommend": "[data-testid=patients-treated]",
    "compare": "[data-testid=compare-patient]",
    "regret": "[data-testid=study]",
    "feedback": "text=How you take part",
    "case_study": "[data-testid=case-screen]",
    "settings": "[data-testid=settings]",
    "about": "text=How it works",
}


def drawn(page: Page, path: str) -> Page:
    """Wait until the page of that address is there, with its style sheet, and its script has ended."""
    expect(page.locator(READY[path.partition("?")[0]]).first).to_be_attached(timeout=60_000)
    page.wait_for_function("getComputedStyle(document.documentElement).getPropertyValue('--libra-blue') !== ''")
    return settled(page)


def settled(page: Page) -> Page:
    """Wait until the script has ended and the browser has nothing to do: keys are listened to only after drawing."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached(timeout=60_000)
    page.evaluate("() => new Promise(done => requestIdleCallback(() => done(null), {timeout: 10_000}))")
    return page


def pressed(page: Page, key: str, then: Locator) -> None:
    """Press a key until the page answers: one that comes before the page listens is lost, for a person too."""
    for wait in (10_000, 10_000, 60_000):
        page.keyboard.press(key)
        try:
            return expect(then).to_be_attached(timeout=wait)
        except AssertionError:
            continue
    raise AssertionError(f"the page does not answer to {key}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that runs for the whole test session, in a process group of its own."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIBRA_ADVICE_DB", str(folder / "advice.sqlite"))
        running = Server(folder / "server.log", f"sqlite:///{folder / 'records.sqlite'}")
    try:
        yield f"http://127.0.0.1:{running.port}"
        assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh session in a window of the size that a projector or a ward's screen has."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
