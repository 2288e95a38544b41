"""The Recommend page says whether outcomes fit the model."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def recommend(app: AppTest) -> AppTest:
    return app.switch_page("recommend.py").run()


def words(app: AppTest) -> str:
    return "\n".join(m.value for m in app.markdown)


def test_the_run_says_whether_outcomes_fit_the_model(recommend: AppTest) -> None:
    assert "fit the model" not in words(recommend)
    recommend.button(key="step_ten").click().run()
    assert "Outcomes fit the model so far" in words(recommend)


@pytest.mark.parametrize(
    ("test", "said"), [(8, "under **RAS inhibitor"), (0, "outcomes are"), (36, "Age: below average")]
)
def test_an_alarm_says_where_since_when_and_what_it_means(recommend: AppTest, test: int, said: str) -> None:
    recommend.button(key="step_ten").click().run()
    check = recommend.session_state["libra.live"].run.policy.check
    check.first[0, 0] = test, 9, 4, -4.0
    recommend.run()
    found = " ".join(w.value for w in recommend.warning)
    assert said in found
    assert "Since about patient 4" in found
    assert "4.0 mmHg lower than expected: plans may be too hopeful" in found


def test_an_alarm_of_noise_says_that_ranges_are_too_narrow(recommend: AppTest) -> None:
    recommend.button(key="step_ten").click().run()
    check = recommend.session_state["libra.live"].run.policy.check
    check.first[0, 1] = 0, 9, 4, 2.25
    check.cut[0] = 3
    recommend.run()
    assert any("ranges shown are too narrow" in w.value and "+50 %" in w.value for w in recommend.warning)
    assert any("extreme outcomes count for less: 3 so far" in w.value for w in recommend.warning)
