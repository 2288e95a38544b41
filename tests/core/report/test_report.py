"""Stored studies and the story told from them: what is kept, what is found again, what every number goes back to."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from libra_core.cohort import read_table
from libra_core.digits import fixed
from libra_core.environments import EnvironmentSpec
from libra_core.problem import Actions
from libra_core.report.case import CaseStudy, load_case
from libra_core.report.handout import handout
from libra_core.report.learned import _groups
from libra_core.report.measures import Interval, difference, growth, lost, pace, policy, tenfold
from libra_core.report.story import KEYS, case_document, story
from libra_core.report.wording import rate
from libra_core.study import StudySpec, run_study
from libra_core.study.case import LIBRA
from libra_core.study.store import (
    digest_of,
    load_case_study,
)
from tests.support import by_hand

SMALL = StudySpec(
    EnvironmentSpec("hypertension", cohort="accord-like"), ("glrb", "libra-trial"), "noisy:0.3", 60, 3, seed=5
)


@pytest.fixture(scope="module")
def case() -> CaseStudy:
    return load_case()


# ------------------------------------------------------------------------------------------------ the shipped study


def test_the_shipped_studies_are_what_this_code_computes() -> None:
    """The first replicates and rounds of each are run again. When this fails, the method has changed: make "
    "case-study."""
    for name, stored in load_case_study().items():
        assert stored.current, f"{name}: the settings have other defaults now: make case-study"
        again = run_study(replace(stored.spec, rounds=100, replicates=2), workers=1)
        i, j = again.t.index(100), stored.result.t.index(100)
        for mine, kept in zip(again.policies, stored.result.policies, strict=True):
            np.testing.assert_allclose(mine.regret[:, i], kept.regret[:2, j], rtol=1e-9, err_msg=f"{name}, {mine.name}")
            np.testing.assert_array_equal(mine.calls[:, i], kept.calls[:2, j])


def test_the_live_run_is_the_first_stored_replicate(case: CaseStudy) -> None:
    run, stored = case.start_run(), policy(case.main.result, LIBRA)
    grid = [t for t in case.main.result.t if t <= 70]
    for _ in range(grid[-1]):
        run.step()
    for t in grid:
        j = case.main.result.t.index(t)
        assert run.rows[t - 1].cumulative == pytest.approx(stored.regret[0, j], rel=1e-9)
        assert run.rows[t - 1].calls == stored.calls[0, j]


# ------------------------------------------------------------------------------------------------ the story


def test_the_story_has_its_eight_screens_and_each_says_one_thing(case: CaseStudy) -> None:
    sections = story(case)
    assert tuple(section.key for section in sections) == KEYS
    for section in sections:
        assert section.message.endswith((".", "?"))
        assert len(section.message) < 180
        assert section.maths


def test_the_numbers_in_the_story_are_those_of_the_file(case: CaseStudy) -> None:
    """Recomputed here from the file alone, by hand."""
    table = pq.read_table(Path("data/studies") / f"{case.main.hash}.parquet").to_pandas()
    last = table[table["t"] == table["t"].max()].groupby("policy")
    said = " ".join(s.message for s in story(case))
    rounds = case.main.spec.rounds
    assert f"{last['regret'].mean()[LIBRA] / rounds:.1f} mmHg per patient" in said
    assert f"{last['calls'].mean()[LIBRA]:,.0f} times" in said
    both = last["regret"].mean()
    assert f"{(both['linucb'] - both['glrb']) / rounds:.1f} mmHg per patient" in said


def test_no_headline_adds_up_pressures_of_many_people(case: CaseStudy) -> None:
    for section in story(case):
        for line in (section.message, *section.points):
            assert not re.search(r"\d,\d{3}(\.\d)? mmHg|\d\.\d\d mmHg", line), line


def test_the_words_of_the_public_screens_need_no_mathematics(case: CaseStudy) -> None:
    jargon = re.compile(r"bandit|recourse|GLRB|LinUCB|log²|regret|O\(")
    for section in story(case):
        table = section.table.rows if section.table else ()
        names = [
            name for c in section.charts for name in (c.x, c.y, *(n.name for n in c.lines), *(b.label for b in c.bars))
        ]
        for text in (section.title, section.message, *section.points, *(cell for row in table for cell in row), *names):
            assert not jargon.search(text), text


