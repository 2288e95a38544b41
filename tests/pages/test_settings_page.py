"""Settings: off by default, keys never shown, consent bound to a host, a sentence for every failing connection."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROUTER, unescaped

KEY = "sk-very-secret-0123456789"


pytestmark = pytest.mark.usefixtures("clean")


def settings_page() -> AppTest:
    return AppTest.from_file(ROUTER, default_timeout=60).run().switch_page("settings.py").run()


def everything(app: AppTest) -> str:
    parts = [app.markdown, app.caption, app.info, app.success, app.warning, app.error, app.text_input, app.code]
    return unescaped("\n".join(str(element.value) for part in parts for element in part))


def point_at(app: AppTest, url: str, model: str) -> AppTest:
    app.text_input(key="llm_url").set_value(url)
    app.text_input(key="llm_model").set_value(model)
    app.toggle(key="llm_on").set_value(True)
    return app.run()


def test_off_by_default_and_says_so():
    app = settings_page()
    assert not app.exception
    assert "switched off" in app.info[0].value
    assert app.button(key="llm_test").disabled
    assert app.toggle(key="llm_on").value is False


def test_a_key_from_the_environment_is_used_and_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LIBRA_MODEL", "model-of-the-house")
    app = settings_page()
    assert KEY not in everything(app)
    assert "API key: set in the environment" in everything(app)
    assert app.text_input(key="llm_model").value == "model-of-the-house"
    assert app.text_input(key="llm_model").disabled


def test_another_host_needs_a_yes_of_its_own(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    app = settings_page()
    app.toggle(key="llm_on").set_value(True).run()
    assert "You have not agreed yet" in app.info[0].value
    app.checkbox(key="llm_consent-api.openai.com").check().run()
    assert "“gpt-4o-mini” at api.openai.com is asked" in unescaped(app.success[0].value)
    app.text_input(key="llm_url").set_value("https://elsewhere.example/v1").run()
    assert "agreed yet to send banded patient facts to elsewhere.example" in app.info[0].value
    assert not app.checkbox(key="llm_consent-elsewhere.example").value


def test_a_wrong_address_gets_a_sentence():
    app = point_at(settings_page(), "not an address", "m")
    assert "server address must look like" in app.error[0].value
    assert not app.exception


def test_the_payload_can_be_read_before_anything_is_sent(server):
    before = len(server.received)
    app = settings_page()
    assert "Menu of treatments" in app.code[0].value
    assert "guideline" in app.code[0].value.lower()
    assert len(server.received) == before


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("good", "answers as served-model; it keeps to a JSON schema"),
        ("fault:401", "does not accept the API key"),
        ("fault:404", "does not know this model"),
        ("fault:html", "not a language model server"),
        ("fault:503", "reports an internal error"),
        ("fault:cut", "connection was lost"),
        ("fault:quota", "no quota left"),
    ],
)
def test_the_connection_is_tested_in_a_sentence(server, model, sentence):
    app = point_at(settings_page(), server.base_url, model)
    app.button(key="llm_test").click().run()
    assert not app.exception
    assert sentence in everything(app)


def test_the_settings_stay_when_the_page_changes(server):
    app = point_at(settings_page(), server.base_url, "good")
    app.switch_page("about.py").run()
    app.switch_page("settings.py").run()
    assert app.text_input(key="llm_url").value == server.base_url
    assert app.toggle(key="llm_on").value is True


def test_a_store_that_cannot_be_written_is_said_and_the_model_stays_off(server, monkeypatch, tmp_path):
    (tmp_path / "a folder").mkdir()
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(tmp_path / "a folder"))
    before = len(server.received)
    app = point_at(settings_page(), server.base_url, "good")
    assert any("cannot be used" in error.value for error in app.error)
    assert app.button(key="llm_test").disabled
    app.switch_page("compare.py").run()
    assert not app.exception
    assert "cannot be used" in everything(app)
    assert "No language model is asked" in everything(app)
    assert len(server.received) == before
    monkeypatch.setenv("LIBRA_ADVICE_DB", str(tmp_path / "mended.sqlite"))
    app.switch_page("settings.py").run()
    assert not any("cannot be used" in error.value for error in app.error), "mended without a new start"
