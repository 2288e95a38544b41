"""What a bandit makes of one advisor: what its answers teach, how far outcomes bear it out, and what it may be asked.

The bandit's own estimate O learns from rewards only. Answers, followed or not, add up to a tilt c (`glm.choice`), and
theta_J = theta_O + A c is the advised estimate J, with O's own doubt. Four things are kept apart:

- the verdict z: what the answers were worth against O's own plans, judged by today's O, in standard deviations. O's
  plan maximises O's estimate, so the z of a good advisor sits about SHIFT below 0;
- the pulse: how rewards turned out after an answer was followed and after O's own plan, each less what O had foretold
  for its own plan: the difference of the two means in standard deviations, the latest MEMORY of each counting most.
  What O foretells too well cancels. It catches who turns, and who names what O cannot judge.
  Trust, the probability that an answer is followed, is Phi(2 (z + SHIFT + pulse) / sqrt 2), and begins at 1/2;
- the gate: the sum G of log p_J(r) - log p_O(r) over real rewards, each before it is learned. J has O's variance, so
  only what was advised can earn it. J leads while E = G - min(z + 1, 0)^2 / 2 is high; were O's forecasts the truth's,
  an advisor without knowledge would reach G >= 3 with probability at most e^-3, however long it tries (Ville). It gives
  the lead up while the plans that it led to look worse than O's own to today's O, by more than a standard deviation;
- the budget: at most FREE + RATE d log^2(1 + t) questions in t rounds, whoever advises; after the free ones a question
  is asked as often as its answer would be followed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from libra_core.advisors.base import Advisor
from libra_core.arrays import Bools, Floats, Ints
from libra_core.glm.choice import foresight, read_answers, step_along
from libra_core.glm.estimator import Estimator
from libra_core.glm.link import SLOPE_FLOOR, Link
from libra_core.kernels import kernel
from libra_core.problem import Actions, Contexts, Outcomes, Problem, moved
from libra_core.recourse.plans import Plans

MARGIN = 0.25  # tau, the softness of the advisor's choice, in units of noise / L
ETA = 0.15  # weight of an answer beside a reward
PREJUDICE = 0.3  # learning rate of the liking for an arm, in units of tau
LEAD, LOSE = 3.0, 1.0  # nats at which the advised estimate takes the lead, and below which it gives it up
STRIKE, STRIKES = 6.0, 2  # nats lost from the peak that make a strike; after so many, answers teach nothing more
FREE, RATE = 40, 0.29  # questions to begin with, and then for each feature and each log^2(1 + t)
FOLLOWED, OWN = 0, 1  # rounds in which an answer was followed, or O's own plan
MEMORY = 30.0  # rounds of each kind that the pulse remembers
VETO = -1.0  # J gives up the lead while its plans seem worse than O's own by more, in standard deviations
SHARP, SHIFT, DISMISS = 2.0, 1.0, -2.0  # trust is Phi(SHARP (z + SHIFT)); below DISMISS free questions end too


def question_bound(rounds: int, d: int) -> float:
    """FREE + RATE d log^2(1 + T): the most questions in T rounds, by construction: for any advisor, link, estimator."""
    return FREE + RATE * d * float(np.log1p(rounds)) ** 2


@kernel
def _feel(turned_out, followed, own, surplus):
    fade = 1.0 - 1.0 / MEMORY
    for r in range(surplus.size):
        for kind, counts in ((FOLLOWED, followed[r]), (OWN, own[r])):
            if counts:
                sums = turned_out[r, kind]
                sums[0] = fade * sums[0] + surplus[r]
                sums[1] = fade * sums[1] + 1.0
                sums[2] = fade * fade * sums[2] + 1.0


@kernel
def _trust(z, asked, turned_out, out):
    for r in range(z.size):
        (told, n, square), (usual, m, spread) = turned_out[r, FOLLOWED], turned_out[r, OWN]
        pulse = 0.0
        if n > 0.0 and m > 0.0:
            pulse = (told / n - usual / m) / math.sqrt(square / (n * n) + spread / (m * m))
        granted = SHIFT * min(1.0, asked[r] / FREE)
        out[r] = 0.5 * math.erfc(-SHARP * (z[r] + granted + pulse) / 2.0)  # Phi(x) = erfc(-x / sqrt 2) / 2


@dataclass(frozen=True)
class Trust:
    """What one advisor has earned in one replicate, for a person to read.

    asked, left: questions so far, and still allowed; trust: the probability that its next plausible answer is
    followed; nats: the evidence E that advice foretells outcomes, exp(E) as odds; leads: plans follow the advised
    estimate; ended: outcomes contradicted what it taught, twice, so answers teach nothing more; liking (K,): the
    advisor's leaning to each arm beyond what patients' features explain: by exp(liking) the odds that it names the arm
    are higher.
    """

    advisor: str
    asked: int
    left: int
    trust: float
    nats: float
    leads: bool
    ended: bool
    liking: tuple[float, ...]


class Counsel:
    """One advisor as R replicates of a policy see it."""

    def __init__(self, advisor: Advisor, problem: Problem, link: Link, noise: float, replicates: int) -> None:
        self.advisor, self.problem, self.link, self.noise = advisor, problem, link, noise
        self.tau = MARGIN * problem.noise / (link.steepest if np.isfinite(link.steepest) else 1.0)
        R, K, d = replicates, problem.n_arms, problem.d
        self.c = np.zeros((R, K, d))
        self.liking = np.zeros((R, K))
        self.features = np.zeros((R, K, d))  # sum over answers of v (features as advised - as O planned), by arm
        self.declared = np.zeros(R)  # and what offsets add to that
        self.z = np.zeros(R)  # the verdict when an answer was last judged
        self.led_features, self.led_declared = np.zeros((R, K, d)), np.zeros(R)  # the same of J's plans where it led
        self.turned_out = np.zeros((R, 2, 3))  # FOLLOWED and OWN rounds: sums of surplus, weights, squared weights
        self.gain, self.peak = np.zeros(R), np.zeros(R)
        self.asked, self.struck = np.zeros(R, np.int64), np.zeros(R, np.int64)
        self.leads = np.zeros(R, bool)

    @property
    def ended(self) -> Bools:
        return self.struck >= STRIKES

    @property
    def trust(self) -> Floats:
        """The probability with which plausible advice is followed (R,), by the verdict that was kept."""
        return self.trusted(self.z)

    def trusted(self, z: Floats) -> Floats:
        """Phi(2 (z + SHIFT + pulse) / sqrt 2), (R,): the probability with which plausible advice is followed, z being
        the verdict (R,). SHIFT is granted with the free questions: the first answers are followed half the time."""
        out = np.empty(len(z))
        _trust(z, self.asked, self.turned_out, out)
        return out

    def feel(self, followed: Bools, own: Bools, surplus: Floats) -> None:
        """Take in how R rounds turned out, followed or O's own: reward less what O foretold for its own plan,
        standardised."""
        _feel(self.turned_out, followed, own, surplus)

    @property
    def evidence(self) -> Floats:
        """E (R,), nats."""
        return self.gain - 0.5 * np.minimum(self.z + SHIFT, 0.0) ** 2

    def left(self, t: int) -> Floats:
        """Questions still allowed after t rounds, (R,)."""
        return np.asarray(question_bound(t, self.problem.d) - self.asked)

    def welcome(self, z: Floats, willing: Bools) -> Bools:
        """Whether a question is worth asking (R,): while it is free and not hopeless, then if its answer would be
        followed."""
        return (self.asked < FREE) & (z + SHIFT > DISMISS) | willing

    def verdict(self, own: Estimator, rows: Ints) -> Floats:
        """z (R,), that of `rows` by today's O: answers of the past are judged again by all that was learned since."""
        z = self.z.copy()
        z[rows] = self._worth(own, rows, self.features, self.declared)
        return z

    def judge(self, own: Estimator, rows: Ints) -> None:
        """Keep that verdict. Only learning does: a choice by itself changes nothing."""
        self.z = self.verdict(own, rows)

    def _worth(self, own: Estimator, rows: Ints, features: Floats, declared: Floats) -> Floats:
        """What plans were worth against O's own, by today's O, in standard deviations (n,)."""
        mean, s = own.contrast(rows, features[rows])
        return np.asarray((mean + declared[rows]) / (self.noise * np.maximum(s, 1e-9)))

    def lead(self, contexts: Contexts, rows: Ints, played: Actions, mine: Actions, realised: Floats) -> None:
        """Enter plans of J that were played instead of O's own, for the replicates `rows`."""
        v, i = contexts.weight, np.arange(len(rows))
        offset = self._on_index(contexts, np.zeros_like(contexts.offset))
        self.led_features[rows, played.arm] += v[:, None] * moved(contexts.x, played.delta * realised)
        self.led_features[rows, mine.arm] -= v[:, None] * moved(contexts.x, mine.delta * realised)
        self.led_declared[rows] += v * (offset[i, played.arm] - offset[i, mine.arm])

    def advised(self, own: Estimator, rows: Ints) -> Floats:
        """theta_J (n, K, d) of some replicates."""
        return own.theta[rows] + own.tilt(rows, self.c[rows])

    def hear(
        self,
        own: Estimator,
        contexts: Contexts,
        rows: Ints,
        said: Actions,
        plans: Plans,
        mine: Actions,
        realised: Floats,
    ) -> None:
        """Learn n answers `said`, given to the replicates `rows`. plans: each arm's best change under J; mine: O's."""
        n, (K, d) = len(rows), self.features.shape[1:]
        p, seen, pull = np.empty((n, K)), np.empty((n, K, d)), np.empty((n, K, d))
        read_answers(
            plans.z, self._on_index(contexts, plans.z), self.liking, contexts.x, contexts.eligible, contexts.weight,
            rows, said.arm, said.delta, plans.delta, mine.arm, mine.delta, realised, self.tau, PREJUDICE,
            self.features, self.declared, p, seen, pull,
        )  # fmt: skip
        pull[self.ended[rows]] = 0.0
        step_along(rows, p, seen, pull, own.tilt(rows, pull), self.tau, self.noise**2 * ETA, self.c)
        self.judge(own, rows)

    def _on_index(self, contexts: Contexts, z: Floats) -> Floats:
        """Declared offsets on the index scale (n, K): exact for the identity link, else to first order at z."""
        return contexts.offset / (contexts.weight[:, None] * np.maximum(self.link.slope(z), SLOPE_FLOOR))

    def weigh(self, own: Estimator, arm: Ints, outcomes: Outcomes) -> None:
        """Compare what J and O foretold of R rewards, before they are learned."""
        rows = np.flatnonzero((self.asked > 0) & ~self.ended)
        if not rows.size:
            return
        tilt = own.tilt(rows, self.c[rows])
        link, noise = self.link, self.problem.noise
        foresight(
            link.code, link.binary, noise, own.theta, own.A, rows, tilt, arm, outcomes.x, outcomes.reward, self.gain
        )
        self.peak = np.maximum(self.peak, self.gain)
        struck = self.gain < self.peak - STRIKE
        evidence = self.evidence
        self.leads = ((evidence >= LEAD) | (self.leads & (evidence >= LOSE))) & ~struck & ~self.ended
        rows = np.flatnonzero(self.leads)
        if rows.size:
            self.leads[rows] = self._worth(own, rows, self.led_features, self.led_declared) > VETO
        if struck.any():
            self.struck += struck
            self.c[struck] = 0.0
            self.gain[struck] = self.peak[struck] = 0.0

    def report(self, t: int, replicate: int = 0) -> Trust:
        """What the advisor has earned after t rounds."""
        r = replicate
        return Trust(
            advisor=self.advisor.name,
            asked=int(self.asked[r]),
            left=max(0, int(self.left(t)[r])),
            trust=float(self.trust[r]),
            nats=float(self.evidence[r]),
            leads=bool(self.leads[r]),
            ended=bool(self.ended[r]),
            liking=tuple(map(float, self.liking[r] / self.tau)),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        names = ["c", "liking", "features", "declared", "z", "turned_out", "gain", "peak", "asked", "struck", "leads"]
        return {name: getattr(self, name) for name in names}