def test_a_study_that_turned_out_otherwise_is_told_otherwise(case: CaseStudy) -> None:
    """Swap two methods' numbers: the sentences follow them."""
    result = case.main.result
    swap = {LIBRA: "linucb", "linucb": LIBRA}
    policies = tuple(replace(policy(result, swap.get(p.name, p.name)), name=p.name) for p in result.policies)
    other = replace(case.main, result=replace(result, policies=policies))
    sections = {s.key: s for s in story(CaseStudy(other, None, None, None, None, case.cohort, case.environment))}
    assert "“Learns, treatment only”" in sections["learned"].message.split("lost least")[0]
    early = f"LIBRA lost {lost(result, 'linucb', 500).mean:.1f} mmHg per patient: more than learning without an advisor"
    assert early in str(sections["learned"].table)
    groups = policy(result, "linucb").groups
    worst = max(groups, key=lambda name: groups[name][0].mean())
    assert f"LIBRA loses most in “{worst}”" in sections["limits"].message


def test_the_measures_on_a_study_made_by_hand(case: CaseStudy) -> None:
    """Regret 2 per patient for one method, 1 for the other, questions exactly 3 log(1 + t)."""
    t = np.asarray(case.main.result.t, float)
    calls = np.tile(3 * np.log(1 + t), (2, 1))
    two, one = np.tile(2 * t, (2, 1)), np.tile(t, (2, 1))
    template = policy(case.main.result, LIBRA)
    made = replace(
        case.main.result,
        policies=(replace(template, name="glrb", regret=two), replace(template, name=LIBRA, regret=one, calls=calls)),
    )
    assert lost(made, "glrb").mean == pytest.approx(2)
    assert difference(made, "glrb", LIBRA, 1000).mean == pytest.approx(1)
    assert pace(made, "glrb", 0.9, 1.0).mean == pytest.approx(2)
    assert tenfold(made, LIBRA) == pytest.approx((3 * np.log(10), 3 * np.log(10)), rel=0.05)
    assert 0 < growth(made, LIBRA) < 0.4


def test_the_best_plan_with_habits_is_never_worse_than_without(case: CaseStudy) -> None:
    assert (case.truth.gain >= -1e-9).all()


def test_the_patient_is_chosen_by_the_rule_that_is_told(case: CaseStudy) -> None:
    """Looked for again, person by person: the rule of the protocol, a treatment that habits change, most measured."""
    protocol, cohort = case.cohort.protocol, case.cohort
    assert protocol.story is not None
    best: tuple[int, int] = (-1, -1)
    for k, row in enumerate(case.truth.rows):
        if protocol.story.fires(protocol.columns(cohort.values[row]))[0] and case.truth.switched[k]:
            best = max(best, (int((~cohort.imputed.loc[row]).sum()), -int(row)))
    assert case.row == -best[1]
    assert 145 <= cohort.frame.at[case.row, "sbp"] <= 165
    said = " ".join(story(case)[0].points)
    for words in (protocol.story.reason, "makes another treatment the best one", "with the most measured values"):
        assert words in said


def test_without_a_rule_for_the_story_the_first_whose_treatment_changes_is_taken(case: CaseStudy) -> None:
    protocol = replace(case.cohort.protocol, story=None)
    imputed = case.cohort.imputed & False
    other = CaseStudy(
        case.main, None, None, None, None, replace(case.cohort, protocol=protocol, imputed=imputed), case.environment
    )
    assert other.truth.switched[other.place]
    assert not other.truth.switched[: other.place].any()


def test_the_run_says_what_was_best_and_what_was_lost(case: CaseStudy) -> None:
    """Against the environment's own account of the best plan and of LIBRA's."""
    row, run = case.row, case.start_run()
    for _ in range(200):
        run.step()
    plan = run.decision_for(row)
    contexts = case.cohort.contexts(np.array([row]))
    fall = case.environment.means(contexts, Actions(np.array([plan.arm]), np.array([plan.delta])))[0]
    mine = by_hand.net(case.cohort, row, plan.arm, fall)
    assert case.lost == pytest.approx(case.environment.best(contexts)[0] - mine, abs=1e-9)
    assert case.lost >= 0
    section = next(s for s in story(case) if s.key == "run")
    labels = [t.label for t in case.cohort.protocol.treatments]
    best = labels[int(case.truth.arm[case.place])]
    named = "the same treatment" if best == labels[plan.arm] else best
    assert f"proposes {labels[plan.arm]}; the simulated best is {named}: {case.lost:.1f} mmHg lost." in section.message
    assert f"Best possible under the simulated truth: {best}" in section.points[1]
    assert f"to fall by {plan.mean:.1f} mmHg" in section.points[0]


