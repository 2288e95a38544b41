"""A study in the background: the page asks how far it is, and may cancel it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from libra_core.cohort import Cohort
from libra_core.study.batch import Cancelled, StudyResult, run_study
from libra_core.study.promises import Promises, promises
from libra_core.study.spec import StudySpec
from pages.ui.session.job import Job
from pages.ui.session.state import Slot

MOST = 10_000_000  # decisions (methods x patients x repetitions) of a study on a page: minutes, not hours


@dataclass(frozen=True, eq=False)
class Found:
    """What a study found, and theory's curves for it."""

    study: StudyResult
    theory: Promises


def _affordable(spec: StudySpec) -> None:
    """Raises ValueError with a way out when a study would keep the server busy for very long."""
    asked = len(spec.policies) * spec.rounds * spec.replicates
    if asked > MOST:
        raise ValueError(
            f"this study asks for {asked / 1e6:,.0f} million decisions; a page takes {MOST / 1e6:,.0f} million. "
            "Choose fewer methods, patients or repetitions, or run it on the command line with libra_core simulate"
        )


class StudyJob(Job):
    """One run of `run_study`. `result` stays None when it was cancelled."""

    result: Found | None

    def __init__(self, spec: StudySpec, cohort: Cohort | None = None) -> None:
        def work(progress: Callable[[float], None], cancel: threading.Event) -> Found | None:
            _affordable(spec)
            try:
                study = run_study(spec, progress, cancel, cohort=cohort)
            except Cancelled:
                return None
            return Found(study, promises(study, cohort))

        self.spec = spec
        self._noticed = False
        super().__init__(work, spec)

    def noticed_end(self) -> bool:
        """True once, at the first look after the end."""
        first = not self.running and not self._noticed
        self._noticed = self._noticed or first
        return first


JOB: Slot[StudyJob] = Slot("study")
