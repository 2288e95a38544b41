"""The summary of a plan for its reader: effect, burden, certainty, cautions, and why it was chosen.

Everything that pages, reports and the command line say about a plan is computed here, once; they only render it.
Policies learn the fall of the outcome. What it is worth is declared by the protocol, or by a clinician:

    net benefit = weight x fall - burden of the treatment + worth of its indications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.certainty import ENOUGH, Certainty, Estimate, Evidence, certainty_of
from libra_core.clinical import Alert, Due, Risk, Worth
from libra_core.cohort import Cohort, Unmeasured
from libra_core.policies.decision import ArmOption, Decision, Reason

MOVED = 1e-9  # a standardised change smaller than this is none


@dataclass(frozen=True)
class Price:
    """Fall against net benefit: weight > 0 multiplies, burden subtracts, indication adds; the last two >= 0, in the
    outcome's unit."""

    weight: float
    burden: float
    indication: float
    indications: tuple[str, ...]  # the features and flags behind them

    @classmethod
    def of(cls, cohort: Cohort, row: int, arm: int, worth: Worth | None = None, goal: bool = False) -> Price:
        """goal: the reward is the chance of reaching the goal, for which only its own burdens count."""
        if goal:
            one = cohort.contexts(np.array([row]), worth, goal)
            return cls(float(one.weight[0]), 0.0 - float(one.offset[0, arm]), 0.0, ())
        found = cohort.protocol.indications(cohort.values[row], arm, worth)
        grounds = dict.fromkeys(name for _, names in found for name in names)
        weight = cohort.protocol.weights(cohort.values[[row]], cohort.measured[[row]], worth)[0]
        burden = cohort.protocol.burden(arm, worth)
        return cls(float(weight), burden, sum(amount for amount, _ in found), tuple(grounds))


@dataclass(frozen=True)
class ArmSummary:
    """One treatment for the patient, alone and with its best change of habits. Effects as in PlanSummary, None where
    the treatment is contraindicated."""

    arm: int
    eligible: bool
    delta: tuple[float, ...]
    given: int
    net: Estimate | None
    alone: Estimate | None
    fall: Estimate | None
    blocked: tuple[str, ...]


@dataclass(frozen=True)
class Ranked:
    """One line of the ranking: the proposed plan or an alternative. `known`: some patient had the treatment."""

    arm: int
    delta: tuple[float, ...]
    net: Estimate
    known: bool
    proposed: bool


@dataclass(frozen=True)
class Counsel:
    """The recommendation of another source. taken: this plan follows it. ceilings: the upper bounds of the
    recommendation and of this plan, where the method compared the two."""

    arm: int
    delta: tuple[float, ...]
    taken: bool
    shortened: bool = False
    ceilings: tuple[float, float] | None = None
    net: Estimate | None = None


@dataclass(frozen=True)
class Came:
    """The result of a plan. fall: of the outcome, negative for a rise; None where only the goal was observed, and then
    `reached` says whether it was met. lost: the benefit that the best plan would have added, expected (simulated)."""

    fall: float | None
    reached: bool | None
    lost: float = 0.0


@dataclass(frozen=True)
class PlanSummary:
    """A treatment and a change of habits for one patient, as a clinician reads it. Amounts in the outcome's unit.

    net, fall, chance, expected are None until some patient has had the treatment: before that the method only
    guesses. `chance` (of reaching the goal) replaces the others where the outcome is the goal.
    due: whether treatment is due now. risk, risk_after: what the protocol's risk model says today and at the expected
    outcome, as if that were the only change; None where it names none. worth: the values under which the plan was made.
    has_model: the method estimates effects. given, learned: patients with this treatment, and with any.
    cautions, patient_cautions: most serious first, for clinician and patient. checks: what must be measured before the
    start. unrecorded, rule_facts: facts that could rule a treatment out and are not recorded, and how many there are.
    """

    row: int
    patient: str
    arm: int
    delta: tuple[float, ...]
    contraindicated: bool
    due: Due
    risk: Risk | None
    risk_after: Risk | None
    unit: str
    now: float
    has_model: bool
    given: int
    learned: int
    price: Price
    worth: Worth
    net: Estimate | None
    fall: Estimate | None
    chance: Estimate | None
    certainty: Certainty | None
    alerts: tuple[Alert, ...]
    cautions: tuple[str, ...]
    patient_cautions: tuple[str, ...]
    checks: tuple[Unmeasured, ...]
    unrecorded: tuple[str, ...]
    rule_facts: int
    guideline: Counsel | None
    advice: Counsel | None = None
    reason: Reason | None = None
    arms: tuple[ArmSummary, ...] = ()
    ranking: tuple[Ranked, ...] = ()

    @property
    def known(self) -> bool:
        return self.net is not None or self.chance is not None

    @property
    def expected(self) -> Estimate | None:
        """The outcome after the plan."""
        return None if self.fall is None else self.fall.below(self.now)


