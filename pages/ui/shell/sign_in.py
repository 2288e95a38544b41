"""The pages that a person may open, and how to sign in and out where an installation asks for it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from libra_core.records import Role
from pages.ui.draw.cards import escaped
from pages.ui.session import access

FRONT = "cohort"  # the page whose address is empty


def pages(every: list[Any]) -> list[Any]:
    """The pages that this person may open: a page that is not in the list cannot be reached by its address either.

    For somebody who may open none it is one page that says how to sign in.
    """
    who = access.actor()
    if who.role is Role.LOCAL:
        return every
    if mine := [page for page in every if access.allowed(page.url_path or FRONT, who)]:
        return mine
    front = st.Page(sign_in, title="Sign in", icon=":material/login:", default=True)
    others = [page.url_path for page in every if page.url_path]  # an address from before must not end in "not found"
    return [front, *(st.Page(sign_in, title="Sign in", url_path=path, visibility="hidden") for path in others)]


def sign_in() -> None:
    """The only page of somebody without a role."""
    with st.container(key="sign-in"):
        if getattr(st.user, "is_logged_in", False):
            st.warning(
                "You are signed in, but no role in this study is set down for you. Ask the study's lead to add you.",
                icon=":material/lock_person:",
            )
            return
        st.info("This study asks its users to sign in.", icon=":material/lock:")
        st.button("Sign in", key="sign_in", on_click=st.login, type="primary", icon=":material/login:")


def who_am_i() -> None:
    """One line for people who signed in: name, role, and how to sign out."""
    who = access.actor()
    if not who.id or who.role is Role.LOCAL:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
        st.caption(f"{escaped(who.name or who.id)} · {who.role.value} · study {escaped(who.study)}")
        st.button("Sign out", key="sign_out", on_click=st.logout, type="tertiary", icon=":material/logout:")
