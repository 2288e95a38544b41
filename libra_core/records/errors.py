"""What can go wrong with a record, each with a sentence for the person at work. Nothing else leaves this package."""

from __future__ import annotations


class RecordsError(Exception):
    """Base of all. str() is a sentence that says what happened, what was kept, and what to do."""


class Unavailable(RecordsError):  # noqa: N818 -- reads as what it says
    """The database cannot be read or written at the moment; nothing of this step was recorded."""


class Stale(RecordsError):  # noqa: N818 -- reads as what it says
    """Somebody else (another tab) has written to the session since it was read."""


class AlreadyDecided(RecordsError):  # noqa: N818 -- reads as what it says
    """The patient has been decided, with another decision than the one now sent."""


class Denied(RecordsError):  # noqa: N818 -- reads as what it says
    """Not there, or not this person's: the sentence is the same, so that nothing is learned from it."""


class Unreadable(RecordsError):  # noqa: N818 -- reads as what it says
    """The record does not fit this installation: another cohort file, another version."""


OTHER_VALUES = (
    "This session was made under other values, or another version of the protocol, than today's. It can be read, "
    "verified and exported; to decide, start a new session."
)
NOT_KEPT = "This step was not recorded; everything before it is safe."
