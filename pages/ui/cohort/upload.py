"""The result of an upload: one sentence, then the full report, with downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd
import streamlit as st

from libra_core.cohort import Report
from libra_core.spreadsheet import csv_bytes
from pages.ui.draw import cards
from pages.ui.draw.show import download
from pages.ui.session.state import Refusal, Upload

SAID = 2  # refusals listed beside the upload; the report has them all
PARTS = (
    ("refused", "Values refused as impossible or unreadable", {"row": "Row in the file", "value": "As written"}),
    ("dropped", "Rows that were left out", {"row": "Row in the file"}),
    ("mapped", "Columns that are used", {"column": "Column in the file", "how": "Matched by"}),
    ("converted", "Units that were converted", {"from_unit": "From", "to_unit": "To", "n": "Values"}),
    ("imputed", "Values that were assumed", {"feature": "Name", "label": "Fact", "n": "Values"}),
    ("ignored", "Columns that are not used", {"column": "Column in the file"}),
)


def outcome(upload: Upload | None, refusal: Refusal | None) -> None:
    """The result of the last upload in one sentence, next to the uploader."""
    if refusal is not None:
        kept = f" **{cards.escaped(upload.name)}** stays in use." if upload else ""
        st.error(
            f"**{cards.escaped(refusal.name)} was not used.** {cards.escaped(refusal.problem)}{kept}",
            icon=":material/block:",
        )
        return
    if upload is None:
        return
    name = cards.escaped(upload.name)
    found = upload.cohort.report
    left_out = found.rows_in_file - found.rows_used
    more = f" {left_out:,} rows were left out; *Import report* says why." if left_out else ""
    st.success(f"**{name}**: {found.rows_used:,} patients are ready.{more}", icon=":material/check:")
    if found.refused_counts:
        refused = " ".join(cards.escaped(count.sentence) for count in found.refused_counts[:SAID])
        rest = len(found.refused_counts) - SAID
        st.warning(
            f"{refused}{f' And {rest} more, in *Import report*.' if rest > 0 else ''} The values are assumed instead.",
            icon=":material/report:",
        )


def report(found: Report, name: str) -> None:
    """The report on a file: sentences, tables and downloads."""
    st.markdown("\n".join(f"- {cards.escaped(sentence)}" for sentence in found.sentences()))
    with st.container(horizontal=True):
        account = json.dumps(found.to_dict(), indent=1, default=str)
        download("Download the import report (JSON)", account, f"{name}-import.json", "report_json")
        if found.refused or found.dropped:
            refused = csv_bytes(_refusals(found))
            download("Download refused cells and rows (CSV)", refused, f"{name}-refused.csv", "report_csv")
    for part, title, names in PARTS:
        entries = getattr(found, part)
        if entries:
            with st.expander(f"{title}: {len(entries):,}"):
                st.dataframe(_table(entries, names), hide_index=True, height="auto", alt=title)


def _table(entries: Sequence[Any], names: dict[str, str]) -> pd.DataFrame:
    columns = [f.name for f in fields(entries[0])]
    table = pd.DataFrame([asdict(entry) for entry in entries], columns=columns)
    return table.rename(columns={c: names.get(c, c.capitalize()) for c in columns})


def _refusals(found: Report) -> pd.DataFrame:
    cells = [asdict(cell) for cell in found.refused]
    rows = [{"row": d.row, "column": "", "value": "", "reason": d.reason} for d in found.dropped]
    return pd.DataFrame([*cells, *rows]).sort_values("row")
