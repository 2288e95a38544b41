"""What goes out and what is read back: banding, menus, schema, and replies of every kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.advisors.llm.prompt import Menu, Prompt, compose, facts, level_code, payload_preview
from libra_core.advisors.llm.reply import UnusableError, find_json, read_answer
from libra_core.cases import CaseField
from tests.support.llm_faults import case

PROMPT = Prompt.load("hypertension")
MENU = Menu.of(case())
GOOD = {"rationale": "Because.", "arm": "ccb", "changes": {"sodium_mg_day": "-500"}}


def shown(field: CaseField) -> str:
    return facts(replace(case(), fields=(field,)))[0]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (CaseField("age", "Age", 63.4, "years", False, 5), "- Age: 60 to under 65 years"),
        (CaseField("age", "Age", 97.0, "years", False, 5), "- Age: 90 or older"),
        (CaseField("gout", "Gout", 1.0, "", False, 0), "- Gout: yes"),
        (CaseField("gout", "Gout", 0.0, "", False, 0), "- Gout: no"),
        (CaseField("gout", "Gout", 0.0, "", True, 0), "- Not measured or not recorded: Gout"),
        (CaseField("sbp", "SBP", float("nan"), "mmHg", False, 5), "- Not measured or not recorded: SBP"),
        (CaseField("n", "Drugs", 2.0, "classes", False, 1), "- Drugs: 2 classes"),
        (CaseField("odd", "Odd", 61.37, "", False, 0), "- Odd: 61"),
        (CaseField("k", "Potassium", 4.3, "mmol/L", False, 0.5), "- Potassium: 4 to under 4.5 mmol/L"),
    ],
)
def test_facts_are_banded(field, text):
    assert shown(field) == text


@given(st.floats(18, 89.99))
def test_a_band_holds_its_value_and_five_years(age):
    low, high = shown(CaseField("age", "Age", age, "years", False, 5))[7:].removesuffix(" years").split(" to under ")
    assert float(low) <= age < float(high)
    assert float(high) - float(low) == 5


def test_shuffling_keeps_the_options_and_is_seeded():
    one, again, other = MENU.shuffled(1, 0), MENU.shuffled(1, 0), MENU.shuffled(1, 1)
    assert one == again
    assert one != other
    assert {a.code for a in one.arms} == {a.code for a in MENU.arms}
    orders = {tuple(a.code for a in MENU.shuffled(0, s).arms) for s in range(60)}
    assert len(orders) == 6, "all orders of three treatments occur"


def test_schema_is_strict_all_the_way_down():
    def walk(node):
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
            for child in node["properties"].values():
                walk(child)

    walk(MENU.schema())
    assert MENU.schema()["properties"]["arm"]["enum"] == ["lifestyle", "rasi", "ccb"]


def test_fixed_text_comes_first_and_the_preview_is_what_is_sent():
    first, second = compose(PROMPT, case(0), MENU), compose(PROMPT, case(1), MENU)
    assert first[0] == second[0] == {"role": "system", "content": PROMPT.system}
    preview = payload_preview(PROMPT, case(), seed=5)
    for message in compose(PROMPT, case(), MENU.shuffled(5, 0)):
        assert message["content"] in preview


def test_the_fingerprint_follows_every_character():
    assert replace(PROMPT, system=PROMPT.system + ".").fingerprint != PROMPT.fingerprint


def test_a_protocol_without_a_text_says_so():
    with pytest.raises(ValueError, match=r"there is no prompt for gout: write gout\.toml"):
        Prompt.load("gout")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        "```json\n" + json.dumps(GOOD, indent=1) + "\n```",
        "<think>{ hm </think>" + json.dumps(GOOD),
        "Use {this}: " + json.dumps(GOOD) + " and {}",
        json.dumps(GOOD | {"changes": {"sodium_mg_day": -500}, "extra": [1]}),
    ],
)
def test_good_replies_in_bad_clothes(text):
    answer = read_answer(text, MENU)
    assert answer.arm == "ccb"
    assert dict(answer.changes) == {
        "weight_kg": "keep",
        "sodium_mg_day": "-500",
        "potassium_mg_day": "keep",
        "mvpa_min_wk": "keep",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("<think>for ever", "empty"),
        ("a tablet", "no complete JSON"),
        ("{" * 5000, "no complete JSON"),
        ('{"a":' * 100_000, "no complete JSON"),
        ("[1, 2]", "no complete JSON"),
        (json.dumps(GOOD | {"arm": "thiazide"}), "not on this patient's menu"),
        (json.dumps(GOOD | {"arm": None}), "arm is wrong"),
        (json.dumps(GOOD | {"changes": {"sodium_mg_day": "-501"}}), "not a step on offer"),
        (json.dumps(GOOD | {"changes": {"sodium_mg_day": float("nan")}}), "not a step on offer"),
    ],
)
def test_unusable_replies_say_why(text, reason):
    with pytest.raises(UnusableError, match=reason):
        read_answer(text, MENU)


@given(st.text(max_size=300))
def test_no_text_makes_reading_fail_in_another_way(text):
    with pytest.raises(UnusableError) as caught:
        read_answer("{" + text, MENU)
    assert len(str(caught.value)) < 200


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_makes_reading_fail_in_another_way(value):
    with pytest.raises(UnusableError):
        read_answer(json.dumps({"arm": value, "changes": value}), MENU)


def test_a_rationale_is_one_line_of_plain_text():
    answer = read_answer(json.dumps(GOOD | {"rationale": "a\x00b\n\n\u202ec" + "x" * 900}), MENU)
    assert answer.rationale.startswith("a b c")
    assert len(answer.rationale) == 600


def test_level_codes():
    assert [level_code(v) for v in (0.0, -800.0, 0.5, -3.5)] == ["keep", "-800", "+0.5", "-3.5"]
    assert find_json('x {"a": 1}') == {"a": 1}
