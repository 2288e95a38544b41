"""Write a language model's stored answers down as a recording, so that any team can bring its own model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from libra_core import files
from libra_core.advisors.llm.advisor import LLMAdvisor
from libra_core.advisors.llm.reply import plain_line
from libra_core.advisors.llm.vote import Consultation
from libra_core.advisors.recording import Recording, read_recording
from libra_core.cohort import Cohort

Heard = dict[int, Consultation]  # by row
LONGEST = 200  # characters of a model's or a server's name


def rows_of(cohort: Cohort, n: int | None = None) -> list[int]:
    """Who enters the simulation, each once; with `n` so many of them, spread evenly."""
    rows = list(dict.fromkeys(map(int, cohort.arrivals)))
    return rows if n is None else [rows[i * len(rows) // n] for i in range(min(n, len(rows)))]


def recording_of(advisor: LLMAdvisor, cohort: Cohort, again: int = 0, known: Recording | None = None) -> Recording:
    """The answers that are stored, and `again` second ones; nobody is asked. Those of `known` are kept as they are.

    Raises ValueError when there is no answer at all.
    """
    first = _heard(advisor, cohort, rows_of(cohort))
    second = _heard(advisor.second(), cohort, rows_of(cohort, again))
    answers = _written(first, cohort) | dict(known.answers if known else {})
    if not answers:
        raise ValueError("no answer is stored yet: ask the language model first")
    days = sorted({heard.asked_at[:10] for heard in (*first.values(), *second.values())})
    if known:
        days = days or [known.asked_on]
    return Recording(
        **_words(advisor, cohort),
        asked_on=days[-1],
        source=_source(advisor, cohort, first, days, len(answers)),
        answers=answers,
        again=_written(second, cohort) | dict(known.again if known else {}),
    )


def check_same(known: Recording, advisor: LLMAdvisor, cohort: Cohort) -> None:
    """Raise ValueError when a recording came from another model, text or cohort: they may not be put together."""
    for what, now in _words(advisor, cohort).items():
        if getattr(known, what) != now:
            raise ValueError(
                f"the file holds other answers ({known.title}; {what} {getattr(known, what)!r}, now {now!r}): give "
                "another name"
            )


def _words(advisor: LLMAdvisor, cohort: Cohort) -> dict[str, str]:
    """What two recordings must have in common."""
    return {
        "protocol": cohort.protocol.name,
        "cohort": cohort.key,
        "model": plain_line(advisor.settings.model, LONGEST),
        "prompt": advisor.prompt.version,
        "fingerprint": advisor.prompt.fingerprint,
    }


def _source(advisor: LLMAdvisor, cohort: Cohort, first: Heard, days: list[str], n: int) -> str:
    s, names = advisor.settings, sorted({plain_line(heard.model, LONGEST) for heard in first.values()} - {""})
    return (
        f"{n:,} of {len(rows_of(cohort)):,} patients of {cohort.name} who enter the simulation, asked through LIBRA at "
        f"{s.host} ({days[0]} to {days[-1]}): {s.samples} questions each, every one with the menu in another order, "
        f"and a vote; temperature {s.temperature:g}." + (f" Answered as {', '.join(names)}." if names else "")
    )


def _heard(advisor: LLMAdvisor, cohort: Cohort, rows: list[int]) -> Heard:
    found = {row: advisor.recall(cohort.case(row)) for row in rows}
    return {row: heard for row, heard in found.items() if heard.advice.given}


def _written(heard: Heard, cohort: Cohort) -> dict[str, dict[str, Any]]:
    """Patient id -> the answer in the file's form: treatment code, changes in clinical units, the model's own words."""
    protocol, answers = cohort.protocol, {}
    for row, found in heard.items():
        advice = found.advice
        moved = zip(protocol.mutable, protocol.change(advice.delta), strict=True)
        answers[cohort.ids[row]] = {
            "id": cohort.ids[row],
            "arm": protocol.arm_codes[advice.arm],
            "changes": {name: float(f"{change:.6g}") for name, change in moved if abs(change) > 1e-9},
            "rationale": advice.rationale,
            "vote_share": round(advice.vote_share, 3),
        }
    return answers


def content(recording: Recording, name: str) -> dict[str, bytes]:
    """The files of a recording, `name` without an ending: what read_recording reads, the provenance last."""
    lines = {f"{name}.jsonl": recording.answers} | ({f"{name}-again.jsonl": recording.again} if recording.again else {})
    found = {file: "".join(_json(answer) + "\n" for answer in answers.values()) for file, answers in lines.items()}
    words = ("protocol", "cohort", "model", "prompt", "fingerprint", "source")
    facts = [f"{word} = {_json(getattr(recording, word))}" for word in words]
    facts.insert(3, f"asked_on = {_json(recording.asked_on)}")
    note = f"# Where the recorded answers in {_json(name)[1:-1]}.jsonl come from."
    found[f"{name}.toml"] = "\n".join((note, "", *facts, ""))
    return {file: text.encode("utf-8", "replace") for file, text in found.items()}


def _json(value: Any) -> str:
    """JSON, whose strings are TOML's too but for one control code."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def place(path: Path) -> Path:
    """The provenance file that a person means by `path`, with or without its ending."""
    return path if path.suffix == ".toml" else path.with_name(f"{path.name}.toml")


def read_known(path: Path) -> Recording | None:
    """What an earlier, perhaps stopped, run has written there. Raises ValueError for a file that is something else."""
    return read_recording(path) if path.exists() else None


def write_recording(recording: Recording, path: Path) -> None:
    """Each file replaced as a whole, the provenance last. Raises OSError with a sentence."""
    for file, text in content(recording, path.stem).items():
        files.write(path.with_name(file), text)
