"""The record at work: one decision is one row, the log rebuilds the policies, and out of order is in order."""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from libra_core.cli import main
from libra_core.policies import REGISTRY, Reason
from libra_core.records import AlreadyDecided, Database, DecisionKind, Entered, Plan, Repository, SessionLog, replay
from libra_core.records.codec import decision_from, decision_text
from libra_core.records.spec import LOCAL
from tests.support.kit import NHANES, STILL, begin, other_plan, play, spec, stamp


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


def again(sitting: SessionLog) -> SessionLog:
    """The same session in another window."""
    return SessionLog(Repository(sitting.repository.database, sitting.repository.actor), sitting.id, NHANES)


def proven(sitting: SessionLog) -> None:
    assert (check := sitting.repository.verify(sitting.id)).ok, check.message
    found = replay(sitting.repository, sitting.id, NHANES)
    assert found.ok, found.sentence
    assert found.exact == found.proposals > 0


def test_a_session_from_the_first_patient_to_the_last(database: Database) -> None:
    sitting = play(begin(database, planned=9, blinded=True))
    cases = list(sitting.ledger.cases.values())
    assert [c.position for c in cases] == list(range(1, 10))
    assert all(c.decided and c.first and c.outcome for c in cases)
    assert {c.final.kind for c in cases} == {DecisionKind.ACCEPT, DecisionKind.OVERRIDE}
    assert sum(bool(c.deferred) for c in cases) == 2
    assert sitting.finished
    assert sitting.current() is None
    proven(sitting)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_policy_replays_to_the_last_digit(database: Database, name: str) -> None:
    companions = tuple(n for n in ("glrb", "thompson") if n != name)
    proven(play(begin(database, policy=name, companions=companions, advisor="near-optimal")))


def test_resumed_from_a_snapshot_is_replayed_from_the_start(database: Database) -> None:
    sitting = play(begin(database, planned=30, warm_up=50, policy="libra-trial", advisor="noisy:0.3"), 24)
    assert sitting.repository.snapshot(sitting.id)[0] > 0
    resumed = again(sitting)
    assert resumed.engine.state() == sitting.engine.state()
    assert replay(sitting.repository, sitting.id, NHANES).engine.state() == sitting.engine.state()
    proven(play(resumed))


def test_the_same_key_is_the_same_decision(database: Database) -> None:
    sitting = begin(database)
    case, key = sitting.current(), stamp()
    for window in (sitting, sitting, again(sitting)):
        window.accept(case.position, key)
    assert [c.final.key for c in again(sitting).ledger.cases.values()] == [key.key]
    assert sitting.ledger.decided == 1


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
    sitting = begin(database, blinded=True)
    case = sitting.current()
    with pytest.raises(ValueError, match="Choose for yourself first"):
        sitting.accept(1, stamp())
    sitting.first_choice(1, other_plan(case), stamp(confidence=4))
    sitting.first_choice(1, Plan(case.shown["libra"].arm, STILL), stamp())  # a first choice stays the first
    sitting.accept(1, stamp())
    assert sitting.ledger.cases[1].first.plan == other_plan(case)
    assert sitting.ledger.cases[1].first.confidence == 4


@pytest.mark.parametrize(("change", "sentence"), [(99.0, "more than is feasible"), (float("nan"), "cannot be read")])
def test_an_impossible_change_is_refused(database: Database, change: float, sentence: str) -> None:
    sitting = begin(database)
    case = sitting.current()
    with pytest.raises(ValueError, match=sentence):
        sitting.override(1, replace(other_plan(case), delta=(change, *STILL[1:])), stamp())


def test_a_contraindicated_treatment_is_refused(database: Database) -> None:
    sitting = begin(database, planned=40)
    while True:
        case = sitting.current()
        blocked = np.flatnonzero(~NHANES.patient(case.row).eligible).tolist()
        if blocked:
            break
        sitting.accept(case.position, stamp())
    for arm in (blocked[0], -1, 99):
        with pytest.raises(ValueError, match="contraindicated"):
            sitting.override(case.position, Plan(arm, STILL), stamp())
    assert not sitting.ledger.cases[case.position].decided


