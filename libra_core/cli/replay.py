"""`python -m libra_core replay SESSION`: verify that a session is completely recorded and its proposals recompute."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from libra_core.records.repository import Repository


def declare(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = (
        "Walk the audit chain of a session, then replay its log from the first event and compare every "
        "stored proposal with the recomputed one. Without SESSION, list the sessions."
    )
    parser.add_argument("session", nargs="?", help="the session's id, or its first characters")
    parser.add_argument("--database", help="the database of the record (default: LIBRA_DATABASE_URL, or data/local)")
    parser.add_argument("--study", default="study", help="the study that the session belongs to")
    parser.add_argument("--cohort", help="the file, if the session used an uploaded one")
    parser.add_argument("--noted", help="SEQ:HASH noted earlier, to detect a log that was rewritten as a whole")


def run(args: argparse.Namespace) -> int:
    """0: verified; 1: something is wrong; 2: the record cannot be examined."""
    from libra_core.cohort import CohortError  # a database layer is a long import for a command line
    from libra_core.records import Actor, Database, RecordsError, Repository, Role

    try:
        noted = _noted(args.noted)
        database = Database(args.database, create=False)
        repository = Repository(database, Actor("command line", Role.LEAD, args.study))
        if not args.session:
            return _list(repository)
        found = [s for s in repository.sessions() if s.id.startswith(args.session)]
        if len(found) != 1:
            print(
                f"{len(found)} sessions of the study {args.study!r} begin with {args.session!r}. Without a session "
                "`replay` lists them; --study names another study.",
                file=sys.stderr,
            )
            return 2
        return _prove(repository, found[0].id, args.cohort, noted)
    except (RecordsError, CohortError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _list(repository: Repository) -> int:
    for session in repository.sessions():
        size = f"{session.seq} event{'s' if session.seq != 1 else ''}"
        line = f"{session.id}  {session.created_at[:16]}  {session.owner}  {session.name}  ({size})"
        print("".join(c if c.isprintable() else "?" for c in line))  # a name must not steer the terminal
    begun = repository.verify_installation()
    print(f"All sessions ever begun, and downloads made: {begun.message}")
    return 0 if begun.ok else 1


def _noted(text: str | None) -> tuple[int, str] | None:
    """The end of a log that was noted. Raises ValueError with a sentence."""
    if text is None:
        return None
    if not (found := re.fullmatch(r"(\d{1,9}):([0-9a-f]{64})", text.strip(), re.ASCII)):
        raise ValueError(
            "--noted takes SEQ:HASH, the whole hash of 64 digits, as an earlier replay printed it: a part of it would "
            f"look like a rewritten log. Got {text!r}."
        )
    return int(found[1]), found[2]


def _prove(repository: Repository, session_id: str, cohort: str | None, noted: tuple[int, str] | None) -> int:
    from libra_core.records.replay import cohort_of, replay

    audit = repository.verify(session_id, noted)
    print(f"Audit chain: {audit.message}")
    spec = repository.session(session_id).spec
    found = replay(repository, session_id, cohort_of(spec.cohort, [cohort] if cohort else []))
    print(f"Replay: {found.sentence}")
    for difference in found.differences[:10]:
        print(f"  {difference}")
    seq, head = repository.head(session_id)
    print(f"To notice a rewritten log later, write down: {seq}:{head}")
    return 0 if audit.ok and found.ok else 1
