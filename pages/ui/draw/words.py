"""A decision in a clinician's words: the plan, how sure, why, and what to check. No numbers are made here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from libra_core.clinical import Feature
from libra_core.cohort import Cohort, Unmeasured
from libra_core.policies import ArmOption, Decision, Reason

NO_CHANGE = "No change: current drugs and habits"

WHY = {
    Reason.OPTIMISTIC: "It is the option that could turn out best, given what has been learned.",
    Reason.CERTAIN: "What has been learned is precise enough for this patient, so the advisor was not asked.",
    Reason.NO_ADVICE: "The method was unsure and asked the advisor, but no usable advice came.",
    Reason.RULED_OUT: "The method was unsure and asked the advisor. By what has been learned so far, its own plan "
    "looks better than the advice.",
    Reason.UNINFORMATIVE: "The advisor was asked; its plan is plausible, but nothing would be learned from it.",
    Reason.ADOPTED: "The method was unsure and asked the advisor. The advice is plausible, so it is followed.",
    Reason.CONTROL: "The advisor was asked, but its advice is held back: one of the rounds that test the advisor.",
    Reason.DISMISSED: "The advisor did worse than the method in a fair comparison and is no longer asked.",
    Reason.BUDGET: "The method is unsure, but the agreed number of questions to the advisor is used up.",
    Reason.ADVISOR: "This method does what its advisor says.",
    Reason.SAMPLED: "It is the best option under one plausible reading of what has been learned.",
    Reason.RANDOM: "Drawn at random: a method to compare with.",
    Reason.TRUTH: "The best plan under the true simulated model: a yardstick, not available in practice.",
}


@dataclass(frozen=True)
class Option:
    """One line of the ranking. Benefits are on the reward's scale; `plan` names the changes of habits."""

    arm: int
    label: str
    plan: str
    mean: float
    low: float
    high: float
    proposed: bool


def has_estimate(decision: Decision) -> bool:
    """Whether the method keeps a model of what to expect; the dice and the guideline keep none."""
    return math.isfinite(decision.mean)


def changes(cohort: Cohort, delta: Sequence[float], si: bool) -> list[str]:
    """The changes of habits in a plan: ['sodium in the diet −800 mg/day']."""
    protocol = cohort.protocol
    moved = zip(protocol.mutable_features, protocol.change(delta), strict=True)
    texts = [feature.display_change(float(change), si) for feature, change in moved if abs(change) > 1e-9]
    return [text for text in texts if not text.endswith("no change")]


def treatment(cohort: Cohort, arm: int) -> str:
    return cohort.protocol.treatments[arm].label


def headline(cohort: Cohort, arm: int) -> str:
    """What to start: arm 0 is the one that starts nothing."""
    label = treatment(cohort, arm)
    return f"Start: {label}" if arm else label


def value(cohort: Cohort, row: int, name: str, si: bool) -> str:
    """A value with its unit; a star when it was assumed."""
    text = cohort.protocol.feature(name).display(float(cohort.frame.at[row, name]), si)
    return text + ("*" if bool(cohort.imputed.at[row, name]) else "")


def drug_class(feature: Feature) -> str:
    """The class that a "Takes a ..." fact is about, 'beta-blocker'; empty for any other fact."""
    taken = feature.label.removeprefix("Takes ")
    return "" if taken == feature.label else taken.removeprefix("an ").removeprefix("a ")


def to_check(cohort: Cohort, items: Sequence[Unmeasured]) -> str:
    """What to check, '(not recorded): gout, current beta-blocker. (in doubt): eGFR (...).'; empty when nothing."""
    missing = [_fact(cohort, item.feature) for item in items if not item.doubt]
    doubtful = [f"{_fact(cohort, item.feature)} ({item.doubt})" for item in items if item.doubt]
    parts = [f"(not recorded): {', '.join(missing)}."] if missing else []
    return " ".join([*parts, *([f"(in doubt): {'; '.join(doubtful)}."] if doubtful else [])])


def _fact(cohort: Cohort, name: str) -> str:
    """A fact inside a sentence: 'potassium in blood', 'current beta-blocker'."""
    feature = cohort.protocol.feature(name)
    drug = drug_class(feature)
    return f"current {drug}" if drug else feature.label_inside


def not_excluded(cohort: Cohort, row: int) -> tuple[list[str], int]:
    """The facts that could rule a treatment out but are not recorded for this patient, and how many such facts there
    are in all."""
    arms = range(len(cohort.protocol.treatments))
    facts = list(dict.fromkeys(name for arm in arms for name in cohort.protocol.safety_features(arm)))
    return [_fact(cohort, name) for name in facts if bool(cohort.imputed.at[row, name])], len(facts)


