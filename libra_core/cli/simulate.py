"""`python -m libra_core simulate`: a study of policies, as a table and as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libra_core import files
from libra_core.cli.arguments import (
    POLICIES,
    TWISTS,
    advisor_help,
    asks,
    check_writable,
    cohort_help,
    number,
    say_unused,
    whole,
    write_json,
)

if TYPE_CHECKING:
    import pandas as pd

    from libra_core.environments import Environment
    from libra_core.study import StudySpec

WORKERS = 256
NOISE, GAMMA = (1e-6, 1e6), (0.0, 1e3)  # beyond them numbers overflow, or mean nothing

# settings of a policy by what must be among the policies for them to act
MODEL = ("shared", "estimator", "radius", "alpha", "ridge", "min_gain", "effort_cost")
ADVICE = ("plausibility", "adoption", "max_calls")


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command. One without a default of its own leaves it to the study's settings."""
    add = parser.add_argument
    environments = f"one of {', '.join(sorted(('synthetic', *files.protocols())))} (default: %(default)s)"
    environments += f"; with ~TWIST the truth breaks the model: {TWISTS}, some with a number as in ~drift:1500"
    add("--environment", default="synthetic", metavar="E", help=environments)
    add("--cohort", metavar="PATH|NAME", help=f"whose patients, for an environment over a cohort: {cohort_help()}")
    add("--policies", metavar="A,B,C", help=f"from {POLICIES} (default: linucb,glrb,libra)")
    add("--advisor", metavar="NAME", help=f"{advisor_help()} (default: near-optimal)")
    add("--link", choices=("identity", "logistic"), help="default: the environment's own")
    add("--rounds", type=int, metavar="N", help="patients of a run (default: 1000)")
    add("--replicates", type=int, metavar="R", help="runs (default: 20)")
    add("--seed", type=int, metavar="S", help="of all that is random (default: 0)")
    add("--arms", type=int, metavar="K", help="synthetic only (default: 6)")
    add("--dimensions", metavar="DI,DM", help="synthetic only: immutable (without intercept), mutable (default: 6,6)")
    add("--spread", type=float, metavar="S", help="synthetic only: theta ~ N(0, S^2 / d) (default: 1.5)")
    add("--contrast", type=float, metavar="C", help="over a cohort only: how far effects differ (default: 1)")
    add("--noise", type=number(*NOISE), metavar="SD", help="of a reward, identity link")
    add("--gamma", type=number(*GAMMA), metavar="G", help="radius of the feasible change, in weighted SDs")
    add("--compliance", choices=("full", "partial"), help="share of an advised change that is made (default: full)")
    add("--radius", choices=("practical", "theory"), help="confidence radius (default: practical)")
    add("--alpha", type=float, metavar="A", help="scale of the practical radius (default: 0.3)")
    add("--ridge", type=float, metavar="L", help="lambda of the ridge prior (default: 1)")
    add("--effort-cost", type=float, metavar="C", help="on the index, for each weighted SD moved (default: 0)")
    add("--min-gain", type=float, metavar="Z", help="a feature moves only if it adds more than this to the index")
    add("--shared", action="store_true", default=None, help="arms share a common part of their model")
    add("--width", type=float, metavar="W", help="as worth: LIBRA asks above it (default: the problem's own)")
    add("--plausibility", type=float, metavar="C", help="0 strict .. 1 lenient (default: 0.5)")
    add("--adoption", choices=("informative", "plausible"), help="advice to follow (default: informative)")
    add("--trial-share", type=float, metavar="S", help="adoptable rounds kept as control (default: 0.2)")
    add("--max-calls", type=int, metavar="N", help="hard cap on questions to the advisor")
    add("--estimator", choices=("one-pass", "refit", "mle"), help="default: one-pass")
    add("--workers", type=whole(1, WORKERS), metavar="N", help="threads (default: all cores)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")


