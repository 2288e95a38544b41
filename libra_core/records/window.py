"""A session in the memory of one window: the log is written first, and memory is rebuilt if it got ahead."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.records.engine import Engine
from libra_core.records.errors import OTHER_VALUES, RecordsError, Stale, Unreadable
from libra_core.records.ledger import Ledger
from libra_core.records.replay import apply
from libra_core.records.repository import Repository

log = logging.getLogger(__name__)

SNAPSHOT_EVERY = 40  # events
TRIES = 20  # each failure means that another window was faster
T = TypeVar("T")
P = ParamSpec("P")
W = TypeVar("W", bound="Window")


def writes(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """A method that calls `append` once or not at all: in its turn, again when another window was faster."""

    @wraps(method)
    def step(self: W, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return self.write(lambda: method(self, *args, **kwargs))

    return step


class Window:
    """Parameters: the repository, the session, its cohort, and the advisor if its name is not enough to make it.

    A page that is clicked twice in a hurry runs twice, in two threads, with the same window: they take turns with
    `lock`.
    """

    def __init__(self, repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.lock = threading.RLock()
        self.repository, self.id, self.cohort = repository, session_id, cohort
        self.info = repository.session(session_id)
        self.mine = self.info.owner == repository.actor.id  # may decide here; a lead may only look at others' sessions
        self.ledger = Ledger()
        self._advisor = advisor
        self._engine: Engine | None = None  # None: to be rebuilt from the log
        self._drawn = False
        self._saved = 0
        self.sync()
        self.mine = self.mine and self.engine.current

    @property
    def engine(self) -> Engine:
        with self.lock:
            return self._engine or self._rebuild()

    def draw(self) -> Engine:
        """The engine, for a step that draws random numbers: it is rebuilt unless the step is recorded."""
        engine, self._drawn = self.engine, True
        return engine

    def sync(self) -> None:
        """Read what was written since the last look, by another window or before a failure."""
        with self.lock:
            if self._engine is None:
                self._rebuild()
            else:
                for event in self.repository.events(self.id, self.ledger.seq):
                    apply(self._engine, self.ledger, event)

    def write(self, step: Callable[[], T]) -> T:
        """Run a step that ends in one call of `append`; when another window was faster, sync and run it again."""
        for _ in range(TRIES):
            try:
                result = step()
            except BaseException as error:  # whatever it was: nothing was recorded
                if self._drawn:
                    self._engine = None
                if not isinstance(error, Stale):
                    raise
                self.sync()
                continue
            finally:
                self._drawn = False
            if self.ledger.seq - self._saved >= SNAPSHOT_EVERY:
                self._save()
            return result
        raise Stale("This session is being changed in another window. Close that window, then press again.")

    def append(self, kind: str, *facts: Mapping[str, Any]) -> None:
        """Write events; only then do they count and are learned from."""
        engine = self.engine
        if not engine.current:
            raise Unreadable(OTHER_VALUES)
        for event in self.repository.append(self.id, self.ledger.seq, kind, *facts):
            apply(engine, self.ledger, event, own=True)

    def _rebuild(self) -> Engine:
        """Memory from the log: the last snapshot, and the events after it. All or nothing of it becomes memory."""
        (engine, after), ledger = self._restored(), Ledger()
        for event in self.repository.events(self.id):
            if event.seq > after:
                apply(engine, ledger, event)
            else:
                ledger.apply(event)
        self._engine, self.ledger, self._saved = engine, ledger, after
        if after == 0 and self.mine and engine.current and self.info.spec.warm_up:
            self._save()  # warming up is the slow part of opening
        return engine

    def _restored(self) -> tuple[Engine, int]:
        """The engine as the last snapshot has it, and the number of the event after which it was saved. A snapshot only
        saves time: one that is damaged or of another version is not used."""
        engine = Engine(self.info.spec, self.cohort, self._advisor)
        if engine.current and (saved := self.repository.snapshot(self.id)) is not None:
            try:
                if saved[0] > self.repository.head(self.id)[0]:
                    raise ValueError("it is ahead of the log")
                engine.restore(json.loads(saved[1]))
                return engine, saved[0]
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                log.warning("the snapshot of session %s is not used: %r", self.id, error)
                engine = Engine(self.info.spec, self.cohort, self._advisor)
        engine.warm_up()
        return engine, 0

    def _save(self) -> None:
        try:
            self.repository.save_snapshot(self.id, self.ledger.seq, self.engine.state())
            self._saved = self.ledger.seq
        except RecordsError:
            log.warning("no snapshot was saved; the log is complete without it")
