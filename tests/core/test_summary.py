"""What a plan means to a reader, against the protocol and the policy by hand; and that every reader renders it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libra_core.__main__ import main
from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.certainty import ENOUGH, Certainty, Estimate, Evidence, certainty_of
from libra_core.clinical.rules import severity
from libra_core.cohort import load_cohort
from libra_core.digits import fixed
from libra_core.policies import RECOMMENDED, Decision, Reason
from libra_core.records import LOCAL, Database, Repository
from libra_core.report import wording
from libra_core.report.handout import handout
from libra_core.report.session import session_document
from libra_core.report.words import reasons
from libra_core.study import LiveRun
from libra_core.summary import PlanSummary, summarise, summarise_plan, what_came
from tests.support import by_hand

NHANES = load_cohort("nhanes")
PROTOCOL = NHANES.protocol
K, D = len(PROTOCOL.treatments), len(PROTOCOL.mutable)
FLAGS = PROTOCOL.columns(NHANES.values)
ROWS = st.integers(0, len(NHANES) - 1)
ESTIMATES = st.tuples(st.floats(-20, 30), st.floats(0, 20), st.floats(0, 20)).map(
    lambda v: Estimate(v[0], v[0] - v[1], v[0] + v[2])
)


def run_of(policy: str = RECOMMENDED, patients: int = 40, link: str | None = None) -> LiveRun:
    run = LiveRun.start(NHANES, policy, "guideline", 0, link=link)
    for _ in range(patients):
        run.step()
    return run


RUN = run_of()
RUN.summary(int(NHANES.arrivals[0]))  # the first look computes what all others share


def bonus(row: int, arm: int) -> float:
    return by_hand.bonus(NHANES, row, arm)


def net_of(decision: Decision) -> float:
    """What the fall that a policy expects is worth, by the file's own entries."""
    return by_hand.net(NHANES, decision.row, decision.arm, decision.mean)


def with_both_parts(run: LiveRun) -> tuple[int, Decision]:
    """A patient whose plan has a burden and an indication, and a known effect."""
    had = run.evidence().given
    for row in map(int, NHANES.arrivals):
        decision = run.decision_for(row)
        if had[decision.arm] and bonus(row, decision.arm) and by_hand.cost(NHANES, decision.arm):
            return row, decision
    raise AssertionError("nobody has an indication for what is proposed")


# ------------------------------------------------------------------------------------------------ the parts


@settings(deadline=None)
@given(ROWS, st.integers(0, K - 1), ESTIMATES, st.integers(1, 50))
def test_the_parts_make_the_whole(row: int, arm: int, fall: Estimate, n: int) -> None:
    """net = weight fall - burden + indication, and today less the fall is expected; in the protocol's own numbers."""
    evidence = Evidence((n,) * K, "mmHg", 9.0)
    shown = summarise_plan(NHANES, row, arm, (0.0,) * D, fall, evidence)
    burden, indication = by_hand.cost(NHANES, arm), bonus(row, arm)
    assert (shown.price.burden, shown.price.indication) == (burden, indication)
    assert burden >= 0
    assert indication >= 0
    assert shown.fall == fall
    assert shown.net is not None
    assert shown.expected is not None
    for part in ("mean", "low", "high"):
        worth = by_hand.net(NHANES, row, arm, getattr(fall, part))
        assert getattr(shown.net, part) == pytest.approx(worth, abs=1e-9)
    now = NHANES.frame.at[row, "sbp"]
    assert shown.expected.mean == pytest.approx(now - fall.mean, abs=1e-9)
    assert shown.expected.low <= shown.expected.mean <= shown.expected.high
    assert what_came(NHANES, row, arm, fall.mean, "mmHg").fall == fall.mean


@settings(deadline=None)
@given(ROWS)
def test_a_decision_is_read_as_the_policy_made_it(row: int) -> None:
    decision, evidence = RUN.decision_for(row), RUN.evidence()
    shown = summarise(NHANES, decision, evidence)
    had = [past.decision.arm for past in RUN.rows]
    assert (shown.arm, shown.delta, shown.reason) == (decision.arm, decision.delta, decision.reason)
    assert (shown.given, shown.learned) == (had.count(decision.arm), len(RUN.rows))
    assert shown.known == (decision.arm in had)
    assert [(line.arm, line.given) for line in shown.arms] == [(o.arm, had.count(o.arm)) for o in decision.options]
    for line, option in zip(shown.arms, decision.options, strict=True):
        known = option.eligible and option.arm in had
        assert (line.net is not None) == (line.fall is not None) == (line.alone is not None) == known
        if known:
            assert line.fall.mean == option.mean
            assert line.net.mean == pytest.approx(by_hand.net(NHANES, row, option.arm, option.mean))
            assert line.alone.mean == pytest.approx(by_hand.net(NHANES, row, option.arm, option.mean_unchanged))
    numbers = [n for e in (shown.net, shown.fall, shown.expected) if e for n in (e.mean, e.low, e.high)]
    assert np.isfinite(numbers).all()
    assert len(numbers) == 9 * shown.known
    assert shown.ranking[0].proposed
    means = [line.net.mean for line in shown.ranking[1:]]
    assert means == sorted(means, reverse=True)