def spec_of(arguments: argparse.Namespace, cohort: str | None) -> StudySpec:
    """The study that the arguments describe. Raises ValueError with a sentence."""
    from libra_core.environments import EnvironmentSpec
    from libra_core.policies import PolicyConfig
    from libra_core.study import StudySpec

    world = _given(arguments, "link", "noise", "gamma", "arms", "spread", "contrast", "compliance")
    if arguments.dimensions is not None:
        world["d_immutable"], world["d_mutable"] = _dimensions(arguments.dimensions)
    settings = _given(arguments, *MODEL, *ADVICE, "trial_share")
    if arguments.width is not None:
        settings["width_threshold"] = arguments.width
    study = _given(arguments, "advisor", "rounds", "replicates", "seed")
    if arguments.policies is not None:
        study["policies"] = tuple(name.strip() for name in arguments.policies.split(",") if name.strip())
    environment = EnvironmentSpec(arguments.environment, cohort, **world)
    return StudySpec(environment, config=PolicyConfig(**settings), **study).validate()


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given; what is left out keeps the default of the settings."""
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}


def _dimensions(text: str) -> tuple[int, int]:
    try:
        immutable, mutable = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--dimensions takes two whole numbers, for instance 6,6; got {text!r}") from None
    return immutable, mutable


def _check_options(arguments: argparse.Namespace, spec: StudySpec, environment: Environment) -> None:
    """Refuse options that this environment cannot honour; report those that change nothing."""
    from libra_core.clinical import default_protocol
    from libra_core.policies import REGISTRY
    from libra_core.policies.libra import Libra, LibraTrial
    from libra_core.policies.model import ModelPolicy

    named, policies = spec.environment.name, [REGISTRY[name] for name in spec.policies]
    if environment.cohort is None and arguments.cohort:
        raise ValueError(
            f"the environment {named} invents its patients, so --cohort cannot be used: "
            f"add --environment {default_protocol().name}, or leave --cohort out"
        )
    if environment.cohort is None and arguments.compliance == "partial":
        raise ValueError(f"the environment {named} has full compliance only: leave --compliance partial out")

    def told(why: str, *names: str) -> None:
        say_unused([f"--{name.replace('_', '-')}" for name in _given(arguments, *names)], why)

    if environment.cohort is not None:
        told(f"The environment {named} takes treatments and facts from its protocol.", "arms", "dimensions", "spread")
    else:
        told(f"The environment {named} has no contrast between patients to set.", "contrast")
    if environment.problem.link.binary:
        told("With the logistic link a reward is 0 or 1, and its noise follows from that.", "noise")
    if not any(asks(name) for name in spec.policies):
        told("None of these policies asks an advisor that can be chosen.", "advisor")
    if not any(issubclass(policy, Libra) for policy in policies):
        told("None of these policies weighs advice.", "width", *ADVICE)
    if not any(issubclass(policy, LibraTrial) for policy in policies):
        told("None of these policies holds a trial of its advisor.", "trial_share")
    if not any(issubclass(policy, ModelPolicy) for policy in policies):
        told("None of these policies learns a model.", *MODEL)
    elif spec.config.radius == "theory":
        told("The theoretical radius has no scale to set.", "alpha")


def _table(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary as printed: rounded, the quantiles in one column."""
    spread = [f"{r.median:.1f} ({r.q05:.1f} to {r.q95:.1f})" for r in summary.itertuples()]
    summary = summary.assign(median=spread).drop(columns=["q05", "q95"])
    digits = {"regret": 1, "low": 1, "high": 1, "calls": 1, "call_bound": 0, "cpu_us_per_round": 1}
    named = {"median": "median (5 to 95 %)"}
    return summary.astype({"call_bound": float}).round(digits).rename(columns=named)


def run(arguments: argparse.Namespace) -> int:
    """Print the table, and write the study where --json says. Raises ValueError with a sentence."""
    from tqdm import tqdm

    from libra_core.advisors.recording import named
    from libra_core.cohort import load_cohort
    from libra_core.environments import make_environment
    from libra_core.policies import REGISTRY
    from libra_core.policies.libra import Libra
    from libra_core.study import cohort_key, make_policy, run_study
    from libra_core.study.metrics import as_json, summary_frame

    check_writable(arguments.json)
    cohort = load_cohort(arguments.cohort) if arguments.cohort else None
    spec = spec_of(arguments, None if cohort is None else cohort_key(cohort))
    environment = make_environment(spec.environment, spec.seed, cohort=cohort)
    _check_options(arguments, spec, environment)
    for name in spec.policies:  # what one of them lacks is said before the bar starts
        make_policy(name, environment, spec.config, spec.seed, spec.advisor)
    with tqdm(total=100, unit="%", file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:
        show = lambda share: bar.update(round(100 * share) - bar.n)  # noqa: E731
        result = run_study(spec, show, workers=arguments.workers, cohort=cohort)
    table = _table(summary_frame(result))
    link = environment.problem.link
    unit = "good outcomes lost" if link.binary else result.unit
    print(f"Cumulative expected regret after {spec.rounds:,} rounds; mean with its 95 % interval, and quantiles, over")
    about = environment.cohort.key if environment.cohort else None
    who = named(spec.advisor, environment.name, about)
    print(f"{spec.replicates} replicates. Advisor {who}, seed {spec.seed}, config {spec.hash}.")
    print(f"Simulated outcomes. Link {link.name}; regret in {unit}.")
    if any(issubclass(REGISTRY[name], Libra) for name in spec.policies):
        print("calls: questions asked; call_bound: how many theory allows at most.")
    print(table.to_string(index=False, na_rep="-"))
    content = {"outcomes": "simulated", **as_json(result)}
    content["config"]["link"] = link.name  # the settings may leave it to the environment
    write_json(arguments.json, content)
    return 0