def test_policies_learn_from_what_was_executed(database: Database) -> None:
    sitting = begin(database, planned=1)
    plan = other_plan(sitting.current())
    before = sitting.engine.policies[0].arrays()["log_det"].copy()
    sitting.override(1, plan, stamp())
    moved = np.flatnonzero(sitting.engine.policies[0].arrays()["log_det"] != before)
    assert moved.tolist() == [plan.arm]


@pytest.mark.parametrize(
    "state", ["{}", '{"policies": []}', '{"policies": 3}', "not json", '{"policies": [{}, {}, {}]}']
)
def test_a_snapshot_that_cannot_be_used_is_not_used(database: Database, state: str) -> None:
    sitting = play(begin(database, planned=30, warm_up=50), 24)
    with database.write() as connection:
        assert connection.execute(text("UPDATE snapshots SET state = :state"), {"state": state}).rowcount == 1
    assert again(sitting).engine.state() == sitting.engine.state()


def test_a_snapshot_ahead_of_the_log_is_not_used(database: Database) -> None:
    sitting = play(begin(database, planned=30, warm_up=50), 24)
    with database.write() as connection:
        connection.execute(text("UPDATE snapshots SET seq = 10000"))
    assert again(sitting).engine.state() == sitting.engine.state()


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
    sitting = begin(database, policy="libra-trial", outcomes="later", planned=2)
    sitting.accept(sitting.current().position, stamp())
    with pytest.raises(ValueError, match="Enter the outcome first"):
        sitting.mistaken(1, stamp(comment="wrong button"))
    sitting.enter_outcomes([Entered(1, 130.0)])
    assert sitting.mistaken(1, stamp(comment="wrong button")).mistake is not None
    proven(sitting)


def test_numbers_are_kept_as_the_database_gives_them_back(database: Database) -> None:
    """Negative zero and whole numbers must not look like an edited row."""
    sitting = begin(database, outcomes="later", planned=3)
    for _ in range(3):
        sitting.accept(sitting.current().position, stamp())
    sitting.enter_outcomes([Entered(1, 130, -0.0), Entered(2, 131, 1)])  # type: ignore[arg-type]
    proven(sitting)
    with pytest.raises(ValueError, match="two different outcomes"):
        sitting.enter_outcomes([Entered(3, 130.0), Entered(3, 140.0)])
    assert sitting.enter_outcomes([Entered(3, 130.0), Entered(3, 130.0)]) == 1
    proven(sitting)


def test_a_text_keeps_what_every_database_can_keep(database: Database) -> None:
    sitting = begin(database, planned=1)
    sitting.accept(sitting.current().position, stamp(comment="a\0b \ud800".encode("utf-8", "replace").decode()))
    assert again(sitting).ledger.cases[1].final.comment == "ab ?"
    proven(sitting)


def test_a_what_if_that_cannot_be_is_not_kept(database: Database) -> None:
    sitting = begin(database)
    plan = other_plan(sitting.current())
    with pytest.raises(ValueError, match="has not been shown"):
        sitting.save_scenario(9, "later", plan)
    with pytest.raises(ValueError, match="cannot be read"):
        sitting.save_scenario(1, "broken", replace(plan, delta=(float("nan"), *STILL[1:])))
    play(sitting)
    proven(sitting)


def test_a_failure_of_any_kind_leaves_memory_where_the_log_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitting = begin(database, mode="unsure", advisor="clinician", planned=12, warm_up=300)
    case = sitting.advance()

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(sitting.repository, "append", broken)
        with pytest.raises(RuntimeError):
            sitting.answer(case.position, other_plan(case), stamp())
    play(sitting)
    proven(sitting)


def test_a_mistake_is_marked_and_never_undone(database: Database) -> None:
    sitting = play(begin(database, planned=3))
    before = sitting.engine.state()
    with pytest.raises(ValueError, match="what went wrong"):
        sitting.mistaken(1, stamp(comment="  "))
    mark = stamp(comment="wrong patient")
    sitting.mistaken(1, mark)
    sitting.mistaken(1, mark)  # a double click
    sitting.mistaken(1, stamp(comment="again"))
    case = again(sitting).ledger.cases[1]
    assert case.mistake.comment == "wrong patient"
    assert case.decided
    assert case.outcome is not None
    assert sitting.engine.state() == before  # what was learned stays learned
    proven(sitting)


