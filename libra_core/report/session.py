"""A report on a recorded feedback session: decisions, how often the proposal was followed, and reasons."""

from __future__ import annotations

from collections import Counter

import numpy as np

from libra_core.cohort import Cohort
from libra_core.records import REASONS, Actor, Database, DecisionKind, Repository, Role, SessionInfo
from libra_core.records.ledger import CaseFile, Ledger
from libra_core.records.replay import cohort_of
from libra_core.report.document import Bar, Chart, Document, Section, Table
from libra_core.report.wording import habits, label, moved, treatment
from libra_core.report.worth import own_values
from libra_core.summary import what_came

WORDS = {
    DecisionKind.ACCEPT: "proposal accepted",
    DecisionKind.OVERRIDE: "own plan",
    DecisionKind.ANSWER: "asked, answered",
    DecisionKind.AUTOMATIC: "not asked",
}


def session_document(wanted: str, si: bool = False, repository: Repository | None = None) -> Document:
    """The report on a session, by its id or the beginning of it. Raises ValueError with what to do.

    Without a repository the record that LIBRA_DATABASE_URL names is read, as `replay` does.
    """
    repository = repository or Repository(Database(None, create=False), Actor("command line", Role.LEAD))
    found = [s for s in repository.sessions() if s.id.startswith(wanted)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} sessions begin with {wanted!r}: `python -m libra_core replay` lists them")
    info, ledger = found[0], Ledger.of(repository.events(found[0].id))
    audit = repository.verify(info.id)
    cohort = cohort_of(info.spec.cohort, [])
    sections = (_decided(info, ledger), _choices(info, ledger), _cases(cohort, info, ledger, si))
    facts = (
        ("Outcomes", "Simulated." if info.spec.outcomes == "simulated" else "Entered by the clinician."),
        ("Session", info.id),
        ("Config hash", info.spec.hash),
        ("Seed", str(info.spec.seed)),
        ("Method on the card", label(info.spec.policy)),
        ("Values", _values(cohort, info)),
        ("Begun", info.created_at[:16].replace("T", " ") + " UTC"),
        ("Audit chain", audit.message),
        ("Data", cohort.provenance),
    )
    return Document(
        title=f"Feedback session: {info.name}",
        subtitle=f"{ledger.decided} of {info.spec.planned} patients decided",
        sections=tuple(s for s in sections if s is not None),
        facts=facts,
        sources=cohort.protocol.references,
        stamp=f"config {info.spec.hash}, seed {info.spec.seed}",
    )


def _values(cohort: Cohort, info: SessionInfo) -> str:
    """Under which values the session's plans were made."""
    if info.spec.worth is None:
        return "Recorded before values were declared: what was learned was the net benefit."
    own = own_values(cohort, info.spec.worth)
    return f"{own[:1].upper()}{own[1:]}." if own else "As the protocol declares."


def _closed(ledger: Ledger) -> list[CaseFile]:
    return [case for case in ledger.files if case.final is not None and case.mistake is None]


def _decided(info: SessionInfo, ledger: Ledger) -> Section:
    cases = _closed(ledger)
    kinds = Counter(case.final.kind for case in cases if case.final)
    deferred = sum(bool(case.deferred) for case in ledger.files)
    seconds = [case.seconds for case in cases if case.seconds is not None]
    points = [f"{deferred} deferred at least once."]
    if wrong := sum(case.mistake is not None for case in ledger.files):
        points.append(f"{wrong} marked as recorded by mistake: left out here.")
    if seconds:
        points.append(f"Median time from showing to deciding: {np.median(seconds):.0f} seconds.")
    judged = kinds[DecisionKind.ACCEPT] + kinds[DecisionKind.OVERRIDE]
    message = (
        f"{kinds[DecisionKind.ACCEPT]} of {judged} proposals were accepted."
        if judged
        else f"{kinds[DecisionKind.ANSWER]} answers were given; "
        f"the method decided about {kinds[DecisionKind.AUTOMATIC]} by itself."
    )
    bars = tuple(Bar(WORDS[kind], float(kinds[kind])) for kind in WORDS if kinds[kind])
    said = ", ".join(f"{bar.label} {bar.value:.0f}" for bar in bars)
    charts = (Chart(f"Decisions: {said}", "Patients", "", bars=bars),) if bars else ()
    return Section("decided", "Decisions", message, tuple(points), charts=charts)


def _choices(info: SessionInfo, ledger: Ledger) -> Section | None:
    """Where the clinician chose first, blinded: how often the treatments agreed, and how often the choice changed."""
    cases = [case for case in _closed(ledger) if case.first and case.final]
    reasons = Counter(c.final.reason for c in _closed(ledger) if c.final and c.final.kind is DecisionKind.OVERRIDE)
    points = [f"{REASONS.get(code, code or 'no reason given')}: {n}" for code, n in reasons.most_common()]
    if not cases:
        return (
            Section("reasons", "Reasons against the proposal", "Reasons for own plans.", tuple(points))
            if points
            else None
        )
    main = info.spec.policy
    agreed = sum(c.first.plan.arm == c.shown[main].arm for c in cases if c.first)
    moved = sum(c.first.plan.arm != c.final.plan.arm for c in cases if c.first and c.final)
    return Section(
        "reasons",
        "Before and after the proposal",
        f"In {agreed} of {len(cases)} patients the blinded first choice named the same treatment as the proposal.",
        (f"In {moved} of {len(cases)} the treatment was changed after the proposal was seen.", *points),
    )


def _cases(cohort: Cohort, info: SessionInfo, ledger: Ledger, si: bool) -> Section:
    rows = []
    for case in _closed(ledger):
        done = case.final.executed if case.final else None
        assert case.final is not None
        rows.append(
            (
                str(case.position),
                case.patient,
                WORDS.get(case.final.kind, case.final.kind.value),
                treatment(cohort, done.arm) if done else "nothing yet",
                habits(cohort, done.delta, si) if done else "",
                _outcome(cohort, case, net=info.spec.worth is None),
            )
        )
    head = ("No.", "Patient", "Decision", "Treatment", "Change of habits", cohort.protocol.outcome.label.capitalize())
    return Section("cases", "Patient by patient", f"{len(rows)} patients were decided.", table=Table(head, tuple(rows)))


def _outcome(cohort: Cohort, case: CaseFile, net: bool) -> str:
    """The outcome: 'fell by 8 mmHg'."""
    done, outcome = case.final.executed if case.final else None, cohort.protocol.outcome
    if done is None or case.outcome is None:
        return "pending"
    came = what_came(cohort, case.row, done.arm, case.outcome.reward, outcome.unit, net=net)
    return moved(came.fall or 0.0, outcome.unit)
