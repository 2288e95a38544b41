"""The store keeps the limits: over processes, and by asking nobody when it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from libra_core.advisors.llm import Store, open_store
from libra_core.advisors.llm import store as store_module
from libra_core.advisors.llm.store import StoreError
from libra_core.cli import main
from tests.support.llm_faults import advisor_for, case

PROCESSES, EACH = 6, 12
ASK = """
import sys
from pathlib import Path
from libra_core.advisors.llm import LLMSettings, Store
from tests.support.llm_faults import advisor_for, case
url, path, model, person, cap, first, each = sys.argv[1:]
settings = LLMSettings(enabled=True, base_url=url, model=model, samples=1, timeout=20, patience=0, max_calls=int(cap))
advisor = advisor_for(settings, Store(Path(path)))
advisor.user = advisor.budget.person = person
advisor.breaker.limit = 10**6
print([advisor.consult(case(row)).advice.status for row in range(int(first), int(first) + int(each))])
"""


def asked_by_processes(url: str, path: Path, model: str, cap: int, people: list[str]) -> list[str]:
    """Several processes ask at once, each about patients of its own; the statuses of all."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, url, str(path), model, person, str(cap), str(EACH * n), str(EACH)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n, person in enumerate(people)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert all(process.returncode == 0 for process in running)
    return [status for line in said for status in eval(line)]


@pytest.mark.parametrize("model", ["good", "fault:503", "fault:no-json"])
def test_a_limit_holds_over_processes_to_the_last_request(server, tmp_path, model):
    """Also where a server is asked again after an error, or in another form: no request leaves beyond the cap."""
    cap, path = 20, tmp_path / "advice.sqlite"
    server.seen.clear()
    statuses = asked_by_processes(server.base_url, path, model, cap, ["dr-lee"] * PROCESSES)
    assert len(statuses) == PROCESSES * EACH
    assert server.seen[model] == cap, "none beyond the cap, and none of it lost"
    assert Store(path).spend("dr-lee")[0] == Store(path).spend()[0] == cap
    assert statuses.count("budget") >= PROCESSES * EACH - cap
    if model == "good":
        assert statuses.count("ok") == cap
        assert Store(path).spend() == (cap, 960 * cap, 0.0), "reservations are settled to what was used"
    assert Store(path).verify().ok


def test_each_person_has_a_limit_of_ones_own_and_all_share_the_days(server, settings, tmp_path):
    path = tmp_path / "advice.sqlite"
    server.seen.clear()
    asked_by_processes(server.base_url, path, "good", 7, ["ann", "ben", "ann"])
    assert (Store(path).spend("ann")[0], Store(path).spend("ben")[0], Store(path).spend()[0]) == (7, 7, 14)
    full = advisor_for(replace(settings, day_calls=14), Store(path))
    assert "everybody" in full.consult(case(900)).message
    assert server.seen["good"] == 14


def test_a_reservation_is_settled_on_the_day_it_was_made(settings, monkeypatch):
    advisor = advisor_for(settings)
    held = advisor.budget.reserve(100, 400)
    monkeypatch.setattr(store_module, "today", lambda: "2999-01-01")
    monkeypatch.setattr("libra_core.advisors.llm.budget.today", lambda: "2999-01-01")
    advisor.budget.settle(held, 1, 1)
    assert advisor.budget.today().tokens == 0, "yesterday's rest does not make room today"


# A store that cannot be used ------------------------------------------------------------------------------------------


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everything, so permissions are tried as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path
        path.chmod(0o777)


def _folder(place: Path) -> Path:
    (place / "advice.sqlite").mkdir()
    return place / "advice.sqlite"


def _under_a_file(place: Path) -> Path:
    (place / "file").write_text("")
    return place / "file" / "advice.sqlite"


def _not_a_database(place: Path) -> Path:
    (place / "notes.txt").write_text("These are my notes, which nobody may lose. " * 100)
    return place / "notes.txt"


