"""Consistency of a protocol file: every name that is used exists, and arm 0 can always be given."""

from __future__ import annotations

from collections.abc import Iterable

from libra_core.clinical.formulas import FORMULAS
from libra_core.clinical.prevent import INPUTS
from libra_core.clinical.protocol import Protocol
from libra_core.clinical.rules import CHANGE, EXPECTED, NOW, Condition, Rule


def check_protocol(protocol: Protocol) -> None:
    """Raise ValueError with a sentence about the first inconsistency."""
    features = [f.name for f in protocol.features]
    flags = [d.name for d in protocol.derived]
    _unique("feature or derived flag", features + flags)
    _unique("treatment", [t.code for t in protocol.treatments])
    _unique("cohort", [c.name for c in protocol.cohorts])
    _check_flags(protocol, set(features))
    _check_features(protocol, set(features), set(features + flags))
    _check_context(protocol, set(features + flags))
    _check_treatments(protocol, set(features + flags))
    _check_plans(protocol, set(features), set(features + flags))
    _unique("limit", [limit.name for limit in protocol.linear_limits])
    for limit in protocol.linear_limits:
        for name in limit.weights:
            if name not in protocol.mutable:
                raise ValueError(f"the limit {limit.name!r} weighs {name!r}, which is not a mutable habit")
    story, worth = (protocol.story,) if protocol.story else (), (*protocol.values.due, *protocol.values.not_due)
    for rule in (protocol.arrivals_rule, *story, *protocol.categories, *protocol.alerts, *worth):
        _known(rule.when, set(features + flags), f"the rule {rule.reason!r}")
    for name in protocol.joined:
        if name not in features:
            raise ValueError(f"{name!r} is listed under `joined` and is no feature")
    if (risk := protocol.values.risk) is not None:
        _known(risk.when, set(features + flags), f"the risk score {risk.label!r}")
        for name in (*INPUTS, *risk.needs):
            if name not in features + flags:
                raise ValueError(f"the risk score {risk.label!r} needs {name!r}, which is not defined")


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is defined twice")


def _known(
    conditions: Iterable[Condition],
    names: set[str],
    where: str,
    changes: frozenset[str] = frozenset(),
    outcome: frozenset[str] = frozenset(),
) -> None:
    for condition in conditions:
        kinds = {CHANGE: changes, EXPECTED: outcome}
        allowed = next((found for suffix, found in kinds.items() if condition.column.endswith(suffix)), names)
        if condition.feature not in allowed:
            raise ValueError(f"{where} reads {condition.column!r}, which is not defined")


def _check_flags(protocol: Protocol, names: set[str]) -> None:
    known = set(names)
    for flag in protocol.derived:
        _known(flag.conditions, known, f"the derived flag {flag.name!r}")
        known.add(flag.name)


def _check_features(protocol: Protocol, features: set[str], names: set[str]) -> None:
    for feature in protocol.features:
        where = f"the feature {feature.name!r}"
        if feature.formula is not None and feature.formula not in FORMULAS:
            raise ValueError(f"{where} has an unknown formula {feature.formula!r}: choose from {', '.join(FORMULAS)}")
        for name in feature.formula_inputs:
            if name not in features:
                raise ValueError(f"{where} is computed from {name!r}, which is not a feature")
        for lock in feature.locks:
            _known(lock.when, names, where)
        for known in feature.known:
            _known(known.when, features, where)
        rule = feature.impute
        others = [rule.by, rule.on] if rule else []
        others += [feature.floor_ratio.feature] if feature.floor_ratio else []
        for other in others:
            if other and other not in features:
                raise ValueError(f"{where} refers to {other!r}, which is not a feature")
    marked = {f.name for f in protocol.features if f.mutable}
    if marked != set(protocol.mutable):
        odd = sorted(marked ^ set(protocol.mutable))
        raise ValueError(f"`mutable` and the features marked mutable differ in: {', '.join(odd)}")


def _check_context(protocol: Protocol, names: set[str]) -> None:
    if not protocol.context or protocol.context[0] != "intercept":
        raise ValueError("`context` must begin with 'intercept'")
    _unique("context entry", list(protocol.context))
    mutable = set(protocol.mutable)
    for entry in protocol.context[1:]:
        name = entry.removesuffix(NOW)
        if name not in names:
            raise ValueError(f"`context` names {entry!r}, which is not defined")
        if (name in mutable) != entry.endswith(NOW):
            raise ValueError(f"`context` names {entry!r}: exactly the habits, which can move, carry ':now'")
    for entry in protocol.dropped:
        if entry not in protocol.context[1:]:
            raise ValueError(f"cannot switch off {entry!r}: it is not in the context")


def _check_treatments(protocol: Protocol, names: set[str]) -> None:
    first = protocol.treatments[0]
    if first.blocked_if or first.components:
        raise ValueError(f"the first treatment ({first.code!r}) must be one that is never blocked")
    seen: set[str] = set()
    for treatment in protocol.treatments:
        where = f"the treatment {treatment.code!r}"
        for rule in (*treatment.blocked_if, *treatment.not_alone):
            _known(rule.when, names, where)
        _rules_of_plans(protocol, treatment.cautions, names, where)
        for bonus in treatment.bonus:
            if bonus.flag not in names:
                raise ValueError(f"{where} has a bonus for {bonus.flag!r}, which is not defined")
        for code in treatment.components:
            if code not in seen:
                raise ValueError(f"{where} is made of {code!r}, which must be defined before it")
        if treatment.not_alone and treatment is not first:
            raise ValueError(f"{where} has not_alone rules: only the first treatment may")
        seen.add(treatment.code)


def _check_plans(protocol: Protocol, features: set[str], names: set[str]) -> None:
    for caution in protocol.plan_cautions:
        where = f"the caution {caution.reason!r}"
        _given(protocol, caution.treatments, where)
        _rules_of_plans(protocol, (caution,), names, where)
    for check in protocol.checks:
        where = f"the check of {check.feature!r}"
        _given(protocol, check.treatments, where)
        if check.feature not in features:
            raise ValueError(f"{where} is about something that is not a feature")


def _given(protocol: Protocol, codes: tuple[str, ...], where: str) -> None:
    for code in codes:
        if code not in protocol.arm_codes:
            raise ValueError(f"{where} names the treatment {code!r}, which is not defined")


def _rules_of_plans(protocol: Protocol, rules: tuple[Rule, ...], names: set[str], where: str) -> None:
    for rule in rules:
        _known(rule.when, names, where, frozenset(protocol.mutable), frozenset({protocol.outcome.name}))
