"""What a clinician decided about a patient, read from the record of feedback sessions."""

from __future__ import annotations

import os

from libra_core.cohort import Cohort
from libra_core.records import RecordsError, Repository, SessionInfo
from libra_core.records.database import DEFAULT_PATH
from libra_core.records.events import Decided
from libra_core.records.ledger import Ledger
from libra_core.study.spec import inputs_digest
from pages.ui.session import access

LOOK_BACK = 20  # sessions; a page is drawn often


def latest_choice(repository: Repository, cohort: Cohort, row: int) -> tuple[Decided, SessionInfo] | None:
    """The last decision about this patient in a session over these very values; the newest session counts."""
    digest = inputs_digest(cohort)
    for info in repository.sessions()[:LOOK_BACK]:
        if info.spec.cohort_digest != digest:
            continue
        files = Ledger.of(repository.events(info.id)).files
        here = [case for case in files if case.row == row and case.mistake is None]
        made = [choice for case in here if (choice := case.final or case.first)]
        if made:
            return made[-1], info
    return None


def choice_for(cohort: Cohort, row: int) -> tuple[Decided, SessionInfo] | None:
    """The same from what this person may read; None where there is no record, or none that can be read."""
    if not (os.environ.get("LIBRA_DATABASE_URL") or DEFAULT_PATH.exists()):
        return None  # looking must not create a record
    try:
        return latest_choice(access.repository(), cohort, row)
    except RecordsError:
        return None
