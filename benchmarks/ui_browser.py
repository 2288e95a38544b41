"""What a person waits for in a real browser: the first chart of a cold server, and a step until its chart is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from benchmarks.dashboard import CHROMIUM, FLAGS

STEPS = 30
FIRST_CHART, STEP = 4.0, 250.0  # goals: seconds, and ms (p95), on two quiet cores; reported
DRAWN = ".js-plotly-plot .main-svg"
# From the click to the frame in which the chart has one point more.
CLICK = """n => new Promise((done, lost) => {
  const started = performance.now();
  const look = () => {
    const plot = document.querySelector(".st-key-regret-so-far .js-plotly-plot");
    if (plot && plot.data && plot.data[0].x.length === n) return done(performance.now() - started);
    if (performance.now() - started > 20000) return lost(new Error(`no chart of ${n} points`));
    requestAnimationFrame(look);
  };
  document.querySelector(".st-key-step button").click();
  look();
})"""


@dataclass(frozen=True)
class Waiting:
    """Seconds to the first chart of a server that has just started; ms of each step, sorted."""

    first_chart: float
    steps: tuple[float, ...]

    @property
    def p50(self) -> float:
        return self.steps[len(self.steps) // 2]

    @property
    def p95(self) -> float:
        return self.steps[max(0, round(0.95 * len(self.steps)) - 1)]


def waiting(url: str) -> Waiting | None:
    """Measure a server that nobody has visited yet; None without Chromium."""
    if CHROMIUM is None:
        return None
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = chromium.new_context(viewport={"width": 1280, "height": 720}).new_page()
        first = _first_chart(page, url)
        page.goto(f"{url}/recommend")
        page.locator("[data-testid=patients-treated][data-value='0']").wait_for(state="attached")
        page.locator(".st-key-step button").first.wait_for()
        steps = sorted(page.evaluate(CLICK, n) for n in range(1, STEPS + 1))
        chromium.close()
    return Waiting(first, tuple(steps))


def _first_chart(page: Page, url: str) -> float:
    page.goto(f"{url}/case_study?screen=3")
    page.locator(DRAWN).first.wait_for()
    return page.evaluate("performance.now()") / 1000  # since the address was opened


def told(found: Waiting | None) -> str:
    if found is None:
        return "in the browser: not measured, Chromium is missing"
    return (
        f"in the browser: first chart after {found.first_chart:.1f} s (goal {FIRST_CHART:.0f} s); step click to chart "
        f"p50 {found.p50:.0f} ms, p95 {found.p95:.0f} ms of {len(found.steps)} (goal {STEP:.0f} ms)"
    )
