"""Make the stored states of learned methods again: the same settings give the same states.

    python data/build_learned.py [--patients N]     or: make learned

GLRB and LIBRA, with the settings that the pages start with, after their simulated patients of the first built-in
cohort. LIBRA asks the language model whose answers are recorded, else the guideline's rules. One file each in the
folder `learned` beside the protocol; libra_core/study/learned.py reads them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from libra_core.clinical import PROTOCOL_DIR, default_protocol
from libra_core.cohort import load_cohort
from libra_core.study.learned import METHODS, PATIENTS, Learned, default_advisor, path_of
from libra_core.study.live import LiveRun


def build(patients: int = PATIENTS, folder: Path | None = None) -> list[Path]:
    """Run and store the methods; whatever else lies in the folder is removed."""
    folder, cohort = folder or PROTOCOL_DIR / "learned", load_cohort(default_protocol().cohorts[0].name)
    folder.mkdir(exist_ok=True)
    made = []
    for policy in METHODS:
        run = LiveRun.start(cohort, policy, default_advisor(cohort))
        path = path_of(run, folder)
        for _ in range(patients):
            run.step()
        learned = Learned.of(run)
        learned.save(path)
        made.append(path)
        size, lost = path.stat().st_size / 1000, learned.course.lost[-50:].mean()
        print(f"{path.name}: {patients:,} patients, key {learned.key}, {size:.0f} kB, last 50 lost {lost:.2f} each")
    for old in set(folder.glob("*.npz")) - set(made):
        old.unlink()
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=PATIENTS, metavar="N")
    build(parser.parse_args().patients)
