"""The parts of the Settings page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import streamlit as st

from libra_core.advisors.llm import Consent, LLMSettings, open_store, payload_preview, test_connection
from libra_core.advisors.llm.budget import price_of
from libra_core.advisors.llm.settings import Resolved
from libra_core.advisors.llm.store import StoreError
from libra_core.cohort import Cohort
from pages.ui.draw import words
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import download, failed
from pages.ui.session import live, llm
from pages.ui.session.state import app_state

KIND = {"ok": st.success, "off": st.info}


def server() -> None:
    """Server and model. A value from the environment or the secrets is shown, not edited."""
    now = llm.resolved()
    (url, fixed), (name, named) = _shown("base_url"), _shown("model")
    st.selectbox(
        "Preset",
        list(llm.SERVERS),
        index=None,
        placeholder="choose a kind of server …",
        key="llm_preset",
        on_change=_use_preset,
        disabled=bool(fixed),
    )
    address = st.text_input(
        "Server address",
        url,
        key="llm_url",
        disabled=bool(fixed),
        help="Any server with an OpenAI-compatible chat completions API. Most addresses end in /v1.",
    )
    model = st.text_input("Model", name, key="llm_model", disabled=bool(named))
    _keep(base_url=address.strip(), model=model.strip())
    for place, label in ((fixed, "The server address"), (named, "The model")):
        if place:
            st.caption(f"{label} is set in the {place}, which overrides this page.")
    st.caption(_key_sentence(now))


def _shown(name: str) -> tuple[Any, str]:
    """A setting's value, and where it is set if this page cannot change it: 'environment', 'secrets' or ''."""
    now = llm.resolved()
    if (where := now.source.get(name)) in ("environment", "secrets"):
        return getattr(now.settings, name), where
    return getattr(llm.session().page, name), ""


def _keep(**typed: object) -> None:
    """Keep what was typed, except where the environment or the secrets override it."""
    llm.update(**{name: value for name, value in typed.items() if not _shown(name)[1]})


def _use_preset() -> None:
    chosen = st.session_state.get("llm_preset")
    if chosen:
        st.session_state["llm_url"] = llm.SERVERS[chosen]


def _key_sentence(now: Resolved) -> str:
    if now.settings.has_key:
        return f"API key: set in the {now.source['api_key']}. It is never stored, logged or shown."
    return (
        "API key: not set. Put `OPENAI_API_KEY` into the environment or into `.streamlit/secrets.toml`; "
        "it cannot be entered here. A server on this machine needs no key."
    )


def limits() -> None:
    """Questions for each patient, and the limits of a session."""
    page, now = llm.session().page, llm.resolved()
    samples = st.slider(
        "Questions for each patient",
        1,
        9,
        page.samples,
        key="llm_samples",
        help="Each lists the options in a different order; the most frequent answer is used. The share of samples "
        "that agree is a vote share, not a probability.",
    )
    left, middle, right = st.columns(3)
    most, where = _shown("max_calls")
    calls = left.number_input("Limit: questions", 0, 1_000_000, most, step=50, key="llm_calls", disabled=bool(where))
    tokens = middle.number_input("Limit: tokens", 0, 10**9, page.max_tokens, step=100_000, key="llm_tokens")
    cost = right.number_input("Limit: US dollars", 0.0, 10_000.0, page.max_cost, step=1.0, key="llm_cost")
    _keep(samples=int(samples), max_calls=int(calls), max_tokens=int(tokens), max_cost=float(cost))
    st.caption(
        f"Limits for one person and day (UTC), over all tabs and programs of this installation. "
        f"{_price_sentence(now.settings)}"
    )


def _price_sentence(settings: LLMSettings) -> str:
    price, model = price_of(settings), escaped(settings.model)
    if settings.is_local:
        return "A server on this machine costs nothing."
    if price is None:
        return f"The price of {model} is not in data/prompts/prices.toml, so only questions and tokens count."
    return (
        f"{model}: {price.input:g} dollars for a million tokens in, {price.output:g} out "
        "(from general knowledge; check data/prompts/prices.toml against your provider's list)."
    )


