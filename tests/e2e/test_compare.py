"""In a real browser: Compare as it opens, a patient and the whole cohort; and a live model, switched on and asked, on
a real server that speaks the protocol."""

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


def test_it_opens_filled_and_leads_through_patients_and_cohort(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?patient=N-00012")
    expect(page.locator("[data-testid=compare-patient][data-value='3000']")).to_be_attached(timeout=60_000)
    table = page.locator(".st-key-compare-table table")
    expect(table.locator("th")).to_contain_text(
        ["", "Language model (recorded)", "Guideline", "Bandit", "LIBRA", "Clini"]
    )
    expect(table.locator("tr", has_text="simulated loss against the best plan")).to_contain_text("least")
    expect(table.get_by_text("≠").first).to_be_visible()
    page.locator(".st-key-compare_next button").click()
    expect(page.locator(".st-key-patient-header")).not_to_contain_text("N-00012")
    page.wait_for_url(lambda url: "patient=" in url and "N-00012" not in url)
    mine = page.locator(".st-key-patient-header strong").first.inner_text()
    page.reload()
    expect(page.locator(".st-key-patient-header strong").first).to_have_text(mine)
    fill(page, "find", "N-00020")
    expect(page.locator(".st-key-patient-header")).to_contain_text("N-00020")
    page.get_by_role("tab", name="Whole cohort").click()
    expect(page.locator("[data-testid=compared][data-value='1900']")).to_be_attached(timeout=60_000)
    expect(page.locator(".st-key-agreement .js-plotly-plot")).to_be_visible()
    page.get_by_role("tab", name="Where and why they differ").click()
    expect(page.locator("blockquote").first).to_contain_text("“")
    page.get_by_role("tab", name="The model against itself").click()
    expect(page.get_by_text("Asked twice about 127 patients")).to_be_visible()
    page.get_by_role("tab", name="How LIBRA learned").click()
    expect(page.get_by_test_id("stMetricValue").get_by_text("of 3,000 patients")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
