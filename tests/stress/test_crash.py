"""The server is killed (SIGKILL) at random moments while decisions are being made: none that was acknowledged is lost,
none is doubled, the session goes on, and the whole log replays."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from benchmarks.dashboard import Client, Server
from libra_core.records import LOCAL, Database, Repository, replay
from libra_core.records.events import guards
from tests.support.kit import NHANES, apart, postgres, postgres_bin, spec

WINDOW = 1.2  # seconds of clicking within which the kill falls
PLANNED = 400


async def click_until_dead(server: Server, session: str, seconds: float) -> int:
    """Accept patient after patient as fast as the page answers, and kill the server `seconds` after the first view.

    Returns the number of decisions that the page has acknowledged.
    """
    acknowledged = -1

    async def clicking(client: Client, view) -> None:
        nonlocal acknowledged
        while True:
            acknowledged = max(acknowledged, view.decided)
            view = await client.click(view, "fb_accept_", times=random.choice((1, 1, 2)))

    async with Client(server.port, session) as client:
        view = await client.open()
        assert view.decided >= 0, view.problems
        worker = asyncio.create_task(clicking(client, view))
        await asyncio.wait({worker}, timeout=seconds)
        server.kill()
        with contextlib.suppress(websockets.ConnectionClosed, asyncio.CancelledError, OSError):
            worker.cancel()
            await worker
    return acknowledged


def killed(database: Database, log: Path, url: str, kills: int, seed: int) -> dict[str, int]:
    """So many kills; a session that is nearly full is followed by another. Returns what was counted."""
    random.seed(seed)
    repository = Repository(database, LOCAL)
    sessions = [repository.begin(spec(planned=PLANNED), "crash").id]
    counted = {"kills": kills, "decisions": 0, "acknowledged": 0, "lost": 0, "doubled": 0, "in flight": 0}
    for _ in range(kills):
        before = recorded(repository, sessions[-1])
        server = Server(log, url)
        try:
            acknowledged = apart(click_until_dead(server, sessions[-1], random.uniform(0.02, WINDOW)))
        finally:
            server.kill()
        positions = recorded(repository, sessions[-1])
        counted["lost"] += max(0, acknowledged - len(positions))
        counted["doubled"] += len(positions) - len(set(positions))
        counted["acknowledged"] += max(0, acknowledged - len(before))
        counted["in flight"] += max(0, len(positions) - max(acknowledged, len(before)))
        counted["decisions"] += len(positions) - len(before)
        assert positions[: len(before)] == before
        assert sorted(positions) == list(range(1, len(positions) + 1))
        if len(positions) > PLANNED - 150:
            sessions.append(repository.begin(spec(planned=PLANNED), "crash").id)
    for session in sessions:
        assert (check := repository.verify(session)).ok, check.message
        found = replay(repository, session, NHANES)
        assert found.ok, found.sentence
    counted["sessions"] = len(sessions)
    return counted


def recorded(repository: Repository, session: str) -> list[int]:
    """Positions of all closing decisions in the order of the log."""
    return [e.facts["position"] for e in repository.events(session) if guards(e.facts)["closes"]]


def check(database: Database, log: Path, url: str, kills: int, seed: int) -> None:
    counted = killed(database, log, url, kills, seed)
    print(f"\n{database.name.split(',')[0]}: {counted}")
    assert counted["lost"] == 0
    assert counted["doubled"] == 0
    assert counted["decisions"] > 0


@pytest.fixture
def postgres_url() -> Iterator[str]:
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is missing: sudo apt-get install postgresql")
    with postgres() as server:
        yield server.url


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_sqlite_survives_sigkill(tmp_path: Path, kills: int) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    check(Database(url), tmp_path / "server.log", url, kills, seed=1)


@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_postgresql_survives_sigkill(tmp_path: Path, postgres_url: str, kills: int) -> None:
    check(Database(postgres_url), tmp_path / "server.log", postgres_url, kills, seed=2)
