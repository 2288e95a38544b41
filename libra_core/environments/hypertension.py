"""Semi-synthetic hypertension: real (or uploaded) patients, simulated response to treatment and habits.

Fall of systolic pressure in 3 months, mmHg, for treatment a and changes dm of habits (of which a share is realised):

    fall = 0.15 (SBP - 138) + adherence_a E_a(x') - sum_k beta_k dm_k realised_k + N(0, sigma^2)

E_a is the drug effect of the table below at the changed habits; a combination is 0.9 times the sum of its parts.
Rewards: "identity", fall - cost_a + bonus_a in mmHg-equivalents; "logistic", SBP < 130 after 3 months with
logit P = 0.19 (130 - mean SBP). Both are linear in x' = (x_I, change), so GLRB's model is well specified.

Bases, the slope in SBP and the race terms are anchored in published trials; all other sizes are assumptions with the
sign from the literature. No floor at zero effect is applied: E_a stays positive for nearly all patients, and the
few for whom it does not are counted by `negative_effects`. Not calibrated to any trial's outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libra_core.clinical import Protocol
from libra_core.cohort import Cohort, load_cohort
from libra_core.environments.base import Environment, EnvironmentSpec, recheck_of, register
from libra_core.glm.link import link_named
from libra_core.problem import Bools, Contexts, Floats, Problem

SIGMA = 9.0  # mmHg; mean of 2-3 visits or standardised readings (assumption)
REGRESSION, REGRESSION_MEAN = 0.15, 138.0
LOGIT_SLOPE, GOAL = 0.19, 130.0  # 1.7 / sigma: probit-logit match
COMBINATION = 0.9
REALISED = 0.4  # mean of Beta(2, 3), the realised share of an advised change (assumption)


@dataclass(frozen=True)
class DrugEffect:
    """mmHg: base, then slopes per (SBP-154)/10, (age-55)/10, Black, (sodium-3200)/1000, DASH-4, (BMI-30)/5,
    eGFR < 45, and three or more drug classes."""

    base: float
    s: float
    g: float = 0.0
    B: float = 0.0
    n: float = 0.0
    q: float = 0.0
    b: float = 0.0
    c: float = 0.0
    r: float = 0.0


EFFECTS = {
    "rasi": DrugEffect(8.8, 1.0, -0.7, -3.3, -1.2, 0.35, 0.0, 0.0, -1.0),
    "thiazide": DrugEffect(8.8, 1.0, 0.8, 1.8, 0.8, -0.1, 0.2, -2.5, 0.0),
    "ccb": DrugEffect(8.8, 1.0, 0.6, 1.5, 0.3),
    "mra": DrugEffect(6.5, 0.8, 0.2, 0.5, 0.6, 0.0, 0.8, -1.5, 2.2),
    "bb": DrugEffect(8.0, 0.8, -0.8, -2.5, r=-1.0),
}
# mmHg for each clinical unit moved
HABITS = {
    "weight_kg": 0.9,
    "sodium_mg_day": 1.8 / 1000,
    "potassium_mg_day": -1.6 / 1000,
    "mvpa_min_wk": -0.9 / 30,
    "alcohol_drinks_wk": 0.20,
    "diet_quality": -0.5,
    "cigs_per_day": 0.0,
    "adherence_pdc": -8.0,  # ours: 0.15 more of the present drugs taken is worth 1.2 mmHg (assumption)
}


class _Affine:
    """An affine function of raw clinical quantities, as coefficients on the standardised x'."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.theta = np.zeros(len(protocol.context) + len(protocol.mutable))

    def constant(self, value: float) -> None:
        self.theta[0] += value

    def state(self, entry: str, slope: float, centre: float = 0.0) -> None:
        """slope * (value - centre) of an immutable entry. Raises ValueError if the context lacks it."""
        if slope == 0.0:
            return
        if entry not in self.protocol.context:
            raise ValueError(f"this environment needs {entry!r} in the protocol's context")
        name = entry.removesuffix(":now")
        if name in self.protocol.names:
            feature = self.protocol.feature(name)
            mean, sd = feature.mean, feature.sd
        else:
            mean, sd = 0.0, 1.0  # a derived flag enters as 0/1
        self.theta[self.protocol.context.index(entry)] += slope * sd
        self.theta[0] += slope * (mean - centre)

    def change(self, name: str, slope: float) -> None:
        """slope * (change of a habit), in clinical units."""
        j = self.protocol.mutable.index(name)
        self.theta[len(self.protocol.context) + j] += slope * float(self.protocol.scales[j])

    def level(self, name: str, slope: float, centre: float) -> None:
        """slope * (today's level + change - centre) of a habit."""
        if slope != 0.0:
            self.state(f"{name}:now", slope, centre)
            self.change(name, slope)

    def effect(self, code: str, weight: float, contrast: float) -> None:
        """weight * E_code(x'); contrast multiplies everything but the base and the slope in SBP."""
        e = EFFECTS[code]
        self.constant(weight * e.base)
        self.state("sbp", weight * e.s / 10, 154.0)
        k = weight * contrast
        self.state("age", k * e.g / 10, 55.0)
        self.state("black", k * e.B)
        self.level("sodium_mg_day", k * e.n / 1000, 3200.0)
        self.level("diet_quality", k * e.q, 4.0)
        self.state("bmi", k * e.b / 5, 30.0)
        self.state("egfr_lt45", k * e.c)
        self.state("classes_ge3", k * e.r)