def test_no_outcome_is_awaited_of_a_mistake(database: Database) -> None:
    sitting = begin(database, outcomes="later", planned=2)
    with pytest.raises(ValueError, match="not decided yet"):
        sitting.mistaken(1, stamp(comment="early"))
    sitting.accept(sitting.current().position, stamp())
    sitting.mistaken(1, stamp(comment="wrong button"))
    assert sitting.ledger.awaiting == []
    with pytest.raises(ValueError, match="recorded by mistake"):
        sitting.enter_outcomes([Entered(1, 130.0)])
    proven(sitting)


def test_an_override_does_not_take_a_round_out_of_the_advisors_trial(database: Database) -> None:
    """Every round that the coin allocated counts as allocated, whatever was then done (intention to treat)."""
    sitting = begin(database, policy="libra-trial", planned=40)
    for _ in range(40):
        case = sitting.current()
        sitting.override(case.position, other_plan(case, "libra-trial"), stamp())
    shown = [case.shown["libra-trial"] for case in sitting.ledger.files]
    adopted, withheld = sum(d.adopted for d in shown), sum(d.reason is Reason.CONTROL for d in shown)
    report = sitting.engine.policies[0].trial.report()
    assert (report.adopted, report.withheld) == (adopted, withheld)
    assert adopted > 0
    assert withheld > 0
    proven(sitting)


@pytest.mark.parametrize("policy", ["libra", "hr-bandit", "libra-trial"])
def test_asked_only_when_unsure(database: Database, policy: str) -> None:
    sitting = begin(
        database, policy=policy, advisor="clinician", mode="unsure", planned=25, warm_up=800, companions=("glrb",)
    )
    threshold = sitting.engine.policies[0].width_threshold
    play(sitting)
    cases = sitting.ledger.cases.values()
    answered = [c for c in cases if c.final.kind is DecisionKind.ANSWER]
    automatic = [c for c in cases if c.final.kind is DecisionKind.AUTOMATIC]
    assert answered
    assert automatic
    assert all(c.shown[policy].width > threshold for c in answered)
    assert all(c.shown[policy].width <= threshold for c in automatic)
    assert all(c.answered is not None for c in answered)
    for c in answered:  # adopted or not is the policy's own rule; what it settled on is what was done
        assert (c.answered.arm, c.answered.delta) == (c.final.executed.arm, c.final.executed.delta)
        if c.answered.adopted:
            assert c.final.executed.arm == c.final.plan.arm
    assert sitting.engine.calls == len(answered) <= sitting.engine.call_bound(25)
    proven(sitting)


