"""Settings of the language model: server, model, limits and consent.

Environment variables override Streamlit secrets, which override what was typed on the page.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"

# Environment variable (and Streamlit secret of the same name) -> setting.
NAMES = {
    "OPENAI_API_KEY": "api_key",
    "OPENAI_BASE_URL": "base_url",
    "LIBRA_MODEL": "model",
    "LIBRA_MAX_CALLS": "max_calls",
}


@dataclass(frozen=True)
class Consent:
    """A person's consent to sending banded patient facts to one host. It does not cover any other host."""

    host: str
    allow_remote: bool = False


@dataclass(frozen=True)
class LLMSettings:
    """How the model is asked. `enabled` is False until a person switches it on.

    timeout, connect_timeout: seconds for one request, the whole of its reply included. max_retries: the SDK's, the
    only place that retries. patience: the longest wait, in seconds, that a server may ask for with Retry-After.
    samples: questions for each case, each with its menu in another order. max_calls, max_tokens, max_cost (USD):
    caps of a session; day_calls, day_tokens, day_cost: caps of a day (UTC) across sessions.
    """

    enabled: bool = False
    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    api_key: SecretStr = field(default=SecretStr(""), repr=False)
    consent: Consent = Consent("")
    samples: int = 3
    temperature: float = 0.3
    max_reply_tokens: int = 400
    timeout: float = 30.0
    connect_timeout: float = 5.0
    max_retries: int = 2
    patience: float = 15.0
    seed: int = 0
    max_calls: int = 500
    max_tokens: int = 1_000_000
    max_cost: float = 5.0
    day_calls: int = 2_000
    day_tokens: int = 4_000_000
    day_cost: float = 20.0

    def validate(self) -> LLMSettings:
        """Return self, or raise ValueError with a sentence for a person."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the server address must look like {DEFAULT_BASE_URL}, got {self.base_url!r}")
        if parts.username or parts.password:
            raise ValueError("the server address must not hold a password; set OPENAI_API_KEY instead")
        if not self.model.strip():
            raise ValueError("name the model to ask, for instance " + DEFAULT_MODEL)
        for name, low, high in (
            ("samples", 1, 15),
            ("temperature", 0, 2),
            ("max_reply_tokens", 50, 8_000),
            ("timeout", 0.05, 120),
            ("connect_timeout", 0.05, 120),
            ("max_retries", 0, 5),
            ("patience", 0, 120),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value:g}")
        for name in ("max_calls", "max_tokens", "max_cost", "day_calls", "day_tokens", "day_cost"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name):g}")
        return self

    @property
    def host(self) -> str:
        return (urlsplit(self.base_url).hostname or "").lower()

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, so that nothing leaves it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def may_send(self) -> bool:
        """Loopback needs no consent; any other host needs one that names it."""
        return self.is_local or (self.consent.allow_remote and self.consent.host == self.host)

    @property
    def has_key(self) -> bool:
        return bool(self.api_key.get_secret_value())

    def off_reason(self) -> str:
        """Why the model is not asked, as a sentence; empty when it may be."""
        if not self.enabled:
            return "The language model is switched off."
        if not self.has_key and not self.is_local:
            return "No API key: set OPENAI_API_KEY in the environment or in the Streamlit secrets."
        if not self.may_send:
            return f"You have not agreed yet to send banded patient facts to {self.host}."
        return ""


@dataclass(frozen=True)
class Resolved:
    """Settings, for each of the four named ones where its value came from, and what was wrong with them if anything."""

    settings: LLMSettings
    source: Mapping[str, str]
    fault: str = ""


def resolve(
    page: LLMSettings | None = None,
    secrets: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Resolved:
    """Combine the three sources: environment over secrets over page. Raises ValueError with a sentence."""
    environment = os.environ if environment is None else environment
    settings = page or LLMSettings()
    defaults, source, changes = LLMSettings(), {}, {}
    for name, attribute in NAMES.items():
        text, where = environment.get(name), "environment"
        if not text:
            text, where = (secrets or {}).get(name), "secrets"
        if text:
            text = str(text).strip()
            if attribute == "max_calls" and not text.isdigit():
                raise ValueError(f"{name} must be a whole number of calls, got {text!r}")
            changes[attribute] = {"api_key": SecretStr, "max_calls": int}.get(attribute, str)(text)
            source[attribute] = where
        else:
            source[attribute] = "default" if getattr(settings, attribute) == getattr(defaults, attribute) else "page"
    return Resolved(replace(settings, **changes).validate(), source)


def describe(settings: LLMSettings) -> dict[str, Any]:
    """The settings as plain values for a page or a log; the key only as 'set' or 'not set'."""
    shown = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in ("api_key", "consent")}
    return shown | {"api_key": "set" if settings.has_key else "not set", "consent": settings.may_send}
