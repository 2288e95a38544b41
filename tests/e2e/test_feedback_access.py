"""Signing in with a real OpenID Connect provider on loopback, in a browser: each role opens what is its own."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.dashboard import free_port, serving
from libra_core.records import Actor, Database, Role
from tests.support.kit import begin, play

oidc = pytest.importorskip("oidc_provider_mock", reason="oidc-provider-mock is missing: make test installs it")

STUDY = "study"
PEOPLE = {  # who signs in, and the claims of the provider
    "ann@h.example": {"email_verified": True},  # clinician by the allow-list
    "ben@h.example": {"email_verified": True},  # another one
    "lea@h.example": {"libra_role": "lead"},  # by a claim
    "vic@h.example": {"libra_role": ["viewer", "something-else"]},
    "nick@h.example": {},  # on no list
    "eve@h.example": {"email": "lea@h.example", "email_verified": False},  # says that she is Lea
}
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "{cookie}"
client_id = "libra"
client_secret = "not used by the mock"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
[libra]
study = "study"
claim = "libra_role"
[libra.roles]
clinician = ["ANN@h.example", "ben@h.example"]
"""


@dataclass(frozen=True)
class House:
    url: str
    database: Database
    anns: str  # a session of Ann's


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("access"), free_port()
    url = f"sqlite:///{folder / 'records.sqlite'}"
    database = Database(url)
    anns = play(begin(database, Actor("ann@h.example", Role.CLINICIAN, STUDY)), 2)
    users = [oidc.User(sub=sub, claims={"email": sub} | claims) for sub, claims in PEOPLE.items()]
    with oidc.run_server_in_thread(user_claims=users) as provider:
        file = folder / "secrets.toml"
        cookie = secrets.token_hex(24)
        file.write_text(SECRETS.format(port=port, provider=provider.server_port, cookie=cookie))
        with serving(folder / "server.log", url, port=port, options=(f"--secrets.files={file}",)):
            yield House(f"http://localhost:{port}", database, anns.id)
    assert "Traceback" not in (folder / "server.log").read_text()


@contextlib.contextmanager
def signed_in(browser: Browser, house: House, who: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(house.url)
    page.locator(".st-key-sign_in button").click()
    page.locator(f'button[name="sub"][value="{who}"]').or_(page.get_by_role("button", name=who)).first.click()
    page.locator(".st-key-sign_out button").first.wait_for()
    yield page
    context.close()


def menu(page: Page) -> set[str]:
    links = page.locator('[data-testid="stTopNavLink"]')
    return {text.strip().split("\n")[-1] for text in links.all_inner_texts()}


def test_nobody_sees_anything_without_signing_in(page: Page, house: House) -> None:
    for path in ("", "/feedback", "/settings", f"/feedback?session={house.anns}", "/recommend", "/about"):
        page.goto(house.url + path)
        expect(page.locator(".st-key-sign_in")).to_be_visible()
        assert "N-0" not in page.inner_text("body")


def test_an_address_from_before_leads_to_the_sign_in(browser: Browser, house: House) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(f"{house.url}/recommend")
    expect(page.locator(".st-key-sign_in button")).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize(
    ("who", "sees", "not_sees"),
    [
        ("ann@h.example", {"Feedback", "Recommend", "About"}, {"Settings"}),
        ("lea@h.example", {"Feedback", "Recommend", "Settings", "About"}, set()),
        ("vic@h.example", {"Feedback", "About"}, {"Settings", "Recommend", "Cohort"}),
    ],
)
def test_each_role_has_its_menu(browser: Browser, house: House, who: str, sees: set, not_sees: set) -> None:
    with signed_in(browser, house, who) as page:
        page.goto(house.url + "/feedback")
        page.locator(".st-key-fb_view, .st-key-fb_start").first.wait_for()
        assert sees <= menu(page)
        assert not not_sees & menu(page)


@pytest.mark.parametrize(
    ("who", "opens"), [("ann@h.example", True), ("ben@h.example", False), ("vic@h.example", False)]
)
def test_a_session_s_address_opens_it_for_its_owner_alone(
    browser: Browser, house: House, who: str, opens: bool
) -> None:
    with signed_in(browser, house, who) as page:
        page.goto(f"{house.url}/feedback?session={house.anns}")
        if opens:
            page.locator("[class*=st-key-fb_accept_3_]").wait_for()
        else:
            expect(page.get_by_text("no such session")).to_be_visible()
            expect(page.locator("[class*=st-key-fb_accept_3_]")).to_have_count(0)


def test_a_lead_looks_at_a_session_and_cannot_decide(browser: Browser, house: House) -> None:
    with signed_in(browser, house, "lea@h.example") as page:
        page.goto(f"{house.url}/feedback?session={house.anns}")
        page.locator(".st-key-session-bar").wait_for()
        expect(page.locator("[class*=st-key-fb_accept]")).to_have_count(0)


@pytest.mark.parametrize("who", ["nick@h.example", "eve@h.example"])
def test_who_is_on_no_list_gets_a_sentence(browser: Browser, house: House, who: str) -> None:
    """Eve's provider says that her address is Lea's, and that it was never verified."""
    with signed_in(browser, house, who) as page:
        page.goto(house.url + "/feedback")
        expect(page.get_by_text("no role in this study")).to_be_visible()
