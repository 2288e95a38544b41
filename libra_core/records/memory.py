"""What one window knows of a session: the log comes first, memory follows it and is built again when it was ahead."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.records.engine import Engine
from libra_core.records.errors import RecordsError, Stale
from libra_core.records.ledger import Ledger
from libra_core.records.replay import fold, settle
from libra_core.records.repository import Repository, SessionInfo
from libra_core.records.tables import Event

log = logging.getLogger(__name__)

SNAPSHOT_EVERY = 40  # events
TRIES = 20  # each failure means that another window got further
T = TypeVar("T")
P = ParamSpec("P")
M = TypeVar("M", bound="Memory")


def in_turn(method: Callable[Concatenate[M, P], T]) -> Callable[Concatenate[M, P], T]:
    """One thread at a time."""

    @wraps(method)
    def turn(self: M, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return method(self, *args, **kwargs)

    return turn


class Memory:
    """Parameters: the repository, the session, its cohort, and the advisor if it is not one that a name makes.

    A page that is clicked twice in a hurry runs twice, in two threads, with the same memory: public methods take turns.
    """

    def __init__(self, repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.repository = repository
        self.lock = threading.RLock()
        self.info: SessionInfo = repository.session(session_id)
        self.cohort = cohort
        self._advisor = advisor
        self._engine: Engine | None = None
        self._unrecorded = False  # memory is ahead of the log
        self.ledger = Ledger()
        self._saved = 0
        self.sync()

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def engine(self) -> Engine:
        with self.lock:
            if self._engine is None:
                self._rebuild()
            assert self._engine is not None
            return self._engine

    @property
    def mine(self) -> bool:
        """Whether this person may decide here; a lead may only look at the sessions of others."""
        return self.info.owner == self.repository.actor.id

    @in_turn
    def sync(self) -> None:
        """Take in what was written since the last look, by another window or before a failure."""
        if self._engine is None:
            self._rebuild()
        elif self.repository.last(self.id) != self.ledger.seq:
            for event in self.repository.events(self.id, self.ledger.seq):
                self.ledger.apply(event)
                fold(self._engine, self.ledger, event)

    def _rebuild(self) -> None:
        """Memory from the log: the last snapshot, and the events after it. All or nothing of it becomes memory."""
        engine, after = self._restored()
        ledger = Ledger()
        for event in self.repository.events(self.id):
            ledger.apply(event)
            if event.seq > after:
                fold(engine, ledger, event)
        self._engine, self.ledger, self._saved = engine, ledger, after
        if after == 0 and self.mine and self.info.spec.warm_up:
            self._save()  # the experience before the first patient is the slow part of a start

    def _restored(self) -> tuple[Engine, int]:
        """The engine as the last snapshot has it, and the event that it stands after. A snapshot only saves time: one
        that is damaged or of another version is not used."""
        engine = Engine(self.info.spec, self.cohort, self._advisor)
        if (saved := self.repository.snapshot(self.id)) is not None:
            try:
                if saved[0] > self.repository.last(self.id):
                    raise ValueError("it is ahead of the log")
                engine.restore(json.loads(saved[1]))
                return engine, saved[0]
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                log.warning("the snapshot of session %s is not used: %r", self.id, error)
                engine = Engine(self.info.spec, self.cohort, self._advisor)
        engine.warm_up()
        return engine, 0

    def _append(self, event: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Event:
        return self.repository.append(self.id, self.ledger.seq, event, rows)

    def _write(self, step: Callable[[], T]) -> T:
        """Do a step that ends in one event. When another window was faster, read on and do it again."""
        for _ in range(TRIES):
            try:
                result = step()
            except Stale:
                if self._unrecorded:
                    self._engine = None
                self.sync()
                continue
            except BaseException:  # whatever it was: nothing was recorded
                if self._unrecorded:  # a proposal was drawn that nobody will ever see: forget that it was
                    self._engine = None
                raise
            finally:
                self._unrecorded = False
            self._snapshot()
            return result
        raise Stale("This session is being changed in another window. Close that window, then press again.")

    def _snapshot(self) -> None:
        if self.ledger.seq - self._saved >= SNAPSHOT_EVERY:
            self._save()

    def _save(self) -> None:
        try:
            self.repository.save_snapshot(self.id, self.ledger.seq, self.engine.state())
            self._saved = self.ledger.seq
        except RecordsError:
            log.warning("no snapshot was saved; the log is complete without it")

    def _finish(self, event: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write the event; only then is it done, and learned from."""
        written = self._append(event, rows)
        self.ledger.apply(written)
        settle(self.engine, written)
