"""The record at work: one decision is one row, the log rebuilds the policies, and out of order is in order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from libra_core.policies import REGISTRY, Reason
from libra_core.records import Action, AlreadyDecided, Database, DecisionKind, Entered, replay
from tests.support.kit import NHANES, STILL, again, begin, other_plan, play, proven, stamp


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


def test_a_session_from_the_first_patient_to_the_last(database: Database) -> None:
    log = play(begin(database, planned=9, blinded=True))
    cases = list(log.ledger.cases.values())
    assert [c.position for c in cases] == list(range(1, 10))
    assert all(c.decided and c.first and c.outcome for c in cases)
    assert {c.final.kind for c in cases} == {DecisionKind.ACCEPT, DecisionKind.OVERRIDE}
    assert sum(bool(c.deferred) for c in cases) == 2
    assert log.finished
    assert log.current() is None
    proven(log)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_policy_replays_to_the_last_digit(database: Database, name: str) -> None:
    companions = tuple(n for n in ("glrb", "thompson") if n != name)
    proven(play(begin(database, policy=name, companions=companions, advisor="near-optimal")))


@pytest.mark.parametrize("policy", ["libra-trial", "libra-distil"])
def test_resumed_from_a_snapshot_is_replayed_from_the_start(database: Database, policy: str) -> None:
    log = play(begin(database, planned=30, warm_up=50, policy=policy, advisor="noisy:0.3"), 24)
    assert log.repository.snapshot(log.id)[0] > 0
    resumed = again(log)
    assert resumed.engine.state() == log.engine.state()
    assert replay(log.repository, log.id, NHANES).engine.state() == log.engine.state()
    assert resumed.current().shown == log.current().shown
    proven(play(resumed))


@pytest.mark.parametrize("advisor", ["guideline", "guideline+recorded"])
def test_what_an_advisor_has_earned_survives_a_snapshot(database: Database, advisor: str) -> None:
    """Accepted, overridden and put off: the account is kept of answers as they were given, and comes back whole."""
    log = play(begin(database, planned=45, policy="libra-distil", advisor=advisor), 40)
    earned = log.engine.policies[0].trusts()
    assert [each.advisor for each in earned] == advisor.split("+")
    assert all(each.asked > 10 and any(each.liking) for each in earned)
    assert again(log).engine.policies[0].trusts() == earned
    assert replay(log.repository, log.id, NHANES).engine.policies[0].trusts() == earned
    proven(log)


def test_the_same_key_is_the_same_decision(database: Database) -> None:
    log = begin(database)
    case, key = log.current(), stamp()
    for window in (log, log, again(log)):
        window.accept(case.position, key)
    assert [c.final.key for c in again(log).ledger.cases.values()] == [key.key]
    assert log.ledger.decided == 1


def test_a_second_window_cannot_decide_otherwise(database: Database) -> None:
    one = begin(database)
    two = again(one)
    first, second = one.current(), two.current()
    assert first.position == second.position == 1
    one.accept(1, stamp())
    with pytest.raises(AlreadyDecided, match="decided in another window"):
        two.override(1, other_plan(second), stamp())
    assert two.current().position == 2
    two.accept(2, stamp())
    one.sync()
    assert one.ledger.decided == 2
    assert one.engine.state() == two.engine.state()
    proven(one)


def test_the_card_stays_hidden_until_the_first_choice(database: Database) -> None:
    log = begin(database, blinded=True)
    case = log.current()
    with pytest.raises(ValueError, match="Choose for yourself first"):
        log.accept(1, stamp())
    log.first_choice(1, other_plan(case), stamp(confidence=4))
    log.first_choice(1, Action(case.shown["libra"].arm, STILL), stamp())  # a first choice stays the first
    log.accept(1, stamp())
    assert log.ledger.cases[1].first.plan == other_plan(case)
    assert log.ledger.cases[1].first.confidence == 4


@pytest.mark.parametrize(("change", "sentence"), [(99.0, "more than is feasible"), (float("nan"), "cannot be read")])
def test_an_impossible_change_is_refused(database: Database, change: float, sentence: str) -> None:
    log = begin(database)
    case = log.current()
    with pytest.raises(ValueError, match=sentence):
        log.override(1, replace(other_plan(case), delta=(change, *STILL[1:])), stamp())


def test_a_contraindicated_treatment_is_refused(database: Database) -> None:
    log = begin(database, planned=40)
    while True:
        case = log.current()
        blocked = np.flatnonzero(~NHANES.patient(case.row).eligible).tolist()
        if blocked:
            break
        log.accept(case.position, stamp())
    for arm in (blocked[0], -1, 99):
        with pytest.raises(ValueError, match="contraindicated"):
            log.override(case.position, Action(arm, STILL), stamp())
    assert not log.ledger.cases[case.position].decided


def test_policies_learn_from_what_was_executed(database: Database) -> None:
    log = begin(database, planned=1)
    plan = other_plan(log.current())
    before = log.engine.policies[0].arrays()["log_det"].copy()
    log.override(1, plan, stamp())
    moved = np.flatnonzero(log.engine.policies[0].arrays()["log_det"] != before)
    assert moved.tolist() == [plan.arm]


@pytest.mark.parametrize(
    "state", ["{}", '{"policies": []}', '{"policies": 3}', "not json", '{"policies": [{}, {}, {}]}']
)
def test_a_snapshot_that_cannot_be_used_is_not_used(database: Database, state: str) -> None:
    log = play(begin(database, planned=30, warm_up=50), 24)
    with database.write() as connection:
        assert connection.execute(text("UPDATE snapshots SET state = :state"), {"state": state}).rowcount == 1
    assert again(log).engine.state() == log.engine.state()


def test_a_snapshot_ahead_of_the_log_is_not_used(database: Database) -> None:
    log = play(begin(database, planned=30, warm_up=50), 24)
    with database.write() as connection:
        connection.execute(text("UPDATE snapshots SET seq = 10000"))
    assert again(log).engine.state() == log.engine.state()


def test_a_session_takes_only_the_steps_of_its_kind(database: Database) -> None:
    every = begin(database)
    plan = other_plan(every.current())
    with pytest.raises(ValueError, match="no first choice"):
        every.first_choice(1, plan, stamp())
    with pytest.raises(ValueError, match="does not ask for advice"):
        every.answer(1, plan, stamp())
    unsure = begin(database, mode="unsure", advisor="clinician", warm_up=300)
    with pytest.raises(ValueError, match="the method decides"):
        unsure.accept(unsure.advance().position, stamp())
    with pytest.raises(ValueError, match="from 1 to 5"):
        stamp(confidence=99)
    assert not any(case.decided for case in every.ledger.files)


def test_a_mistake_does_not_take_a_round_out_of_the_advisors_trial(database: Database) -> None:
    log = begin(database, policy="libra-trial", outcomes="later", planned=2)
    log.accept(log.current().position, stamp())
    with pytest.raises(ValueError, match="Enter the outcome first"):
        log.mistaken(1, stamp(comment="wrong button"))
    log.enter_outcomes([Entered(1, 130.0)])
    assert log.mistaken(1, stamp(comment="wrong button")).mistake is not None
    proven(log)


def test_numbers_are_kept_as_the_database_gives_them_back(database: Database) -> None:
    """Negative zero and whole numbers must not look like an edited row."""
    log = begin(database, outcomes="later", planned=3)
    for _ in range(3):
        log.accept(log.current().position, stamp())
    log.enter_outcomes([Entered(1, 130, -0.0), Entered(2, 131, 1)])  # type: ignore[arg-type]
    proven(log)
    with pytest.raises(ValueError, match="two different outcomes"):
        log.enter_outcomes([Entered(3, 130.0), Entered(3, 140.0)])
    assert log.enter_outcomes([Entered(3, 130.0), Entered(3, 130.0)]) == 1
    proven(log)


def test_a_text_keeps_what_every_database_can_keep(database: Database) -> None:
    log = begin(database, planned=1)
    log.accept(log.current().position, stamp(comment="a\0b \ud800".encode("utf-8", "replace").decode()))
    assert again(log).ledger.cases[1].final.comment == "ab ?"
    proven(log)


def test_a_what_if_that_cannot_be_is_not_kept(database: Database) -> None:
    log = begin(database)
    plan = other_plan(log.current())
    with pytest.raises(ValueError, match="has not been shown"):
        log.save_scenario(9, "later", plan)
    with pytest.raises(ValueError, match="cannot be read"):
        log.save_scenario(1, "broken", replace(plan, delta=(float("nan"), *STILL[1:])))
    play(log)
    proven(log)


def test_a_failure_of_any_kind_leaves_memory_where_the_log_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = begin(database, mode="unsure", advisor="clinician", planned=12, warm_up=300)
    case = log.advance()

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(log.repository, "append", broken)
        with pytest.raises(RuntimeError):
            log.answer(case.position, other_plan(case), stamp())
    play(log)
    proven(log)


def test_a_mistake_is_marked_and_never_undone(database: Database) -> None:
    log = play(begin(database, planned=3))
    before = log.engine.state()
    with pytest.raises(ValueError, match="what went wrong"):
        log.mistaken(1, stamp(comment="  "))
    mark = stamp(comment="wrong patient")
    log.mistaken(1, mark)
    log.mistaken(1, mark)  # a double click
    log.mistaken(1, stamp(comment="again"))
    case = again(log).ledger.cases[1]
    assert case.mistake.comment == "wrong patient"
    assert case.decided
    assert case.outcome is not None
    assert log.engine.state() == before  # what was learned stays learned
    proven(log)


def test_no_outcome_is_awaited_of_a_mistake(database: Database) -> None:
    log = begin(database, outcomes="later", planned=2)
    with pytest.raises(ValueError, match="not decided yet"):
        log.mistaken(1, stamp(comment="early"))
    log.accept(log.current().position, stamp())
    log.mistaken(1, stamp(comment="wrong button"))
    assert log.ledger.awaiting == []
    with pytest.raises(ValueError, match="recorded by mistake"):
        log.enter_outcomes([Entered(1, 130.0)])
    proven(log)


def test_an_override_does_not_take_a_round_out_of_the_advisors_trial(database: Database) -> None:
    """Every round that the coin allocated counts as allocated, whatever was then done (intention to treat)."""
    log = begin(database, policy="libra-trial", planned=40)
    for _ in range(40):
        case = log.current()
        log.override(case.position, other_plan(case, "libra-trial"), stamp())
    shown = [case.shown["libra-trial"] for case in log.ledger.files]
    adopted, withheld = sum(d.adopted for d in shown), sum(d.reason is Reason.CONTROL for d in shown)
    report = log.engine.policies[0].trial.report()
    assert (report.adopted, report.withheld) == (adopted, withheld)
    assert adopted > 0
    assert withheld > 0
    proven(log)
