"""Test the connection with a question that holds no patient data, and report the result in one sentence."""

from __future__ import annotations

from libra_core.advisors.base import Status
from libra_core.advisors.llm.budget import Budget, Tab
from libra_core.advisors.llm.client import Client, Failure
from libra_core.advisors.llm.settings import LLMSettings

_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["ready"]}},
    "required": ["word"],
    "additionalProperties": False,
}
_MESSAGES = [{"role": "user", "content": 'Reply with this JSON object and nothing else: {"word": "ready"}'}]

_FORMAT = {
    "json_schema": "it keeps to a JSON schema",
    "json_object": "it keeps to JSON, but not to a schema",
    "text": "it offers no JSON mode, so answers are read from its text",
}


def test_connection(settings: LLMSettings, budget: Budget) -> tuple[Status, str]:
    """Ask one harmless question; a status, and a sentence for every way it can fail. Never raises."""
    off = settings.off_reason() or budget.store.fault
    if off:
        return "off", off
    try:
        reply = Client(settings).ask(_MESSAGES, _SCHEMA, 200, Tab(budget, 50, 200))
    except ValueError as error:
        return "bad_request", str(error)
    if isinstance(reply, Failure):
        return reply.status, f"{settings.host}: {reply.message}"
    if reply.refused:
        return "refused", f"{settings.host} answers, but the model declined a harmless question."
    if not reply.text.strip():
        return "invalid", f"{settings.host} answers, but with an empty reply: try a larger reply length."
    return "ok", f"{settings.host} answers as {reply.model or settings.model}; {_FORMAT[reply.response_format]}."


test_connection.__test__ = False  # type: ignore[attr-defined]  # not a test, despite its name
