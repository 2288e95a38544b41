"""The user and the pages they may open. Without [auth] in the secrets there is one local user with all rights.

With [auth] people sign in (OpenID Connect, st.login). The role comes from a claim of the provider, or from the lists
under [libra.roles]; a person on no list has no role and sees only a message:

    [libra]
    study = "hypertension-2026"     # optional: separates studies that share a database
    claim = "libra_role"            # optional: the claim that carries lead, clinician or viewer
    trust_addresses = true          # optional: for a provider that never says whether an address is verified
    [libra.roles]
    lead = ["ann@hospital.example"]
    clinician = ["ben@hospital.example"]
    viewer = ["vic@hospital.example"]

The role is read again on every run and the record is asked in the person's name: the browser stores and
sends nothing that could be forged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from libra_core.records import LOCAL, Actor, Database, Repository, Role

# What a role may open, by the page's file. The record has its own, finer rules.
PAGES: Mapping[Role, frozenset[str]] = {
    Role.LEAD: frozenset(("cohort", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about")),
    Role.CLINICIAN: frozenset(("cohort", "recommend", "compare", "regret", "feedback", "case_study", "about")),
    Role.VIEWER: frozenset(("regret", "feedback", "about")),
    Role.NONE: frozenset(),
}
STRONGEST_FIRST = (Role.LEAD, Role.CLINICIAN, Role.VIEWER)
STUDY = "study"


def signed_in_by_provider() -> bool:
    """Whether this installation asks people to sign in."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def actor() -> Actor:
    """The user of this run. Role.NONE for one who has not signed in or is on no list."""
    if not signed_in_by_provider():
        return LOCAL
    if not getattr(st.user, "is_logged_in", False):
        return Actor("", Role.NONE)
    return actor_of(dict(st.user), st.secrets.get("libra", {}))


def actor_of(user: Mapping[str, Any], settings: Mapping[str, Any]) -> Actor:
    """The person that a provider's claims describe, under these settings.

    An address counts only if the provider says that it is verified, or says nothing and the settings trust it.
    """
    written = str(user.get("email") or "").strip()
    email = written.lower() if written.isascii() else ""  # lower-casing turns some letters into others
    verified = user.get("email_verified")
    if not (verified is True or verified == "true" or (verified is None and settings.get("trust_addresses") is True)):
        email = ""
    subject = str(user.get("sub") or "")
    who = email or (f"sub:{subject}" if subject else "")  # a subject is not an address
    study = str(settings.get("study") or STUDY)
    role = _claimed(user, settings) or _listed(email, settings) or Role.NONE
    return Actor(who, role if who else Role.NONE, study, str(user.get("name") or who))


def _claimed(user: Mapping[str, Any], settings: Mapping[str, Any]) -> Role | None:
    """The role in the provider's claim, where the settings name one; the strongest of several."""
    name = settings.get("claim")
    found = user.get(str(name)) if name else None
    values = found if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    return next((role for role in STRONGEST_FIRST if role.value in values), None)


def _listed(email: str, settings: Mapping[str, Any]) -> Role | None:
    lists = settings.get("roles") or {}
    named = {role: {str(entry).strip().lower() for entry in lists.get(role.value, ())} for role in STRONGEST_FIRST}
    return next((role for role, people in named.items() if email and email in people), None)


def allowed(page: str, who: Actor | None = None) -> bool:
    """Whether this person may open the page of that file name, without its ending."""
    role = (who or actor()).role
    return role is Role.LOCAL or page in PAGES[role]


@lru_cache(maxsize=4)
def _database(url: str) -> Database:
    return Database(url or None)


def repository() -> Repository:
    """The record, in this person's name. Raises Unavailable."""
    return Repository(_database(os.environ.get("LIBRA_DATABASE_URL", "")), actor())
