"""`python -m libra_core simulate`: a study of policies, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from libra_core.advisors import GUIDELINE, SIMULATED
from libra_core.cohort import load_cohort
from libra_core.environments import ENVIRONMENTS, EnvironmentSpec
from libra_core.policies import REGISTRY, PolicyConfig
from libra_core.study import StudySpec, cohort_key, run_study
from libra_core.study.metrics import as_json, summary_frame


def add_simulate(subparsers: Any) -> None:
    """Put the command on the list."""
    parser = subparsers.add_parser("simulate", help="compare policies over many simulated patients")
    add = parser.add_argument
    add("--environment", default="synthetic", choices=sorted(ENVIRONMENTS))
    add("--cohort", metavar="PATH|NAME", help="whose patients (for an environment over a cohort)")
    add("--policies", default="linucb,glrb,libra", metavar="A,B,C", help=f"from {', '.join(REGISTRY)}")
    add("--advisor", default="near-optimal", metavar="NAME", help=f"{', '.join(SIMULATED)} or {GUIDELINE}")
    add("--link", choices=("identity", "logistic"), help="default: the environment's own")
    add("--rounds", type=int, default=1000, metavar="N")
    add("--replicates", type=int, default=20, metavar="R")
    add("--seed", type=int, default=0, metavar="S")
    add("--arms", type=int, default=6, metavar="K", help="synthetic only")
    add("--dimensions", default="6,6", metavar="DI,DM", help="synthetic only: immutable (without intercept), mutable")
    add("--noise", type=float, metavar="SD", help="of a reward, identity link")
    add("--gamma", type=float, metavar="G", help="radius of the feasible change, in weighted SDs")
    add("--compliance", choices=("full", "partial"), default="full", help="share of an advised change that is made")
    add("--shared", action="store_true", help="arms share a common part of their model")
    add("--plausibility", type=float, default=PolicyConfig.plausibility, metavar="C", help="0 strict .. 1 lenient")
    add("--adoption", choices=("informative", "plausible"), default=PolicyConfig.adoption)
    add("--max-calls", type=int, metavar="N", help="hard cap on questions to the advisor")
    add("--estimator", choices=("one-pass", "refit", "mle"), default=PolicyConfig.estimator)
    add("--workers", type=int, metavar="N", help="threads (default: all cores)")
    add("--json", type=Path, metavar="FILE")
    parser.set_defaults(run=_simulate)


def spec_of(arguments: argparse.Namespace, cohort: str | None) -> StudySpec:
    """The study that the arguments describe. Raises ValueError with a sentence."""
    try:
        d_immutable, d_mutable = (int(part) for part in arguments.dimensions.split(","))
    except ValueError:
        raise ValueError(
            f"--dimensions takes two whole numbers, for instance 6,6; got {arguments.dimensions!r}"
        ) from None
    environment = EnvironmentSpec(
        name=arguments.environment,
        cohort=cohort,
        link=arguments.link,
        noise=arguments.noise,
        gamma=arguments.gamma,
        arms=arguments.arms,
        compliance=arguments.compliance,
        d_immutable=d_immutable,
        d_mutable=d_mutable,
    )
    config = PolicyConfig(
        shared=arguments.shared,
        plausibility=arguments.plausibility,
        adoption=arguments.adoption,
        max_calls=arguments.max_calls,
        estimator=arguments.estimator,
    )
    names = tuple(name.strip() for name in arguments.policies.split(",") if name.strip())
    sizes = (arguments.rounds, arguments.replicates, arguments.seed)
    return StudySpec(environment, names, arguments.advisor, *sizes, config).validate()


def _simulate(arguments: argparse.Namespace) -> int:
    cohort = load_cohort(arguments.cohort) if arguments.cohort else None
    spec = spec_of(arguments, None if cohort is None else cohort_key(cohort))
    with tqdm(total=100, unit="%", file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:
        result = run_study(spec, lambda share: _show(bar, share), workers=arguments.workers, cohort=cohort)
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(result)) + "\n")
    table = summary_frame(result).round(
        {"regret": 1, "low": 1, "high": 1, "calls": 1, "call_bound": 0, "cpu_us_per_round": 1}
    )
    print(f"Cumulative expected regret after {spec.rounds:,} rounds, {result.unit}; mean and 95 % interval over")
    print(f"{spec.replicates} replicates. Advisor {spec.advisor}, seed {spec.seed}, config {spec.hash}.")
    print("Simulated outcomes.")
    print(table.to_string(index=False, na_rep="-"))
    return 0


def _show(bar: tqdm, share: float) -> None:
    bar.update(round(100 * share) - bar.n)