def test_before_anybody_was_treated_nothing_is_known() -> None:
    shown = run_of(patients=0).summary(12)
    assert (shown.net, shown.fall, shown.chance, shown.expected) == (None,) * 4
    assert shown.certainty is Certainty.LITTLE
    assert "not known yet" in wording.effect(NHANES, shown)


@pytest.mark.parametrize("policy", ["guideline", "random"])
def test_a_method_without_a_model_has_no_certainty_and_no_effect(policy: str) -> None:
    shown = run_of(policy, 3).summary(12)
    assert (shown.has_model, shown.known, shown.certainty, shown.ranking) == (False, False, None, ())


def test_where_the_goal_is_watched_there_is_a_chance_and_no_fall() -> None:
    run = run_of("glrb", 30, "logistic")
    row = next(int(r) for r in NHANES.arrivals if run.summary(int(r)).known)
    shown, decision = run.summary(row), run.decision_for(row)
    assert (shown.net, shown.fall, shown.expected) == (None, None, None)
    assert shown.chance == Estimate(decision.mean, decision.low, decision.high)
    assert f"{decision.mean:.0%}" in wording.effect(NHANES, shown)
    assert what_came(NHANES, row, shown.arm, 1.0, "probability").reached
    assert not what_came(NHANES, row, shown.arm, 0.0, "probability").reached


# ------------------------------------------------------------------------------------------------ how sure


@given(st.integers(0, 50), st.floats(0.1, 20), ESTIMATES, st.lists(ESTIMATES, max_size=5))
def test_more_patients_a_narrower_range_or_fewer_rivals_never_make_it_less_sure(
    n: int, noise: float, net: Estimate, others: list[Estimate]
) -> None:
    order = list(Certainty)
    here = order.index(certainty_of(n, noise, net, others))
    narrower = Estimate(net.mean, (net.low + net.mean) / 2, (net.high + net.mean) / 2)
    assert order.index(certainty_of(n + 1, noise, net, others)) >= here
    assert order.index(certainty_of(n, noise, narrower, others)) >= here
    assert order.index(certainty_of(n, noise, net, others[1:])) >= here
    assert (here == 0) == (n < ENOUGH or net.high - net.low > 4 * noise)


@settings(deadline=None)
@given(ROWS, st.sampled_from(list(Reason)))
def test_precise_enough_is_said_only_of_what_is_clearly_ahead(row: int, reason: Reason) -> None:
    shown = summarise(NHANES, replace(RUN.decision_for(row), reason=reason), RUN.evidence())
    text = reasons.why(shown)
    assert text
    assert ("precise enough" in text) == (reason is Reason.CERTAIN and shown.certainty is Certainty.CLEAR)


@pytest.mark.parametrize("level", list(Certainty))
def test_uncertain_never_stands_above_precise_enough(level: Certainty) -> None:
    shown = replace(RUN.summary(12), reason=Reason.CERTAIN, certainty=level)
    assert ("precise enough" in reasons.why(shown)) == (level is Certainty.CLEAR)


# ------------------------------------------------------------------------------------------------ what to watch


@settings(deadline=None)
@given(ROWS, st.integers(0, K - 1), ESTIMATES)
def test_cautions_come_gravest_first_and_checks_are_the_cohorts(row: int, arm: int, net: Estimate) -> None:
    shown = summarise_plan(NHANES, row, arm, (0.0,) * D, net, Evidence((9,) * K, "mmHg", 9.0))
    grave = [severity(text) for text in shown.cautions]
    assert grave == sorted(grave)
    assert shown.checks == NHANES.unmeasured_safety(row, arm)
    assert shown.alerts == NHANES.alerts(row)
    assert shown.contraindicated == (not NHANES.patient(row).eligible[arm])
    assert all(NHANES.imputed.at[row, name] for name in shown.unrecorded)


@settings(deadline=None)
@given(ROWS)
def test_the_guideline_is_quoted_as_it_decides(row: int) -> None:
    shown, said = RUN.summary(row), GuidelineAdvisor(NHANES.case, D).advise(NHANES.case(row))
    assert shown.guideline is not None
    assert (shown.guideline.arm, shown.guideline.delta) == (said.arm, said.delta)
    text = wording.guideline(NHANES, shown, si=False)
    assert (PROTOCOL.treatments[said.arm].label in text) == (said.arm != shown.arm)
    assert (wording.habits(NHANES, said.delta, False) in text) == (not shown.guideline.taken)


