"""Words of a model, a file or a person are drawn as text: nothing that Streamlit could read as anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from libra_core.advisors.llm import open_store
from libra_core.records import REASONS, Actor, Database, Role
from pages.ui.draw.cards import JOINER, escaped
from pages.ui.session import access
from tests.pages.conftest import ROUTER
from tests.support.compare_page import table
from tests.support.feedback_page import at, choose, click, page
from tests.support.hostile import FETCH, HOSTILE, MARK

pytestmark = pytest.mark.usefixtures("clean")

# What Streamlit draws as it is: (kind of element, field). Everything else it may read as Markdown.
AS_IT_IS = {
    ("code", "code_text"),
    ("selectbox", "options"),
    ("multiselect", "options"),
    ("text_input", "default"),
    ("text_input", "value"),
    ("text_input", "placeholder"),
    ("selectbox", "raw_value"),
    ("selectbox", "set_value"),
}
UNSEEN = {"id", "form_id", "user_key", "element_id", "url", "data", "key", "file_name", "page_script_hash", "alt"}


def texts(node: Any) -> Iterator[tuple[str, str, str]]:
    """(kind of element, field, text) of everything on the page."""
    for child in (getattr(node, "children", None) or {}).values():
        yield from texts(child)
    proto = getattr(node, "proto", None)
    if isinstance(proto, Message):
        yield from ((node.type, field, text) for field, text in strings(proto))


def strings(message: Message) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        if field.name in UNSEEN:
            continue
        values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        for part in values:
            if isinstance(part, Message):
                yield from strings(part)
            elif isinstance(part, str):
                yield field.name, part


def assert_harmless(app: AppTest, seen_at_least: int = 1) -> None:
    """Every hostile word on the page is escaped; some page must show it, or nothing would be tested."""
    assert not app.exception
    found = [told for told in texts(app._tree) if MARK in told[2]]
    drawn = [told for told in found if told[:2] not in AS_IT_IS]
    assert len(drawn) >= seen_at_least, found
    for kind, field, text in drawn:
        assert not FETCH.search(text), (kind, field, text)


@pytest.mark.parametrize("word", HOSTILE)
def test_escaped_text_has_no_mark_left_and_reads_the_same(word):
    shown = escaped(word)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*([`*_\[\]|<>$~&]|^[#+=-]|:[^\s\d](?<!" + JOINER + "))", shown), (
        "no mark is left bare"
    )
    assert re.sub(r"\\(.)", r"\1", shown).replace(JOINER, "") == " ".join(word.split())


@pytest.mark.parametrize("word", HOSTILE)
def test_a_models_name_is_text_on_settings_and_compare(server, word):
    app = AppTest.from_file(ROUTER, default_timeout=60).run().switch_page("settings.py").run()
    app.text_input(key="llm_url").set_value(server.base_url)
    app.text_input(key="llm_model").set_value(word)
    app.toggle(key="llm_on").set_value(True)
    app.run()
    assert_harmless(app)
    app.button(key="llm_test").click().run()
    assert_harmless(app)
    app.switch_page("compare.py").run()
    assert_harmless(app)
    app.button(key="compare_ask").click().run()
    assert_harmless(app)


def test_what_a_model_says_is_text(server):
    """Its rationale, and the name that it gives itself."""
    app = AppTest.from_file(ROUTER, default_timeout=60).run().switch_page("settings.py").run()
    app.text_input(key="llm_url").set_value(server.base_url)
    app.text_input(key="llm_model").set_value("fault:hostile")
    app.toggle(key="llm_on").set_value(True)
    app.run()
    app.button(key="llm_test").click().run()
    assert_harmless(app)
    app.switch_page("compare.py").run()
    app.button(key="compare_ask").click().run()
    assert_harmless(app)
    for line in ("Why, in its own words", "Source"):
        assert MARK in table(app)[line]["Language model (live)"]
    assert MARK in json.dumps(open_store().rows())


@pytest.mark.parametrize("word", HOSTILE)
def test_a_file_and_its_columns_are_text_on_every_page(word):
    app = AppTest.from_file(ROUTER, default_timeout=60).run()
    name = word.replace("\n", " ").replace("/", "∕")
    header = word.replace('"', "'")
    content = f'age,sex,sbp,"{header}"\n63,F,152,1\n47,M,138,2\n70,F,"{header}",3\n'.encode()
    app.file_uploader(key="upload").upload(f"{name}.csv", content, "text/csv").run()
    assert not app.exception
    app.session_state["cohort_tab"] = "Import report"
    app.run()
    assert_harmless(app, 2)
    for path in ("recommend", "compare", "regret", "settings", "about"):
        app.switch_page(f"{path}.py").run()
        assert_harmless(app, 0)
    app.switch_page("feedback.py").run()
    assert_harmless(app)


@pytest.mark.parametrize("word", HOSTILE)
def test_the_names_of_sessions_clinicians_and_what_ifs_are_text(word, database: Database, monkeypatch):
    monkeypatch.setattr(access, "actor", lambda: Actor(word, Role.LEAD, study="s", name=word))
    app = page()
    assert_harmless(app)  # who is signed in
    app.text_input(key="fb_name").set_value(word[:80])
    app.toggle(key="fb_blinded").set_value(False)
    click(app.run(), "fb_start")
    assert_harmless(app, 2)
    choose(app, 1)
    at(app.text_input, "fb_scenario_1").set_value(word[:60])
    click(app, "fb_save_1")
    assert_harmless(app, 4)
    at(app.text_input, "fb_comment_1").set_value(word)
    at(app.button_group, "fb_reason_1").set_value(next(iter(REASONS)))
    click(app.run(), "fb_override_1")
    click(app, "fb_previous")
    assert_harmless(app, 3)
    click(app, "fb_leave")
    assert_harmless(app, 2)
    app.session_state["fb_view"] = "Results"
    assert_harmless(app.run())


@pytest.mark.parametrize("word", HOSTILE)
def test_an_address_that_is_wrong_is_quoted_as_text(word, database: Database):
    for path, name in (("case_study", "study"), ("feedback", "session"), ("recommend", "patient"), ("regret", "run")):
        app = AppTest.from_file(ROUTER, default_timeout=60)
        app.query_params[name] = word
        app.run().switch_page(f"{path}.py")
        app.query_params[name] = word
        app.run()
        assert_harmless(app, 0)
