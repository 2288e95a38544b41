"""The results of a study for the person who asks: rows for those who may read them, totals for a viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from libra_core.advisors.agreement import Agreement
from libra_core.cohort import Cohort
from libra_core.records import analytics as a
from libra_core.records.engine import Engine
from libra_core.records.errors import Denied, Unreadable
from libra_core.records.ledger import Ledger
from libra_core.records.repository import Repository, SessionInfo
from libra_core.records.spec import Role

Cohorts = Callable[[str], Cohort]  # by the key in a session's spec; raises ValueError when it is not available
SMALLEST = 5  # people in a group below which totals are not shown to somebody who may not read rows


@dataclass(frozen=True)
class Collected:
    """Sessions that could be read, their decisions as one table, and why others could not."""

    sessions: tuple[SessionInfo, ...]
    ledgers: tuple[Ledger, ...]
    table: pd.DataFrame
    left_out: tuple[str, ...]


def collect(repository: Repository, cohorts: Cohorts) -> Collected:
    """Everything that this person may read row by row: own sessions, or the whole study."""
    found, left_out = [], []
    for info in repository.sessions():
        try:
            engine = Engine(info.spec, cohorts(info.spec.cohort))
        except (Unreadable, ValueError) as error:
            left_out.append(f"{info.name}: {error}")
        else:
            found.append((info, Ledger.of(repository.events(info.id)), engine))
    left_out += [f"{name}: recorded by another version of LIBRA." for name in repository.unreadable()]
    table = a.decisions_table(found[::-1])  # the oldest session first
    return Collected(tuple(f[0] for f in found), tuple(f[1] for f in found), table, tuple(left_out))


@dataclass(frozen=True)
class Totals:
    """Numbers about many decisions, none of them about one patient or one clinician."""

    sessions: int
    clinicians: int
    decisions: int  # by persons
    patients: int  # with those whom a method treated by itself
    overrides: a.Share
    reasons: dict[str, int]
    policies: dict[str, Agreement]
    anchoring: a.Anchoring
    gain: a.Gain
    seconds: tuple[float, float, float]
    subgroups: pd.DataFrame
    mistakes: int  # decisions marked as recorded by mistake: in none of the numbers above

    @classmethod
    def of(cls, found: Collected) -> Totals:
        wrong = found.table["mistake"].astype(bool)
        t = found.table[~wrong]
        return cls(
            sessions=len(found.sessions),
            clinicians=t["clinician"].nunique(),
            decisions=len(a.by_person(t)),
            patients=len(t),
            overrides=a.overrides(t),
            reasons=a.reasons(t),
            policies=a.with_policies(t),
            anchoring=a.anchoring(t),
            gain=a.gain(t),
            seconds=a.times(t),
            subgroups=a.subgroups(t),
            mistakes=int(wrong.sum()),
        )


def totals(repository: Repository, cohorts: Cohorts) -> Totals | None:
    """Totals of the whole study, for whoever may read totals; None while there are too few decisions or clinicians.

    Raises Denied. A viewer needs at least SMALLEST decisions of two clinicians; groups and reasons that are smaller, or
    that leave fewer outside, are left out; and totals are updated in steps of SMALLEST decisions, so that two views
    together reveal no single decision.
    """
    actor = repository.actor
    if not actor.reads_totals:
        raise Denied("Your role does not read the results of the study.")
    everything = Repository(repository.database, replace(actor, role=Role.LEAD), repository.clock)
    found = collect(everything, cohorts)
    if len(found.table) == 0:
        return None
    if actor.reads_study:
        return Totals.of(found)
    table = found.table.sort_values("decided_at", kind="stable")
    result = Totals.of(replace(found, table=table.head(len(table) - len(table) % SMALLEST)))
    if result.decisions < SMALLEST or result.clinicians < 2:
        return None
    kept = {reason: n for reason, n in result.reasons.items() if n >= SMALLEST}
    size = result.subgroups["Patients"]
    rest = size.rsub(result.patients)  # the rest of a group can be worked out from it
    return replace(result, reasons=kept, subgroups=result.subgroups[(size >= SMALLEST) & (rest >= SMALLEST)])
