"""A document as a file: one template for HTML and PDF, and slides. Large packages are imported on first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from libra_core.report.document import WARNING, Chart, Document
from libra_core.report.svg import svg

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
FORMATS = ("html", "pdf", "pptx")
SHORT = 14  # characters of a cell that stay on one line, so that no number or name breaks in the middle
MIME = {
    "html": "text/html",
    "pdf": "application/pdf",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def _render(document: Document, draw: Callable[[Chart], str], paper: bool) -> str:
    return TEMPLATES.get_template("template.html.j2").render(
        doc=document,
        draw=lambda chart: Markup(draw(chart)),
        short=lambda cell: Markup(' class="short"') if len(cell) <= SHORT else "",
        paper=paper,
        warning=WARNING,
        footer=document.footer,
    )


def to_html(document: Document) -> str:
    """One self-contained file: interactive charts, no network."""
    from libra_core.report.interactive import interactive

    drawn = 0

    def draw(chart: Chart) -> str:
        nonlocal drawn
        drawn += 1
        return interactive(chart, first=drawn == 1)

    return _render(document, draw, paper=False)


def to_pdf(document: Document) -> bytes:
    """A4, every page with the warning, fonts embedded. Raises ValueError with what to install where it cannot."""
    try:
        from weasyprint import HTML
    except OSError as error:  # the library is there, the system's Pango is not
        raise ValueError(
            "PDF needs Pango: on Debian or Ubuntu `sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0`"
        ) from error
    return bytes(HTML(string=_render(document, svg, paper=True), url_fetcher=_nothing).write_pdf())


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    """A report is self-contained: every request is refused."""
    raise ValueError(f"a report loads nothing, so {url} is refused")


def to_bytes(document: Document, kind: str) -> bytes:
    """The file's content. Raises ValueError for an unknown format."""
    if kind == "html":
        return to_html(document).encode()
    if kind == "pdf":
        return to_pdf(document)
    if kind == "pptx":
        from libra_core.report.slides import to_pptx

        return to_pptx(document)
    raise ValueError(f"unknown format {kind!r}: choose {', '.join(FORMATS)}")
