"""Decode an unknown file into a table of text cells, or name in one sentence the kind of file it is."""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import dataclass

import pandas as pd

from libra_core.cohort.report import CohortError, DroppedRow, printable, refuse

MAX_BYTES = 400_000_000
MAX_COLUMNS = 2_000
TITLES = 6  # rows in which the column names may follow a title
DELIMITERS = (",", ";", "\t", "|")
SAVE_AS_CSV = "open it in a spreadsheet program and save the sheet as CSV (UTF-8)"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", f"an Excel workbook or another zipped file, not a CSV: {SAVE_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0", f"an old Excel workbook, not a CSV: {SAVE_AS_CSV}"),
    (b"%PDF", "a PDF, not a CSV: export the table itself as CSV"),
    (b"\x1f\x8b", "a gzip archive: unpack it and choose the CSV inside"),
    (b"PAR1", "a Parquet file: convert it to CSV"),
    (b"HEADER RECORD*******LIBRARY", "a SAS transport file (XPT): convert it to CSV"),
    (b"\x89PNG", "a picture, not a CSV"),
    (b"\xff\xd8\xff", "a picture, not a CSV"),
    (b"SQLite format 3", "a database, not a CSV: export the table as CSV"),
)


@dataclass(frozen=True, eq=False)
class TextTable:
    """Cells as text: columns are numbered 0.., `header` names them; rows[i] is the spreadsheet row of line i."""

    header: tuple[str, ...]
    cells: pd.DataFrame
    rows: pd.Series
    delimiter: str
    notes: tuple[str, ...]
    dropped: tuple[DroppedRow, ...]


def decode(data: bytes, name: str) -> TextTable:
    """Read a delimited text file. Raises CohortError with a sentence when it is not one."""
    text, notes = _text(data, name)
    skipped = 0
    if (mark := re.match(r"[\r\n]*(sep=.\r?\n)?[\r\n]*", text)) is not None:  # Excel may write a line `sep=;` first
        text, skipped = text[mark.end() :], mark.group().count("\n")
    delimiter = _delimiter(text, name)
    table, dropped = _parse(text, delimiter, name)
    header = tuple(printable(str(cell)).strip() for cell in table.iloc[0].fillna(""))
    body = table.iloc[1:]
    blank = body.isna().all(axis=1)
    rows = pd.Series(body.index + 1 + skipped, index=body.index)
    gone = tuple(DroppedRow(row + skipped, "more cells than the header has columns") for row in dropped)
    if blank.any():
        notes = (*notes, f"{int(blank.sum()):,} blank rows are skipped.")
    body, rows = body[~blank], rows[~blank]
    if body.empty:
        raise refuse(name, "The file has a header but no rows of patients: add one row for each patient.")
    return TextTable(header, body, rows, delimiter, notes, gone)


def too_large(name: str) -> CohortError:
    return refuse(name, f"The file is larger than {MAX_BYTES // 1_000_000} MB: split it or leave out unused columns.")


def _text(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """Decode the bytes. Raises CohortError for empty, huge and binary files, web pages and JSON."""
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise refuse(name, "The file is empty: choose a CSV with a header and one row for each patient.")
    if len(data) > MAX_BYTES:
        raise too_large(name)
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise refuse(name, f"This is {what}.")
    encoding = _encoding(data)
    notes: tuple[str, ...] = ()
    if encoding is None:
        raise refuse(name, f"This is not a text file (it contains binary data): {SAVE_AS_CSV}.")
    text = data.decode(encoding, errors="replace")
    if encoding == "cp1252":
        notes = ("The file is not UTF-8; it was read as Western European text (Windows-1252).",)
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        raise refuse(name, "This is a web page or XML, not a CSV: download the table itself, as CSV.")
    if start.startswith(("{", "[")):
        raise refuse(name, "This is JSON, not a CSV: export the table as CSV with one row for each patient.")
    if "\n" not in text:  # old Macintosh line ends
        text = text.replace("\r", "\n")
    return text.lstrip("\ufeff"), notes


def _encoding(data: bytes) -> str | None:
    """The encoding, or None for binary data."""
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "utf-32"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:10_000]
    zeros = head.count(0)
    if zeros:
        odd, even = head[1::2].count(0), head[::2].count(0)
        if zeros > 0.3 * len(head) and min(odd, even) == 0:
            return "utf-16-le" if odd else "utf-16-be"
    if b"\x00" in data:
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        control = sum(byte < 32 and byte not in (9, 10, 13) for byte in head)
        return None if control > 0.02 * len(head) else "cp1252"
    return "utf-8-sig"


def _delimiter(text: str, name: str) -> str:
    """The delimiter that splits the header best. Raises CohortError when nothing does."""
    head = text[:1_000_000]
    line = next((part for part in head.splitlines() if part.strip()), "")
    if len(line) >= 500_000:
        raise refuse(
            name, "The first line is far too long for a header: this is not a CSV with one row for each patient."
        )
    plain = re.sub(r'"[^"]*"', "", line)
    best = max(DELIMITERS, key=plain.count)
    n = plain.count(best)
    if n == 0:
        below = any(part.count(d) > 1 for part in head.splitlines()[:TITLES] for d in DELIMITERS)
        raise refuse(
            name,
            "Only one column was found: separate the columns by comma, semicolon or tab, "
            "with the column names in the first row.",
            *(("The first row looks like a title: delete the rows above the column names.",) if below else ()),
        )
    if n >= MAX_COLUMNS:
        raise refuse(name, f"The header has {n + 1:,} columns, more than {MAX_COLUMNS:,}: keep those that are needed.")
    return best


def _parse(text: str, delimiter: str, name: str) -> tuple[pd.DataFrame, list[int]]:
    """The cells, header line first, empty ones as NaN; and the numbers of records that are longer than the header."""
    try:
        width = len(next(csv.reader(io.StringIO(text), delimiter=delimiter)))
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return _read(text, delimiter, width), []
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        if (start := re.search(r"EOF inside string starting at row (\d+)", str(error))) is not None:
            row = int(start.group(1)) + 1
            what = f"A quotation mark in row {row:,} never closes: correct that row, or save the file again as CSV."
            raise refuse(name, what) from error
        return _parse_ragged(text, delimiter, width, name)
    except (ValueError, OverflowError, csv.Error) as error:
        raise _no_table(name, error) from error


def _no_table(name: str, error: Exception) -> CohortError:
    if "field limit" in str(error):
        most = csv.field_size_limit()
        return refuse(
            name,
            f"A cell of the file has more than {most:,} characters: a quotation mark may not close, or a text is in a "
            "column name. Correct that cell, or leave out its column.",
        )
    return refuse(name, f"The file cannot be read as a table: {error}. Save it again as CSV.")


def _read(text: str, delimiter: str, width: int) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(text),
        sep=delimiter,
        header=None,
        names=list(range(width)),
        index_col=False,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        skip_blank_lines=False,
    )


def _parse_ragged(text: str, delimiter: str, width: int, name: str) -> tuple[pd.DataFrame, list[int]]:
    """The slow way, record by record, when some records are longer than the header or a quote never ends."""
    try:
        records = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise _no_table(name, error) from error
    long = [i + 1 for i, record in enumerate(records) if len(record) > width and any(record[width:])]
    if len(long) > 0.5 * len(records):
        raise refuse(name, "Most rows have more cells than the header has columns: check the delimiter and the header.")
    bad = set(long)
    kept = {i: (record[:width] + [""] * (width - len(record))) for i, record in enumerate(records) if i + 1 not in bad}
    table = pd.DataFrame.from_dict(kept, orient="index", dtype=str)
    return table.mask(table == ""), long