def consent(cohort: Cohort) -> None:
    """The text that would be sent, the consent to it, and the switch."""
    settings = llm.resolved().settings
    row = _example_row(cohort)
    try:
        prompt = llm.prompt(cohort)
    except ValueError as error:  # no text is written for this disease
        st.info(f"{escaped(words.sentence(str(error)))} Until then the model stays off.", icon=":material/block:")
        llm.update(enabled=False)
        return
    with st.expander("Preview the text that would be sent", key="llm_payload"):
        st.caption(
            f"The complete text of one question about patient {cohort.ids[row]}. Numbers are banded; identifiers, free "
            "text and the file's column names are never included."
        )
        st.code(payload_preview(prompt, cohort.case(row), settings.seed), language=None, wrap_lines=True)
    if settings.is_local:
        st.caption(":material/lock: The server is on this machine: nothing leaves it.")
        agreed = Consent("")
    else:
        yes = st.checkbox(
            f"I have read it and agree to send such text to {escaped(settings.host)}",
            value=settings.may_send,
            key=f"llm_consent-{settings.host}",
        )
        agreed = Consent(settings.host, bool(yes))
    on = st.toggle(
        "Ask the language model",
        value=llm.session().page.enabled,
        key="llm_on",
        help="Off by default. Without it, advice comes from the guideline's rules or a simulated advisor.",
    )
    llm.update(enabled=bool(on), consent=agreed)


def _example_row(cohort: Cohort) -> int:
    row = app_state().row
    return row if row is not None and row < len(cohort) else live.first(cohort) if len(cohort.arrivals) else 0


def status() -> None:
    """Whether the model is asked, and if not, why."""
    now, settings = llm.resolved(), llm.resolved().settings
    if now.fault:
        failed(now.fault)
    elif settings.off_reason():
        st.info(escaped(f"{settings.off_reason()} {llm.OFFLINE}"), icon=":material/toggle_off:")
    else:
        st.success(escaped(llm.speaker()), icon=":material/toggle_on:")


def connection() -> None:
    """Send a test question without patient data, and report the result."""
    settings = llm.resolved().settings
    mine = llm.session()
    if st.button(
        "Test the connection",
        key="llm_test",
        disabled=bool(settings.off_reason()),
        icon=":material/network_check:",
        help="Sends one test question without patient data.",
    ):
        with st.spinner("Asking …"):
            # A person waits here, so nothing is tried again and ten seconds are enough.
            quick = replace(settings, timeout=min(settings.timeout, 10.0), max_retries=0)
            result = test_connection(quick, llm.budget())
        mine.tested = (settings, *result)
    if mine.tested and mine.tested[0] == settings:
        KIND.get(mine.tested[1], st.warning)(escaped(mine.tested[2]))


def spend() -> None:
    """Questions, tokens and dollars of this person today, and of everybody."""
    settings = llm.resolved().settings
    try:
        used, all_ = llm.budget().mine, llm.budget().today()
    except StoreError as error:
        return failed(str(error))
    shown = f"${used.cost:,.2f}" if price_of(settings) else "unknown"
    for column, (label, value, cap, today) in zip(
        st.columns(3),
        (
            ("Questions", f"{used.calls:,}", f"{settings.max_calls:,}", f"{all_.calls:,}"),
            ("Tokens", f"{used.tokens:,}", f"{settings.max_tokens:,}", f"{all_.tokens:,}"),
            ("Cost", shown, f"${settings.max_cost:,.2f}", f"${all_.cost:,.2f}"),
        ),
        strict=True,
    ):
        said = f"of {cap} today; everybody {today}"
        column.metric(label, value, said, delta_color="off", delta_arrow="off")


def audit() -> None:
    """The audit log: integrity check and download."""
    store = open_store()
    try:
        count, _ = store.head()
    except StoreError as error:
        return failed(str(error))
    st.caption(f"Audit log: {count:,} rows, each chained to the one before.")
    with st.container(horizontal=True):
        check = st.button("Check the audit log", key="llm_verify", disabled=count == 0)
        rows = lambda: "\n".join(json.dumps(row, ensure_ascii=False) for row in store.rows())  # noqa: E731
        download("Download", rows, "libra-advice-audit.jsonl", "llm_audit", disabled=count == 0)
    if check:
        found = store.verify()
        (st.success if found.ok else st.error)(escaped(found.message))
