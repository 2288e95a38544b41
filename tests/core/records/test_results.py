"""Analytics against hand-worked tables, and exports that nothing can run and anybody can read back."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fhir.resources.R4B.bundle import Bundle

from libra_core.cohort import load_cohort
from libra_core.records import Actor, Database, Denied, Repository, Role
from libra_core.records import analytics as a
from libra_core.records.export import fhir_bundle, parquet_bytes
from libra_core.records.results import SMALLEST, Totals, collect, totals
from libra_core.spreadsheet import csv_bytes
from tests.support.kit import NHANES, begin, other_plan, play, stamp

ANN, BEN, LEAD = Actor("ann", Role.CLINICIAN), Actor("ben", Role.CLINICIAN), Actor("lea", Role.LEAD)
VIEWER = Actor("vic", Role.VIEWER)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


def cohorts(name: str):
    if name != "nhanes":
        raise ValueError("not at hand")
    return NHANES


def lines(**columns: list) -> pd.DataFrame:
    """A small table with neutral values where a column is not given."""
    n = len(next(iter(columns.values())))
    rest = {
        "clinician": ["ann"] * n,
        "cohort": ["nhanes"] * n,
        "row": list(range(n)),
        "kind": ["accept"] * n,
        "first_arm": [-1] * n,
        "proposed_arm": [1] * n,
        "final_arm": [1] * n,
        "same_plan": [True] * n,
        "gain": [0.0] * n,
        "lost": [1.0] * n,
        "reason": [""] * n,
        "seconds": [10.0] * n,
    }
    return pd.DataFrame(rest | columns)


def test_overrides_and_reasons() -> None:
    t = lines(kind=["accept", "override", "override", "automatic"], reason=["", "too-costly-uncovered", "", ""])
    share = a.overrides(t)
    assert (share.k, share.n) == (2, 3)
    assert share.interval == pytest.approx((0.2077, 0.9385), abs=1e-4)  # Wilson, worked by hand
    assert a.reasons(t) == {"Cost or cover": 1, "no reason given": 1}


def test_anchoring() -> None:
    t = lines(first_arm=[1, 2, 2, 1, -1], proposed_arm=[1] * 5, final_arm=[1, 1, 2, 3, 1])
    found = a.anchoring(t)
    assert found.n == 4
    assert (found.agreed_first.k, found.agreed_final.k) == (2, 2)
    assert (found.towards.k, found.towards.n) == (1, 2)
    assert (found.away.k, found.away.n) == (1, 2)


def test_kappa_between_clinicians_on_the_patients_both_saw() -> None:
    t = lines(clinician=["ann"] * 4 + ["ben"] * 4, row=[1, 2, 3, 4, 2, 3, 4, 5], final_arm=[1, 1, 2, 2, 1, 2, 1, 1])
    found = a.between_clinicians(t)[("ann", "ben")]
    assert found.n == 3
    assert found.share == pytest.approx(2 / 3)
    assert found.kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))


def test_gain_counts_only_where_plans_differ() -> None:
    t = lines(kind=["override"] * 4, same_plan=[True, False, False, False], gain=[0.0, 2.0, -1.0, 2.0])
    found = a.gain(t)
    assert (found.n, found.better, found.worse) == (3, 2, 1)
    assert found.mean == pytest.approx(1.0)
    half = 4.302653 * np.std([2, -1, 2], ddof=1) / np.sqrt(3)
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half), rel=1e-5)


def test_empty_tables_are_no_trouble() -> None:
    t = a.decisions_table([])
    assert a.overrides(t).n == a.gain(t).n == a.anchoring(t).n == 0
    assert a.reasons(t) == a.with_policies(t) == a.between_clinicians(t) == {}
    assert np.isnan(a.times(t)[0])


def test_a_study_s_table(database: Database) -> None:
    play(begin(database, ANN, blinded=True, planned=8))
    play(begin(database, BEN, planned=8))
    found = collect(Repository(database, LEAD), cohorts)
    t = found.table
    assert len(t) == 16
    assert set(t["clinician"]) == {"ann", "ben"}
    accepted = t[t["kind"] == "accept"]
    assert accepted["same_plan"].all()
    assert (accepted["gain"] == 0).all()
    assert (t["lost"] >= -1e-9).all()
    assert set(a.with_policies(t)) == {"libra", "glrb", "guideline"}
    assert a.between_clinicians(t)[("ann", "ben")].n == 8


def test_mistakes_are_counted_and_in_no_other_number(database: Database) -> None:
    log = play(begin(database, LEAD, planned=6, blinded=True))
    before = Totals.of(collect(log.repository, cohorts))
    log.mistaken(3, stamp(comment="wrong button"))
    found = collect(log.repository, cohorts)
    after = Totals.of(found)
    assert (before.mistakes, after.mistakes) == (0, 1)
    assert after.decisions == before.decisions - 1
    assert after.anchoring.n == before.anchoring.n - 1
    assert found.table["mistake"].sum() == 1  # the rows and the exports keep it
    bundle = fhir_bundle(found.sessions[0], found.ledgers[0], NHANES)
    Bundle.model_validate(bundle)
    plans = [e["resource"]["status"] for e in bundle["entry"] if e["resource"]["resourceType"] == "CarePlan"]
    assert plans == ["active"] * 2 + ["entered-in-error"] + ["active"] * 3


def test_time_for_a_patient_holds_the_blinded_choice_too(database: Database) -> None:
    log = begin(database, LEAD, blinded=True, planned=1)
    case = log.current()
    log.first_choice(1, other_plan(case), replace(stamp(), seconds=5.0))
    log.accept(1, replace(stamp(), seconds=2.0))
    assert collect(log.repository, cohorts).table["seconds"].tolist() == [7.0]


def test_an_interval_stays_between_0_and_1() -> None:
    assert a.Share(0, 3).interval[0] == 0.0
    assert a.Share(3, 3).interval[1] == 1.0


def test_groups_are_those_of_each_session_s_own_cohort(database: Database) -> None:
    """Row 5 of one cohort is not row 5 of another."""
    other = load_cohort("accord-like")
    both = {cohort.name: cohort for cohort in (NHANES, other)}
    for cohort in both.values():
        log = begin(database, LEAD, cohort=cohort, planned=5)
        for position in range(1, 6):
            log.current()
            log.accept(position, stamp())
    t = collect(Repository(database, LEAD), both.__getitem__).table
    for cohort in both.values():
        mine = t[t["cohort"] == cohort.name]
        female = cohort.frame["female"].to_numpy()[mine["row"]] == 1
        assert mine["group: women"].tolist() == female.tolist()
    found = a.subgroups(t).set_index("Group")["Patients"]
    assert found["women"] + found["men"] == len(t) == 10


def test_a_clinician_collects_only_own_sessions(database: Database) -> None:
    play(begin(database, ANN, planned=2))
    play(begin(database, BEN, planned=2))
    assert set(collect(Repository(database, BEN), cohorts).table["clinician"]) == {"ben"}
    assert not len(collect(Repository(database, VIEWER), cohorts).table)


def test_a_viewer_reads_totals_and_no_small_groups(database: Database) -> None:
    play(begin(database, ANN, planned=3))
    assert totals(Repository(database, VIEWER), cohorts) is None  # too few to hide anybody
    play(begin(database, BEN, planned=12))
    found = totals(Repository(database, VIEWER), cohorts)
    assert found.decisions == 15
    size = found.subgroups["Patients"]
    assert ((size >= SMALLEST) & (found.patients - size >= SMALLEST)).all()
    assert all(n >= SMALLEST for n in found.reasons.values())
    for who in (ANN, Actor("nick", Role.NONE)):
        with pytest.raises(Denied):
            totals(Repository(database, who), cohorts)


def test_two_looks_of_a_viewer_do_not_give_one_decision_away(database: Database) -> None:
    play(begin(database, BEN, planned=5))
    play(begin(database, BEN, planned=20), 4)
    assert totals(Repository(database, VIEWER), cohorts) is None  # one clinician's results are hers alone
    anns = begin(database, ANN, planned=8)
    play(anns, 2)
    seen = set()
    for _ in range(4):
        play(anns, 1)
        seen.add(totals(Repository(database, VIEWER), cohorts).decisions)
    assert all(n % SMALLEST == 0 for n in seen)


def test_a_session_whose_cohort_is_not_at_hand_is_named(database: Database) -> None:
    from tests.support.kit import spec

    Repository(database, LEAD).begin(replace(spec(), cohort="other.csv:1"), "elsewhere")
    assert collect(Repository(database, LEAD), cohorts).left_out == ("elsewhere: not at hand",)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\u00a0=1", "\u200b=1"]
)
def test_csv_cannot_start_a_formula(text: str) -> None:
    back = pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"comment": [text], "n": [-1.5]}))), encoding="utf-8-sig")
    assert back["comment"][0].startswith("'")
    assert back["n"][0] == -1.5


def test_exports_read_back(database: Database) -> None:
    log = begin(database, ANN, planned=3)
    case = log.current()
    log.override(1, other_plan(case), stamp(reason="too-costly-uncovered", comment="=HYPERLINK(1)"))
    play(log)
    found = collect(Repository(database, ANN), cohorts)
    parquet = pd.read_parquet(io.BytesIO(parquet_bytes(found.table, found.sessions)))
    assert parquet["comment"][0] == "=HYPERLINK(1)"  # Parquet runs nothing: the text is exact
    assert b"'=HYPERLINK(1)" in csv_bytes(found.table)
    bundle = json.loads(json.dumps(fhir_bundle(found.sessions[0], found.ledgers[0], NHANES), allow_nan=False))
    Bundle.model_validate(bundle)  # the resources of R4B, whose two kinds used here are those of R4
    kinds = [e["resource"]["resourceType"] for e in bundle["entry"]]
    assert kinds == ["GuidanceResponse", "CarePlan"] * 3
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert resource["subject"]["identifier"]["value"].startswith("N-")
        assert resource["meta"]["security"][0]["code"] == "HTEST"
        assert resource["status"] in ("success", "active")
        if resource["resourceType"] == "CarePlan":
            assert resource["intent"] == "plan"
        else:
            assert resource["moduleUri"]
    reason = bundle["entry"][1]["resource"]["activity"][0]["detail"]["statusReason"]["coding"][0]
    assert reason["code"] == "too-costly-uncovered"
    assert "non-adherence" in reason["system"]
