"""The Feedback page through the router: start, decide, go back and forth, resume, and every fault in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementList

from libra_core.digits import fixed
from libra_core.policies import Reason
from libra_core.records import LOCAL, Actor, Database, DecisionKind, Repository, Role, SessionLog, replay
from pages.ui.session import access
from tests.support import by_hand
from tests.support.kit import NHANES, begin, play, spec, stamp

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Database:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("LIBRA_DATABASE_URL", url)
    access._database.cache_clear()
    found = Database(url)
    yield found
    access._database.cache_clear()


def page(session: str = "") -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=60)
    if session:
        app.query_params["session"] = session
    return app.run().switch_page("feedback.py").run()


def at(elements: ElementList, key: str) -> Any:
    """The widget of this key; those about a patient end with the session, which a test need not know."""
    return next(e for e in elements if e.key == key or (e.key or "").startswith(f"{key}_"))


def click(app: AppTest, key: str) -> AppTest:
    at(app.button, key).click()
    app.run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def slider(app: AppTest) -> str:
    """How the keys of the first patient's sliders begin."""
    return f"fb_habit_1_{app.session_state['feedback'].sitting.id[:8]}"


def the_session(database: Database) -> SessionLog:
    repository = Repository(database, LOCAL)
    return SessionLog(repository, repository.sessions()[0].id, NHANES)


def choose(app: AppTest, position: int, which: int = 1) -> int:
    pills = at(app.button_group, f"fb_arm_{position}")
    arm = sorted(_eligible(app))[which]
    pills.set_value(arm)
    app.run()
    return arm


def _eligible(app: AppTest) -> list[int]:
    sitting = app.session_state["feedback"].sitting
    return [k for k, ok in enumerate(NHANES.patient(sitting.current().row).eligible) if ok]


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
    sitting = begin(database, ann)
    app = page(sitting.id)
    monkeypatch.setattr(access, "actor", lambda: Actor("ann", Role.VIEWER))
    click(app, "fb_accept_1")
    assert not any(e.rows.get("decisions") for e in Repository(database, ann).events(sitting.id))
    assert "Nothing was recorded" in texts(app)


def test_those_put_off_come_in_turn_and_need_not_be_decided(database: Database) -> None:
    sitting = begin(database, planned=2)
    for position in (1, 2):
        sitting.defer(sitting.current().position, stamp(reason="limited-time"))
        assert len(sitting.ledger.cases) == position
    app = page(sitting.id)
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
    sitting = begin(database, policy="libra-trial", planned=12)
    fell = set()
    for _ in range(12):
        case = sitting.current()
        fell.add(case.shown["libra-trial"].reason)
        if case.shown["libra-trial"].reason in (Reason.ADOPTED, Reason.CONTROL):
            said = texts(page(sitting.id))
            assert "a coin decides" in said
            assert "Advice:" not in said
            assert "held back" not in said
        sitting.accept(case.position, stamp())
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
    assert "put off" in texts(app)
    click(app, "fb_accept_2")
    assert "was put off before" in texts(app)
    click(app, "fb_accept_1")
    assert "The session is complete" in texts(app)


def test_sliders_change_what_is_expected_and_are_recorded(database: Database) -> None:
    sitting = begin(database, warm_up=200)
    app = page(sitting.id)
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
    sitting = play(begin(database), 2)
    app = page(sitting.id)
    assert app.button(key="fb_next").disabled
    click(app, "fb_previous")
    assert "What was recorded" in texts(app)
    click(app, "fb_previous")
    assert app.button(key="fb_previous").disabled
    click(app, "fb_next")
    click(app, "fb_next")
    assert at(app.button, "fb_accept_3")
    click(app, "fb_leave")
    assert "Go on with a session" in texts(app)
    click(app, f"fb_open_{sitting.id}")
    assert at(app.button, "fb_accept_3")


