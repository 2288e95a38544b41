"""A server on this machine that speaks a language model's protocol, and the settings that lead to it."""

import pytest
from pydantic import SecretStr

from libra_core.advisors.llm import LLMSettings
from tests.support.llm_server import KEY, LLMServer


@pytest.fixture(scope="module")
def server():
    with LLMServer() as running:
        yield running


@pytest.fixture
def settings(server):
    server.seen.clear()
    return LLMSettings(enabled=True, base_url=server.base_url, model="good", timeout=5.0, api_key=SecretStr(KEY))
