"""Learned runs: a policy as it is after many simulated patients, kept so that a page opens on one that has learned.

A file is `data/learned/PROTOCOL-COHORT-POLICY-ADVISOR.npz`: the arrays of `policy.state()`, the run's course, and in
`about` the rest of the state with the settings and inputs that made it. A run with other settings, other patients or
another version of the program has no stored state: nothing is passed off as its own.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from libra_core.advisors.recording import recording_for
from libra_core.clinical import PROTOCOL_DIR
from libra_core.cohort import Cohort
from libra_core.files import write
from libra_core.policies import RECOMMENDED
from libra_core.policies.base import State
from libra_core.policies.decision import REASONS
from libra_core.study.live import Course, LiveRun
from libra_core.study.spec import hash_of, inputs_digest

METHODS = ("glrb", RECOMMENDED)
PATIENTS = 3000  # treated by each stored run
MOST_BYTES = 8_000_000  # of one file


@dataclass(frozen=True, eq=False)
class Learned:
    """A run's state after its course. key: names its settings and its inputs."""

    key: str
    state: State
    course: Course

    @classmethod
    def of(cls, run: LiveRun) -> Learned:
        return cls(key_of(run), run.policy.state(), course_of(run))

    def into(self, run: LiveRun) -> LiveRun:
        """A fresh run brought to this state; its next patients are those that would have come next.

        Raises ValueError when the run has other settings or has treated somebody.
        """
        if run.rows or len(run.earlier) or key_of(run) != self.key:
            raise ValueError("this state belongs to a run with other settings or other patients")
        run.policy.restore(self.state)
        for _ in range(len(self.course)):  # patients and outcomes come from streams, drawn once a round
            run.environment.arrive()
            run.environment.draws()
        return replace(run, earlier=self.course)

    def save(self, path: Path) -> None:
        about = {"key": self.key, "state": {k: v for k, v in self.state.items() if k != "arrays"}}
        arrays: dict[str, Any] = {f"policy.{name}": value for name, value in self.state["arrays"].items()}
        packed = io.BytesIO()
        np.savez_compressed(packed, about=json.dumps(about), **arrays, **vars(self.course))
        write(path, packed.getvalue())

    @classmethod
    def read(cls, path: Path) -> Learned:
        """Raises ValueError with the file and what to do."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it is larger than {MOST_BYTES // 10**6} MB")
            with np.load(path, allow_pickle=False) as file:
                about: dict[str, Any] = json.loads(str(file["about"]))
                arrays = {n.removeprefix("policy."): file[n] for n in file.files if n.startswith("policy.")}
                return cls(about["key"], about["state"] | {"arrays": arrays}, Course(*(file[n] for n in _COURSE)))
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path.name} cannot be read ({error}): make it again with `make learned`") from None


_COURSE = tuple(f.name for f in fields(Course))


def default_advisor(cohort: Cohort) -> str:
    """Whom a learned LIBRA asks: the language model whose answers are recorded, else the guideline's rules."""
    return "recorded" if recording_for(cohort.protocol.name, cohort.name) else "guideline"


def key_of(run: LiveRun) -> str:
    """Twelve hex digits that name what decides a run's learning: settings, patients, protocol, program; not how long
    it has learned, nor an advisor that its policy does not ask."""
    assert run.environment.cohort is not None
    spec = {k: v for k, v in run.spec.as_dict().items() if k not in ("rounds", "replicates")}
    asked = {} if run.policy.needs_advisor else {"advisor": ""}
    return hash_of(spec | asked | {"inputs": inputs_digest(run.environment.cohort)})


def path_of(run: LiveRun, folder: Path | None = None) -> Path:
    """Where a run's state is stored, if it is."""
    advisor = (run.spec.advisor,) if run.policy.needs_advisor else ()
    spec = run.spec.environment
    name = "-".join((spec.name, str(spec.cohort), run.policy.name, *advisor)).replace(":", "_")
    return (folder or PROTOCOL_DIR / "learned") / f"{name}.npz"


def recall(run: LiveRun, folder: Path | None = None) -> LiveRun | None:
    """A fresh run over a built-in cohort brought to its stored state; None where none is stored for these settings.

    Raises ValueError for a file that cannot be read.
    """
    path = path_of(run, folder)
    if run.environment.cohort is None or run.environment.cohort.kind == "uploaded" or not path.exists():
        return None
    found = Learned.read(path)
    return found.into(run) if found.key == key_of(run) else None


def course_of(run: LiveRun) -> Course:
    """All that a run has done, its earlier course included."""
    made = [(r.row, r.decision.arm, REASONS.index(r.decision.reason), r.decision.asked, r.regret) for r in run.rows]
    columns = zip(*made, strict=True) if made else ([],) * len(_COURSE)
    both = zip(vars(run.earlier).values(), columns, strict=True)
    return Course(*(np.concatenate([before, np.asarray(now, before.dtype)]) for before, now in both))
