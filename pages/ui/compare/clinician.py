"""What clinicians decided about this cohort's patients, read from the record of feedback sessions."""

from __future__ import annotations

import os
from dataclasses import dataclass

from libra_core.cohort import Cohort
from libra_core.records import REASONS, RecordsError, Repository
from libra_core.records.database import DEFAULT_PATH
from libra_core.records.events import Action, Decided
from libra_core.records.ledger import Ledger
from libra_core.study.spec import inputs_digest
from pages.ui.session import access

LOOK_BACK = 20  # sessions; a page is drawn often


@dataclass(frozen=True)
class Choice:
    """One decision, and the session in which it was made."""

    decided: Decided
    session: str

    @property
    def plan(self) -> Action:
        """What was done, or what was chosen as long as nothing was."""
        return self.decided.executed or self.decided.plan

    @property
    def why(self) -> str:
        """In the clinician's own words, with the coded reason."""
        reason = REASONS.get(self.decided.reason, self.decided.reason)
        parts = (f"{self.decided.kind.value}.", f"{reason}." if reason else "", self.decided.comment)
        return " ".join(part for part in parts if part).capitalize()


def latest(repository: Repository, cohort: Cohort) -> dict[int, Choice]:
    """The last decision about each patient in sessions over these very values, by row; the newest session counts."""
    digest, found = inputs_digest(cohort), {}
    for info in reversed(repository.sessions()[:LOOK_BACK]):
        if info.spec.cohort_digest != digest:
            continue
        for case in Ledger.of(repository.events(info.id)).files:
            decided = case.final or case.first
            if decided is not None and case.mistake is None:
                found[case.row] = Choice(decided, info.name)
    return found


def choices(cohort: Cohort) -> dict[int, Choice]:
    """The same from what this person may read; empty where there is no record, or none that can be read."""
    if not (os.environ.get("LIBRA_DATABASE_URL") or DEFAULT_PATH.exists()):
        return {}  # looking must not create a record
    try:
        return latest(access.repository(), cohort)
    except RecordsError:
        return {}
