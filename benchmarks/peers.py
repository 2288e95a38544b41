"""Side by side with what users would pick instead, each installed on its own beside us (`.venv-bench`).

Bandits: the same contexts, six arms, no recourse, one decision and one update a round. DiCE: the same patients, the
same box, features that may move: it looks for a change that turns a logistic model's answer around.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, Row, cpu, micro
from benchmarks.rounds import ADVISOR, PAPER, SEED, per_round
from libra_core.environments import make_environment
from libra_core.problem import Contexts
from libra_core.recourse.optimistic import plan

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
INSTALLED = ROOT / ".venv-bench" / "peers.txt"  # what `make bench` could install, one requirement and verdict a line
ROUNDS, PATIENTS = 1_000, 30


def peers() -> list[Row]:
    """Rows for our own policies without recourse, and one for each peer, installed or not."""
    rows, ours = _ours()
    reasons = _verdicts()
    if not reasons:
        return [*rows, Row("peers", "not installed: run `make bench`, which sets up .venv-bench")]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rounds.npz"
        world = _write(data)
        for requirement, reason in reasons.items():
            rows.append(_peer(requirement, reason, data, ours))
    return [*rows, _our_recourse(world)]


def _ours() -> tuple[list[Row], float]:
    alone = per_round("linucb", PAPER, replicates=1)
    batch = per_round("linucb", PAPER)
    joint = per_round("glrb", PAPER, replicates=1)
    return [
        Row("LIBRA `linucb`, one replicate, no recourse", micro(alone), "1"),
        Row("LIBRA `linucb`, 50 replicates in a batch, no recourse", micro(batch), f"{batch / alone:.2f}"),
        Row("LIBRA `glrb`, one replicate, with recourse", micro(joint), f"{joint / alone:.2f}"),
    ], alone


def _verdicts() -> dict[str, str]:
    """requirement -> why it could not be installed ("" if it could)."""
    if not INSTALLED.exists():
        return {}
    lines = INSTALLED.read_text().splitlines()
    return {name: reason for name, _, reason in (line.partition("\t") for line in lines)}


def _write(data: Path):
    """Contexts and rewards for every arm of one synthetic run, and the first patients' boxes."""
    world = make_environment(PAPER, SEED, 1)
    contexts, rewards = [], []
    for _ in range(ROUNDS):
        one = world.arrive()
        mean = world.problem.link.mean(np.einsum("kd,d->k", world.theta[0], one.x[0]))
        rewards.append(world.draws().noise[0] < mean)
        contexts.append(one.x[0])
    np.savez(
        data,
        x=np.array(contexts),
        reward=np.array(rewards, dtype=float),
        theta=world.theta[0],
        box=one.hi[0],
        patients=PATIENTS,
    )
    return world


def _peer(requirement: str, reason: str, data: Path, ours: float) -> Row:
    if reason:
        return Row(f"{requirement}", f"could not be installed: {reason}")
    name = requirement.split("==")[0]
    done = subprocess.run(
        [str(PYTHON), str(ROOT / "benchmarks" / "peer_run.py"), name, str(data)], capture_output=True, text=True
    )
    if done.returncode:
        return Row(requirement, f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1][:160]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    against = f"{found['seconds'] / ours:,.0f}" if found["unit"] == "round" else ""
    return Row(f"{requirement} {found['what']}", f"{micro(found['seconds'])} a {found['unit']}{found['note']}", against)


def _our_recourse(world) -> Row:
    """The best change for the same patients as DiCE's, all six arms, under the true model."""
    feasible, no_doubt = world.problem.feasible, np.zeros_like(world.no_doubt)
    first = make_environment(PAPER, SEED, 1)
    patients = [first.arrive() for _ in range(PATIENTS)]

    def every_patient(contexts: list[Contexts] = patients) -> None:
        for one in contexts:
            plan(feasible, world.theta, no_doubt, one, 0.0, table=True)

    seconds = cpu(every_patient) / PATIENTS
    return Row(
        "LIBRA, best feasible change of one patient for each of 6 arms, one at a time", micro(seconds) + " a patient"
    )


__all__ = ["ADVISOR", "peers"]
