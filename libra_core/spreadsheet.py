"""Tables as CSV that a spreadsheet can open without running anything in it."""

from __future__ import annotations

import csv

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BLANK = " \u00a0\u200b\u200c\u200d\u2060\ufeff"  # invisible characters


def csv_bytes(table: pd.DataFrame) -> bytes:
    """UTF-8 with a byte-order mark; text that could start a formula is prefixed with an apostrophe."""
    text = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    out = table.assign(**{name: table[name].astype(object).map(_harmless) for name in text})
    out.columns = [_harmless(name) for name in out.columns]
    return out.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).encode("utf-8-sig")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.lstrip(BLANK).startswith(FORMULA) else value
