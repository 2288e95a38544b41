"""Stored states: what is read back decides as the run that made it, and nothing is passed off as another run's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from libra_core.cohort import Cohort, load_cohort
from libra_core.files import DATA
from libra_core.policies.decision import REASONS
from libra_core.study.learned import METHODS, Learned, course_of, default_advisor, key_of, path_of, recall
from libra_core.study.live import LiveRun

PATIENTS = 120


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return load_cohort("nhanes")


def new(cohort: Cohort, policy: str = "libra", advisor: str = "recorded", **settings) -> LiveRun:
    return LiveRun.start(cohort, policy, advisor, **settings)


@pytest.fixture(scope="module")
def run(cohort) -> LiveRun:
    run = new(cohort)
    for _ in range(PATIENTS):
        run.step()
    return run


@pytest.fixture
def folder(run, tmp_path) -> Path:
    Learned.of(run).save(path_of(run, tmp_path))
    return tmp_path


def test_a_restored_run_decides_and_goes_on_as_the_one_that_made_it(cohort, run, folder):
    again = recall(new(cohort), folder)
    assert again is not None
    assert again.evidence() == run.evidence()
    for row in cohort.arrivals[::37]:
        assert again.decision_for(int(row)) == run.decision_for(int(row))
        assert again.outside(int(row)) == run.outside(int(row))
    longer = new(cohort)
    for _ in range(PATIENTS + 5):
        last = longer.step()
    for _ in range(5):
        mine = again.step()
    assert (mine.t, mine.row, mine.decision, mine.outcome) == (last.t, last.row, last.decision, last.outcome)
    assert np.array_equal(course_of(again).lost, course_of(longer).lost)


def test_an_advisor_that_remembers_is_restored_too(cohort, tmp_path):
    first = new(cohort, advisor="noisy:0.3")
    for _ in range(30):
        first.step()
    Learned.of(first).save(path_of(first, tmp_path))
    again = recall(new(cohort, advisor="noisy:0.3"), tmp_path)
    assert again is not None
    assert again.step().decision == first.step().decision


def test_the_course_is_what_the_run_did(run):
    course = course_of(run)
    assert [int(row) for row in course.row] == [seen.row for seen in run.rows]
    assert course.lost.sum() == pytest.approx(run.rows[-1].cumulative)
    assert course.asked.sum() == run.policy.calls[0]
    assert [REASONS[k] for k in course.reason] == [seen.decision.reason for seen in run.rows]


def test_other_settings_and_other_patients_have_no_stored_state(cohort, run, folder):
    for other in (
        new(cohort, seed=1),
        new(cohort, compliance="full"),
        new(cohort, limits=tuple(limit.name for limit in cohort.protocol.linear_limits[:1])),
        new(cohort, advisor="guideline"),
        new(cohort, policy="glrb"),
        new(load_cohort("accord-like"), advisor="guideline"),
    ):
        assert recall(other, folder) is None
        with pytest.raises(ValueError, match="other settings or other patients"):
            Learned.of(run).into(other)
    with pytest.raises(ValueError, match="other settings"):
        Learned.of(run).into(run)
    assert key_of(new(cohort, "glrb", "random")) == key_of(new(cohort, "glrb", "recorded")), "GLRB asks nobody"


@pytest.mark.parametrize("harm", ["cut", "text", "shape", "empty"])
def test_a_broken_file_is_said_and_never_used(cohort, run, folder, harm):
    path = path_of(run, folder)
    if harm == "shape":
        learned = Learned.read(path)
        learned.state["arrays"]["joint"] = np.zeros((1, 3))
        learned.save(path)
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"not an archive", "empty": b""}[harm])
    with pytest.raises(ValueError, match=r"make learned|has shape"):
        recall(new(cohort), folder)


def test_the_stored_states_are_those_of_this_program():
    """They were made with today's settings and protocol: after a change, `make learned` makes them again."""
    cohort = load_cohort("nhanes")
    for policy in METHODS:
        run = recall(new(cohort, policy, default_advisor(cohort)))
        assert run is not None, "run `make learned`"
        assert run.policy.t == len(run.earlier) == run.evidence().patients


def test_the_script_makes_the_same_files_again(tmp_path):
    spec = importlib.util.spec_from_file_location("build_learned", DATA / "build_learned.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "old.npz").write_bytes(b"")
    made = script.build(20, tmp_path)
    before = [path.read_bytes() for path in made]
    assert sorted(tmp_path.iterdir()) == sorted(made)
    assert [path.read_bytes() for path in script.build(20, tmp_path)] == before