def _truth(protocol: Protocol, contrast: float, logistic: bool) -> Floats:
    """theta (K, d) of the reward."""
    rows = []
    for treatment in protocol.treatments:
        f = _Affine(protocol)
        f.state("sbp", REGRESSION, REGRESSION_MEAN)
        parts = treatment.components or ((treatment.code,) if treatment.code in EFFECTS else ())
        share = treatment.adherence * (COMBINATION if len(parts) > 1 else 1.0)
        for code in parts:
            f.effect(code, share, contrast)
        for name, slope in HABITS.items():
            f.change(name, -slope)
        if logistic:
            f.state("sbp", -1.0, GOAL)
            rows.append(LOGIT_SLOPE * f.theta)
            continue
        f.constant(-treatment.cost)
        for bonus in treatment.bonus:
            f.state(bonus.flag, bonus.value)
        rows.append(f.theta)
    return np.stack(rows)


@register
class Hypertension(Environment):
    """Patients drawn with replacement from those of a cohort who enter the simulation; one truth for all replicates."""

    name = "hypertension"
    label = "Hypertension, real patients, simulated response"

    def __init__(
        self, spec: EnvironmentSpec, seed: int, replicates: int, first: int = 0, cohort: Cohort | None = None
    ) -> None:
        super().__init__(spec, seed, replicates, first)
        self.cohort = cohort or load_cohort(spec.cohort or "nhanes")
        self._prepare(self.cohort)

    def _prepare(self, cohort: Cohort) -> None:
        protocol, spec = cohort.protocol, self.spec
        self.rows = np.asarray(cohort.arrivals)
        if not self.rows.size:
            raise ValueError(f"nobody in {cohort.label} enters the simulation: {protocol.arrivals_rule.reason}")
        self.patients = cohort.contexts(self.rows)
        link = link_named(spec.link or "identity")
        gamma = protocol.feasible.gamma if spec.gamma is None else spec.gamma
        self.problem = Problem(
            arms=tuple(t.label for t in protocol.treatments),
            immutable=protocol.context,
            mutable=protocol.mutable,
            link=link,
            feasible=protocol.feasible_set(spec.gamma, spec.limits),
            noise=0.5 if link.binary else (SIGMA if spec.noise is None else spec.noise),
            reward_unit="probability" if link.binary else "mmHg",
            realised=(REALISED if spec.compliance == "partial" else 1.0,) * len(protocol.mutable),
            x_bound=float(np.linalg.norm(self.patients.x, axis=1).max()) + gamma / min(protocol.effort_weights),
            eligible_after=recheck_of(cohort),
        )
        theta = _truth(protocol, spec.contrast, link.binary)
        self.theta = np.broadcast_to(theta, (self.replicates, *theta.shape)).copy()
        self._member = self._memberships(cohort)

    def arrive(self) -> Contexts:
        draw = self.arrivals.uniform(1)[:, 0]
        return self.patients.take(np.floor(draw * len(self.rows)).astype(np.int64))

    def realised_shares(self) -> Floats:
        """All of the advised change, or with partial compliance Beta(2, 3): the second smallest of four uniforms."""
        if self.spec.compliance == "full":
            return super().realised_shares()
        d = self.problem.d_mutable
        return np.sort(self.compliance.uniform(4 * d).reshape(self.replicates, d, 4), axis=2)[:, :, 1]

    def _memberships(self, cohort: Cohort) -> dict[str, Bools]:
        columns = cohort.protocol.columns(cohort.values)
        return {
            "age under 65": columns["age"] < 65,
            "age 65 or more": columns["age"] >= 65,
            "women": columns["female"] == 1,
            "men": columns["female"] == 0,
            "chronic kidney disease": columns["ckd"] == 1,
            "diabetes": columns["diabetes"] == 1,
        }

    def groups(self, contexts: Contexts) -> dict[str, Bools]:
        return {name: member[contexts.row] for name, member in self._member.items()}

    def negative_effects(self) -> int:
        """How many patients have some eligible single drug with a negative effect before any change of habits."""
        protocol = self.cohort.protocol if self.cohort else None
        assert protocol is not None
        below = np.zeros(len(self.rows), bool)
        for k, treatment in enumerate(protocol.treatments):
            if treatment.code in EFFECTS:
                f = _Affine(protocol)
                f.effect(treatment.code, 1.0, self.spec.contrast)
                below |= (self.patients.x @ f.theta < 0) & self.patients.eligible[:, k]
        return int(below.sum())
