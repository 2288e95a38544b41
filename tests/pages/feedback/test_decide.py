"""The Feedback page through the router: start, decide, go back and forth, and resume."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from libra_core.digits import fixed
from libra_core.policies import Reason
from libra_core.records import LOCAL, Actor, Database, DecisionKind, Repository, Role, replay
from pages.ui.session import access
from tests.support import by_hand
from tests.support.feedback_page import at, choose, click, page, slider, texts, the_session
from tests.support.kit import NHANES, begin, play, stamp


def test_a_session_is_started_with_two_clicks(database: Database) -> None:
    app = page()
    assert not app.exception
    click(app, "fb_start")
    assert "What would you do for this patient?" in texts(app)
    assert app.query_params["session"] in (the_session(database).id, [the_session(database).id])


def test_blinded_nothing_of_the_proposal_is_sent(database: Database) -> None:
    """Before the first choice the page holds neither the proposed plan nor what anything would bring."""
    app = click(page(), "fb_start")
    assert [tab.label for tab in app.tabs] == ["What if: change of habits", "Each treatment"]
    choose(app, 1)
    for tab in app.tabs:
        app.session_state["fb_tab_2"] = tab.label
        app.run()
        said = texts(app) + "".join(str(t.value) for t in app.table) + "".join(str(m.value) for m in app.metric)
        assert "Proposed plan" not in said
        assert "net benefit" not in said.lower()
    assert not [b for b in app.button if b.key.startswith("fb_accept")]


def test_first_choice_then_final(database: Database) -> None:
    app = click(page(), "fb_start")
    arm = choose(app, 1)
    click(app, "fb_first_1")
    assert "Proposed plan" in texts(app)
    click(app, "fb_accept_1")
    assert "Patient 1: proposal accepted. Simulated:" in texts(app)
    case = the_session(database).ledger.cases[1]
    assert case.first.plan.arm == arm
    assert case.final.kind is DecisionKind.ACCEPT
    assert case.final.seconds > 0
    assert replay(Repository(database, LOCAL), the_session(database).id, NHANES).ok


def test_the_first_choice_is_kept_with_two_clicks(database: Database) -> None:
    """It stays selected, habits included: nothing of the proposal slips into it."""
    app = page(begin(database, blinded=True).id)
    arm = choose(app, 1, 2)
    app.session_state[f"{slider(app)}_blind_{arm}_1"] = -345.0
    app.run()
    click(app, "fb_first_1")
    first = the_session(database).ledger.cases[1].first
    assert first.plan.delta[1] < 0
    at(app.button_group, "fb_reason_1").set_value("too-costly-uncovered").run()
    click(app, "fb_override_1")
    final = the_session(database).ledger.cases[1].final
    assert (final.kind, final.plan) == (DecisionKind.OVERRIDE, first.plan)


def test_an_override_takes_three_clicks(database: Database) -> None:
    app = page(begin(database).id)
    arm = choose(app, 1, 2)
    at(app.button_group, "fb_reason_1").set_value("too-costly-uncovered")
    at(app.text_input, "fb_comment_1").set_value("=cmd|' /C calc'!A0 <b>bold</b>")
    app.run()
    click(app, "fb_override_1")
    final = the_session(database).ledger.cases[1].final
    assert (final.kind, final.plan.arm, final.reason) == (DecisionKind.OVERRIDE, arm, "too-costly-uncovered")
    assert final.comment.startswith("=cmd")


def test_a_reason_to_wait_is_no_reason_for_another_plan(database: Database) -> None:
    app = page(begin(database).id)
    choose(app, 1, 2)
    at(app.button_group, "fb_reason_1").set_value("limited-time").run()
    assert at(app.button, "fb_override_1").disabled
    assert not at(app.button, "fb_defer_1").disabled


def test_nothing_set_for_one_session_s_patient_reaches_the_next_session_s(database: Database) -> None:
    first, second = begin(database), begin(database)
    app = page(first.id)
    choose(app, 1, 2)
    at(app.text_input, "fb_comment_1").set_value("about the first").run()
    click(app, "fb_leave")
    click(app, f"fb_open_{second.id}")
    assert at(app.button_group, "fb_arm_1").value is None
    assert at(app.text_input, "fb_comment_1").value == ""


def test_a_role_that_is_taken_away_counts_from_the_next_click(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Actor("ann", Role.CLINICIAN)
    monkeypatch.setattr(access, "actor", lambda: ann)
    log = begin(database, ann)
    app = page(log.id)
    monkeypatch.setattr(access, "actor", lambda: Actor("ann", Role.VIEWER))
    click(app, "fb_accept_1")
    assert not any("decision" in e.facts for e in Repository(database, ann).events(log.id))
    assert "Nothing was recorded" in texts(app)


def test_those_put_off_come_in_turn_and_need_not_be_decided(database: Database) -> None:
    log = begin(database, planned=2)
    for position in (1, 2):
        log.defer(log.current().position, stamp(reason="limited-time"))
        assert len(log.ledger.cases) == position
    app = page(log.id)
    for position in (1, 2, 1):  # nobody hides behind the first
        at(app.button_group, f"fb_reason_{position}").set_value("limited-time").run()
        click(app, f"fb_defer_{position}")
    click(app, "fb_close")
    assert "The session is complete" in texts(app)
    assert the_session(database).ledger.closed


def test_a_session_of_another_version_leaves_the_others_alone(database: Database) -> None:
    mine = begin(database)
    with database.write() as connection:
        connection.execute(text("DROP TRIGGER sessions_no_update"))
        connection.execute(text("UPDATE sessions SET spec = replace(spec, 'guideline', 'oracle-of-2031')"))
    later = begin(database)
    app = page()
    assert not app.exception
    assert [b.key for b in app.button if b.key.startswith("fb_open_")] == [f"fb_open_{later.id}"]
    assert "1 of another version of LIBRA cannot be opened" in texts(app)
    assert not page(mine.id).exception


def test_the_card_of_a_trial_does_not_say_how_the_coin_fell(database: Database) -> None:
    log = begin(database, policy="libra-trial", planned=12, seed=1)
    fell = set()
    for _ in range(12):
        case = log.current()
        fell.add(case.shown["libra-trial"].reason)
        if case.shown["libra-trial"].reason in (Reason.ADOPTED, Reason.CONTROL):
            said = texts(page(log.id))
            assert "it is random whether advice is followed" in said
            assert "Advice:" not in said
            assert "withholds" not in said
        log.accept(case.position, stamp())
    assert {Reason.ADOPTED, Reason.CONTROL} <= fell


def test_without_treatment_and_reason_nothing_else_can_be_recorded(database: Database) -> None:
    app = page(begin(database).id)
    assert at(app.button, "fb_override_1").disabled
    assert at(app.button, "fb_defer_1").disabled
    assert not at(app.button, "fb_accept_1").disabled


def test_a_patient_who_is_put_off_comes_back_at_the_end(database: Database) -> None:
    app = page(begin(database, planned=2).id)
    at(app.button_group, "fb_reason_1").set_value("need-more-info").run()
    click(app, "fb_defer_1")
    assert "deferred" in texts(app)
    click(app, "fb_accept_2")
    assert "was deferred before" in texts(app)
    click(app, "fb_accept_1")
    assert "The session is complete" in texts(app)


def test_sliders_change_what_is_expected_and_are_recorded(database: Database) -> None:
    log = begin(database, warm_up=200)
    app = page(log.id)
    arm = choose(app, 1, 1)
    before = next(m.value for m in app.metric if m.label == "Expected net benefit of this plan")
    for j in range(8):  # all habits as they are
        app.session_state[f"{slider(app)}_blind_{arm}_{j}"] = 0.0
    app.run()
    after = next(m.value for m in app.metric if m.label == "Expected net benefit of this plan")
    assert before != after
    at(app.button_group, "fb_reason_1").set_value("not-convenient-feasible").run()
    click(app, "fb_override_1")
    final = the_session(database).ledger.cases[1].final
    assert final.plan.arm == arm
    assert not any(final.plan.delta)


def test_a_what_if_is_kept_under_its_name(database: Database) -> None:
    app = page(begin(database).id)
    choose(app, 1)
    click(app, "fb_save_1")
    assert "a name first" in texts(app)
    at(app.text_input, "fb_scenario_1").set_value("gentle").run()
    click(app, "fb_save_1")
    assert [name for name, _ in the_session(database).ledger.cases[1].scenarios] == ["gentle"]
    click(app, "fb_recall_1")


def test_back_forth_and_out(database: Database) -> None:
    log = play(begin(database), 2)
    app = page(log.id)
    assert app.button(key="fb_next").disabled
    click(app, "fb_previous")
    assert "Recorded decision" in texts(app)
    click(app, "fb_previous")
    assert app.button(key="fb_previous").disabled
    click(app, "fb_next")
    click(app, "fb_next")
    assert at(app.button, "fb_accept_3")
    click(app, "fb_leave")
    assert "Resume a session" in texts(app)
    click(app, f"fb_open_{log.id}")
    assert at(app.button, "fb_accept_3")


def test_the_card_and_the_outcome_show_the_fall_behind_the_net_benefit(database: Database) -> None:
    """For the first patient whose plan has a burden and an indication; before and after it is accepted."""
    log = begin(database, warm_up=200, planned=200)
    while True:
        case = log.current()
        plan = case.shown["libra"]
        if by_hand.both_parts(NHANES, case.row, plan.arm) and log.evidence.given[plan.arm]:
            break
        log.accept(case.position, stamp())
    app = page(log.id)
    now, fall = NHANES.frame.at[case.row, "sbp"], plan.mean
    said = texts(app)
    assert f"{fixed(now)} → {fixed(round(now) - round(fall))} mmHg expected" in said
    parts = by_hand.parts(NHANES, case.row, plan.arm)
    assert f"Net benefit {fixed(by_hand.net(NHANES, case.row, plan.arm, fall))} mmHg: {parts}" in said
    at(app.button_group, f"fb_arm_{case.position}").set_value(plan.arm).run()
    assert parts in texts(app)
    assert f"Expected fall: {fixed(fall)} ({fixed(plan.low)} to {fixed(plan.high)}) mmHg" in texts(app)
    click(app, f"fb_accept_{case.position}")
    done = the_session(database).ledger.cases[case.position]
    fell = done.outcome.reward
    assert f"{'fell' if fell >= 0 else 'rose'} by {fixed(abs(fell))} mmHg" in texts(app)