def test_asked_only_when_unsure(database: Database) -> None:
    sitting = begin(database, mode="unsure", advisor="clinician", planned=12, warm_up=300)
    app = page(sitting.id)
    answers = 0
    while keys := [b.key for b in app.button if b.key.startswith("fb_answer_")]:
        position = int(keys[0].split("_")[2])
        if answers % 2:
            click(app, f"fb_pass_{position}")
        else:
            choose(app, position)
            click(app, keys[0])
        answers += 1
    assert answers > 0
    assert f"You were asked about {answers} of 12 patients" in texts(app)
    assert "The session is complete" in texts(app)
    alone = 12 - answers
    assert next(m.value for m in app.metric if m.label == "Treated by the method itself") == str(alone)


def test_who_was_treated_without_a_question_is_said(database: Database) -> None:
    """Nobody finds patient 5 in front of them without a word about patients 1 to 4."""
    sitting = begin(database, mode="unsure", advisor="clinician", planned=40, warm_up=1000, seed=2)
    app = page(sitting.id)
    here = int(next(b.key for b in app.button if b.key.startswith("fb_answer_")).split("_")[2])
    assert here > 2
    assert f"sure about patients 1 to {here - 1} and treated them by itself" in texts(app)


def test_the_end_says_what_the_proposals_changed(database: Database) -> None:
    sitting = play(begin(database, planned=6, blinded=True))
    app = page(sitting.id)
    cases = sitting.ledger.files
    changed = sum(c.first.plan.arm != c.final.plan.arm for c in cases)
    assert f"You changed the treatment of {changed} of 6 first choices" in texts(app)
    click(app, "fb_back")
    assert "6 of 6 decided" in texts(app)
    assert app.button(key=f"fb_open_{sitting.id}").label == "Look"


def test_a_decision_is_marked_as_a_mistake(database: Database) -> None:
    app = click(page(begin(database).id), "fb_accept_1")
    click(app, "fb_previous")
    click(app, "fb_mistake_1")
    assert "Say in a few words what went wrong." in texts(app)
    at(app.text_input, "fb_mistake_why_1").set_value("wrong *button*").run()
    click(app, "fb_mistake_1")
    assert "recorded by mistake" in texts(app)
    assert the_session(database).ledger.cases[1].mistake.comment == "wrong *button*"
    assert not [b for b in app.button if b.key.startswith("fb_mistake_1")]


def test_outcomes_that_come_later(database: Database) -> None:
    sitting = begin(database, outcomes="later", planned=3)
    app = page(sitting.id)
    click(app, "fb_accept_1")
    assert "The outcome is awaited." in texts(app)
    assert any("1 awaited" in e.label for e in app.expander)


def test_another_window_was_faster(database: Database) -> None:
    app = page(begin(database).id)
    other = the_session(database)
    other.override(1, _other(other), stamp())
    click(app, "fb_accept_1")
    assert "decided in another window" in texts(app)
    assert the_session(database).ledger.decided == 1
    click(app, "fb_accept_2")
    assert the_session(database).ledger.decided == 2


def _other(sitting: SessionLog):
    from tests.support.kit import other_plan

    return other_plan(sitting.ledger.cases[1])


def test_a_database_that_is_gone_gets_a_sentence_and_keeps_the_form(database: Database) -> None:
    app = page(begin(database).id)
    at(app.text_input, "fb_comment_1").set_value("typed with care").run()
    gone = database.path.with_suffix(".away")
    access._database("sqlite:///" + str(database.path)).engine.dispose()
    database.engine.dispose()
    database.path.rename(gone)
    click(app, "fb_accept_1")
    assert "was not recorded" in texts(app)
    assert at(app.text_input, "fb_comment_1").value == "typed with care"
    gone.rename(database.path)
    click(app, "fb_accept_1")
    final = the_session(database).ledger.cases[1].final
    assert final.comment == "typed with care"


