"""The Recommend page shows what each advisor has earned."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.report.words.trust import sentences
from libra_core.study import LiveRun
from tests.pages.conftest import unescaped


@pytest.fixture
def recommend(app: AppTest) -> AppTest:
    return app.switch_page("recommend.py").run()


def captions(app: AppTest) -> str:
    return unescaped("\n".join(c.value for c in app.caption))


def run_of(app: AppTest) -> LiveRun:
    return app.session_state["libra.live"].run


def shows_trust(app: AppTest) -> bool:
    return any(m.value.startswith("**Trust in the advisor") for m in app.markdown)


def test_trust_is_shown_from_the_first_look_and_follows_the_run(recommend: AppTest) -> None:
    assert shows_trust(recommend)
    assert "Not asked yet." in captions(recommend)
    recommend.button(key="step_ten").click().run()
    run = run_of(recommend)
    (found,) = run.trusts
    assert found.asked
    for text in sentences(run.environment.cohort, found):
        assert text in captions(recommend)


def test_two_advisors_have_a_line_each(recommend: AppTest) -> None:
    recommend.selectbox(key="advisor").select("guideline+recorded").run()
    recommend.button(key="step_ten").click().run()
    said = captions(recommend)
    assert "**Guideline rules.**" in said
    assert "**Language model (recorded answers).**" in said
    assert len(run_of(recommend).trusts) == 2


@pytest.mark.parametrize("method", ["glrb", "libra", "libra-trial"])
def test_other_methods_keep_no_account(recommend: AppTest, method: str) -> None:
    recommend.selectbox(key="policy").select(method).run()
    recommend.button(key="step_ten").click().run()
    assert not recommend.exception
    assert not shows_trust(recommend)


def test_a_preview_changes_no_account(recommend: AppTest) -> None:
    for _ in range(3):
        recommend.button(key="step_ten").click().run()
    run = run_of(recommend)
    before, state = run.trusts, str(run.policy.state())
    for row in map(int, run.environment.cohort.arrivals[:40]):
        run.decision_for(row)
    assert run.trusts == before
    assert str(run.policy.state()) == state
