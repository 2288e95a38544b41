"""Where the record lives: SQLite in data/local/ without any set-up, PostgreSQL by LIBRA_DATABASE_URL."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from libra_core.files import home
from libra_core.records.errors import NOT_KEPT, Unavailable
from libra_core.records.schema import create

DEFAULT_PATH = home() / "records.sqlite"
MIGRATIONS = Path(__file__).with_name("migrations")
HEAD = "0003"
BUSY_SECONDS = 15.0  # how long a writer waits for its turn
LOCK = 20_260_111_905  # PostgreSQL's advisory lock of the migrations

BUSY = "Another program has kept the record busy for too long. {kept} Press again."
# What a database says (the first match counts), and the sentence for a person.
SAYINGS = {
    r"disk is full|no space left|diskfull": "The disk is full. {kept} Make room and press again.",
    r"read-?only": "The record cannot be written: the database is read-only. {kept} Make it writable and press again.",
    r"is locked": BUSY,
    r"dataerror": "A text is too long, or holds what the database cannot keep. {kept} Shorten it and press again.",
    r"malformed|not a database": "The file of the record is damaged. {kept} Restore it from a copy.",
    r"password authentication": "The database refuses the sign-in of LIBRA_DATABASE_URL. {kept}",
}
GONE = "The database cannot be reached. {kept} Check that it is running, then press again."


class Database:
    """One database, its tables up to date. Thread-safe; open it once for a process.

    Without `create` a record must be there already: whoever only reads makes no folder, no file and no tables.
    """

    def __init__(self, url: str | None = None, create: bool = True) -> None:
        url = url or os.environ.get("LIBRA_DATABASE_URL") or f"sqlite:///{DEFAULT_PATH}"
        try:
            self.url = make_url(url.replace("postgres://", "postgresql://", 1))
        except (ArgumentError, ValueError) as error:  # not repeated to the reader: it may hold a password
            raise Unavailable(
                "The address of the database cannot be read. It begins with sqlite:/// or postgresql://, as in "
                "sqlite:////home/me/records.sqlite."
            ) from error
        if self.url.drivername == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        kind = self.url.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise Unavailable(f"LIBRA_DATABASE_URL must begin with postgresql:// or sqlite:///, not {kind}://.")
        self.path = Path(self.url.database or "") if kind == "sqlite" else None
        self._turn = threading.Lock()
        self._inode: tuple[int, int] | None = None
        with sentences():
            self.engine = self._postgresql() if self.path is None else self._sqlite(self.path, create)
            self._upgrade(create)

    @property
    def name(self) -> str:
        """For a person, without the password."""
        return f"SQLite, {self.path.name}" if self.path else f"PostgreSQL, {self.url.host}/{self.url.database}"

    def _sqlite(self, path: Path, create: bool) -> Engine:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()  # only here: a file that vanishes later must not come back empty
        elif not path.is_file():
            raise Unavailable(f"There is no record at {path}: check the path. Nothing was made.")
        self._inode = _inode(path)
        address, timeout = f"sqlite:///file:{path}?mode=rw&uri=true", {"timeout": BUSY_SECONDS}
        engine = create_engine(address, pool_size=8, max_overflow=32, connect_args=timeout)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _: object) -> None:
            connection.isolation_level = None  # BEGIN is ours: see below
            if create:
                connection.execute("PRAGMA journal_mode = WAL")  # kept in the file
            connection.execute("PRAGMA synchronous = FULL")  # what is acknowledged survives a power cut
            connection.execute("PRAGMA foreign_keys = ON")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # a writer takes its turn at once: a reader that turns writer could not wait for it
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _postgresql(self) -> Engine:
        timeout = {"connect_timeout": 5}
        return create_engine(self.url, pool_size=8, max_overflow=24, pool_pre_ping=True, connect_args=timeout)

    def _check_file(self) -> None:
        """SQLite goes on writing into a file that was removed or replaced; what it writes would be lost."""
        if self.path is not None and _inode(self.path) != self._inode:
            self.engine.dispose()
            raise Unavailable(
                f"The database file {self.path.name} was removed or replaced. {NOT_KEPT} "
                "Put the file back and restart LIBRA."
            )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction that sees one state of the database throughout. Raises Unavailable."""
        with sentences():
            self._check_file()
            with self.engine.connect() as connection:
                if self.path is None:  # two queries must not see half of a step each
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing. Raises Unavailable; IntegrityError passes through."""
        with sentences(), self._my_turn():
            self._check_file()
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """SQLite lets one writer in and the others poll, up to 0.1 s apart and in no order: so threads queue here."""
        if self.path is None:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise Unavailable(BUSY.format(kept=NOT_KEPT))
        try:
            yield
        finally:
            self._turn.release()

    def _upgrade(self, create: bool) -> None:
        """Bring the tables to the newest schema, one process at a time."""
        with self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        if found == HEAD:
            return
        if found is None and not create:
            self.engine.dispose()
            raise Unavailable(f"There is no record in this database ({self.name}): check its address.")
        if found is not None and found > HEAD:
            raise Unavailable("This record was written by a newer version of LIBRA. Nothing was changed: update LIBRA.")
        with self.write() as connection:
            if self.path is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            migrate(connection)

    def close(self) -> None:
        self.engine.dispose()


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest schema, or make them, inside the transaction of `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if MigrationContext.configure(connection).get_current_revision() is None:
        create(connection)
        command.stamp(config, HEAD)
    else:
        command.upgrade(config, HEAD)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what a database driver raises into a sentence. IntegrityError is for the caller to understand."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(sentence(error)) from error


def sentence(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    message = f"{type(cause).__name__} {cause}".lower()
    return next((text for saying, text in SAYINGS.items() if re.search(saying, message)), GONE).format(kept=NOT_KEPT)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
