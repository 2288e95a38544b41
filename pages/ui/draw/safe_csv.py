"""CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(table: pd.DataFrame) -> bytes:
    """UTF-8 with a mark for spreadsheets; a text that would start a formula gets an apostrophe in front."""
    out = table.copy()
    for name in out.columns:
        if not pd.api.types.is_numeric_dtype(out[name]):
            out[name] = [_harmless(value) for value in out[name]]
    out.columns = [_harmless(name) for name in out.columns]
    return out.to_csv(index=False).encode("utf-8-sig")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
