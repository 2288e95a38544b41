"""The Feedback page in a real browser: clicks, a double click, the keyboard, two tabs, a reload, and an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.dashboard import Server, serving
from libra_core.records import LOCAL, Database, DecisionKind, Repository, SessionLog, replay
from tests.support.kit import NHANES, begin


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return Database(f"sqlite:///{tmp_path_factory.mktemp('feedback') / 'records.sqlite'}")


@pytest.fixture(scope="module")
def running(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serving(log, f"sqlite:///{database.path}") as server:
        yield server
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


def opened(page: Page, running: Server, session: str) -> Page:
    page.goto(f"http://127.0.0.1:{running.port}/feedback?session={session}")
    return decided(page, None)


def decided(page: Page, n: int | None) -> Page:
    """Wait until the page says that n decisions are recorded (any number: that it is drawn)."""
    value = f'[data-value="{n}"]' if n is not None else ""
    page.locator(f'[data-testid="decided"]{value}').wait_for(state="attached")
    return page


def log(database: Database, session: str) -> SessionLog:
    return SessionLog(Repository(database, LOCAL), session, NHANES)


def test_blinded_choice_and_decision_in_the_browser(page: Page, running: Server, database: Database) -> None:
    session = begin(database, blinded=True).id
    opened(page, running, session)
    expect(page.locator(".st-key-proposal")).to_have_count(0)
    page.locator("[class*=st-key-fb_arm_1_] button").nth(1).click()
    page.locator("[class*=st-key-fb_first_1_] button").click()
    expect(page.locator(".st-key-proposal")).to_be_visible()
    page.locator("[class*=st-key-fb_accept_1_] button").click()
    decided(page, 1)
    case = log(database, session).ledger.cases[1]
    assert case.first is not None
    assert case.final.kind is DecisionKind.ACCEPT


def test_a_double_click_is_one_decision(page: Page, running: Server, database: Database) -> None:
    session = begin(database, planned=6).id
    opened(page, running, session)
    for position in range(1, 7):
        page.locator(f"[class*=st-key-fb_accept_{position}_] button").dblclick(delay=1)
        decided(page, position)
    record = log(database, session)
    assert record.ledger.decided == 6
    assert len(record.ledger.cases) == 6
    assert record.repository.verify(session).ok
    assert replay(record.repository, session, NHANES).ok


def test_three_clicks_for_a_plan_of_one_s_own(page: Page, running: Server, database: Database) -> None:
    session = begin(database).id
    opened(page, running, session)
    page.locator("[class*=st-key-fb_arm_1_] button").nth(2).click()
    page.locator("[class*=st-key-fb_reason_1_] button").nth(4).click()
    expect(page.locator("[class*=st-key-fb_override_1_] button").first).to_be_enabled()
    page.locator("[class*=st-key-fb_override_1_] button").first.click()
    decided(page, 1)
    assert log(database, session).ledger.cases[1].final.kind is DecisionKind.OVERRIDE


def test_keys_are_enough(page: Page, running: Server, database: Database) -> None:
    """A accepts; typing an A into the comment does not."""
    session = begin(database).id
    opened(page, running, session)
    comment = page.locator("[class*=st-key-fb_comment_1_] input")
    comment.fill("")
    comment.press_sequentially("AAOD a word")
    comment.press("Tab")
    decided(page, 0)
    page.locator(".st-key-patient-header").click()
    page.keyboard.press("a")
    decided(page, 1)
    assert log(database, session).ledger.cases[1].final.comment == "AAOD a word"


def test_two_tabs_on_one_session(browser: Browser, running: Server, database: Database) -> None:
    session = begin(database).id
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(60_000)
    one, two = opened(context.new_page(), running, session), opened(context.new_page(), running, session)
    one.locator("[class*=st-key-fb_accept_1_] button").click()
    decided(one, 1)
    two.locator("[class*=st-key-fb_arm_1_] button").nth(1).click()  # still shows patient 1
    expect(two.locator("[class*=st-key-fb_accept_2_] button")).to_be_visible()  # its first step shows what has happened
    two.locator("[class*=st-key-fb_accept_2_] button").click()
    decided(two, 2)
    one.locator("[class*=st-key-fb_accept_2_] button").click()
    expect(one.get_by_text("decided in another window")).to_be_visible()
    assert log(database, session).ledger.decided == 2
    context.close()


def test_a_reload_goes_on_where_it_stopped(page: Page, running: Server, database: Database) -> None:
    session = begin(database).id
    opened(page, running, session)
    page.locator("[class*=st-key-fb_accept_1_] button").click()
    decided(page, 1)
    page.reload()
    decided(page, 1)
    expect(page.locator("[class*=st-key-fb_accept_2_] button")).to_be_visible()


def test_the_page_fits_a_small_screen_and_speaks_no_traceback(
    page: Page, running: Server, database: Database, tmp_path: Path
) -> None:
    """What decides is in view at 1280 x 720 without scrolling, and nothing is wider than the window."""
    opened(page, running, begin(database, warm_up=50).id)
    box = page.locator("[class*=st-key-fb_defer_1_] button").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 720
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
