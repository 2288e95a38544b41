"""In a real browser, against a real server that speaks the protocol: switch the model on, ask it, compare a cohort."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.llm_server import LLMServer


@pytest.fixture(scope="module")
def model() -> Iterator[LLMServer]:
    with LLMServer() as running:
        yield running


def fill(page: Page, key: str, text: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.fill(text)
    field.press("Enter")


def test_the_model_is_switched_on_tested_and_asked(server: str, page: Page, model: LLMServer) -> None:
    page.goto(f"{server}/settings")
    expect(page.get_by_text("The language model is switched off.")).to_be_visible(timeout=60_000)
    fill(page, "llm_url", model.base_url)
    expect(page.get_by_text("nothing leaves it")).to_be_visible()
    fill(page, "llm_model", "good")
    page.locator(".st-key-llm_on label").click()
    expect(page.get_by_text("The language model “good” at 127.0.0.1 is asked.")).to_be_visible()
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("answers as served-model; it keeps to a JSON schema.")).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("Not asked about this patient yet")).to_be_visible()
    page.locator(".st-key-compare_ask button").click()
    expect(page.get_by_text("A test server says so")).to_be_visible()
    expect(page.get_by_text("vote share 100")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_cohort_is_compared(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    page.get_by_role("tab", name="Whole cohort").click()
    page.locator(".st-key-compare_go button").click()
    expect(page.locator("[data-testid=compared][data-value='300']")).to_be_attached(timeout=60_000)
    expect(page.locator(".st-key-agreement .js-plotly-plot")).to_be_visible()
    page.get_by_role("tab", name="What LIBRA did").click()
    expect(page.get_by_test_id("stMetricValue").get_by_text("of 300 patients")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