def unrecorded(cohort: Cohort, row: int) -> str:
    """How much of what decides about drugs nobody recorded, in one sentence; empty when all of it is known."""
    missing, total = not_excluded(cohort, row)
    if not missing:
        return ""
    drugs = any(text.startswith("current ") for text in missing)
    among = [text for text, is_so in (("current drugs", drugs), ("kidney function", "eGFR" in missing)) if is_so]
    told = f", {' and '.join(among)} among them" if among else ""
    return f"Of {total} facts that could rule a drug out, {len(missing)} are not recorded for this person{told}."


def caution(text: str) -> str:
    """What to watch with a plan. The protocol writes in capitals what must not be overlooked: it is red, too."""
    first = text.split(",")[0].split(" ")[0]
    if len(first) > 3 and first.isupper():
        return f":red[:material/error: **{sentence(text)}**]"
    icon = "event_upcoming" if text.startswith("after starting") else "warning"
    return f":material/{icon}: {sentence(text)}"


def sentence(text: str) -> str:
    """A message of the core as a sentence on a page."""
    return capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def capital(text: str) -> str:
    """The first letter large, but 'eGFR' as it is."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def about(value: float) -> str:
    """A large number without false precision: '280,000'."""
    digits = max(0, math.floor(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value, -digits):,.0f}"


def up_to(value: float) -> str:
    """A bound rounded up to a tenth, so that it stays a bound: '0.1'."""
    return f"{max(1, math.ceil(10 * value - 1e-6)) / 10:.1f}"


def less(price: float) -> str:
    """What a net benefit takes off a fall, or adds to it: 'less 6', 'plus 2'."""
    return f"less {price:.0f}" if price >= 0 else f"plus {-price:.0f}"


def signed(value: float) -> str:
    """'+1.2', '−0.4', '0.0'."""
    return f"{value:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0").replace("-", "−")


def between(low: float, high: float, unit: str) -> str:
    """A range without false precision: 'Between 4 and 15 mmHg'."""
    return f"Between {low:.0f} and {high:.0f} {unit}".replace("-", "−")


def plan_text(cohort: Cohort, delta: Sequence[float], si: bool) -> str:
    return "; ".join(changes(cohort, delta, si)) or "habits as they are"


def options(cohort: Cohort, decision: Decision, si: bool) -> list[Option]:
    """What was proposed and every eligible alternative, with "no change" among them; the best expected first."""
    label = treatment(cohort, decision.arm)
    plan = plan_text(cohort, decision.delta, si)
    found = [Option(decision.arm, label, plan, decision.mean, decision.low, decision.high, True)]
    for option in decision.options:
        if not option.eligible:
            continue
        other = plan_text(cohort, option.delta, si)
        if option.arm != decision.arm or other != plan:
            name = _name(cohort, decision, option)
            found.append(Option(option.arm, name, other, option.mean, option.low, option.high, False))
        if option.arm == 0 and any(option.delta):
            bounds = option.mean_unchanged, option.low_unchanged, option.high_unchanged
            found.append(Option(0, NO_CHANGE, "habits as they are", *bounds, False))
    return sorted(found, key=lambda o: (not o.proposed, -o.mean))


def _name(cohort: Cohort, decision: Decision, option: ArmOption) -> str:
    """The name of an alternative, told apart from the proposed plan when only the habits differ."""
    if option.arm == 0 and not any(option.delta):
        return NO_CHANGE
    label = treatment(cohort, option.arm)
    return f"{label}, other habits" if option.arm == decision.arm else label


def uncertain(found: list[Option]) -> bool:
    """Whether another option may be better: its range overlaps the proposed one's."""
    return any(other.high > found[0].low for other in found[1:])


def fact(cohort: Cohort, row: int, entry: str, si: bool) -> str:
    """One entry of the context in words, with the patient's own value: 'Age 66 years'."""
    protocol = cohort.protocol
    if entry == "intercept":
        return "An average patient"
    name = entry.removesuffix(":now")
    if name in protocol.names:
        now = " now" if entry.endswith(":now") else ""
        return f"{protocol.feature(name).label}{now}: {value(cohort, row, name, si)}"
    flag = next((d for d in protocol.derived if d.name == name), None)
    return flag.label if flag else entry


def contributions(cohort: Cohort, decision: Decision, si: bool, keep: int = 9) -> tuple[list[str], list[float]]:
    """The largest contributions to the expected benefit, in words, and the sum of the rest."""
    protocol = cohort.protocol
    labels = [fact(cohort, decision.row, entry, si) for entry in protocol.context]
    moved = zip(protocol.mutable_features, protocol.change(decision.delta), strict=True)
    labels += [f"Plan: {feature.display_change(float(change), si)}" for feature, change in moved]
    pairs = [(label, part) for label, part in zip(labels, decision.contributions, strict=True) if abs(part) >= 0.05]
    first, rest = pairs[:1], sorted(pairs[1:], key=lambda pair: -abs(pair[1]))
    shown = first + rest[: keep - 1]
    left = sum(part for _, part in rest[keep - 1 :])
    if abs(left) >= 0.05:
        shown.append(("Everything else", left))
    return [label for label, _ in shown], [part for _, part in shown]
