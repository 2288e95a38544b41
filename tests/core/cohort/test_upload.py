"""Uploads: what a clinic may send, well-formed or not. Every fault gets a sentence, every cell is accounted for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.cohort import Cohort, CohortError, read_table

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared" / "data" / "nhanes_2017_2020_hypertensive.csv"
GOOD = "age,sex,sbp,dbp,serum_k\n50,male,150,90,4.1\n61,F,142,84,4.4\n"


def read(text: str | bytes) -> Cohort:
    return read_table(text.encode() if isinstance(text, str) else text, "upload.csv")


def fault(text: str | bytes) -> str:
    with pytest.raises(CohortError) as caught:
        read(text)
    report = caught.value.report
    assert report.errors
    assert all(sentence.endswith(".") for sentence in report.sentences())
    assert not report.usable
    json.dumps(report.to_dict())
    return str(caught.value)


# ---------------------------------------------------------------------------------------------------- of no use


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf \n\n", "The file is empty"),
        (b"PK\x03\x04\x14\x00rest", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"<!DOCTYPE html><table>", "a web page"),
        (b'{"age": 50}', "This is JSON"),
        (bytes(range(256)) * 8, "binary data"),
        (b"age,sex,sbp\n50,\x00male,150\n", "binary data"),
        (b"age\n50\n61\n", "Only one column"),
        (b"age sex sbp\n50 male 150\n", "separate the columns by comma"),
        (b"age,sex,sbp\n", "no rows of patients"),
        (b"age,sex,sbp", "no rows of patients"),
        (b"a,b,c\n1,2,3\n", "no column for: Age"),
        (b"age,sex,weight\n50,m,80\n", "no column for: Systolic pressure"),
        (b"age,sex,sbp,SBP\n50,m,150,160\n", "appears 2 times with different values"),
        (b"age,sex,sbp\n50,m,900\n61,f,15\n", "impossible: outside 60 to 260 mmHg"),
        (b"age,sex,sbp\nfifty,m,150\n", "text, not a number"),
        (b"age,sex,sbp\n50,x,150\n", "not a known code (known: male, m"),
        (b'age,sex,sbp\n50,m,150\n61,f,"142\n70,f,150\n', "A quotation mark in row 3 never closes"),
        (b"age,sex\n50,m,150\n61,f,142\n70,f,150\n", "more cells than the header"),
        (",".join(f"c{i}" for i in range(5000)).encode() + b"\n1\n", "has 5,000 columns"),
        (b"x" * 600_000 + b",y\n1,2\n", "far too long for a header"),
    ],
)
def test_a_useless_file_gets_a_sentence(data: bytes, says: str) -> None:
    assert says in fault(data)


def test_the_file_may_be_gone(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="cannot be opened"):
        read_table(tmp_path / "gone.csv")


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_noise_raises_nothing_but_cohort_errors(data: bytes) -> None:
    _try(data)


@given(st.text(alphabet=',;\t\n\r"=<>.-+0159eagesexbp\x00\ufeff', max_size=300))
@settings(max_examples=300, deadline=None)
def test_csv_like_noise_raises_nothing_but_cohort_errors(text: str) -> None:
    _try(("age,sex,sbp\n50,m,150\n" + text).encode())


def _try(data: bytes) -> None:
    try:
        cohort = read(data)
    except CohortError:
        return
    assert not cohort.frame.isna().any().any()
    json.dumps(cohort.report.to_dict(), allow_nan=False)


# ---------------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        GOOD.encode("utf-16-le"),
        GOOD.encode("utf-16-be"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace(",", "|").encode(),
        ("sep=;\n" + GOOD.replace(",", ";")).encode(),
        ("\n\n" + GOOD).encode(),
        GOOD.replace("\n", ",\n").encode(),
        GOOD.replace("serum_k", '"Serum K"').encode(),
        GOOD.replace(",", ";").replace("4.1", "4,1").replace("4.4", "4,4").encode(),
    ],
)
def test_one_table_in_many_forms(data: bytes) -> None:
    cohort = read(data)
    assert cohort.frame[["age", "female", "sbp", "dbp", "serum_k"]].to_numpy().tolist() == [
        [50, 0, 150, 90, 4.1],
        [61, 1, 142, 84, 4.4],
    ]
    assert cohort.ids == ("U-00001", "U-00002")
    assert not cohort.imputed[["age", "female", "sbp", "dbp", "serum_k"]].any().any()


def test_a_western_european_file_is_read_with_a_note() -> None:
    cohort = read("age,sex,sbp,Größe\n50,m,150,180\n".encode("cp1252"))
    assert any("Windows-1252" in note for note in cohort.report.notes)


def test_a_file_object_and_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    stream = io.BytesIO(GOOD.encode())
    stream.read()  # a page may have looked into it already
    assert len(read_table(path)) == len(read_table(str(path))) == len(read_table(stream)) == 2


# ---------------------------------------------------------------------------------------------------- cells and rows


def test_refused_cells_and_dropped_rows_are_listed_by_their_row_in_the_file() -> None:
    cohort = read("age,sex,sbp,serum_k\n50,m,150,4.1\n\n61,f,900,4.2\n70,f,150,=A1\n45,m,160,44\n")
    assert len(cohort) == 3
    assert cohort.file_rows.tolist() == [2, 5, 6]
    refused = {(r.row, r.column, r.value) for r in cohort.report.refused}
    assert refused == {(4, "sbp", "900"), (5, "serum_k", "=A1"), (6, "serum_k", "44")}
    assert [(d.row, d.reason) for d in cohort.report.dropped] == [(4, "no usable value for systolic pressure")]
    assert cohort.imputed.serum_k.tolist() == [False, True, True]
    assert any("1 blank rows are skipped" in note or "blank" in note for note in cohort.report.notes)


def test_rows_that_are_too_long_are_dropped_and_counted() -> None:
    cohort = read("age,sex,sbp\n50,m,150\n61,f,142,7,8\n70,f,150\n71,f\n")
    assert cohort.file_rows.tolist() == [2, 4]
    assert {d.row for d in cohort.report.dropped} == {3, 5}
    assert cohort.report.rows_in_file == 4


@given(st.lists(st.sampled_from(["150", "900", "", "abc", "=1", "NA", "142,5"]), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_row_is_used_or_dropped_with_a_reason(cells: list[str]) -> None:
    text = "age,sex,sbp\n" + "".join(f'50,m,"{cell}"\n' for cell in cells)
    try:
        report = read(text).report
    except CohortError as error:
        report = error.report
    assert report.rows_in_file == len(cells)
    assert report.rows_used + len(report.dropped) == len(cells)
    assert report.rows_used == sum(cell in ("150", "142,5") for cell in cells)


# ---------------------------------------------------------------------------------------------------- units and words


@pytest.mark.parametrize(
    ("column", "value", "feature", "expected"),
    [
        ("Creatinine (µmol/L)", "88.42", "creatinine", 1.0),
        ("creatinine_umoll", "88.42", "creatinine", 1.0),
        ("LDL mmol/L", "2.586", "ldl", 100.0),
        ("Weight (lb)", "220.462", "weight_kg", 100.0),
        ("Height in", "70", "height_cm", 177.8),
        ("HbA1c mmol/mol", "53", "hba1c", 7.0),
        ("HbA1c (%)", "7.4", "hba1c", 7.4),
        ("Sodium (mmol/L)", "139", "serum_na", 139),
        ("Sodium (mg/day)", "3100", "sodium_mg_day", 3100),
        ("Sodium (mmol/day)", "100", "sodium_mg_day", 2299),
        ("UACR mg/mmol", "3", "uacr", 26.5),
        ("POTASSIUM", "4.3", "serum_k", 4.3),
        ("sodium_mg_day", '"3,200"', "sodium_mg_day", 3200),
        ("smoking", "former", "cigs_per_day", 0),
        ("race", "Non-Hispanic Black", "black", 1),
        ("Gender", "2", "female", 1),
        ("Heart Failure", "Yes", "hf", 1),
        ("gout", "no", "gout", 0),
    ],
)
def test_names_units_and_words(column: str, value: str, feature: str, expected: float) -> None:
    sex = "" if column == "Gender" else ",sex"
    cohort = read(f"age,sbp{sex},{column}\n50,150{',m' if sex else ''},{value}\n")
    assert cohort.frame[feature].iloc[0] == pytest.approx(expected, rel=2e-3)
    assert not cohort.imputed[feature].iloc[0]
    assert feature in {m.feature for m in cohort.report.mapped}


@pytest.mark.parametrize(
    ("column", "values", "unit"),
    [
        ("ldl", (2.6, 3.1, 5.6), "mmol/L"),
        ("hdl", (1.1, 1.3, 1.8), "mmol/L"),
        ("creatinine", (80, 95, 110), "µmol/L"),
        ("hba1c", (48, 53, 60), "mmol/mol"),
        ("height", (1.72, 1.80, 1.65), "m"),
        ("sodium_mg_day", (133, 150, 98), "mmol/day"),
    ],
)
def test_a_column_in_another_unit_is_refused_not_guessed(column: str, values: tuple, unit: str) -> None:
    cohort = read(f"age,sex,sbp,{column}\n" + "".join(f"50,m,150,{v}\n" for v in values))
    reasons = [c.reason for c in cohort.report.refused_counts if c.column == column]
    assert len(reasons) == 1
    assert f"looks like {unit}" in reasons[0]
    assert sum(c.n for c in cohort.report.refused_counts) == 3


def test_pounds_under_a_metric_name_are_found_by_height_and_bmi() -> None:
    cohort = read("age,sex,sbp,weight,height,bmi\n50,m,150,180,170,28.2\n60,f,150,150,160,26.6\n")
    assert any("looks like pounds" in c.reason for c in cohort.report.refused_counts)
    assert cohort.frame.weight_kg.iloc[0] == pytest.approx(28.2 * 1.7**2)


def test_readings_are_averaged_and_drug_columns_combined() -> None:
    text = "age,sex,sbp_1,sbp_2,sbp_3,med_acei,med_arb,med_thiazide,med_ccb,med_mra,med_bb\n"
    cohort = read(text + "50,m,150,140,,0,1,1,0,0,0\n60,f,130,,,0,0,0,0,0,0\n")
    assert cohort.frame.sbp.tolist() == [145, 130]
    assert cohort.frame.on_rasi.tolist() == [1, 0]
    assert cohort.frame.n_bp_classes.tolist() == [2, 0]
    assert not cohort.imputed.n_bp_classes.any()


def test_every_column_is_mapped_or_ignored_with_a_reason() -> None:
    header = "id,age,sex,sbp_1,sbp_2,sbp,weight,weight_kg,med_acei,med_arb,race,black,egfr_donor,"
    report = read(header + "\nx,50,m,150,140,145,80,81,0,1,white,0,77,\n").report
    mapped, ignored = [m.column for m in report.mapped], [i.column for i in report.ignored]
    assert sorted([*mapped, *ignored]) == sorted([*header.split(",")[:-1], "column 14"])
    assert set(ignored) == {"id", "column 14"}
    assert all(i.reason for i in report.ignored)


def test_egfr_follows_from_creatinine_and_counts_as_measured() -> None:
    """CKD-EPI 2021, worked by hand: man, 50 y, 1.0 mg/dL: 142 (1/0.9)^-1.2 0.9938^50 = 91.7; woman, 0.6: 109.3."""
    cohort = read("age,sex,sbp,creatinine\n50,m,150,1.0\n50,f,150,0.6\n")
    assert cohort.frame.egfr.tolist() == pytest.approx([91.7, 109.3], abs=0.1)
    assert not cohort.imputed.egfr.any()
    assert {c.feature: c.n for c in cohort.report.computed} == {"egfr": 2}


def test_estimates_are_marked_as_not_measured() -> None:
    cohort = read("age,sex,sbp,sodium_mg_day_donor,sodium_mg_day\n50,m,150,3000,\n60,f,150,2900,2000\n")
    assert cohort.frame.sodium_mg_day.tolist() == [3000, 2000]
    assert cohort.imputed.sodium_mg_day.tolist() == [True, False]


def test_ids_and_unknown_columns_do_not_get_in() -> None:
    cohort = read("mrn,name,age,sex,sbp\n123-45,Ann Smith,50,f,150\n")
    told = json.dumps(cohort.report.to_dict()) + repr(cohort.case(0)) + repr(cohort.ids)
    assert "Ann Smith" not in told
    assert "123-45" not in told
    assert {i.column for i in cohort.report.ignored} == {"mrn", "name"}


# ---------------------------------------------------------------------------------------------------- size


def test_two_hundred_thousand_rows_are_read() -> None:
    rng = np.random.default_rng(0)
    age, sbp = rng.integers(20, 80, 200_000), rng.integers(100, 200, 200_000)
    lines = "\n".join(f"{a},m,{s},4.1" for a, s in zip(age, sbp, strict=True))
    cohort = read("age,sex,sbp,serum_k\n" + lines + "\n")
    assert len(cohort) == 200_000
    assert cohort.contexts(cohort.arrivals[:10]).x.shape == (10, 22)


@pytest.mark.skipif(not SHARED.exists(), reason="the NHANES 2017-2020 table is not beside this checkout")
def test_a_clinics_wide_export() -> None:
    cohort = read_table(SHARED)
    assert (len(cohort), cohort.report.rows_in_file) == (4305, 4305)
    assert len(cohort.arrivals) == 2609
    assert cohort.imputed.sodium_mg_day.all()  # donor values
    assert not cohort.imputed[["age", "female", "sbp", "dbp", "diabetes", "black"]].any().any()
    assert cohort.imputed.egfr.sum() == 317
    assert {m.feature for m in cohort.report.mapped} >= {"on_rasi", "on_ccb", "prior_mi", "uacr", "mvpa_min_wk"}
    assert cohort.frame.on_rasi.mean() == pytest.approx(0.39, abs=0.02)
