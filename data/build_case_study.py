"""Make the ready-made studies of the case-study page again: the same settings give the same numbers.

    python data/build_case_study.py [--rounds N] [--replicates R]     or: make case-study

Runs over the same simulated patients (libra_core/study/case.py says which and why). Results go to the folder
`studies` beside the protocol, one file each, named by its config hash.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from libra_core.clinical import default_protocol
from libra_core.cohort import load_cohort
from libra_core.study import StudyResult, run_study
from libra_core.study.case import REPLICATES, ROUNDS, case_study_specs
from libra_core.study.store import StudyError, digest_of, load_study, save_index, save_study, studies_dir


def build(rounds: int = ROUNDS, replicates: int = REPLICATES, folder: Path | None = None) -> None:
    """Run and store the studies. Other numbers of rounds or replicates make other studies, with other hashes."""
    folder, hashes = folder or studies_dir(), {}
    for name, spec in case_study_specs(default_protocol(), rounds, replicates).items():
        cohort, started = load_cohort(str(spec.environment.cohort)), time.monotonic()
        with tqdm(total=100, unit="%", file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:
            result = run_study(spec, lambda share, bar=bar: bar.update(round(100 * share) - bar.n), cohort=cohort)
        seconds = time.monotonic() - started
        print(f"{name}: config {spec.hash}, {seconds:.0f} s, {compared(result, folder)}", flush=True)
        save_study(result, cohort, folder)
        hashes[name] = spec.hash
    save_index(hashes, folder)


def compared(result: StudyResult, folder: Path) -> str:
    """How new numbers stand to those stored before."""
    try:
        same = load_study(result.spec.hash, folder).digest == digest_of(result)
    except StudyError:
        return "not stored before"
    return "the same numbers as before" if same else "OTHER NUMBERS than before"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--replicates", type=int, default=REPLICATES, metavar="R")
    arguments = parser.parse_args()
    build(arguments.rounds, arguments.replicates)