def _read_only(place: Path) -> Path:
    Store(place / "advice.sqlite").close()
    (place / "advice.sqlite").chmod(0o444)
    return place / "advice.sqlite"


def _read_only_folder(place: Path) -> Path:
    place.chmod(0o555)
    return place / "advice.sqlite"


def _damaged(place: Path) -> Path:
    with_rows = Store(place / "advice.sqlite")
    for n in range(500):
        with_rows.put(f"key {n}", {"answer": "x" * 200})
    with_rows.close()
    content = bytearray((place / "advice.sqlite").read_bytes())
    content[100:6000] = b"\xff" * 5900  # the schema and the first tables
    (place / "advice.sqlite").write_bytes(content)
    return place / "advice.sqlite"


PLACES = [_folder, _under_a_file, _not_a_database, _read_only, _read_only_folder, _damaged, lambda _: Path("/dev/full")]


@pytest.mark.parametrize("broken", PLACES, ids=lambda f: f.__name__.strip("_<>"))
def test_a_store_that_cannot_be_used_is_said_and_nobody_is_asked(broken, folder, server, settings, monkeypatch):
    place = broken(folder)
    before = place.read_bytes() if place.is_file() else b""
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(place))
    server.seen.clear()
    with as_nobody():
        store = open_store()
        heard = advisor_for(settings, store).consult(case())
    assert str(place) in store.fault
    assert "LIBRA_ADVICE_DB" in store.fault
    assert (heard.advice.status, heard.message) == ("off", store.fault)
    assert server.seen.total() == 0
    assert not place.is_file() or place.read_bytes() == before, "what lies there is left alone"


@pytest.mark.parametrize("broken", [_folder, _under_a_file, _not_a_database], ids=lambda f: f.__name__.strip("_"))
def test_the_command_line_says_so(broken, server, monkeypatch, tmp_path, capsys):
    place = broken(tmp_path)
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(place))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("LIBRA_MODEL", "good")
    server.seen.clear()
    assert main(["advise", "--cohort", "accord-like", "--row", "3", "--advisor", "llm"]) == 0
    assert (
        main(
            [
                "simulate",
                "--environment",
                "hypertension",
                "--cohort",
                "accord-like",
                "--advisor",
                "llm",
                "--rounds",
                "5",
            ]
        )
        == 2
    )
    said = capsys.readouterr()
    for stream in (said.out, said.err):
        assert f"{place}, cannot be used" in stream
    assert server.seen.total() == 0


@pytest.mark.parametrize("pages_left", [0, 1, 3])
def test_a_disk_that_fills_up_ends_the_questions(server, settings, tmp_path, pages_left):
    """Nothing is asked that cannot be counted, and no advice is given that no audit row knows of."""
    store = Store(tmp_path / "advice.sqlite")
    advisor = advisor_for(settings, store)
    assert advisor.consult(case(0)).advice.given
    used = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {used + pages_left}")
    statuses, rows, row = [], [], 1
    while len(statuses) < 3 or statuses[-3:] != ["unavailable"] * 3:
        heard = advisor.consult(case(row))
        statuses.append(heard.advice.status)
        rows.append(heard.audit_row)
        row += 1
        assert row < 500, "the disk never filled up"
    assert "disk is full" in heard.message
    assert all(number for number, status in zip(rows, statuses, strict=True) if status == "ok")
    assert server.seen[settings.model] <= store.spend()[0]
    store._db.execute("PRAGMA max_page_count = 100000")
    advisor.breaker.record(True)
    assert advisor.consult(case(row)).advice.given, "once there is room it goes on"


def test_a_store_that_breaks_on_the_way_is_a_status(settings):
    advisor = advisor_for(replace(settings, samples=1))
    advisor.store.close()
    with pytest.raises(StoreError, match="cannot be used"):
        advisor.store.spend()
    assert advisor.recall(case()).advice.status == "off"
    assert advisor.consult(case()).advice.status == "unavailable"
    assert advisor.note_decision(1, "ccb") == 0
