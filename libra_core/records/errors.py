"""What can go wrong with a record, each with a sentence for the user. No other exception leaves this package."""

from __future__ import annotations


class RecordsError(Exception):
    """Base of all. str() is a sentence: what happened, what was kept, and what to do."""


class Unavailable(RecordsError):  # noqa: N818 -- no "Error" in a name that says it
    """The database cannot be read or written at the moment; nothing of this step was recorded."""


class Stale(RecordsError):  # noqa: N818 -- no "Error" in a name that says it
    """Another window has written to the session since it was read."""


class AlreadyDecided(RecordsError):  # noqa: N818 -- no "Error" in a name that says it
    """The patient has a decision already, another one than the one now sent."""


class Denied(RecordsError):  # noqa: N818 -- no "Error" in a name that says it
    """Missing, or not this person's: the sentence is the same, so that it reveals nothing."""


class Unreadable(RecordsError):  # noqa: N818 -- no "Error" in a name that says it
    """The record does not fit this installation: another cohort file, another version."""


OTHER_VALUES = (
    "This session was made under other values, or another version of the protocol, than today's. It can be read, "
    "verified and exported; to decide, start a new session."
)
NOT_KEPT = "This step was not recorded; everything before it is safe."