def test_advice_that_was_ruled_out_shows_what_was_compared() -> None:
    run = LiveRun.start(NHANES, "libra", "random", 0)
    found = [past.decision for past in (run.step() for _ in range(60)) if past.decision.reason is Reason.RULED_OUT]
    assert found
    decision = found[-1]
    shown = summarise(NHANES, decision, run.evidence())
    option = next(o for o in decision.options if o.arm == decision.advice.arm)
    bounds = ((option.arm, option.ucb), (decision.arm, decision.ucb))
    ceilings = tuple(by_hand.net(NHANES, decision.row, arm, ucb) for arm, ucb in bounds)
    assert shown.advice.ceilings == pytest.approx(ceilings)
    assert not shown.advice.taken


# ------------------------------------------------------------------------------------------------ every reader


def test_the_words_name_each_part_with_its_sign() -> None:
    row, decision = with_both_parts(RUN)
    shown = RUN.summary(row)
    assert wording.price(NHANES, shown.price).startswith(by_hand.parts(NHANES, row, decision.arm))
    assert f"{fixed(shown.now)} → {fixed(round(shown.now) - round(decision.mean))} mmHg" in wording.effect(
        NHANES, shown
    )


def test_the_hand_out_shows_the_pressure_after_the_fall() -> None:
    run = run_of(patients=200)
    rows = [r for r in map(int, NHANES.arrivals[:300]) if run.summary(r).known]
    row = next(r for r in rows if bonus(r, run.decision_for(r).arm) and by_hand.cost(NHANES, run.decision_for(r).arm))
    after = NHANES.frame.at[row, "sbp"] - run.decision_for(row).mean
    said = f"With this plan it may be about {PROTOCOL.feature('sbp').display(after)} in "
    assert any(said in point for point in handout(NHANES, row).sections[0].points)


def test_a_session_report_says_by_how_much_the_pressure_fell(tmp_path: Path) -> None:
    from tests.support.kit import begin, play

    database = Database(f"sqlite:///{tmp_path / 'r.sqlite'}")
    session, repository = play(begin(database, planned=12)), Repository(database, LOCAL)
    rows = session_document(session.id, repository=repository).sections[-1].table.rows
    cases = [case for case in session.ledger.files if case.outcome and case.mistake is None]
    assert any(bonus(case.row, case.final.executed.arm) for case in cases)
    for case in cases:
        fall = case.outcome.reward
        words = f"{'fell' if fall >= 0 else 'rose'} by {fixed(abs(fall))} mmHg"
        assert next(row for row in rows if row[0] == str(case.position))[-1] == words


def test_the_command_line_prints_the_fall_and_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row, decision = with_both_parts(RUN)
    out = tmp_path / "out.json"
    assert main(["recommend", "--cohort", "nhanes", "--row", str(row), "--after", "40", "--json", str(out)]) == 0
    content, said, fall = json.loads(out.read_text()), capsys.readouterr().out, decision.mean
    assert content["expected_fall"]["mean"] == pytest.approx(fall)
    assert (content["burden"], content["indication"]) == (
        by_hand.cost(NHANES, decision.arm),
        bonus(row, decision.arm),
    )
    now = NHANES.frame.at[row, "sbp"]
    assert f"{fixed(now)} → {fixed(round(now) - round(fall))} mmHg expected after" in said
    assert f"a fall of {fixed(fall)} (" in said
    assert content["weight"] == by_hand.weight(NHANES, row) == (1.0 if content["treatment_due"] else 0.3)
    assert f"Treatment is {'due now' if content['treatment_due'] else 'not due yet'}: " in said
    assert f"Net benefit {fixed(net_of(decision))} mmHg: {by_hand.parts(NHANES, row, decision.arm)}" in said


def test_advise_says_what_its_plan_costs_and_is_worth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (row for row in map(int, NHANES.arrivals) if FLAGS["rasi_indication"][row] == 1)
    for row in rows:
        out = tmp_path / "out.json"
        assert main(["advise", "--cohort", "nhanes", "--row", str(row), "--json", str(out)]) == 0
        content, said = json.loads(out.read_text()), capsys.readouterr().out
        arm = PROTOCOL.arm_codes.index(content["decision"]["arm"])
        if bonus(row, arm):
            break
    cost, worth = by_hand.cost(NHANES, arm), bonus(row, arm)
    assert (content["burden"], content["indication"], content["expected_fall"]) == (cost, worth, None)
    assert f"Net benefit: {by_hand.parts(NHANES, row, arm)}" in said


def flipped(shown: PlanSummary, part: str) -> PlanSummary:
    return replace(shown, price=replace(shown.price, **{part: -getattr(shown.price, part)}))


@pytest.mark.parametrize("part", ["burden", "indication", "weight"])
def test_a_flipped_sign_changes_what_is_printed(part: str) -> None:
    row, _ = with_both_parts(RUN)
    shown = RUN.summary(row)
    assert wording.net(NHANES, shown) != wording.net(NHANES, flipped(shown, part))
