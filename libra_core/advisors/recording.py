"""Recorded answers of a language model: checked like live ones, and never presented as live.

`data/advice/NAME.toml` says which model answered, when, to which prompt and about which cohort. `NAME.jsonl` holds one
JSON object a patient: id, arm (treatment code), changes (habit -> change in clinical units), rationale.
`NAME-again.jsonl`, where there is one, holds second answers of the same model. `advisors/llm/record.py` writes them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from libra_core.advisors.base import Advice, CaseAdvisor, World, register
from libra_core.advisors.panel import JOIN
from libra_core.cases import Case
from libra_core.clinical import PROTOCOL_DIR
from libra_core.cohort import Cohort

_WORDS = ("protocol", "cohort", "model", "asked_on", "prompt", "fingerprint", "source")  # of a provenance file
MOST_BYTES = 64_000_000  # of one file of answers: some hundred thousand patients


@dataclass(frozen=True, eq=False)
class Recording:
    """One model's answers about one cohort. answers, again: patient id -> the answer as recorded."""

    protocol: str
    cohort: str
    model: str
    asked_on: str
    prompt: str
    fingerprint: str
    source: str
    answers: Mapping[str, dict[str, Any]]
    again: Mapping[str, dict[str, Any]]

    @property
    def title(self) -> str:
        """'Model (maker), recorded 2026-11-24, prompt NAME-3'."""
        return f"{self.model}, recorded {self.asked_on}, prompt {self.prompt}"


def read_recording(path: Path) -> Recording:
    """The recording whose provenance file is `path`. Raises ValueError with file, line and what to do."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        words = {name: str(facts[name]).strip() for name in _WORDS}
    except KeyError as error:
        raise ValueError(f"{path.name}: {error.args[0]} is missing: it says where the answers come from") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    again = path.with_name(f"{path.stem}-again.jsonl")
    return Recording(
        **words, answers=_answers(path.with_suffix(".jsonl")), again=_answers(again) if again.exists() else {}
    )


def _answers(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.name} is larger than {MOST_BYTES // 10**6} MB: split it by cohort")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = json.loads(line)
            patient = str(answer["id"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(
                f"{path.name}, line {number}: expected a JSON object with an id, arm and changes"
            ) from None
        if patient in found:
            raise ValueError(
                f"{path.name}, line {number}: a second answer for {patient}; put it into {path.stem}-again"
            )
        found[patient] = answer
    return found


def _share(said: dict[str, Any]) -> float:
    """The vote share that was written down; 1 where one question was asked."""
    share = said.get("vote_share")
    return float(share) if isinstance(share, int | float) and 0 < share <= 1 else 1.0


@lru_cache(maxsize=8)
def recording_for(protocol: str, cohort: str, folder: Path | None = None) -> Recording | None:
    """The recording about a built-in cohort; None where there is none. Raises ValueError for a broken file."""
    path = (folder or PROTOCOL_DIR / "advice") / f"{protocol}-{cohort}.toml"
    return read_recording(path) if path.exists() else None


def named(advisor: str, protocol: str, cohort: str | None) -> str:
    """An advisor's name in a study; of a recorded one also which model, when it was asked and with what text."""
    if JOIN in advisor:
        return JOIN.join(named(part, protocol, cohort) for part in advisor.split(JOIN))
    kind, _, file = advisor.partition(":")
    if kind != RecordedModel.name:
        return advisor
    try:
        found = read_recording(Path(file)) if file else recording_for(protocol, cohort or "")
    except ValueError:  # moved since the study was made
        found = None
    return f"{advisor}: {found.title}" if found else advisor


@register
class RecordedModel(CaseAdvisor):
    """A language model's recorded answers; it is not asked again. An answer is checked against today's menu like a live
    one: "invalid" if it is not on the menu; a patient without an answer gets the status "refused"."""

    name = "recorded"
    label = "Language model (recorded answers)"
    repeatable = True
    takes_file = True

    def __init__(self, cohort: Cohort, recording: Recording) -> None:
        super().__init__(cohort.case, len(cohort.protocol.mutable))
        self.recording, self.provenance, self._ids = recording, recording.title, cohort.ids

    @classmethod
    def make(cls, name: str, environment: World, seed: int) -> RecordedModel:
        cohort = environment.cohort
        assert cohort is not None  # make_advisor refuses an environment without patients
        _, _, file = name.partition(":")
        recording = read_recording(Path(file)) if file else recording_for(cohort.protocol.name, cohort.key)
        if recording is None:
            stem = f"{cohort.protocol.name}-{cohort.name}"
            raise ValueError(
                f"no language model's answers are recorded about the cohort {cohort.name}: choose another advisor, or "
                f"record your own model's with `python -m libra_core advise --cohort {cohort.name} --record "
                f"{stem}.toml` and use them as --advisor recorded:{stem}.toml"
            )
        if (recording.protocol, recording.cohort) != (cohort.protocol.name, cohort.key):
            raise ValueError(
                f"the recording is about {recording.protocol}, cohort {recording.cohort}, not about "
                f"{cohort.protocol.name}, cohort {cohort.key}: its patients are others"
            )
        return cls(cohort, recording)

    def advise(self, case: Case) -> Advice:
        from libra_core.advisors.llm.prompt import Menu  # here: the package of the live model takes a second to import
        from libra_core.advisors.llm.reply import UnusableError, check
        from libra_core.advisors.llm.vote import Ballot, count

        said = self.recording.answers.get(self._ids[case.row])
        if said is None:
            return Advice(self.name, "refused")
        try:
            answer = check(said, Menu.of(case))
        except UnusableError:
            return Advice(self.name, "invalid")
        advice, _ = count(self.name, case, [Ballot(0, "cached", answer)], 1, self.d_mutable)
        return replace(advice, vote_share=_share(said))

    def remembered(self, row: int) -> Advice:
        return self.advise(self.cases(row))
