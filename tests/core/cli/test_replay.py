"""`replay` only reads: a wrong address or note is said in a sentence, and nothing is made or changed on the way."""

import sqlite3
from pathlib import Path

import pytest

from libra_core.__main__ import main
from libra_core.records import Database, Unavailable

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *words: str) -> str:
    """The one sentence on stderr of a replay that could not be done."""
    assert main(["replay", *words]) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    (sentence,) = heard.err.splitlines()
    return sentence


def test_a_mistyped_path_makes_neither_folder_nor_database(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "typo" / "path.sqlite"
    assert said(capsys, "--database", f"sqlite:///{path}") == (
        f"There is no record at {path}: check the path. Nothing was made."
    )
    assert list(tmp_path.iterdir()) == []


def test_without_a_record_the_default_place_stays_empty(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBRA_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite'}")
    assert "There is no record at" in said(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_record(tmp_path: Path, capsys: Capture) -> None:
    assert "There is no record at" in said(capsys, "--database", f"sqlite:///{tmp_path}")


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path, capsys: Capture) -> None:
    empty, other = tmp_path / "empty.sqlite", tmp_path / "other.sqlite"
    empty.touch()
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    for path in (empty, other):
        before = path.read_bytes()
        assert said(capsys, "--database", f"sqlite:///{path}") == (
            f"There is no record in this database (SQLite, {path.name}): check its address."
        )
        assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.sqlite", "other.sqlite"]


def test_a_record_that_is_there_is_read(tmp_path: Path, capsys: Capture) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    Database(url).close()
    assert main(["replay", "--database", url]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("address", ["::::", "nothing", "postgresql://me:secret@host:port/x"])
def test_an_address_that_is_none_is_said_without_its_password(address: str, capsys: Capture) -> None:
    sentence = said(capsys, "--database", address)
    assert sentence.startswith("The address of the database cannot be read. It begins with sqlite:/// or postgresql://")
    assert "secret" not in sentence
    with pytest.raises(Unavailable, match="cannot be read"):  # as on a page
        Database(address)


@pytest.mark.parametrize("noted", ["abc", "12", "12:", ":9f86", "-1:9f86", "²:9f86", "", "1:" + "0" * 63])
def test_a_note_that_cannot_be_read_is_said(noted: str, tmp_path: Path, capsys: Capture) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    Database(url).close()
    assert said(capsys, f"--noted={noted}", "--database", url) == (
        "--noted takes SEQ:HASH, the whole hash of 64 digits, as an earlier replay printed it: a part of it would look "
        f"like a rewritten log. Got {noted!r}."
    )
