"""The language model as an advisor: off until a person switches it on; a failure is a status."""

from libra_core.advisors.llm.advisor import LLMAdvisor, StoredAnswers
from libra_core.advisors.llm.connection import test_connection
from libra_core.advisors.llm.precompute import Progress, export_batch, import_batch, precompute
from libra_core.advisors.llm.prompt import Prompt, payload_preview
from libra_core.advisors.llm.ready import llm_advisor
from libra_core.advisors.llm.settings import Consent, LLMSettings, resolve
from libra_core.advisors.llm.store import Store, open_store
from libra_core.advisors.llm.vote import Ballot, Consultation

__all__ = [
    "Ballot",
    "Consent",
    "Consultation",
    "LLMAdvisor",
    "LLMSettings",
    "Progress",
    "Prompt",
    "Store",
    "StoredAnswers",
    "export_batch",
    "import_batch",
    "llm_advisor",
    "open_store",
    "payload_preview",
    "precompute",
    "resolve",
    "test_connection",
]
