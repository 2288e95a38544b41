"""When the server of the record fails: the same sentences, and nothing that was acknowledged is lost."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event

from libra_core.records import LOCAL, Database, Repository, SessionLog
from tests.support.kit import NHANES, begin, fails, play, postgres, postgres_bin, stamp, whole


@pytest.fixture(scope="module")
def server():
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is missing: sudo apt-get install postgresql")
    with postgres() as running:
        yield running


def test_a_server_that_goes_and_comes_back(server) -> None:
    database = Database(server.url)
    log = play(begin(database), 2)
    case, key = log.current(), stamp()
    server.stop()
    fails(lambda: log.accept(case.position, key), "cannot be reached")
    fails(lambda: log.accept(case.position, key), "cannot be reached")
    server.start()
    log.accept(case.position, key)
    whole(log, 3)


def test_a_read_only_server(server) -> None:
    database = Database(server.url)
    log = play(begin(database), 2)
    case = log.current()
    database.engine.dispose()
    read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"

    def listener(connection, _) -> None:
        connection.execute(read_only)
        connection.commit()

    event.listen(database.engine, "connect", listener)
    fails(lambda: log.accept(case.position, stamp()), "read-only")
    event.remove(database.engine, "connect", listener)
    database.engine.dispose()
    whole(log, 2)


def test_a_server_that_is_not_there() -> None:
    fails(lambda: Database("postgresql://libra@127.0.0.1:1/none"), "cannot be reached")


def test_two_windows_on_a_server(server) -> None:
    """The same races as on SQLite: the database lets one of two decisions stand."""
    database = Database(server.url)
    log = begin(database, planned=12)
    windows = [SessionLog(Repository(database, LOCAL), log.id, NHANES) for _ in range(3)]
    errors: list[BaseException] = []

    def work(window: SessionLog) -> None:
        from libra_core.records import AlreadyDecided

        try:
            while (case := window.current()) is not None:
                try:
                    window.accept(case.position, stamp())
                except AlreadyDecided:
                    window.sync()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(window,)) for window in windows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    log.sync()
    assert log.ledger.decided == 12
    whole(log, 12)
