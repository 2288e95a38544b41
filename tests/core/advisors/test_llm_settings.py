"""A language model's settings: where they come from, and whose yes is needed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from libra_core.advisors.llm import (
    Consent,
    LLMSettings,
    resolve,
)
from libra_core.advisors.llm.settings import describe
from tests.support.llm_faults import advisor_for, case
from tests.support.llm_server import KEY


def test_environment_outweighs_secrets_outweigh_page():
    page = LLMSettings(model="from-page", base_url="http://page/v1", max_calls=1)
    secrets = {"LIBRA_MODEL": "from-secrets", "OPENAI_BASE_URL": "http://secrets/v1"}
    found = resolve(page, secrets, {"LIBRA_MODEL": "from-environment", "OPENAI_API_KEY": KEY})
    assert found.settings.model == "from-environment"
    assert found.settings.base_url == "http://secrets/v1"
    assert found.settings.max_calls == 1
    assert dict(found.source) == {
        "api_key": "environment",
        "base_url": "secrets",
        "model": "environment",
        "max_calls": "page",
    }


def test_a_key_is_never_shown():
    settings = resolve(environment={"OPENAI_API_KEY": KEY}).settings
    for text in (repr(settings), str(settings), json.dumps(describe(settings)), f"{settings.api_key}"):
        assert KEY not in text
    assert describe(settings)["api_key"] == "set"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base_url": "api.openai.com"}, "server address must look like"),
        ({"base_url": "https://me:pw@host/v1"}, "must not hold a password"),
        ({"model": " "}, "name the model"),
        ({"samples": 0}, "samples must be between 1 and 15"),
        ({"max_calls": -1}, "max_calls must be >= 0"),
        ({"timeout": float("nan")}, "timeout must be between"),
    ],
)
def test_wrong_settings_speak_to_a_person(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(LLMSettings(), **change).validate()
    with pytest.raises(ValueError, match="LIBRA_MAX_CALLS must be a whole number"):
        resolve(environment={"LIBRA_MAX_CALLS": "many"})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (LLMSettings(), "switched off"),
        (LLMSettings(enabled=True), "No API key"),
        (
            LLMSettings(enabled=True, api_key=SecretStr(KEY)),
            "agreed yet to send banded patient facts to api.openai.com",
        ),
        (
            LLMSettings(enabled=True, api_key=SecretStr(KEY), consent=Consent("other.example", True)),
            "agreed yet to send",
        ),
        (LLMSettings(enabled=True, api_key=SecretStr(KEY), consent=Consent("api.openai.com", False)), "agreed yet"),
        (LLMSettings(enabled=True, base_url="http://localhost.evil.example/v1", api_key=SecretStr(KEY)), "agreed yet"),
    ],
)
def test_off_until_a_person_says_yes(settings, reason):
    advisor = advisor_for(settings)
    consultation = advisor.consult(case())
    assert consultation.advice.status == "off"
    assert reason in consultation.message
    assert advisor.store.rows()[0]["requests"] == 0


def test_a_yes_holds_for_its_host_and_loopback_needs_none():
    assert LLMSettings(consent=Consent("api.openai.com", True)).may_send
    for url in ("http://localhost:1/v1", "http://127.0.0.9/v1", "http://[::1]:8080/v1"):
        assert LLMSettings(base_url=url).may_send
    assert not LLMSettings(base_url="http://192.168.0.4/v1").may_send
