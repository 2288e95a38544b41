"""In a real browser: the app opens, ten patients are treated one by one, and the chart has ten points."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

PAGES = {"": "Enter the simulation", "recommend": "Next patient", "regret": "Run the study", "about": "How it works"}
POINTS = """() => {
  const plot = document.querySelector(".st-key-regret-so-far .js-plotly-plot");
  return plot ? plot.data[0].x.length : 0;
}"""
AT_LEAST_THREE = "() => Number(document.querySelector('[data-testid=patients-treated]')?.dataset.value) >= 3"


def treated(page: Page, n: int) -> None:
    """Wait until the page has drawn the state after n patients."""
    expect(page.locator(f"[data-testid=patients-treated][data-value='{n}']")).to_be_attached(timeout=60_000)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_by_its_address_inside_the_frame(server: str, page: Page, path: str) -> None:
    page.goto(f"{server}/{path}")
    expect(page.get_by_text("not for clinical use").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(PAGES[path]).first).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_ten_patients_are_ten_points_on_the_chart(server: str, page: Page) -> None:
    page.goto(f"{server}/recommend")
    treated(page, 0)
    for n in range(1, 11):
        page.locator(".st-key-step button").click()
        treated(page, n)
    page.wait_for_function(f"({POINTS})() === 10")


def test_play_runs_by_itself_and_stops(server: str, page: Page) -> None:
    page.goto(f"{server}/recommend")
    treated(page, 0)
    page.locator(".st-key-play label").click()
    page.wait_for_function(AT_LEAST_THREE)  # each number stands for less than half a second: not one of them for sure
    page.locator(".st-key-play label").click()
    page.get_by_role("button", name="Reset").first.click()
    treated(page, 0)


def test_the_patient_stays_in_view_while_the_page_scrolls(server: str, page: Page) -> None:
    page.goto(f"{server}/recommend")
    treated(page, 0)
    page.get_by_role("tab", name="Each treatment").click()
    page.get_by_text("Patients so far").scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)
    expect(page.locator(".st-key-patient-header")).to_be_in_viewport()


def test_a_study_draws_its_curves(server: str, page: Page) -> None:
    page.goto(f"{server}/regret")
    page.locator(".st-key-study_rounds input").fill("200")
    page.locator(".st-key-study_run button").click()
    expect(page.locator(".st-key-regret .js-plotly-plot")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Mean of 10 repetitions")).to_be_visible()
