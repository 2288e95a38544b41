"""`make bench`: measure everything and write docs/benchmarks.md.

`python -m benchmarks quality certificate` runs only those parts, to the screen.
"""

from __future__ import annotations

import sys
import time

from benchmarks import clicks, peers, rounds, solver
from benchmarks.measure import ROOT, Row, load, machine, revision, table
from libra_core.warm import warm

PARTS = {
    "CPU per round: choose and learn (synthetic, K = 6, d = 13, logistic, 50 replicates)": rounds.every_policy,
    "Growth in t (10 replicates)": rounds.growth_in_t,
    "Growth in size (50 replicates)": rounds.growth_in_size,
    "The inner problem": solver.quality,
    "Time against cvxpy": solver.against_cvxpy,
    "The certificate": solver.certificate,
    "One person": clicks.one_decision,
    "Starting": clicks.first_decision,
    "A study": clicks.twelve_policies,
    "Peers (one decision and one update a round; same contexts, K = 6, d = 13)": peers.peers,
}
INTRO = """# Benchmarks

Written by `make bench` (opt-in, 5 to 10 minutes). Times are medians of CPU time unless a row says wall, which depends
on what else the machine was doing: see the load averages. Seeds are fixed; times differ from machine to machine.

- Machine and versions: {machine}
- Measured: {date}, {revision}, in {minutes:.0f} minutes
- Load averages (1 / 5 / 15 minutes): {before} at the start, {after} at the end
- Reached: {met} of {aims} aims

{table}

The bandits of other libraries know no recourse, so their rows are one choice and one update. DiCE answers another
question, a change that turns a fitted model's answer around; its row says what such an answer costs. Times of peers
include everything that a user calls in a round; ours include the batch's share of Python.
"""


def main(wanted: list[str]) -> None:
    warm()
    before, started = load(), time.time()
    rows: list[Row] = []
    for title, part in PARTS.items():
        if wanted and part.__name__ not in wanted:
            continue
        at = time.perf_counter()
        found = part()
        rows += [Row(f"**{title}**", ""), *found]
        print(
            table(found).split("\n", 2)[2], f"\n({part.__name__}: {time.perf_counter() - at:.0f} s wall)\n", flush=True
        )
    if wanted:
        return
    judged = [row for row in rows if row.met is not None]
    text = INTRO.format(
        machine=machine(), date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), revision=revision(),
        minutes=(time.time() - started) / 60, before=before, after=load(),
        met=sum(bool(row.met) for row in judged), aims=len(judged), table=table(rows),
    )  # fmt: skip
    (ROOT / "docs" / "benchmarks.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