def test_outcomes_may_come_late_in_batches_and_out_of_order(database: Database) -> None:
    sitting = begin(database, planned=8, outcomes="later")
    play(sitting, 5)
    assert len(sitting.ledger.awaiting) >= 4
    assert sitting.engine.policies[0].t == 0
    done = [c.position for c in sitting.ledger.awaiting]
    assert sitting.enter_outcomes([Entered(done[2], 131.0), Entered(done[0], 125.0, 0.5)]) == 2
    assert sitting.enter_outcomes([Entered(done[2], 131.0)]) == 0  # the same again is no second outcome
    with pytest.raises(ValueError, match="has an outcome already"):
        sitting.enter_outcomes([Entered(done[2], 140.0), Entered(done[1], 140.0)])
    assert sitting.engine.policies[0].t == 2
    play(sitting)
    sitting.enter_outcomes([Entered(c.position, 128.0 + c.position) for c in reversed(sitting.ledger.awaiting)])
    assert sitting.engine.policies[0].t == 8
    proven(sitting)
    assert again(sitting).engine.state() == sitting.engine.state()


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        (Entered(1, 900.0), "must be between"),
        (Entered(1, float("nan")), "must be between"),
        (Entered(1, 130.0, 1.5), "between 0 and 100"),
        (Entered(2, 130.0), "has not been treated yet"),
        (Entered(-1, 130.0), "has not been treated yet"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(database: Database, entered: Entered, sentence: str) -> None:
    sitting = begin(database, outcomes="later")
    sitting.accept(sitting.current().position, stamp())
    with pytest.raises(ValueError, match=sentence):
        sitting.enter_outcomes([entered])


def test_an_entered_outcome_is_the_fall_less_the_price(database: Database) -> None:
    sitting = begin(database, outcomes="later", planned=1)
    case = sitting.current()
    sitting.override(1, other_plan(case), stamp())
    sitting.enter_outcomes([Entered(1, 130.0, 0.0)])
    row, arm = case.row, other_plan(case).arm
    treatment, flags = NHANES.protocol.treatments[arm], NHANES.protocol.columns(NHANES.values[row])
    bonus = sum(b.value for b in treatment.bonus if flags[b.flag][0] >= 0.5)
    expected = NHANES.frame.at[row, "sbp"] - 130.0 - treatment.cost + bonus
    assert sitting.ledger.cases[1].outcome.reward == pytest.approx(expected)


def test_the_same_luck_whatever_the_order(database: Database) -> None:
    """A patient who is put off has the outcome that he or she would have had before."""
    rewards = []
    for order in itertools.permutations((1, 2)):
        sitting = begin(database, planned=2)
        for _ in range(2):
            case = sitting.current()
            if case.position != order[0] and not case.deferred and not sitting.ledger.decided:
                sitting.defer(case.position, stamp())
                case = sitting.current()
        for position in order:
            sitting.ledger.cases.get(position) or sitting.current()
            sitting.override(
                position, other_plan(sitting.ledger.cases[1]) if position == 1 else Plan(1, STILL), stamp()
            )
        rewards.append(tuple(sitting.ledger.cases[p].outcome.x for p in (1, 2)))
        proven(sitting)
    assert rewards[0] == rewards[1]


def test_a_scenario_is_kept_with_the_patient(database: Database) -> None:
    sitting = begin(database)
    plan = other_plan(sitting.current())
    with pytest.raises(ValueError, match="a name first"):
        sitting.save_scenario(1, "  ", plan)
    sitting.save_scenario(1, "gentle start", plan)
    assert again(sitting).ledger.cases[1].scenarios == [("gentle start", plan)]
    proven(sitting)


def test_a_closed_session_takes_no_more_decisions(database: Database) -> None:
    sitting = begin(database)
    other = again(sitting)
    sitting.current()
    sitting.close()
    with pytest.raises(AlreadyDecided, match="closed"):
        other.accept(1, stamp())
    assert sitting.current() is None or not sitting.ledger.cases[1].decided


def test_a_decision_survives_the_trip_through_text(database: Database) -> None:
    sitting = play(begin(database, companions=("guideline", "random")))
    for case in sitting.ledger.cases.values():
        for shown in case.shown_texts.values():
            assert decision_text(decision_from(shown)) == shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"policy": "nobody"}, "unknown method"),
        ({"planned": 0}, "planned must be between"),
        ({"mode": "unsure"}, "needs the clinician"),
        ({"mode": "unsure", "advisor": "clinician", "policy": "glrb", "companions": ()}, "knows when it is unsure"),
        ({"mode": "unsure", "advisor": "clinician", "blinded": True}, "no card to hide"),
        ({"advisor": "clinician"}, "only in"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        spec(**changes).validate()


def test_the_command_proves_a_session(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    sitting = play(begin(database, planned=3))
    url = f"sqlite:///{database.path}"
    assert main(["replay", sitting.id[:8], "--database", url]) == 0
    out = capsys.readouterr().out
    assert "unbroken" in out
    assert "all 9 stored proposals equal the recomputed ones, to the last digit" in out
    assert main(["replay", "--database", url]) == 0
    assert sitting.id in capsys.readouterr().out
    assert main(["replay", "ffff-none", "--database", url]) == 2
    assert sitting.info.owner == LOCAL.id


def test_two_threads_of_one_window_take_turns(database: Database) -> None:
    """A page that is clicked twice in a hurry runs twice at once, with the same session and the same key."""
    sitting = begin(database, planned=40)
    keys = [stamp() for _ in range(41)]

    def clicks() -> None:
        while (case := sitting.current()) is not None:
            with contextlib.suppress(AlreadyDecided):
                sitting.accept(case.position, keys[case.position])

    threads = [threading.Thread(target=clicks) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sitting.ledger.decided == 40
    assert sitting.engine.policies[0].t == 40
    proven(sitting)