def what_came(
    cohort: Cohort, row: int, arm: int, reward: float, unit: str, lost: float = 0.0, net: bool = False
) -> Came:
    """What a reward says about the outcome of a patient who had `arm`. net: recorded as a net benefit, when values were
    not yet declared."""
    if unit != cohort.protocol.outcome.unit:
        return Came(None, reward >= 0.5, lost)
    if net:
        price = Price.of(cohort, row, arm)
        reward += price.burden - price.indication
    return Came(reward, None, lost)


def summarise(cohort: Cohort, decision: Decision, evidence: Evidence) -> PlanSummary:
    """The decision of a policy that has learned from `evidence`."""
    expected = Estimate(decision.mean, decision.low, decision.high)
    return _Summary(cohort, decision.row, evidence, decision).of(decision.arm, decision.delta, expected)


def summarise_plan(
    cohort: Cohort, row: int, arm: int, delta: Sequence[float], expected: Estimate, evidence: Evidence
) -> PlanSummary:
    """A plan that no policy chose: a clinician's own, an advisor's. expected: the reward, as the model expects it."""
    return _Summary(cohort, row, evidence).of(arm, tuple(delta), expected)


class _Summary:
    """Builds the summary of plans for one patient. An Estimate named `expected` is of the reward."""

    def __init__(self, cohort: Cohort, row: int, evidence: Evidence, decision: Decision | None = None) -> None:
        self.cohort, self.row, self.evidence, self.decision = cohort, row, evidence, decision
        self.worth = evidence.worth or cohort.protocol.worth
        self.counts_fall = evidence.unit == cohort.protocol.outcome.unit
        valued = cohort.contexts(np.array([row]), self.worth, goal=not self.counts_fall)
        self.weight, self.offset = float(valued.weight[0]), valued.offset[0]
        self.options = decision.options if decision is not None else ()

    def of(self, arm: int, delta: tuple[float, ...], expected: Estimate) -> PlanSummary:
        cohort, row, decision, protocol = self.cohort, self.row, self.decision, self.cohort.protocol
        known, has_model, given = self.known(arm, expected), math.isfinite(expected.mean), self.evidence.given[arm]
        now = float(cohort.values[row, protocol.index(protocol.outcome.name)])
        fall = known if self.counts_fall else None
        net = self.net(arm, expected)
        ranking = self.ranking(decision, net) if decision is not None and has_model else ()
        others = [line.net for line in ranking if not line.proposed]
        noise = self.evidence.noise * (self.weight if self.counts_fall else 1.0)
        judged = has_model and (decision is not None or given < ENOUGH)
        after = float("nan") if fall is None else now - fall.mean
        facts = dict.fromkeys(f for k in range(len(protocol.treatments)) for f in protocol.safety_features(k))
        blocked = not bool(cohort.patient(row).eligible[arm])
        return PlanSummary(
            row=row,
            patient=cohort.ids[row],
            arm=arm,
            delta=delta,
            contraindicated=blocked,
            due=cohort.due(row),
            risk=cohort.risk(row) if protocol.values.risk else None,
            risk_after=cohort.risk(row, after) if protocol.values.risk and fall else None,
            unit=self.evidence.unit,
            now=now,
            has_model=has_model,
            given=given,
            learned=self.evidence.patients,
            price=Price.of(cohort, row, arm, self.worth, goal=not self.counts_fall),
            worth=self.worth,
            net=net if fall else None,
            fall=fall,
            chance=None if self.counts_fall else known,
            certainty=certainty_of(given, noise, net, others) if judged else None,
            alerts=cohort.alerts(row),
            cautions=() if blocked else cohort.cautions(row, arm, delta, after),
            patient_cautions=() if blocked else cohort.cautions(row, arm, delta, after, for_patient=True),
            checks=cohort.unmeasured_safety(row, arm),
            unrecorded=tuple(name for name in facts if bool(cohort.imputed.at[row, name])),
            rule_facts=len(facts),
            guideline=self.guideline(arm, delta),
            advice=None if decision is None else self.advice(decision),
            reason=None if decision is None else decision.reason,
            arms=tuple(self.arm(option) for option in self.options),
            ranking=ranking,
        )

    def known(self, arm: int, found: Estimate) -> Estimate | None:
        """The estimate if it rests on outcomes, that is if some patient had the treatment; anything else is a guess."""
        return found if math.isfinite(found.mean) and self.evidence.given[arm] else None

    def net(self, arm: int, expected: Estimate) -> Estimate:
        """What the expected reward is worth; a chance of reaching the goal stays a chance."""
        return expected.times(self.weight).plus(float(self.offset[arm])) if self.counts_fall else expected

    def arm(self, option: ArmOption) -> ArmSummary:
        arm, (with_habits, alone) = option.arm, _expected(option)
        given, known = self.evidence.given[arm], option.eligible and self.known(arm, with_habits) is not None
        blocked = tuple(block.reason for block in self.cohort.blocked(self.row) if block.arm == arm)
        net, still = (self.net(arm, found) if known else None for found in (with_habits, alone))
        fall = with_habits if known and self.counts_fall else None
        return ArmSummary(arm, option.eligible, option.delta, given, net, still, fall, blocked)

    def ranking(self, decision: Decision, net: Estimate) -> tuple[Ranked, ...]:
        """The proposed plan, then every eligible alternative, including "no change"; best expected first."""
        had = self.evidence.given
        found = [Ranked(decision.arm, decision.delta, net, had[decision.arm] > 0, True)]
        for option in (option for option in self.options if option.eligible):
            with_habits, alone = (self.net(option.arm, found) for found in _expected(option))
            if option.arm != decision.arm or self.said(option.delta) != self.said(decision.delta):
                found.append(Ranked(option.arm, option.delta, with_habits, had[option.arm] > 0, False))
            if option.arm == 0 and any(option.delta):
                found.append(Ranked(0, (0.0,) * len(option.delta), alone, had[0] > 0, False))
        v, offset = (1.0, 0.0 * self.offset) if self.counts_fall else (self.weight, self.offset)
        return tuple(sorted(found, key=lambda o: (not o.proposed, -(v * o.net.mean + offset[o.arm]))))

    def said(self, delta: Sequence[float]) -> tuple[str, ...]:
        """A change as it is displayed: plans that read the same count as one."""
        protocol = self.cohort.protocol
        moved = zip(protocol.mutable_features, protocol.change(delta), strict=True)
        return tuple(feature.display_change(float(change)) for feature, change in moved)

    def advice(self, decision: Decision) -> Counsel | None:
        """The advice received, and the two upper bounds that were compared where it was ruled out."""
        given = decision.advice
        if given is None or not given.given:
            return None
        shortened = decision.adopted and not np.allclose(given.delta, decision.delta, atol=1e-6)
        ruled_out = decision.reason is Reason.RULED_OUT
        shown = ruled_out and given.arm != decision.arm  # of the same drug with other habits the two would be equal
        theirs = [self.ceiling(o.arm, o.ucb) for o in self.options if o.arm == given.arm and shown]
        ceilings = (theirs[0], self.ceiling(decision.arm, decision.ucb)) if theirs else None
        return Counsel(given.arm, given.delta, decision.adopted, shortened, ceilings)

    def ceiling(self, arm: int, ucb: float) -> float:
        """What an upper bound of the reward is worth."""
        return self.net(arm, Estimate(ucb, ucb, ucb)).mean

    def guideline(self, arm: int, delta: tuple[float, ...]) -> Counsel | None:
        """The recommendation of the disease's guideline rules; None where there are none."""
        advice = GuidelineAdvisor(self.cohort.case, len(delta)).advise(self.cohort.case(self.row))
        if not advice.given:
            return None
        same = advice.arm == arm and self.said(advice.delta) == self.said(delta)
        found = [_expected(o)[0] for o in self.options if o.arm == advice.arm]
        net = self.net(advice.arm, found[0]) if found and self.known(advice.arm, found[0]) else None
        return Counsel(advice.arm, advice.delta, same, net=net)


def _expected(option: ArmOption) -> tuple[Estimate, Estimate]:
    """The expected reward of a treatment with its best change of habits, and alone."""
    alone = Estimate(option.mean_unchanged, option.low_unchanged, option.high_unchanged)
    return Estimate(option.mean, option.low, option.high), alone
