"""A study in the background: the page asks how far it is, and may cancel it."""

from __future__ import annotations

import logging
import threading

from libra_core.study.batch import Cancelled, StudyResult, run_study
from libra_core.study.spec import StudySpec

log = logging.getLogger(__name__)


class StudyJob:
    """One run of `run_study` in a thread of its own. The thread touches nothing but this object."""

    def __init__(self, spec: StudySpec) -> None:
        self.spec = spec
        self.share = 0.0
        self.result: StudyResult | None = None
        self.problem = ""
        self._cancel = threading.Event()
        self._noticed = False
        self._thread = threading.Thread(target=self._work, name="study", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.result = run_study(self.spec, progress=self._progress, cancel=self._cancel)
        except Cancelled:
            pass  # no result, and no problem either
        except ValueError as error:  # a setting that makes no sense: its message speaks to a person
            text = str(error)
            self.problem = f"{text[:1].upper()}{text[1:]}."
        except Exception:
            log.exception("the study failed")
            self.problem = (
                "The study stopped with an unexpected error. The server's log has the details; try other settings."
            )

    def _progress(self, share: float) -> None:
        self.share = share

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def noticed_end(self) -> bool:
        """True once, at the first look after the end."""
        first = not self.running and not self._noticed
        self._noticed = self._noticed or first
        return first

    def wait(self, seconds: float) -> None:
        """Until it has ended, at most so long. For tests; a page looks again instead."""
        self._thread.join(seconds)

    def cancel(self) -> None:
        self._cancel.set()