def test_digests_differ_with_a_single_bit() -> None:
    result = run_study(SMALL)
    first = result.policies[0]
    moved = first.regret.copy()
    moved[0, 0] = np.nextafter(moved[0, 0], np.inf)
    other = replace(result, policies=(replace(first, regret=moved), *result.policies[1:]))
    assert digest_of(result) != digest_of(other)


def test_nobody_with_low_pressure_is_told_to_go_on_lowering_it() -> None:
    """At 88/50 the plan holds no new drug and no less salt, and the sheet sends the patient to a doctor."""
    cohort = read_table(b"age,sex,sbp,dbp,sodium_mg_day\n60,m,88,50,4000\n55,f,150,90,4000\n", "low.csv")
    sheet = handout(cohort, 0)
    text = "\n".join(line for s in sheet.sections for line in (s.title, s.message, *s.points))
    assert "Keep going" not in text
    assert "ask your doctor before you change anything" in text
    assert "Your blood pressure is very low. See a doctor today." in sheet.sections[0].points
    assert "No new drug." in text
    assert "Sodium in the diet" not in text


# ------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.94, "mmHg", "0.9 mmHg per patient"),
        (-0.04, "mmHg", "0.0 mmHg per patient"),
        (-1.26, "mmHg", "−1.3 mmHg per patient"),
        (0.052, "probability", "5.2 good outcomes per 100 patients"),
    ],
)
def test_a_rate_has_one_decimal_a_true_minus_and_no_negative_zero(value: float, unit: str, said: str) -> None:
    assert rate(value, unit) == said


def test_subgroups_differ_only_where_their_intervals_do() -> None:
    apart = {"a": Interval(1.0, 0.9, 1.1), "b": Interval(2.0, 1.8, 2.2)}
    assert _groups(apart, "mmHg") == "LIBRA loses most in “b”: 2.0 mmHg per patient, at best 1.0. "
    close = {"a": Interval(1.0, 0.9, 1.1), "b": Interval(1.1, 1.0, 1.2)}
    assert _groups(close, "mmHg") == "LIBRA loses clearly more in no group: 1.0 to 1.1 mmHg per patient. "


def test_every_stored_study_has_a_report() -> None:
    """One that compares fewer methods goes without the screens that need them, and never fails."""
    for name, stored in load_case_study().items():
        document = case_document(load_case(stored.hash))
        keys = tuple(section.key for section in document.sections)
        assert all(len(row) == len(s.table.head) for s in document.sections if s.table for row in s.table.rows)
        assert keys[:2] == KEYS[:2], name
        assert "run" in keys
        assert (len(keys) < len(KEYS)) == ("guideline" not in stored.spec.policies)
        said = [p for s in document.sections for p in s.points if "are left out" in p]
        assert said == (
            [
                f"{len(KEYS) - len(keys)} of {len(KEYS)} screens compare methods that this study did not run, "
                "and are left out."
            ]
            if len(keys) < len(KEYS)
            else []
        )


def test_the_run_shows_the_fall_whatever_it_is_worth(case: CaseStudy) -> None:
    """The patient of the story may have none: the same screen about one whose plan has a burden and an indication."""
    run = case.start_run()
    for _ in range(60):
        run.step()
    cohort, had = case.cohort, run.evidence().given
    plans = (run.decision_for(int(row)) for row in cohort.arrivals)
    plan = next(d for d in plans if had[d.arm] and by_hand.both_parts(cohort, d.row, d.arm))
    other = CaseStudy(case.main, None, None, None, None, cohort, case.environment)
    other.__dict__["proposed"] = run.summary(plan.row)
    said = next(s for s in story(other) if s.key == "run").points[0]
    assert f"to fall by {fixed(plan.mean, 1)} mmHg (between {fixed(plan.low, 1)} and {fixed(plan.high, 1)})" in said
