"""Work in the background: the page asks how far it is, and may cancel it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pages.ui.draw.words import sentence

log = logging.getLogger(__name__)

AT_ONCE = threading.BoundedSemaphore(2)  # heavy work on this server; more of it waits for its turn

KEPT = 50  # pieces of work that can be found again
RUN = "run"  # where the address has the name
BUSY = "Waiting: the server is at work for others. This starts by itself."

Work = Callable[[Callable[[float], None], threading.Event], Any]


_kept: OrderedDict[str, Job] = OrderedDict()
_keeping = threading.Lock()


def keep(job: Job) -> str:
    """A name for the address, under which this work is found again after a reload. It cannot be guessed."""
    name = secrets.token_urlsafe(9)
    with _keeping:
        _kept[name] = job
        for old in [n for n, known in _kept.items() if not known.running][: max(0, len(_kept) - KEPT)]:
            del _kept[old]
    return name


def kept(name: str) -> Job | None:
    """The work of that name; None when the server does not know it, or not any more."""
    with _keeping:
        return _kept.get(name)


class Job:
    """One piece of work in a thread of its own: `work(progress, cancel)`. The thread touches nothing but this.

    `subject` is what the work is about: a page shows the result only while it still looks at that. Work that only waits
    for another server is not `heavy`: it takes nobody's turn.
    """

    def __init__(self, work: Work, subject: object = None, heavy: bool = True) -> None:
        self.subject = subject
        self.waiting = False
        self.share = 0.0
        self.result: Any = None
        self.problem = ""
        self._cancel = threading.Event()
        self._thread = threading.Thread(
            target=self._turn if heavy else self._run, args=(work,), name="job", daemon=True
        )
        self._thread.start()

    def _turn(self, work: Work) -> None:
        """Wait until the server has a place, or until it is cancelled."""
        while not AT_ONCE.acquire(timeout=0.2):
            self.waiting = True
            if self.cancelled:
                self.problem = "This was cancelled while it waited for its turn."
                return
        self.waiting = False
        try:
            self._run(work)
        finally:
            AT_ONCE.release()

    def _run(self, work: Work) -> None:
        try:
            self.result = work(self._progress, self._cancel)
        except ValueError as error:  # a setting that makes no sense: its message speaks to a person
            self.problem = sentence(str(error))
        except Exception:
            log.exception("the work failed")
            self.problem = "This stopped with an unexpected error. The server's log has the details."

    def _progress(self, share: float) -> None:
        self.share = share

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()

    def wait(self, seconds: float) -> None:
        """For tests: until the work is done, at most so long."""
        self._thread.join(seconds)
