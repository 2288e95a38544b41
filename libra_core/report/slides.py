"""A document as slides, 16:9: one section a slide, charts as native ones that can be edited, the warning on each."""

from __future__ import annotations

import math
from io import BytesIO

from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.enum.dml import MSO_LINE
from pptx.util import Emu, Inches, Pt

from libra_core.report.document import WARNING, Chart, Document, Section, Table
from libra_core.report.svg import COLOURS, ticks

INK, BLUE, AMBER = (RGBColor.from_string(colour) for colour in ("1B2733", "005A8E", "8A4500"))
DASHES = ("SOLID", "DASH", "ROUND_DOT", "DASH_DOT", "LONG_DASH", "LONG_DASH_DOT", "SOLID")
STYLES = tuple(getattr(MSO_LINE, name) for name in DASHES)
FONT = "Arial"
WIDE, HIGH, EDGE = 13.333, 7.5, 0.6  # inches
TOP, BOTTOM = 2.05, 6.8
ROWS = 10  # of a table on one slide; the rest goes to the next
FACT = 420  # characters of a fact on the last slide; the other formats have all of it


def to_pptx(document: Document) -> bytes:
    """The slides as a file."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDE), Inches(HIGH)
    _title(deck, document)
    for section in document.sections:
        _section(deck, document, section)
    _list(deck, document, "Provenance", [f"{a}: {_cut(b)}" for a, b in document.facts])
    if document.sources:
        _list(deck, document, "Sources", list(document.sources))
    out = BytesIO()
    deck.save(out)
    return out.getvalue()


def _cut(text: str) -> str:
    return text if len(text) <= FACT else text[: FACT - 1].rsplit(" ", 1)[0] + " …"


def _blank(deck, document: Document):  # type: ignore[no-untyped-def]
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    _text(slide, document.footer, EDGE, 7.0, WIDE - 2 * EDGE, 0.35, 11, AMBER)
    return slide


def _text(slide, text: str, x: float, y: float, w: float, h: float, size: float, colour=INK, bold: bool = False):  # type: ignore[no-untyped-def]
    """A box of one or more paragraphs."""
    frame = slide.shapes.add_textbox(Inches(x), Inches(y), Inches(w), Inches(h)).text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = Emu(0)
    for i, line in enumerate(text.split("\n")):
        paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
        paragraph.space_after = Pt(0.35 * size)
        run = paragraph.add_run()
        run.text = line
        run.font.size, run.font.bold, run.font.name, run.font.color.rgb = Pt(size), bold, FONT, colour


def fitting(text: str, w: float, h: float, largest: float, smallest: float = 10) -> float:
    """The largest size in points at which a text fits a box of w by h inches, by the mean width of a letter."""
    size = largest
    while size > smallest:
        letters = w * 72 / (0.52 * size)
        lines = sum(max(1, math.ceil(len(line) / letters)) for line in text.split("\n"))
        if (lines * 1.22 + 0.35 * text.count("\n")) * size / 72 <= h:
            return size
        size -= 0.5
    return smallest


def _title(deck, document: Document) -> None:  # type: ignore[no-untyped-def]
    slide = _blank(deck, document)
    _text(slide, document.title, EDGE, 2.0, WIDE - 2 * EDGE, 1.6, fitting(document.title, 12, 1.5, 40), BLUE, True)
    _text(slide, document.subtitle, EDGE, 3.8, WIDE - 2 * EDGE, 1.0, 20)
    _text(slide, f"{WARNING}.", EDGE, 4.9, WIDE - 2 * EDGE, 0.6, 20, AMBER, True)


def _section(deck, document: Document, section: Section) -> None:  # type: ignore[no-untyped-def]
    slide = _headed(deck, document, section.title, section.message)
    body = "\n".join(f"• {point}" for point in section.points)
    table, height = section.table, BOTTOM - TOP
    small_table = table is not None and len(table.rows) <= 4 and len(section.charts) <= 1
    if section.charts:
        left = EDGE + 5.3 if len(section.charts) == 1 else EDGE
        each = (WIDE - EDGE - left) / len(section.charts)
        for k, chart in enumerate(section.charts):
            _chart(slide, chart, left + k * each, TOP, each - 0.1, height)
        if len(section.charts) == 1:
            w = 5.0
            if small_table and table is not None:
                _text(slide, body, EDGE, TOP, w, 2.4, fitting(body, w, 2.3, 18))
                _table(slide, table, table.rows, EDGE, TOP + 2.5, w)
                table = None
            else:
                _text(slide, body, EDGE, TOP, w, height, fitting(body, w, height, 20))
        elif body:
            table = table or Table(("",), tuple((p,) for p in section.points))
    elif table is not None and body:
        w = 4.6
        _text(slide, body, EDGE, TOP, w, height, fitting(body, w, height, 18))
        _table(slide, table, table.rows[:ROWS], EDGE + w + 0.4, TOP, WIDE - 2 * EDGE - w - 0.4)
        table = _rest(table)
    elif body:
        _text(slide, body, EDGE, TOP, WIDE - 2 * EDGE, height, fitting(body, WIDE - 2 * EDGE, height, 24))
    while table is not None and table.rows:
        slide = _headed(deck, document, section.title, table.caption or section.message)
        _table(slide, table, table.rows[:ROWS], EDGE, TOP, WIDE - 2 * EDGE)
        table = _rest(table)


def _rest(table: Table) -> Table | None:
    return Table(table.head, table.rows[ROWS:], table.caption) if len(table.rows) > ROWS else None


def _headed(deck, document: Document, title: str, message: str):  # type: ignore[no-untyped-def]
    slide = _blank(deck, document)
    _text(slide, title, EDGE, 0.35, WIDE - 2 * EDGE, 0.5, 20, BLUE, True)
    _text(slide, message, EDGE, 0.85, WIDE - 2 * EDGE, 1.1, fitting(message, 12, 1.05, 28), INK, True)
    return slide


def _list(deck, document: Document, title: str, lines: list[str]) -> None:  # type: ignore[no-untyped-def]
    """A list over as many slides as it needs at a readable size."""
    page: list[str] = []
    for line in [*lines, ""]:
        trial = "\n".join([*page, line])
        if line and fitting(trial, WIDE - 2 * EDGE, 5.9, 12, 11) > 11:
            page.append(line)
            continue
        if page:
            slide = _blank(deck, document)
            _text(slide, title, EDGE, 0.35, WIDE - 2 * EDGE, 0.5, 20, BLUE, True)
            _text(slide, "\n".join(page), EDGE, 0.95, WIDE - 2 * EDGE, 5.9, 12)
        page = [line] if line else []


def _table(slide, table: Table, rows: tuple[tuple[str, ...], ...], x: float, y: float, w: float) -> None:  # type: ignore[no-untyped-def]
    lengths = [max(len(r[j]) for r in (table.head, *rows)) for j in range(len(table.head))]
    weights = [min(max(n, 12), 46 if w > 6 else 18) for n in lengths]
    size = 14 if w > 6 and len(rows) <= 8 else 12 if w > 6 else 11
    shape = slide.shapes.add_table(len(rows) + 1, len(table.head), Inches(x), Inches(y), Inches(w), Inches(0.3))
    for j, weight in enumerate(weights):
        shape.table.columns[j].width = Inches(w * weight / sum(weights))
    for i, row in enumerate((table.head, *rows)):
        shape.table.rows[i].height = Inches(0.3)
        for j, text in enumerate(row):
            cell = shape.table.cell(i, j)
            cell.margin_top = cell.margin_bottom = Inches(0.03)
            cell.margin_left = cell.margin_right = Inches(0.06)
            cell.fill.solid()
            cell.fill.fore_color.rgb = BLUE if i == 0 else RGBColor(255, 255, 255)
            run = cell.text_frame.paragraphs[0].add_run()
            run.text, run.font.size, run.font.name, run.font.bold = text, Pt(size), FONT, i == 0
            run.font.color.rgb = RGBColor(255, 255, 255) if i == 0 else INK


def _chart(slide, chart: Chart, x: float, y: float, w: float, h: float) -> None:  # type: ignore[no-untyped-def]
    box = (Inches(x), Inches(y), Inches(w), Inches(h))
    if chart.bars:
        data = CategoryChartData()
        data.categories = [bar.label for bar in reversed(chart.bars)]
        data.add_series(chart.x, [bar.value for bar in reversed(chart.bars)])
        frame = slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *box, data)
    else:
        points = XyChartData()
        for line in (line.thin(60) for line in chart.lines):
            series = points.add_series(line.name)
            for a, b in zip(line.x, line.y, strict=True):
                series.add_data_point(float(a), float(b))
        frame = slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS, *box, points)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", chart.alt)
    _style(frame.chart, chart)


def _written(labels, form: str) -> None:  # type: ignore[no-untyped-def]
    """Numbers in this form, whatever the sheet behind the chart specifies."""
    labels.number_format, labels.number_format_is_linked = form, False


def _scale(axis, reach: float, about: int) -> None:  # type: ignore[no-untyped-def]
    """From 0 to a round number, in round steps."""
    marks = ticks(0.0, reach, about)
    axis.minimum_scale, axis.maximum_scale, axis.major_unit = 0, marks[-1], marks[1] - marks[0]


def _style(drawn, chart: Chart) -> None:  # type: ignore[no-untyped-def]
    drawn.font.size, drawn.font.name = Pt(12), FONT
    drawn.has_title = False
    drawn.has_legend = len(chart.lines) > 1
    if drawn.has_legend:
        drawn.legend.position, drawn.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    across, up = (drawn.value_axis, drawn.category_axis) if chart.bars else (drawn.category_axis, drawn.value_axis)
    for axis, text in ((across, chart.x), (up, chart.y)):
        axis.has_title = bool(text)
        if text:
            axis.axis_title.text_frame.text = text
            axis.axis_title.text_frame.paragraphs[0].runs[0].font.size = Pt(12)
            axis.axis_title.text_frame.paragraphs[0].runs[0].font.bold = False
    highest = max((float(line.y.max()) for line in chart.lines), default=math.inf)
    _written(drawn.value_axis.tick_labels, "#,##0.##" if highest < 10 else "#,##0")
    drawn.value_axis.major_gridlines.format.line.color.rgb = RGBColor(0xD5, 0xDD, 0xE5)
    if chart.bars:
        _scale(drawn.value_axis, max(max(bar.value for bar in chart.bars), 0.0), 4)
    else:
        drawn.category_axis.has_major_gridlines = False
        _written(drawn.category_axis.tick_labels, "#,##0")
        _scale(drawn.category_axis, float(max(line.x[-1] for line in chart.lines)), 5)
        _scale(drawn.value_axis, highest, 5)
    for k, series in enumerate(drawn.plots[0].series):
        colour = RGBColor.from_string(COLOURS[k % len(COLOURS)][1:])
        if chart.bars:
            series.format.fill.solid()
            series.format.fill.fore_color.rgb = colour
            drawn.plots[0].has_data_labels, drawn.plots[0].gap_width = True, 60
            whole = all(bar.value == round(bar.value) for bar in chart.bars)
            _written(drawn.plots[0].data_labels, "#,##0" if whole else "#,##0.0")
            continue
        series.smooth = False
        series.format.line.width, series.format.line.color.rgb = Pt(2.25), colour
        series.format.line.dash_style = STYLES[k % len(STYLES)]
