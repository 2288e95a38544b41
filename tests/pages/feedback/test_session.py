"""The Feedback page: questions, outcomes, other windows, other people, results and roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from libra_core.records import LOCAL, Actor, Database, Repository, Role, SessionLog, replay
from libra_core.records.errors import OTHER_VALUES
from pages.ui.session import access
from tests.support.feedback_page import at, choose, click, page, texts, the_session
from tests.support.kit import NHANES, begin, play, spec, stamp


def test_asked_only_when_unsure(database: Database) -> None:
    log = begin(database, mode="unsure", advisor="clinician", planned=12, warm_up=300)
    app = page(log.id)
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
    log = begin(database, mode="unsure", advisor="clinician", planned=40, warm_up=1000, seed=2)
    app = page(log.id)
    here = int(next(b.key for b in app.button if b.key.startswith("fb_answer_")).split("_")[2])
    assert here > 2
    assert f"did not ask about patients 1 to {here - 1} and treated them by itself" in texts(app)


def test_the_end_says_what_the_proposals_changed(database: Database) -> None:
    log = play(begin(database, planned=6, blinded=True))
    app = page(log.id)
    cases = log.ledger.files
    changed = sum(c.first.plan.arm != c.final.plan.arm for c in cases)
    assert f"You changed the treatment of {changed} of 6 first choices" in texts(app)
    click(app, "fb_back")
    assert "6 of 6 decided" in texts(app)
    assert app.button(key=f"fb_open_{log.id}").label == "View"


def test_a_session_made_under_other_values_is_read_only(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    log = begin(database, planned=6)
    app = page(log.id)
    for position in (1, 2):
        click(app, f"fb_accept_{position}")
    before = log.repository.head(log.id)
    monkeypatch.setattr("libra_core.records.engine.inputs_digest", lambda cohort: "of other values")
    app = page(log.id)
    assert OTHER_VALUES in texts(app)
    assert not [b.key for b in app.button if b.key.startswith(("fb_accept", "fb_mistake", "fb_close"))]
    click(app, "fb_previous")
    assert not app.exception
    assert log.repository.head(log.id) == before
    found = replay(log.repository, log.id, NHANES)
    assert (found.ok, found.proposals) == (True, 0)
    assert OTHER_VALUES in found.sentence


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
    log = begin(database, outcomes="later", planned=3)
    app = page(log.id)
    click(app, "fb_accept_1")
    assert "The outcome is pending." in texts(app)
    assert any("1 pending" in e.label for e in app.expander)


def test_another_window_was_faster(database: Database) -> None:
    app = page(begin(database).id)
    other = the_session(database)
    other.override(1, _other(other), stamp())
    click(app, "fb_accept_1")
    assert "decided in another window" in texts(app)
    assert the_session(database).ledger.decided == 1
    click(app, "fb_accept_2")
    assert the_session(database).ledger.decided == 2


def _other(log: SessionLog):
    from tests.support.kit import other_plan

    return other_plan(log.ledger.cases[1])


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
    assert "Influence of the proposal on the clinicians" in texts(app)


def test_a_download_is_on_record_before_it_is_made(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from libra_core.records import Unavailable
    from libra_core.records.results import collect
    from pages.ui.feedback import results

    log = play(begin(database, planned=2))
    rows = collect(log.repository, lambda _: NHANES)
    monkeypatch.setattr(results.access, "actor", lambda: LOCAL)
    monkeypatch.setattr(results.access, "repository", lambda: log.repository)
    assert results._on_record(lambda: "a file", "CSV", rows)() == "a file"
    assert log.repository.verify_installation().message == "2 events, unbroken."

    def full(*_: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(log.repository, "exported", full)
    assert results._on_record(lambda: "a file", "CSV", rows)() == "The disk is full."


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
