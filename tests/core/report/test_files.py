"""Reports as files: what is on every page, what is escaped, what can be read, and the command that makes them."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont
from pptx import Presentation

from libra_core.__main__ import main
from libra_core.cohort import load_cohort
from libra_core.records import LOCAL, Database, Repository
from libra_core.report.case import load_case
from libra_core.report.document import WARNING, Bar, Chart, Document, Line, Section, Table
from libra_core.report.handout import PLAIN, grade, handout, names, syllables
from libra_core.report.session import session_document
from libra_core.report.slides import HIGH, WIDE, fitting
from libra_core.report.story import case_document
from libra_core.report.svg import bar_number, number, svg, ticks
from libra_core.report.write import to_bytes, to_html

HOSTILE = '<script>alert("x")</script> & {{ 7 * 7 }} _*[link](javascript:1)'
T = np.arange(1.0, 50.0)
FONTS = [Path(f"/usr/share/fonts/truetype/liberation/LiberationSans-{style}.ttf") for style in ("Regular", "Bold")]
LIBERATION = pytest.mark.skipif(
    not FONTS[0].exists(), reason="fonts-liberation is missing: the widths of Arial's letters"
)
POPPLER = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is missing: pdftotext, pdffonts")


def document(text: str = "text") -> Document:
    chart = Chart(text, "Patients", "Lost", lines=(Line(text, T, T, T - 1, T + 1),))
    bars = Chart(text, "Lost", "", bars=(Bar(text, 3.0, 2.0, 4.0), Bar("other", -1.0)))
    section = Section("one", text, text, (text,), (chart,), Table((text, "b"), ((text, "2"),), text), (text,))
    return Document(
        text, text, (section, Section("two", text, text, charts=(bars,))), ((text, text),), (text,), stamp="config x"
    )


@pytest.fixture(scope="module")
def case() -> Document:
    return case_document(load_case())


@pytest.fixture(scope="module")
def pdf(case: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "case.pdf"
    path.write_bytes(to_bytes(case, "pdf"))
    return path


def test_html_holds_everything_and_asks_for_nothing(case: Document) -> None:
    page = to_html(case)
    assert page.count("<figure>") == sum(len(s.charts) for s in case.sections)
    assert page.count("plotly.js v") == 1, "the drawing code comes along once"
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!#)', outside)
    for name, value in case.facts:
        assert name in outside
        assert value.split(",")[0][:40] in outside.replace("&#39;", "'")


def test_hostile_text_stays_text() -> None:
    page = to_html(document(HOSTILE))
    assert "<script>alert" not in page.replace("\\u003c", "<") or "&lt;script&gt;" in page
    assert re.sub(r"<script type.*?</script>", "", page, flags=re.S).count("<script>alert") == 0
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page)[0]
    assert "default-src 'none'" in page, "a browser fetches nothing for it, whatever it holds"
    ET.fromstring(svg(document(HOSTILE).sections[0].charts[0]))
    ET.fromstring(svg(document(HOSTILE).sections[1].charts[0]))


@POPPLER
def test_every_page_of_the_pdf_says_that_outcomes_are_simulated(pdf: Path) -> None:
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    pages = text.split("\f")[:-1]
    assert len(pages) >= 8
    for page in pages:
        assert WARNING in page
        assert "seed 0" in page


@POPPLER
def test_short_cells_of_a_table_are_not_broken(tmp_path: Path) -> None:
    rows = tuple((str(k), f"N-{k:05d}", "word " * 30, "another word " * 20) for k in range(12))
    page = Document("x", "x", (Section("a", "x", "x", table=Table(("No.", "Patient", "Plan", "Why"), rows)),), ())
    path = tmp_path / "table.pdf"
    path.write_bytes(to_bytes(page, "pdf"))
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"No\.\s+Patient", text)
    assert [row[1] for row in rows if row[1] not in text] == []


@POPPLER
def test_fonts_are_embedded(pdf: Path) -> None:
    lines = subprocess.run(["pdffonts", pdf], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert lines
    assert all(line.split()[-5] == "yes" for line in lines), lines


def test_slides_stand_inside_the_slide_and_carry_the_warning(case: Document) -> None:
    deck = Presentation(io.BytesIO(to_bytes(case, "pptx")))
    assert (deck.slide_width, deck.slide_height) == (int(WIDE * 914400), int(HIGH * 914400))
    charts = 0
    for slide in deck.slides:
        assert any(WARNING in s.text_frame.text for s in slide.shapes if s.has_text_frame)
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width + 9144
            assert shape.top + shape.height <= deck.slide_height + 9144
            charts += shape.has_chart
            if shape.has_chart:
                assert shape._element.nvGraphicFramePr.cNvPr.get("descr")
    assert charts == sum(len(s.charts) for s in case.sections)


def test_every_text_of_the_slides_asks_for_arial(case: Document) -> None:
    packed = zipfile.ZipFile(io.BytesIO(to_bytes(case, "pptx")))
    used = {name for part in packed.namelist() for name in re.findall(rb'latin typeface="([^+"]+)"', packed.read(part))}
    assert used - {b"Calibri"} == {b"Arial"}, "Calibri is the template's, and no text uses it"
    assert b'typeface="Arial"' in packed.read("ppt/slides/slide1.xml")


@pytest.mark.parametrize("kind", ["study", "sheet"])
def test_no_text_on_a_slide_is_longer_than_its_box(case: Document, kind: str) -> None:
    """Broken into lines by the widths of the letters, as a program that shows slides does."""
    shown = case if kind == "study" else handout(load_cohort("nhanes"), 12)
    for slide in Presentation(io.BytesIO(to_bytes(shown, "pptx"))).slides:
        for shape in slide.shapes:
            if shape.has_text_frame and shape.text_frame.text:
                runs = [run for paragraph in shape.text_frame.paragraphs for run in paragraph.runs]
                size, bold = runs[0].font.size.pt, bool(runs[0].font.bold)
                high = sum(lines(run.text, size, bold, shape.width) * 1.2 * size + 0.35 * size for run in runs)
                assert high - 0.35 * size <= shape.height / 12700 + 1, shape.text_frame.text


def lines(text: str, size: float, bold: bool, wide: int) -> int:
    """How many lines a text takes in a box so wide, in Emu; no word is wider than the box."""
    font = ImageFont.truetype(FONTS[bold], round(10 * size))
    count, line = 1, ""
    for word in text.split():
        assert font.getlength(word) <= wide / 1270, word
        longer = f"{line} {word}".strip()
        count, line = (count, longer) if font.getlength(longer) <= wide / 1270 else (count + 1, word)
    return count


def test_a_text_is_made_to_fit() -> None:
    assert fitting("short", 12, 1, 28) == 28
    long = "word " * 300
    assert fitting(long, 5, 4, 20) < 20


@pytest.mark.parametrize(
    ("value", "axis", "bar"),
    [
        (-0.001, "0.00", "0.0"),
        (-1.25, "−1.25", "−1.2"),
        (-0.0, "0", "0"),
        (7.34, "7.3", "7.3"),
        (-3000.0, "−3,000", "−3,000"),
    ],
)
def test_numbers_in_a_picture_have_a_true_minus_and_no_negative_zero(value: float, axis: str, bar: str) -> None:
    assert (number(value), bar_number(value)) == (axis, bar)


def test_ticks_are_round_and_cover() -> None:
    for top in (0.013, 0.9, 7, 42, 16_283):
        found = ticks(0, top)
        assert found[0] == 0
        assert found[-1] >= top
        assert 3 <= len(found) <= 8


# ------------------------------------------------------------------------------------------------ the hand-out


@pytest.mark.parametrize("cohort", ["nhanes", "accord-like"])
@pytest.mark.parametrize("row", [0, 12, 77, 301])
def test_a_handout_reads_easily(cohort: str, row: int) -> None:
    patients = load_cohort(cohort)
    sheet = handout(patients, row)
    text = "\n".join(line for s in sheet.sections for line in (s.title, s.message, *s.points))
    assert grade(text, names(patients)) <= PLAIN
    assert sheet.plain
    for word in ("bandit", "regret", "confidence", "recourse"):
        assert word not in text.lower()


def test_units_follow_the_choice() -> None:
    patients = load_cohort("nhanes")
    said = [str([s.points for s in handout(patients, 12, si=si).sections]) for si in (False, True)]
    assert "mg/day" in said[0]
    assert "mmol/day" in said[1]


def test_the_sheet_says_what_the_page_says_beside_the_plan() -> None:
    """The paper that leaves the room must not hold less than the page: cautions and checks, in plain words."""
    patients = load_cohort("nhanes")
    (before,) = [s for s in handout(patients, 0).sections if s.key == "before"]
    text = "\n".join(before.points)
    assert "a blood test in 1 to 2 weeks (kidneys and potassium)" in text
    assert "food with more potassium" in text
    assert "Your doctor needs to check these first: eGFR, potassium in blood, " in text


def test_every_caution_about_a_plan_has_words_for_the_patient() -> None:
    protocol = load_cohort("nhanes").protocol
    silent = [rule.reason for rule in protocol.plan_cautions if not rule.plain]
    silent += [rule.reason for t in protocol.treatments for rule in t.cautions if not rule.plain]
    assert silent == ["with a RAS inhibitor: check potassium and creatinine in 1-2 weeks"]  # said by another one


def test_words_for_the_patient_leave_every_digest_as_it_is() -> None:
    """Sessions and studies name the protocol by what decides their numbers, and words do not."""
    rules = [rule for t in load_cohort("nhanes").protocol.treatments for rule in t.cautions]
    assert all("plain" not in repr(rule) for rule in rules)


def test_the_grade_knows_hard_from_easy() -> None:
    assert grade("The cat sat on the mat. The dog ran.") < 2
    hard = (
        "Optimistic generalisation of parametrised uncertainty necessitates considerable computational investigation."
    )
    assert grade(hard) > 15
    assert [syllables(w) for w in ("cat", "table", "pressure", "medicine", "eye")] == [1, 2, 2, 3, 1]
    with pytest.raises(ValueError, match="no words"):
        grade("12 34")


# ------------------------------------------------------------------------------------------------ sessions


def test_a_session_becomes_a_report(tmp_path: Path) -> None:
    from tests.support.kit import NHANES, begin, play

    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    session, repository = play(begin(database, planned=3)), Repository(database, LOCAL)
    report = session_document(session.id[:10], repository=repository)
    kinds = {bar.label: bar.value for bar in report.sections[0].charts[0].bars}
    assert sum(kinds.values()) == session.ledger.decided == 3
    assert len(report.sections[-1].table.rows) == 3  # type: ignore[union-attr]
    assert ("Audit chain", repository.verify(session.id).message) in report.facts
    assert NHANES.provenance in dict(report.facts)["Data"]
    assert to_bytes(report, "pptx")[:2] == b"PK"
    with pytest.raises(ValueError, match="0 sessions begin with"):
        session_document("nothing", repository=repository)


# ------------------------------------------------------------------------------------------------ the command


@pytest.mark.parametrize("kind", ["html", "pptx"])
def test_the_command_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    out = tmp_path / f"x.{kind}"
    assert main(["report", "--cohort", "accord-like", "--row", "3", "--format", kind, "--out", str(out)]) == 0
    assert out.stat().st_size > 2000
    assert "Simulated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--study", "000000000000"], "no stored study has the config hash"),
        (["--cohort", "nhanes"], "give --row"),
        (["--cohort", "nhanes", "--row", "999999"], "there is no row"),
        (["--cohort", "nowhere", "--row", "1"], "There is no cohort"),
    ],
)
def test_a_wrong_request_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["report", *arguments, "--format", "html", "--out", str(tmp_path / "x.html")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "missing" / "x.html"
    assert main(["report", "--cohort", "accord-like", "--row", "3", "--format", "html", "--out", str(out)]) == 2
    assert "cannot write" in capsys.readouterr().err
