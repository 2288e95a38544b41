"""The language model in one session: settings from their three sources, and the advisor made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from libra_core.advisors.llm import Consultation, LLMAdvisor, LLMSettings, Prompt, open_store, resolve
from libra_core.advisors.llm.budget import Budget, Spend
from libra_core.advisors.llm.settings import NAMES, Resolved
from libra_core.advisors.llm.store import StoreError
from libra_core.cohort import Cohort
from pages.ui.draw.words import sentence
from pages.ui.session import access

# Addresses to start from. Any other server that speaks chat completions works as well.
SERVERS = {
    "OpenAI": "https://api.openai.com/v1",
    "Azure OpenAI (put in your resource's name)": "https://RESOURCE.openai.azure.com/openai/v1",
    "Ollama on this machine": "http://localhost:11434/v1",
    "LM Studio on this machine": "http://localhost:1234/v1",
    "llama.cpp on this machine": "http://localhost:8080/v1",
    "vLLM on this machine": "http://localhost:8000/v1",
}
OFFLINE = (
    "No language model is asked. Advice comes from the guideline's rules, from recorded answers or from a simulated "
    "advisor, and is labelled so."
)


@dataclass
class LLMSession:
    """What the Settings page has set, the last connection test, and the advisor in use."""

    page: LLMSettings = field(default_factory=LLMSettings)
    tested: tuple[LLMSettings, str, str] | None = None  # settings, status, sentence
    made_for: tuple[LLMSettings, Cohort] | None = None
    advisor: LLMAdvisor | None = None
    heard: dict[int, Consultation] = field(default_factory=dict)  # what the advisor in use said, by row


def session() -> LLMSession:
    return st.session_state.setdefault("libra.llm", LLMSession())


def resolved() -> Resolved:
    """The settings in force. Settings or a store that cannot work leave the model off, with a sentence in `fault`."""
    try:
        found = resolve(session().page, _secrets())
    except ValueError as error:
        return Resolved(LLMSettings(), dict.fromkeys(NAMES.values(), "default"), sentence(str(error)))
    fault = open_store().fault
    return replace(found, settings=replace(found.settings, enabled=False), fault=fault) if fault else found


def _secrets() -> dict[str, str]:
    try:
        return {name: str(st.secrets[name]) for name in NAMES if name in st.secrets}
    except (StreamlitSecretNotFoundError, FileNotFoundError):
        return {}


def advisor(cohort: Cohort) -> LLMAdvisor:
    """This session's advisor for a cohort; made anew when the settings, the cohort or a broken store change."""
    mine, settings = session(), resolved().settings
    known, old = mine.made_for, mine.advisor
    if old is None or old.store.fault or known is None or known[0] != settings or known[1] is not cohort:
        mine.advisor = old = LLMAdvisor(
            cohort.case,
            len(cohort.protocol.mutable),
            settings,
            prompt(cohort),
            open_store(),
            user=access.actor().id,
            case_name=lambda row: cohort.ids[row],
        )
        mine.made_for = (settings, cohort)
        mine.heard = {}
    return old


def prompt(cohort: Cohort) -> Prompt:
    return Prompt.load(cohort.protocol.name)


def budget() -> Budget:
    """This person's limits, over all tabs and processes that share the store."""
    return Budget(resolved().settings, open_store(), access.actor().id)


def spent() -> Spend:
    """What this person has used today; nothing where the store cannot tell: then nothing can be asked either."""
    try:
        return budget().mine
    except StoreError:
        return Spend()


def speaker() -> str:
    """Who gives advice now, in one sentence. Nothing simulated is ever called an LLM's answer."""
    settings, fault = resolved().settings, resolved().fault
    if settings.off_reason():
        return f"{fault} {OFFLINE}".lstrip()
    return f"The language model “{settings.model}” at {settings.host} is asked."


def update(**changes: object) -> None:
    """Change what the page sets."""
    mine = session()
    mine.page = replace(mine.page, **changes)
