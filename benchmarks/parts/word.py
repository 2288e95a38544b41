"""Whether LIBRA keeps its word: never worse than the bandit, whoever advises; better with good advice; few questions.

Constants were tuned on seeds 1000 and above. GLRB meets the same patients, draws and truths, and does not depend on the
advisor: it is run once for each world.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.laws import Ratio, regret
from benchmarks.measure import Row
from libra_core.arrays import Floats
from libra_core.environments import EnvironmentSpec
from libra_core.policies import PolicyConfig
from libra_core.policies.counsel import question_bound
from libra_core.study import StudySpec, run_study
from libra_core.study.batch import PolicyResult

SEED = 7
WORD = "libra-distil"
ADVERSARIES = ("adaptive", "turncoat:1000", "poison", "always:1", "contrarian")
BAD = ("random", "adversarial", "biased:1", *ADVERSARIES)
GOOD = {"near-optimal": 0.5, "noisy:0.3": 0.65, "biased:0.5": None}
SIZES = {6: (6, 6), 3: (3, 4), 10: (10, 10)}  # arms: immutable features without the intercept, mutable ones
MOST = 1.05


def play(
    world: EnvironmentSpec, policy: str, advisor: str, rounds: int, replicates: int, config: PolicyConfig
) -> PolicyResult:
    """One policy with one advisor."""
    return run_study(StudySpec(world, (policy,), advisor, rounds, replicates, SEED, config)).policies[0]


def against(
    name: str,
    world: EnvironmentSpec,
    aims: dict[str, float | None],
    rounds: int,
    replicates: int,
    config: PolicyConfig | None = None,
    policies: Sequence[str] = (WORD,),
) -> Iterator[Row]:
    """Each advisor's ratio to GLRB, with its aim; then questions and CPU beside them."""
    config = config or PolicyConfig()
    glrb = play(world, "glrb", "refuses", rounds, replicates, config)
    base = glrb.regret[:, -1]
    yield Row(f"{name}: `glrb`", regret(base), "1")
    for policy in policies:
        for advisor, aim in aims.items():
            mine = play(world, policy, advisor, rounds, replicates, config)
            calls = mine.calls[:, -1]
            cost = mine.cpu_us_per_round / glrb.cpu_us_per_round
            measured = f"{regret(mine.regret[:, -1])}; {calls.mean():.0f} questions; CPU {cost:.2f}"
            held = aim if policy == WORD else None
            row = Ratio.of(mine.regret[:, -1], base).row(f"{name}: `{policy}`, {advisor}", measured, held)
            print(row, flush=True)
            yield row


def synthetic(rounds: int = 5_000) -> list[Row]:
    """Nine sizes of problem: every advisor in 50 replicates where theta has the default spread, elsewhere the most
    telling ones in 20."""
    rows: list[Row] = []
    for spread, replicates in ((1.5, 50), (0.7, 20), (3.0, 20)):
        for arms, (d_i, d_m) in SIZES.items():
            world = EnvironmentSpec(arms=arms, d_immutable=d_i, d_mutable=d_m, spread=spread)
            good = {**GOOD, "near-optimal": 0.5 if arms == 6 else None}
            aims = good | dict.fromkeys(BAD, MOST)
            if spread != 1.5:
                aims = {name: aims[name] for name in ("near-optimal", "adversarial", "biased:1", "adaptive", "poison")}
            name = f"K = {arms}, d = {1 + d_i + d_m}, spread {spread:g}, {replicates} replicates"
            rows += against(name, world, aims, rounds, replicates)
            rows.append(_fewer(name, world, rounds, replicates))
    paper = {"adaptive": None, "adversarial": None}
    rows += against("the paper's rule, K = 6, 20 replicates", EnvironmentSpec(), paper, rounds, 20, policies=("libra",))
    return rows


def _fewer(name: str, world: EnvironmentSpec, rounds: int, replicates: int) -> Row:
    """Questions with a near-optimal advisor, against those of the paper's rule."""
    mine, paper = (
        play(world, policy, "near-optimal", rounds, replicates, PolicyConfig()).calls[:, -1]
        for policy in (WORD, "libra")
    )
    what = f"{name}: questions with a near-optimal advisor, `{WORD}` against `libra`"
    return Ratio.of(mine, paper).row(what, f"{mine.mean():.0f} against {paper.mean():.0f}", 0.6)


def patients(replicates: int = 20, rounds: int = 3_000) -> list[Row]:
    """Both cohorts, both kinds of compliance, both estimators."""
    rows: list[Row] = []
    for cohort in ("nhanes", "accord-like"):
        told = {"recorded": 0.9} if cohort == "nhanes" else {}
        bad = dict.fromkeys(("random", "adversarial", "biased:1", "adaptive", "turncoat:1000", "poison"), MOST)
        aims = {"near-optimal": 0.6, "guideline": 0.9, **told, **bad}
        for compliance in ("full", "partial"):
            world = EnvironmentSpec("hypertension", cohort=cohort, compliance=compliance)  # type: ignore[arg-type]
            for shared in (False, True):
                name = f"{cohort}, {compliance}, {'shared' if shared else 'separate'}"
                config = PolicyConfig(shared=shared)
                rows += against(name, world, aims, rounds, replicates, config)
    return rows


def long_run(replicates: int = 10, rounds: int = 100_000) -> list[Row]:
    """Whether questions end and bad advice stays harmless over 100,000 rounds."""
    world, rows = EnvironmentSpec(), []
    glrb = play(world, "glrb", "refuses", rounds, replicates, PolicyConfig())
    for advisor, aim in (("near-optimal", None), ("adaptive", MOST), ("poison", MOST)):
        result = run_study(StudySpec(world, (WORD,), advisor, rounds, replicates, SEED, PolicyConfig()))
        mine, t = result.policies[0], np.array(result.t)
        calls: Floats = mine.calls.mean(axis=0)
        at = [float(np.interp(mark, t, calls)) for mark in (1_000, 10_000, rounds)]
        bound = question_bound(rounds, 13)
        measured = (
            f"{regret(mine.regret[:, -1])}; questions {at[0]:.0f}, {at[1]:.0f}, {at[2]:.0f} after 1,000, 10,000 and "
            f"{rounds:,} rounds (at most {bound:.0f})"
        )
        rows.append(Ratio.of(mine.regret[:, -1], glrb.regret[:, -1]).row(f"`{WORD}`, {advisor}", measured, aim))
    return rows
