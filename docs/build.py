"""Write what docs/ shows of real runs: validation.md with its figures from the stored studies, the README's picture.

    python docs/build.py     or: make docs

Numbers are read from data/studies; nothing is typed in. The picture needs Chromium; without it the old one stays.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from libra_core.report.case import load_case
from libra_core.report.document import Section, Table
from libra_core.report.story import case_document
from libra_core.report.svg import svg
from libra_core.study.metrics import summary_frame

DOCS = Path(__file__).resolve().parent


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def rows(table: Table) -> list[str]:
    out = ["| " + " | ".join(map(cell, table.head)) + " |", "|" + "---|" * len(table.head)]
    return [*out, *("| " + " | ".join(map(cell, row)) + " |" for row in table.rows), ""]


def part(section: Section) -> list[str]:
    """One section as Markdown, its figures beside the file."""
    out = [f"## {section.title}", "", f"**{section.message}**", "", *(f"- {point}" for point in section.points), ""]
    for k, chart in enumerate(section.charts, 1):
        name = f"validation_{section.key}_{k}.svg"
        (DOCS / name).write_text(svg(chart) + "\n", encoding="utf-8")
        out += [f"![{cell(chart.alt)}]({name})", ""]
    if section.table:
        out += rows(section.table)
    return [*out, *(f"> {line}" for line in section.maths), ""]


def validation() -> None:
    case = load_case()
    document = case_document(case)
    out = [
        "# Validation report",
        "",
        "Written by `make docs` from the stored studies. **Outcomes are simulated**: this shows that the methods can",
        "learn this model, and nothing about patients.",
        "",
        *rows(Table(("", ""), tuple((a, b) for a, b in document.facts))),
    ]
    kept = {
        "main": case.main,
        "full compliance": case.full,
        "expert": case.expert,
        "sabotage": case.sabotage,
        "other cohort": case.other,
    }
    for name, study in kept.items():
        if study is not None:
            frame = summary_frame(study.result).drop(columns="cpu_us_per_round").round(1)
            table = Table(tuple(frame.columns), tuple(tuple(map(str, row)) for row in frame.to_numpy()))
            out += [f"### Study {study.hash}: {name}", "", *rows(table)]
    for section in document.sections:
        if section.key not in ("patient", "question"):
            out += part(section)
    (DOCS / "validation.md").write_text("\n".join(out).rstrip() + "\n", encoding="utf-8")
    print("docs/validation.md")


def picture() -> None:
    """The README's screenshot: the screen of what was learned, as a visitor sees it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no Chromium: docs/screenshot.png stays as it is")
        return
    from playwright.sync_api import sync_playwright

    from benchmarks.dashboard import serving

    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        serving(Path(folder) / "log", f"sqlite:///{folder}/record.sqlite") as server,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"http://127.0.0.1:{server.port}/case_study?present=1&screen=7")
        page.wait_for_selector("[data-testid=case-screen]", state="attached", timeout=60_000)
        page.wait_for_function("[...document.querySelectorAll('.st-key-case-screen img')].every(i => i.complete)")
        page.screenshot(path=DOCS / "screenshot.png")
        browser.close()
    print("docs/screenshot.png")


if __name__ == "__main__":
    validation()
    picture()