@pytest.mark.parametrize("forged", ["0" * 32, "' OR 1=1 --", "../../etc/passwd", "x"])
def test_a_forged_session_in_the_address_gets_a_sentence(database: Database, forged: str) -> None:
    app = page(forged)
    assert not app.exception
    assert "no such session" in texts(app)


def test_another_s_session_is_as_if_it_were_not_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = begin(database, Actor("ann", Role.CLINICIAN))
    monkeypatch.setattr(access, "actor", lambda: Actor("ben", Role.CLINICIAN))
    app = page(theirs.id)
    assert "no such session" in texts(app)
    assert theirs.id not in texts(app)


def test_a_lead_looks_but_does_not_decide(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = play(begin(database, Actor("ann", Role.CLINICIAN)), 2)
    theirs.current()
    monkeypatch.setattr(access, "actor", lambda: Actor("lea", Role.LEAD))
    app = page(theirs.id)
    assert not app.exception
    assert not [b for b in app.button if b.key.startswith(("fb_accept", "fb_override", "fb_defer"))]


def test_a_session_of_an_uploaded_file_says_what_is_missing(database: Database) -> None:
    from dataclasses import replace

    from tests.support.kit import spec

    info = Repository(database, LOCAL).begin(replace(spec(), cohort="clinic.csv:abc"), "upload")
    app = page(info.id)
    assert "uploaded file 'clinic.csv'" in texts(app)


def show_results(app: AppTest) -> AppTest:
    app.button_group(key="fb_view").set_value("Results")
    app.run()
    assert not app.exception, app.exception
    return app


def test_sessions_about_another_disease_are_not_offered(database: Database) -> None:
    Repository(database, LOCAL).begin(replace(spec(), cohort="clinic", protocol="gout"), "toes")
    app = page()
    assert "1 session about another disease is not listed here." in texts(app)
    assert not [b for b in app.button if b.key.startswith("fb_open_")]
    assert "about another disease (cohort clinic)" in texts(page(Repository(database, LOCAL).sessions()[0].id))


def test_results_of_nobody(database: Database) -> None:
    assert "No decision has been recorded yet" in texts(show_results(page()))


def test_results_of_a_study(database: Database) -> None:
    play(begin(database, blinded=True, planned=8))
    app = show_results(page())
    found = {m.label: m.value for m in app.metric}
    assert found["Decisions"] == "8"
    assert found["Overridden"] == "25%"
    assert "How far the proposal moved the clinicians" in texts(app)


def test_a_viewer_sees_totals_and_nothing_to_download(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = play(begin(database, Actor("ann", Role.CLINICIAN), planned=8))
    play(begin(database, Actor("ben", Role.CLINICIAN), planned=3))
    monkeypatch.setattr(access, "actor", lambda: Actor("vic", Role.VIEWER))
    app = page()
    assert not app.exception, app.exception
    assert {m.label: m.value for m in app.metric}[
        "Decisions"
    ] == "10"  # of 11: two looks must not give one decision away
    everything = texts(app) + "".join(str(t.value) for t in app.table)
    assert "ann" not in everything.replace("cannot", "").replace("planned", "").split()
    assert theirs.id not in everything
    assert not app.get("download_button")
    assert "fb_start" not in [b.key for b in app.button]


MENU = {
    Role.LOCAL: {"cohort", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about"},
    Role.LEAD: {"cohort", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about"},
    Role.CLINICIAN: {"cohort", "recommend", "compare", "regret", "feedback", "case_study", "about"},
    Role.VIEWER: {"regret", "feedback", "about"},
    Role.NONE: set(),
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", sorted(MENU[Role.LOCAL]))
def test_role_by_page(role: Role, name: str) -> None:
    assert access.allowed(name, Actor("x", role)) == (name in MENU[role])


@pytest.mark.parametrize(
    ("claims", "settings", "role"),
    [
        ({"email": "A@x.org", "email_verified": True}, {"roles": {"lead": ["a@X.org"]}}, Role.LEAD),
        ({"email": "a@x.org", "email_verified": "true"}, {"roles": {"lead": ["a@x.org"]}}, Role.LEAD),
        ({"email": "a@x.org", "email_verified": "false"}, {"roles": {"lead": ["a@x.org"]}}, Role.NONE),
        ({"email": "\u212aen@x.org", "email_verified": True}, {"roles": {"lead": ["ken@x.org"]}}, Role.NONE),
        ({"email": "a@x.org"}, {"roles": {"lead": ["a@x.org"]}}, Role.NONE),
        ({"email": "a@x.org"}, {"roles": {"lead": ["a@x.org"]}, "trust_addresses": True}, Role.LEAD),
        (
            {"email": "a@x.org", "email_verified": False},
            {"roles": {"lead": ["a@x.org"]}, "trust_addresses": True},
            Role.NONE,
        ),
        ({"email": "a@x.org", "email_verified": False}, {"roles": {"lead": ["a@x.org"]}}, Role.NONE),
        ({"sub": "1"}, {"roles": {"lead": [""]}}, Role.NONE),
        ({"sub": "1", "r": "viewer"}, {"claim": "r"}, Role.VIEWER),
        ({"sub": "1", "r": ["viewer", "lead"]}, {"claim": "r"}, Role.LEAD),
        ({"sub": "1", "r": "local"}, {"claim": "r"}, Role.NONE),
        ({"sub": "1", "r": "LEAD"}, {"claim": "r"}, Role.NONE),
        ({"r": "lead"}, {"claim": "r"}, Role.NONE),
        ({"sub": "1", "r": "lead"}, {}, Role.NONE),
    ],
)
def test_role_from_claims(claims: dict, settings: dict, role: Role) -> None:
    assert access.actor_of(claims, settings).role is role


def test_a_subject_is_nobody_s_address() -> None:
    named_so = access.actor_of({"sub": "a@x.org", "r": "clinician"}, {"claim": "r"})
    owner = access.actor_of({"email": "a@x.org", "email_verified": True, "r": "clinician"}, {"claim": "r"})
    assert named_so.id != owner.id


def test_the_card_and_the_outcome_show_the_fall_behind_the_net_benefit(database: Database) -> None:
    """For the first patient whose plan has a burden and an indication; before and after it is accepted."""
    sitting = begin(database, warm_up=200, planned=200)
    while True:
        case = sitting.current()
        plan = case.shown["libra"]
        if by_hand.both_parts(NHANES, case.row, plan.arm) and sitting.evidence.given[plan.arm]:
            break
        sitting.accept(case.position, stamp())
    app = page(sitting.id)
    now, fall = NHANES.frame.at[case.row, "sbp"], by_hand.fall(NHANES, case.row, plan.arm, plan.mean)
    said = texts(app)
    assert f"{fixed(now)} → {fixed(round(now) - round(fall))} mmHg expected" in said
    cost, bonus = by_hand.cost(NHANES, plan.arm), by_hand.bonus(NHANES, case.row, plan.arm)
    assert f"Net benefit {fixed(plan.mean)} mmHg: the fall, less {cost:g} for side effects and monitoring" in said
    assert f", plus {bonus:g} because of an indication: " in said
    at(app.button_group, f"fb_arm_{case.position}").set_value(plan.arm).run()
    low, high = (by_hand.fall(NHANES, case.row, plan.arm, v) for v in (plan.low, plan.high))
    assert f"a fall of {fixed(fall)} ({fixed(low)} to {fixed(high)}), less {cost:g} for" in texts(app)
    click(app, f"fb_accept_{case.position}")
    done = the_session(database).ledger.cases[case.position]
    fell = by_hand.fall(NHANES, case.row, plan.arm, done.outcome.reward)
    assert f"{'fell' if fell >= 0 else 'rose'} by {fixed(abs(fell))} mmHg" in texts(app)
