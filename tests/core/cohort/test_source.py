"""What stands at a path or in a header that is not quite a table of patients: a sentence, never a wait or a guess."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libra_core.cohort import CohortError, load_cohort, read_table

GOOD = "age,sex,sbp\n50,m,150\n61,f,142\n"
OVERRIDE, ZERO_WIDTH = "\u202e", "\u200b"


def fault(source: str | Path | bytes) -> str:
    with pytest.raises(CohortError) as caught:
        read_table(source) if isinstance(source, bytes) else load_cohort(source)
    return " ".join(caught.value.report.sentences())


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.csv")
    assert "'f.csv' is not a regular file" in fault(tmp_path / "f.csv")


def test_a_device_is_not_read() -> None:
    assert "'zero' is not a regular file" in fault("/dev/zero")


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name_is_asked_for(name: str) -> None:
    assert fault(name) == "No cohort is named: give nhanes or accord-like, or the path of a CSV."


def test_a_folder_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may run as root, to whom no folder is closed, so the answer of the system is put in its place."""

    stat = Path.stat

    def closed(self: Path, **how: bool) -> os.stat_result:
        if self.parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(self))
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", closed)
    assert "The file 'a.csv' cannot be opened: Permission denied." in fault(tmp_path / "a.csv")


# ---------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32_is_read_or_gets_a_sentence(encoding: str) -> None:
    if encoding == "utf-32":  # with its mark
        assert read_table(GOOD.encode(encoding)).frame.sbp.tolist() == [150, 142]
    else:
        assert "This is not a text file" in fault(GOOD.encode(encoding))


@pytest.mark.parametrize(
    "text", [f"age,sex,sbp,{'x' * 200_000}\n50,m,150,1\n", f'age,sex,sbp\n50,m,150\n61,"{"x" * 200_000}",1,2\n']
)
def test_a_cell_without_end_is_told_with_what_to_do(text: str) -> None:
    said = fault(text.encode())
    assert "more than 131,072 characters" in said
    assert "leave out its column" in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("Hypertension registry\n", "looks like a title: delete the rows above"),
        ("Hypertension registry\n\n", "looks like a title: delete the rows above"),
        ("Registry,2024,final\n", "Row 2 seems to hold the column names: delete the rows above it."),
        ("Registry,,\nClinic,4,\n", "Row 3 seems to hold the column names: delete the rows above it."),
    ],
)
def test_a_title_above_the_header_is_noticed(title: str, says: str) -> None:
    assert says in fault((title + GOOD).encode())
    assert "title" not in fault(b"age\n50\n")
    assert "seems" not in fault(b"a,b,c\n1,2,3\n")


def test_nothing_that_is_printed_holds_direction_or_control_marks() -> None:
    text = f"age,sex,sbp,{OVERRIDE}note\x07,asthma\n50,m,150,x,{OVERRIDE}{ZERO_WIDTH}\x1b[31mdrow\n"
    report = read_table(text.encode(), f"a{OVERRIDE}.csv").report
    told = repr(report.to_dict()) + " ".join(report.sentences())
    assert "note" in told
    assert "drow" in told
    for mark in (OVERRIDE, ZERO_WIDTH, "\x07", "\x1b"):
        assert mark not in " ".join((*report.sentences(), report.source))
        assert repr(mark)[1:-1] not in told


# ---------------------------------------------------------------------------------------------------- shared names


@pytest.mark.parametrize(
    ("column", "cells", "feature"),
    [
        ("sodium", ("3100", "2500"), "sodium_mg_day"),
        ("potassium", ("3100", "2500"), "potassium_mg_day"),
        ("sodium", ("139", "141"), "serum_na"),
        ("potassium", ("4.1", "5.9"), "serum_k"),
        ("potassium", ("", ""), "serum_k"),
    ],
)
def test_a_shared_name_is_decided_by_the_values(column: str, cells: tuple[str, str], feature: str) -> None:
    cohort = read_table(f"age,sex,sbp,{column}\n50,m,150,{cells[0]}\n61,f,142,{cells[1]}\n".encode())
    assert [m.feature for m in cohort.report.mapped if m.column == column] == [feature]
    assert cohort.report.refused_counts == ()
    if cells[0]:
        assert cohort.frame[feature].tolist() == [float(cell) for cell in cells]


def test_a_shared_name_that_the_values_do_not_decide_is_asked_about() -> None:
    cohort = read_table(b"age,sex,sbp,sodium\n50,m,150,139\n61,f,142,3100\n")
    (count,) = cohort.report.refused_counts
    assert count.reason.endswith("if it is sodium in the diet, rename the column to 'sodium_mg_day'")
