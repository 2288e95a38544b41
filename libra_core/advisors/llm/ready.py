"""The language model for a cohort, set up from the environment, for the command line and studies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from libra_core.advisors.llm.advisor import LLMAdvisor
from libra_core.advisors.llm.prompt import Prompt
from libra_core.advisors.llm.settings import Consent, LLMSettings, resolve
from libra_core.advisors.llm.store import Store, open_store
from libra_core.cohort import Cohort


def llm_advisor(
    cohort: Cohort,
    allow_remote: str = "",
    environment: Mapping[str, str] | None = None,
    store: Store | None = None,
) -> LLMAdvisor:
    """An advisor that is switched on, since a person asked for it by name.

    `allow_remote`, or LIBRA_ALLOW_REMOTE, records a person's consent: the name of the one host, other than this
    machine, that banded patient facts may be sent to. Raises ValueError with a sentence for settings that cannot work.
    """
    environment = os.environ if environment is None else environment
    host = (allow_remote or environment.get("LIBRA_ALLOW_REMOTE", "")).strip().lower()
    settings = resolve(LLMSettings(enabled=True), environment=environment).settings
    settings = replace(settings, consent=Consent(host, bool(host)))
    return LLMAdvisor(
        cohort.case,
        len(cohort.protocol.mutable),
        settings,
        Prompt.load(cohort.protocol.name),
        store or open_store(),
        user="command line",
        case_name=lambda row: cohort.ids[row],
    )
