"""A download must not run anything in the spreadsheet that opens it."""

import io

import pandas as pd

from libra_core.spreadsheet import csv_bytes


def test_formulas_are_disarmed_and_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"=name": ["=1+1", "@x", "-2", "fine"], "n": [-1.5, 2.0, 3.0, 4.0]})
    back = pd.read_csv(io.BytesIO(csv_bytes(table)))
    assert list(back.iloc[:, 0]) == ["'=1+1", "'@x", "'-2", "fine"]
    assert list(back["n"]) == [-1.5, 2.0, 3.0, 4.0]
    assert back.columns[0] == "'=name"
