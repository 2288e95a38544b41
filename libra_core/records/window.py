"""What one window knows of a session: the log comes first, memory follows it and is built again when it was ahead."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from libra_core.advisors.base import Advisor
from libra_core.cohort import Cohort
from libra_core.records.engine import Engine
from libra_core.records.errors import OTHER_VALUES, RecordsError, Stale, Unreadable
from libra_core.records.ledger import Ledger
from libra_core.records.replay import Fold
from libra_core.records.repository import Repository, SessionInfo

log = logging.getLogger(__name__)

SNAPSHOT_EVERY = 40  # events
TRIES = 20  # each failure means that another window got further
T = TypeVar("T")


class Window:
    """Parameters: the repository, the session, its cohort, and the advisor if it is not one that a name makes."""

    def __init__(self, repository: Repository, session_id: str, cohort: Cohort, advisor: Advisor | None = None) -> None:
        self.repository = repository
        self.info: SessionInfo = repository.session(session_id)
        self.mine = self.info.owner == repository.actor.id
        self.cohort = cohort
        self._advisor = advisor
        self._engine: Engine | None = None  # None: to be built from the log
        self._drawn = False
        self._saved = 0
        self.ledger = Ledger()
        self.sync()
        self.mine = self.mine and self.engine.current

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._rebuild()
        assert self._engine is not None
        return self._engine

    def draw(self) -> Engine:
        """The engine, for a step that draws what nobody has seen: it is built again unless the step is recorded."""
        engine, self._drawn = self.engine, True
        return engine

    def sync(self) -> None:
        """Take in what was written since the last look, by another window or before a failure."""
        if self._engine is None:
            self._rebuild()
        elif self.repository.last(self.info.id) != self.ledger.seq:
            fold = Fold(self._engine, self.ledger)
            for event in self.repository.events(self.info.id, self.ledger.seq):
                fold.take(event)

    def write(self, step: Callable[[], T]) -> T:
        """Do a step that ends in one call of `append`. When another window was faster, read on and do it again."""
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
        """Write events; only then are they done, and learned from."""
        engine = self.engine
        if not engine.current:
            raise Unreadable(OTHER_VALUES)
        for event in self.repository.append(self.info.id, self.ledger.seq, kind, *facts):
            Fold(engine, self.ledger).wrote(event)

    def _rebuild(self) -> None:
        """Memory from the log: the last snapshot, and the events after it. All or nothing of it becomes memory."""
        engine, after = self._restored()
        fold = Fold(engine)
        for event in self.repository.events(self.info.id):
            if event.seq > after:
                fold.take(event)
            else:
                fold.ledger.apply(event)
        self._engine, self.ledger, self._saved = engine, fold.ledger, after
        if after == 0 and self.mine and engine.current and self.info.spec.warm_up:
            self._save()  # the experience before the first patient is the slow part of a start

    def _restored(self) -> tuple[Engine, int]:
        """The engine as the last snapshot has it, and the event that it stands after. A snapshot only saves time: one
        that is damaged or of another version is not used."""
        engine = Engine(self.info.spec, self.cohort, self._advisor)
        if engine.current and (saved := self.repository.snapshot(self.info.id)) is not None:
            try:
                if saved[0] > self.repository.last(self.info.id):
                    raise ValueError("it is ahead of the log")
                engine.restore(json.loads(saved[1]))
                return engine, saved[0]
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                log.warning("the snapshot of session %s is not used: %r", self.info.id, error)
                engine = Engine(self.info.spec, self.cohort, self._advisor)
        engine.warm_up()
        return engine, 0

    def _save(self) -> None:
        try:
            self.repository.save_snapshot(self.info.id, self.ledger.seq, self.engine.state())
            self._saved = self.ledger.seq
        except RecordsError:
            log.warning("no snapshot was saved; the log is complete without it")
