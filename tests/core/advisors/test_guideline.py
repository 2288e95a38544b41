"""The rule book: what it asks for, that it stays on the menu, and that it says why and from where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libra_core.advisors.guideline import GuidelineAdvisor
from libra_core.cases import Case, CaseField, MenuArm, MenuChange
from libra_core.environments import ENVIRONMENTS

CODES = ("lifestyle", "rasi", "thiazide", "ccb", "rasi_ccb", "rasi_thiazide", "mra", "bb")
D_MUTABLE = 4
CHANGES = (
    MenuChange(0, "weight_kg", "Weight", "kg", (0.0, -1.0, -3.0), 20.0),
    MenuChange(1, "sodium_mg_day", "Sodium", "mg/day", (0.0, -400.0, -800.0), 1000.0),
    MenuChange(2, "diet_quality", "Diet quality", "points", (0.0, 1.0, 2.0), 2.0),
    MenuChange(3, "mvpa_min_wk", "Activity", "min/week", (0.0, 30.0, 60.0), 120.0),
)
PLAIN = {"age": 60, "sbp": 135, "dbp": 78, "bmi": 31, "sodium_mg_day": 3400, "n_bp_classes": 0, "egfr": 85, "uacr": 9}


def case(arms=CODES, changes=CHANGES, row=-1, **facts) -> Case:
    fields = tuple(CaseField(n, n, float(v), "", False, 0) for n, v in (PLAIN | facts).items())
    menu = tuple(MenuArm(CODES.index(c), c, c) for c in arms)
    return Case(row, fields, menu, changes, 3, "hypertension")


def advise(given: Case):
    assert "hypertension" in ENVIRONMENTS  # its file brings the rule book
    return GuidelineAdvisor(lambda _: given, D_MUTABLE).advise(given)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"sbp": 124, "n_bp_classes": 2}, "lifestyle"),
        ({}, "lifestyle"),
        ({"diabetes": 1}, "rasi"),
        ({"egfr": 40}, "rasi"),
        ({"stroke": 1}, "rasi"),
        ({"sbp": 146}, "rasi_ccb"),
        ({"dbp": 92}, "rasi_ccb"),
        ({"sbp": 150, "n_bp_classes": 1}, "rasi"),
        ({"sbp": 150, "n_bp_classes": 3}, "rasi"),
        ({"egfr": float("nan"), "uacr": float("nan")}, "lifestyle"),
    ],
)
def test_what_the_rules_ask_for(facts, code):
    advice = advise(case(**facts))
    assert CODES[advice.arm] == code
    assert advice.status == "ok"
    assert "ACC" in advice.rationale


@pytest.mark.parametrize(
    ("arms", "facts", "code"),
    [
        (("lifestyle", "rasi", "thiazide", "bb", "mra", "rasi_thiazide"), {"sbp": 150}, "rasi_thiazide"),
        (("lifestyle", "thiazide", "ccb"), {"sbp": 150}, "ccb"),
        (("lifestyle", "thiazide", "ccb", "mra", "bb"), {"sbp": 150, "n_bp_classes": 1}, "thiazide"),
        (("lifestyle", "thiazide", "ccb", "mra", "bb"), {"sbp": 150, "n_bp_classes": 1, "prior_mi": 1}, "bb"),
        (("lifestyle", "thiazide", "ccb", "mra", "bb"), {"sbp": 150, "n_bp_classes": 1, "egfr": 40}, "ccb"),
        (("lifestyle", "mra", "bb"), {"sbp": 150, "n_bp_classes": 3}, "mra"),
        (("lifestyle",), {"sbp": 170}, "lifestyle"),
        (("mra", "bb"), {"sbp": 170}, "bb"),
    ],
)
def test_the_first_choice_may_be_closed(arms, facts, code):
    advice = advise(case(arms, **facts))
    assert CODES[advice.arm] == code
    assert "open to this patient" in advice.rationale


def test_an_empty_menu_is_a_status():
    assert not advise(case(())).given


def test_habits_are_chosen_in_order_at_their_largest_step():
    advice = advise(case())
    assert advice.delta == pytest.approx((-3 / 20, -0.8, 1.0, 0.0))
    assert "weight" in advice.rationale
    assert advise(case(changes=())).delta == (0.0,) * D_MUTABLE
    assert advise(case(bmi=23)).delta == pytest.approx((0.0, -0.8, 1.0, 0.5))


def test_a_row_is_judged_once():
    advisor = GuidelineAdvisor(lambda row: case(row=row), D_MUTABLE)
    assert advisor.advise(case(row=4)) is advisor.advise(case(row=4))


@given(
    st.sets(st.sampled_from(CODES), min_size=1),
    st.lists(st.sampled_from(CHANGES), unique=True, max_size=4),
    st.fixed_dictionaries(
        {
            "sbp": st.floats(90, 220),
            "dbp": st.floats(40, 130),
            "n_bp_classes": st.integers(0, 5),
            "egfr": st.floats(5, 120) | st.just(float("nan")),
            "diabetes": st.integers(0, 1),
            "hf": st.integers(0, 1),
            "bmi": st.floats(16, 60),
        }
    ),
)
def test_never_off_the_menu(arms, changes, facts):
    one = case(tuple(sorted(arms)), tuple(changes), **facts)
    advice = advise(one)
    assert advice.given
    assert advice.arm in {a.index for a in one.arms}
    assert sum(d != 0 for d in advice.delta) <= one.max_changes
    offered = {c.index: {level / c.scale for level in c.levels} for c in changes}
    assert all(d == 0 or d in offered[i] for i, d in enumerate(advice.delta))
