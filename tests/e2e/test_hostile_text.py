"""Words of a model, a file and a person in a real browser: nothing is fetched, and nothing can be clicked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import drawn, settled
from tests.support.hostile import HOME, HOSTILE, MARK
from tests.support.llm_server import LLMServer


class Trap:
    """A server that nobody should call; `hits` are the paths of those who did."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        hits = self.hits

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/zqx.png"


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    threading.Thread(target=made.http.serve_forever, daemon=True).start()
    yield made
    made.http.shutdown()
    made.http.server_close()


def quiet(page: Page, trap: Trap, shown: bool = True) -> None:
    """The words are on the page, and are words only."""
    settled(page)
    if shown:
        expect(page.get_by_text(MARK).first).to_be_attached()
    for tag in ("img", "a", "h1", "h2", "strong strong", "code:not([data-testid=stCode] code)", ".katex"):
        assert page.locator(tag, has_text=MARK).count() == 0, tag
    assert page.locator("img[src*=zqx], a[href*=zqx], a[href^=javascript]").count() == 0
    assert trap.hits == []


def fill(page: Page, key: str, text: str) -> None:
    field = page.locator(f".st-key-{key} input").first
    field.fill(text)
    field.press("Enter")
    settled(page)


def test_the_trap_is_a_trap(page: Page, trap: Trap) -> None:
    page.set_content(f'<img src="{trap.url}">')
    page.wait_for_function("() => document.querySelector('img').complete")
    assert trap.hits == ["/zqx.png"]


def test_nothing_is_fetched_from_a_name(page: Page, server: str, trap: Trap) -> None:
    words = [word.replace(HOME, trap.url).replace("\n", " ") for word in HOSTILE]
    whole = " ".join(words)
    page.goto(f"{server}/settings")
    drawn(page, "settings")
    with LLMServer() as model:
        model.words = words
        fill(page, "llm_url", model.base_url)
        fill(page, "llm_model", whole)
        page.locator(".st-key-llm_on label").first.click()
        quiet(page, trap)
        page.get_by_role("button", name="Test the connection").first.click()
        expect(page.get_by_text("answers as")).to_be_visible()
        quiet(page, trap)
        fill(page, "llm_model", f"fault:hostile#{trap.url}")
        page.get_by_role("button", name="Test the connection").first.click()
        expect(page.get_by_text("answers as")).to_be_visible()
        quiet(page, trap)
        page.get_by_role("link", name="Compare").first.click()
        drawn(page, "compare")
        page.locator(".st-key-compare_ask button").click()
        expect(page.get_by_text("onerror").first).to_be_visible()
        quiet(page, trap)
    page.get_by_role("link", name="Cohort").first.click()
    drawn(page, "")
    name = whole.replace("/", "%2f")[:200] + ".csv"
    header = whole.replace('"', "'")
    content = f'age,sex,sbp,"{header}"\n63,F,152,1\n47,M,138,2\n70,F,"{header}",3\n'.encode()
    page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_text("patients are ready")).to_be_visible()
    quiet(page, trap)
    page.get_by_role("tab", name="Import report").click()
    quiet(page, trap)
    for path, link in (
        ("recommend", "Recommend"),
        ("compare", "Compare"),
        ("regret", "Regret"),
        ("settings", "Settings"),
    ):
        page.get_by_role("link", name=link).first.click()
        drawn(page, path)
        quiet(page, trap, shown=False)
    page.get_by_role("link", name="Feedback").first.click()
    drawn(page, "feedback")
    for word in words[:4]:
        quiet(page, trap)
        fill(page, "fb_name", word[:80])
        page.locator(".st-key-fb_start button").click()
        expect(page.locator(".st-key-fb_leave button")).to_be_visible()
        quiet(page, trap)
        page.locator(".st-key-fb_leave button").click()
        expect(page.locator(".st-key-fb_start button")).to_be_visible()
