"""A session that asks only when unsure, outcomes that come late, and what a person may enter."""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from libra_core.cli import main
from libra_core.cohort import load_cohort
from libra_core.policies import Reason
from libra_core.records import Action, AlreadyDecided, Database, DecisionKind, Entered, Repository, SessionLog
from libra_core.records.errors import Unreadable
from libra_core.records.events import decision_from, decision_text
from libra_core.records.spec import LOCAL
from tests.support.kit import NHANES, STILL, again, begin, other_plan, play, proven, spec, stamp


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield found
    found.close()


@pytest.mark.parametrize("policy", ["libra", "hr-bandit", "libra-trial", "libra-distil"])
def test_asked_only_when_unsure(database: Database, policy: str) -> None:
    log = begin(
        database, policy=policy, advisor="clinician", mode="unsure", planned=25, warm_up=800, companions=("glrb",)
    )
    threshold = log.engine.policies[0].width_threshold
    play(log)
    cases = log.ledger.cases.values()
    answered = [c for c in cases if c.final.kind is DecisionKind.ANSWER]
    automatic = [c for c in cases if c.final.kind is DecisionKind.AUTOMATIC]
    assert answered
    assert automatic
    assert all(c.shown[policy].width > threshold for c in answered)
    unasked = Reason.UNEARNED  # unsure, and a budget of questions to keep to
    assert all(c.shown[policy].width <= threshold or c.shown[policy].reason is unasked for c in automatic)
    assert all(c.answered is not None for c in answered)
    for c in answered:  # adopted or not is the policy's own rule; what it settled on is what was done
        assert (c.answered.arm, c.answered.delta) == (c.final.executed.arm, c.final.executed.delta)
        if c.answered.adopted:
            assert c.final.executed.arm == c.final.plan.arm
    assert log.engine.policies[0].calls[0] == len(answered) <= log.engine.call_bound(25)
    proven(log)


def test_outcomes_may_come_late_in_batches_and_out_of_order(database: Database) -> None:
    log = begin(database, planned=8, outcomes="later")
    play(log, 5)
    assert len(log.ledger.awaiting) >= 4
    assert log.engine.policies[0].t == 0
    done = [c.position for c in log.ledger.awaiting]
    assert log.enter_outcomes([Entered(done[2], 131.0), Entered(done[0], 125.0, 0.5)]) == 2
    assert log.enter_outcomes([Entered(done[2], 131.0)]) == 0  # the same again is no second outcome
    with pytest.raises(ValueError, match="has an outcome already"):
        log.enter_outcomes([Entered(done[2], 140.0), Entered(done[1], 140.0)])
    assert log.engine.policies[0].t == 2
    play(log)
    log.enter_outcomes([Entered(c.position, 128.0 + c.position) for c in reversed(log.ledger.awaiting)])
    assert log.engine.policies[0].t == 8
    proven(log)
    assert again(log).engine.state() == log.engine.state()


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
    log = begin(database, outcomes="later")
    log.accept(log.current().position, stamp())
    with pytest.raises(ValueError, match=sentence):
        log.enter_outcomes([entered])


def test_an_entered_outcome_is_learned_as_the_fall(database: Database) -> None:
    log = begin(database, outcomes="later", planned=1)
    case = log.current()
    log.override(1, other_plan(case), stamp())
    log.enter_outcomes([Entered(1, 130.0, 0.0)])
    assert log.ledger.cases[1].outcome.reward == pytest.approx(NHANES.frame.at[case.row, "sbp"] - 130.0)


def test_the_same_luck_whatever_the_order(database: Database) -> None:
    """A patient who is put off has the outcome that he or she would have had before."""
    rewards = []
    for order in itertools.permutations((1, 2)):
        log = begin(database, planned=2)
        for _ in range(2):
            case = log.current()
            if case.position != order[0] and not case.deferred and not log.ledger.decided:
                log.defer(case.position, stamp())
                case = log.current()
        for position in order:
            log.ledger.cases.get(position) or log.current()
            log.override(position, other_plan(log.ledger.cases[1]) if position == 1 else Action(1, STILL), stamp())
        rewards.append(tuple(log.ledger.cases[p].outcome.x for p in (1, 2)))
        proven(log)
    assert rewards[0] == rewards[1]


def test_a_scenario_is_kept_with_the_patient(database: Database) -> None:
    log = begin(database)
    plan = other_plan(log.current())
    with pytest.raises(ValueError, match="a name first"):
        log.save_scenario(1, "  ", plan)
    log.save_scenario(1, "gentle start", plan)
    assert again(log).ledger.cases[1].scenarios == [("gentle start", plan)]
    proven(log)


def test_a_closed_session_takes_no_more_decisions(database: Database) -> None:
    log = begin(database)
    other = again(log)
    log.current()
    log.close()
    with pytest.raises(AlreadyDecided, match="closed"):
        other.accept(1, stamp())
    assert log.current() is None or not log.ledger.cases[1].decided


def test_a_decision_survives_the_trip_through_text(database: Database) -> None:
    log = play(begin(database, companions=("guideline", "random")))
    for case in log.ledger.cases.values():
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
    log = play(begin(database, planned=3))
    url = f"sqlite:///{database.path}"
    assert main(["replay", log.id[:8], "--database", url]) == 0
    out = capsys.readouterr().out
    assert "unbroken" in out
    assert "all 9 stored proposals equal the recomputed ones, to the last digit" in out
    assert main(["replay", "--database", url]) == 0
    assert log.id in capsys.readouterr().out
    assert main(["replay", "ffff-none", "--database", url]) == 2
    assert log.info.owner == LOCAL.id


def test_two_threads_of_one_window_take_turns(database: Database) -> None:
    """A page that is clicked twice in a hurry runs twice at once, with the same session and the same key."""
    log = begin(database, planned=40)
    keys = [stamp() for _ in range(41)]

    def clicks() -> None:
        while (case := log.current()) is not None:
            with contextlib.suppress(AlreadyDecided):
                log.accept(case.position, keys[case.position])

    threads = [threading.Thread(target=clicks) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.ledger.decided == 40
    assert log.engine.policies[0].t == 40
    proven(log)


def test_an_upload_from_before_new_features_is_known_by_its_former_name(database: Database, tmp_path: Path) -> None:
    """`cf21c291b344` is what version 1.0 made of this file. The session is read, and takes no decision."""
    file = tmp_path / "clinic.csv"
    file.write_text("age,sex,sbp,dbp,weight_kg,egfr\n50,m,150,90,80,70\n61,f,142,85,70,\n70,m,>160,95,90,55\n")
    cohort, repository = load_cohort(str(file)), Repository(database, LOCAL)
    assert cohort.keys[1] == "clinic.csv:cf21c291b344" != cohort.key
    before = replace(spec(cohort), cohort=cohort.keys[1], cohort_digest="of version 1.0", worth=None)
    log = SessionLog(repository, repository.begin(before, "a test").id, cohort)
    assert (log.mine, log.engine.current) == (False, False)
    other = replace(before, cohort="clinic.csv:000000000000")
    with pytest.raises(Unreadable, match="another is loaded now"):
        SessionLog(repository, repository.begin(other, "a test").id, cohort)
