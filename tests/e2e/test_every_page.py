"""Every page: from the keyboard alone, back and forth, by its address on a cold server, after a reload in mid-run, and
with two people at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.dashboard import serving
from tests.e2e.conftest import READY, drawn, settled

TITLES = ("Cohort", "Recommend", "Compare", "Regret", "Feedback", "Case study", "Settings", "About")
# What a control is called; nothing for a question mark, which is called like what it explains.
NAME = """(e) => { const label = e.labels && e.labels[0];
  if (/^help/i.test(e.getAttribute("aria-label"))) return "";
  return [e.getAttribute("aria-label"), label && label.innerText, e.innerText].filter(Boolean).join(" ") }"""
CONTROLS = "button, input, a, textarea, [role=tab], [role=slider]"
FOCUSED = f"() => document.activeElement.matches('{CONTROLS}') ? ({NAME})(document.activeElement) : ''"
THERE = f"label => [...document.querySelectorAll('{CONTROLS}')].some(e => ({NAME})(e).includes(label))"
CSV = b"age,sex,sbp,dbp\n44,F,152,90\n51,M,148,84\n70,F,171,80\n"


def tab_to(page: Page, label: str, key: str = "Tab") -> None:
    """Press Tab until what has the focus is called so. The parts of a page come one after the other: first it must be
    there."""
    page.wait_for_function(THERE, arg=label)
    seen = []
    for _ in range(120):
        page.keyboard.press(key)
        seen.append(page.evaluate(FOCUSED))
        if label in seen[-1]:
            return
    raise AssertionError(f"Tab never came to {label!r}, but to {seen[-60:]}")


def title(page: Page, name: str) -> None:
    expect(page.locator("h1.page-title")).to_have_text(name, timeout=60_000)
    settled(page)


def value(page: Page, beat: str, wanted: object) -> None:
    expect(page.locator(f"[data-testid={beat}][data-value='{wanted}']")).to_be_attached(timeout=60_000)


def press(page: Page, label: str) -> None:
    tab_to(page, label)
    page.keyboard.press("Enter")


def find_a_patient(page: Page) -> None:
    tab_to(page, "Find a patient by ID")
    page.keyboard.type("N-00004")
    page.keyboard.press("Enter")
    press(page, "Open in Recommend")
    title(page, "Recommend")
    expect(page.locator(".st-key-patient-header")).to_contain_text("N-00004")


def treat(page: Page) -> None:
    press(page, "Next patient")
    value(page, "patients-treated", 1)


def learn(page: Page) -> None:
    value(page, "compare-patient", 3000)
    before = page.locator(".st-key-patient-header strong").first.inner_text()
    press(page, "Next")
    expect(page.locator(".st-key-patient-header strong").first).not_to_have_text(before)


def study(page: Page) -> None:
    tab_to(page, "Patients per run")
    page.keyboard.press("Control+a")
    page.keyboard.type("100")
    press(page, "Run the study")
    expect(page.locator(".st-key-regret .js-plotly-plot")).to_be_visible(timeout=60_000)


def sit(page: Page) -> None:
    press(page, "Start the session")
    value(page, "decided", 0)
    expect(page.locator(".st-key-patient-header")).to_be_visible()


def turn(page: Page) -> None:
    press(page, "Next")
    value(page, "case-screen", 2)


def switch_on(page: Page) -> None:
    tab_to(page, "Ask the language model")
    page.keyboard.press("Space")
    expect(page.locator(".st-key-llm_on input")).to_be_checked()
    tab_to(page, "I have read it and agree", "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.get_by_text("is switched off")).to_have_count(0)


def read_on(page: Page) -> None:
    tab_to(page, "How it works")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Pitfalls")).to_be_visible()


MAIN = dict(zip(READY, (find_a_patient, treat, learn, study, sit, turn, switch_on, read_on), strict=True))


@pytest.mark.parametrize("path", READY)
def test_the_main_action_is_done_from_the_keyboard(server: str, page: Page, path: str) -> None:
    page.goto(f"{server}/{path}")
    MAIN[path](drawn(page, path))


def test_the_tour_is_walked_and_ended_from_the_keyboard(server: str, page: Page) -> None:
    page.goto(server)
    drawn(page, "")
    for name, way in (("Recommend", "Next: see a recommendation"), ("Feedback", "Next: judge it")):
        press(page, way)
        title(page, name)
    press(page, "End the tour")
    expect(page.locator(".st-key-tour")).to_have_count(0)


def test_back_and_forward_lead_through_every_page(server: str, page: Page) -> None:
    page.goto(server)
    title(page, TITLES[0])
    for name in TITLES[1:]:
        page.get_by_role("link", name=name).first.click()
        title(page, name)
    for name in reversed(TITLES[:-1]):
        page.go_back()
        title(page, name)
    for name in TITLES[1:]:
        page.go_forward()
        title(page, name)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("recommend?cohort=accord-like&patient=A-00007", "A-00007"),
        ("compare?patient=N-00007", "N-00007"),
        ("case_study?screen=3", "3 of 8"),
        ("recommend?patient=999999", "a patient who is not in this cohort"),
    ],
)
def test_an_address_works_on_a_server_that_has_just_started(
    page: Page, tmp_path: Path, address: str, seen: str
) -> None:
    with serving(tmp_path / "server.log", f"sqlite:///{tmp_path / 'record.sqlite'}") as cold:
        page.goto(f"http://127.0.0.1:{cold.port}/{address}")
        drawn(page, address)
        expect(page.get_by_text(seen).first).to_be_visible()
        expect(page.get_by_text("not for clinical use").first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_an_unknown_page_leads_to_the_first_one(server: str, page: Page) -> None:
    page.goto(f"{server}/nowhere")
    title(page, "Cohort")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_run_is_there_after_a_reload(server: str, page: Page) -> None:
    page.goto(f"{server}/recommend?patient=N-00007")
    drawn(page, "recommend")
    page.locator(".st-key-step_ten button").first.click()
    value(page, "patients-treated", 10)
    page.locator(".st-key-play label").click()
    value(page, "patients-treated", 12)
    page.locator(".st-key-play label").click()
    page.wait_for_url(lambda url: "treated=" in url and "patient=" not in url)
    patient = settled(page).locator(".st-key-patient-header").inner_text()
    page.reload()
    expect(page.get_by_test_id("patients-treated")).not_to_have_attribute("data-value", "0")
    assert page.locator(".st-key-patient-header").inner_text() == patient
    page.locator(".st-key-reset button").first.click()
    value(page, "patients-treated", 0)
    page.wait_for_url(lambda url: "treated=" not in url)


def test_a_study_goes_on_through_a_reload(server: str, page: Page) -> None:
    page.goto(f"{server}/regret")
    drawn(page, "regret")
    page.locator(".st-key-study_rounds input").fill("20000")
    page.locator(".st-key-study_run button").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.reload()
    value(page, "study", "running")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The study was cancelled")).to_be_visible()


def test_a_comparison_is_there_after_a_reload(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    drawn(page, "compare")
    page.get_by_role("tab", name="Whole cohort").click()
    page.get_by_role("tab", name="How LIBRA learned").click()
    page.locator(".st-key-compare_learn button").click()
    page.wait_for_url("**run=**")
    page.reload()
    expect(page.get_by_test_id("stMetricValue").get_by_text("of 1,000 patients")).to_be_visible()


def test_two_people_at_once_see_nothing_of_each_other(server: str, browser: Browser) -> None:
    contexts = browser.new_context(), browser.new_context()
    try:
        one, two = (context.new_page() for context in contexts)
        for page in (one, two):
            page.goto(server)
            drawn(page, "")
        one.locator("input[type=file]").set_input_files({"name": "clinic.csv", "mimeType": "text/csv", "buffer": CSV})
        expect(one.get_by_text("3 patients are ready")).to_be_visible()
        one.locator(".st-key-units button", has_text="SI").click()
        one.get_by_role("link", name="Recommend").click()
        value(one, "patients-treated", 0)
        one.locator(".st-key-step button").first.click()
        value(one, "patients-treated", 1)
        one.get_by_role("link", name="Settings").click()
        one.locator(".st-key-llm_model input").fill("mine")
        one.locator(".st-key-llm_model input").press("Enter")
        settled(one)
        two.reload()
        drawn(two, "")
        expect(two.get_by_text("clinic.csv")).to_have_count(0)
        expect(two.locator(".st-key-units [aria-checked=true]")).to_have_text("US")
        two.get_by_role("link", name="Recommend").click()
        value(two, "patients-treated", 0)
        expect(two.locator(".st-key-patient-header")).to_contain_text("N-0")
        two.get_by_role("link", name="Settings").click()
        expect(two.locator(".st-key-llm_model input")).not_to_have_value("mine")
    finally:
        for context in contexts:
            context.close()
