"""Background jobs: a page shows their progress, may cancel them, and finds them again after a reload."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.draw.words import sentence
from pages.ui.session.state import Slot

log = logging.getLogger(__name__)

AT_ONCE = threading.BoundedSemaphore(2)  # heavy jobs that run at a time; the others queue
KEPT = 50  # finished jobs that can still be found
RUN = "run"  # the address's name for a job

Work = Callable[[Callable[[float], None], threading.Event], Any]

_kept: OrderedDict[str, Job] = OrderedDict()
_keeping = threading.Lock()


def keep(job: Job) -> str:
    """An unguessable name, under which the job is found again after a reload."""
    name = secrets.token_urlsafe(9)
    with _keeping:
        _kept[name] = job
        for old in [n for n, known in _kept.items() if not known.running][: max(0, len(_kept) - KEPT)]:
            del _kept[old]
    return name


def kept(name: str) -> Job | None:
    """The job of that name; None when the server does not know it, or no longer."""
    with _keeping:
        return _kept.get(name)


def start(slot: Slot[Job], work: Work, subject: object) -> None:
    """Begin a job, remember it in this session and put its name into the address."""
    job = Job(work, subject)
    slot.put(job)
    st.query_params[RUN] = keep(job)


def find_again(slot: Slot[Job], kind: type) -> bool:
    """After a reload: take the job that the address names, if its subject is of this kind and the session has none."""
    job = kept(str(st.query_params.get(RUN, "")))
    if slot.get() is not None or job is None or not isinstance(job.subject, kind):
        return False
    slot.put(job)
    return True


def progress(job: Job, doing: str, key: str) -> None:
    """A bar and a Cancel button. Draw it in a fragment with `run_every`; it reruns the whole page when the job ends."""
    if not job.running:
        st.rerun(scope="app")
    waiting = "Waiting: the server is busy with other users' studies. This starts by itself."
    st.progress(job.share, waiting if job.waiting else f"{doing}: {job.share:.0%}")
    st.button("Cancel", icon=":material/stop:", key=key, on_click=job.cancel, disabled=job.cancelled)


class Job:
    """One task in a thread of its own: `work(progress, cancel)`. The thread touches nothing but this object.

    `subject` is what the job is about: a page shows the result only while that is displayed. A job that only waits for
    another server is not `heavy` and does not queue. `result` stays None for one that was cancelled.
    """

    def __init__(self, work: Work, subject: object = None, heavy: bool = True) -> None:
        self.subject = subject
        self.waiting = False
        self.share = 0.0
        self.result: Any = None
        self.problem = ""
        self._cancel = threading.Event()
        target = self._queue if heavy else self._run
        self._thread = threading.Thread(target=target, args=(work,), name="job", daemon=True)
        self._thread.start()

    def _queue(self, work: Work) -> None:
        """Run when fewer than AT_ONCE heavy jobs do, unless cancelled before."""
        while not AT_ONCE.acquire(timeout=0.2):
            self.waiting = True
            if self.cancelled:
                self.problem = "This was cancelled while it was queued."
                return
        self.waiting = False
        try:
            self._run(work)
        finally:
            AT_ONCE.release()

    def _run(self, work: Work) -> None:
        try:
            self.result = work(self._progress, self._cancel)
        except ValueError as error:  # an invalid setting: its message is for a person
            self.problem = sentence(str(error))
        except Exception:
            log.exception("a job failed")
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
        """For tests: until the job is done, at most so long."""
        self._thread.join(seconds)
