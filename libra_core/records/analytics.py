"""What the record says about a study: overrides, agreement, anchoring, time, and who was right in simulation.

All functions are pure: they read the table of `decisions_table`, one line for each treated patient of each session.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from libra_core.advisors.agreement import Agreement, agreement
from libra_core.cohort import Cohort
from libra_core.records.engine import Engine
from libra_core.records.events import Action
from libra_core.records.ledger import CaseFile, Ledger
from libra_core.records.repository import SessionInfo
from libra_core.records.spec import REASONS, DecisionKind

GROUP, ARM_OF = "group: ", "arm_of_"  # begin the columns of groups of patients, and of what each policy proposed
ARMS = ("first_arm", "proposed_arm", "final_arm")
READ = ("clinician", "cohort", "row", "kind", "same_plan", "gain", "lost", "reason", "seconds", "mistake", *ARMS)


@dataclass(frozen=True)
class Share:
    """k of n, with Wilson's 95 % interval (Wilson, J Am Stat Assoc 1927;22:209). nan when n is 0."""

    k: int
    n: int

    @classmethod
    def of(cls, holds: pd.Series) -> Share:
        return cls(int(holds.sum()), len(holds))

    @property
    def value(self) -> float:
        return self.k / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.n:
            return math.nan, math.nan
        from scipy.stats import binomtest  # a page that shows no result need not wait for it

        low, high = binomtest(self.k, self.n).proportion_ci(method="wilson")
        return float(low), float(high)


def decisions_table(found: Sequence[tuple[SessionInfo, Ledger, Engine]]) -> pd.DataFrame:
    """One line for each treated patient: who, what was proposed by whom, first and final choice, what came of it.

    `gain` is the true expected benefit of what was done less that of the first policy's own proposal, in reward
    units; known only because the response is simulated, and as it is simulated today: empty for a session that was made
    under other values. Plans are compared by their treatment.
    """
    lines = []
    for info, ledger, engine in found:
        groups = groups_of(engine.cohort)
        for case in ledger.treated:
            member = {f"{GROUP}{name}": bool(members[case.row]) for name, members in groups.items()}
            lines.append(_line(info, case, engine) | member)
    return pd.DataFrame(lines, columns=None if lines else READ)  # a study without decisions has the columns too


def _line(info: SessionInfo, case: CaseFile, engine: Engine) -> dict[str, object]:
    final, executed, spec = case.final, case.executed, info.spec
    assert final is not None
    assert executed is not None
    main, simulated = case.shown[spec.policy], spec.outcomes == "simulated" and engine.current
    own, truth = Action.proposed(main), engine.truth(case.position, executed)
    return {
        "session": info.id,
        "clinician": info.owner,
        "name": info.name,
        **{name: getattr(spec, name) for name in ("policy", "mode", "blinded", "seed")},
        "config": spec.hash,
        "cohort": spec.cohort,
        **{name: getattr(case, name) for name in ("position", "row", "patient")},
        "kind": final.kind.value,
        "first_arm": -1 if case.first is None else case.first.plan.arm,
        "proposed_arm": main.arm,
        "final_arm": final.plan.arm,
        "executed_arm": executed.arm,
        "same_plan": executed == own,
        "width": main.width,
        **{name: getattr(final, name) for name in ("reason", "confidence", "comment")},
        "seconds": case.seconds,
        "put_off": len(case.deferred),
        "mistake": case.mistake is not None,
        "shown_at": final.shown_at,
        "decided_at": final.decided_at,
        "reward": None if case.outcome is None else case.outcome.reward,
        "gain": truth - engine.truth(case.position, own) if simulated else None,
        "lost": engine.best(case.position) - truth if simulated else None,
        **{f"{ARM_OF}{name}": decision.arm for name, decision in case.shown.items()},
    }


def by_person(table: pd.DataFrame) -> pd.DataFrame:
    """The decisions made by a person: not those where the policy was sure and acted alone."""
    return table[table["kind"] != DecisionKind.AUTOMATIC.value]


def overrides(table: pd.DataFrame) -> Share:
    """How often a clinician overrode the proposal, of the decisions made with the card in view."""
    kinds = table["kind"]
    return Share.of(kinds[kinds.isin([DecisionKind.ACCEPT, DecisionKind.OVERRIDE])] == DecisionKind.OVERRIDE.value)


def reasons(table: pd.DataFrame) -> dict[str, int]:
    """Reasons of the overrides in words, the most frequent first."""
    given = Counter(table.loc[table["kind"] == DecisionKind.OVERRIDE.value, "reason"])
    return {REASONS.get(code, code or "no reason given"): n for code, n in given.most_common()}


@dataclass(frozen=True)
class Anchoring:
    """Blinded first choices against final ones. `towards`: first differed from the proposal and the final follows it;
    `away`: first agreed and the final does not."""

    n: int
    agreed_first: Share
    agreed_final: Share
    towards: Share
    away: Share


def anchoring(table: pd.DataFrame) -> Anchoring:
    """How far the proposal moved the clinicians, by treatment."""
    t = table[table["first_arm"] >= 0]
    first, final = t["first_arm"] == t["proposed_arm"], t["final_arm"] == t["proposed_arm"]
    return Anchoring(len(t), Share.of(first), Share.of(final), Share.of(final[~first]), Share.of(~final[first]))


def _own(table: pd.DataFrame) -> pd.Series:
    """The clinician's own choice of a treatment: the blinded one where there is one."""
    return table["first_arm"].where(table["first_arm"] >= 0, table["final_arm"]).astype(np.int64)


def with_policies(table: pd.DataFrame) -> dict[str, Agreement]:
    """Agreement and Cohen's kappa of the clinicians' own choice with each policy."""
    t = by_person(table)
    theirs = t.filter(like=ARM_OF).fillna(-1).astype(np.int64)
    return {c.removeprefix(ARM_OF): agreement(_own(t).to_numpy(), theirs[c].to_numpy()) for c in theirs.columns}


def between_clinicians(table: pd.DataFrame) -> dict[tuple[str, str], Agreement]:
    """Agreement and kappa of each pair of clinicians, on the patients whom both decided (the first time each)."""
    t = by_person(table)
    once = t.assign(own=_own(t)).drop_duplicates(["clinician", "cohort", "row"])
    wide = once.pivot(index=["cohort", "row"], columns="clinician", values="own").fillna(-1).astype(np.int64)
    pairs = itertools.combinations(wide.columns, 2)
    return {(str(a), str(b)): agreement(wide[a].to_numpy(), wide[b].to_numpy()) for a, b in pairs}


@dataclass(frozen=True)
class Gain:
    """Clinicians against the policy's own proposals where they differ: mean with a 95 % t interval, reward units."""

    n: int
    better: int
    worse: int
    mean: float
    low: float
    high: float


def gain(table: pd.DataFrame) -> Gain:
    """Where clinicians beat or lose to the policy, in simulation. Positive: the clinicians were right."""
    from libra_core.study.metrics import band  # here: it needs scipy

    t = by_person(table)
    values = t.loc[~t["same_plan"].astype(bool), "gain"].dropna().astype(float)
    mean, low, high = band(np.array(values)) if len(values) > 1 else (values.mean(), math.nan, math.nan)
    return Gain(len(values), int((values > 0).sum()), int((values < 0).sum()), float(mean), float(low), float(high))


def times(table: pd.DataFrame) -> tuple[float, float, float]:
    """Median seconds for a patient, with the quartiles."""
    middle, low, high = by_person(table)["seconds"].astype(float).quantile([0.5, 0.25, 0.75])
    return middle, low, high


def subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """For each group of patients: how many, how often overridden, what was lost on average, mean gain."""
    rows = []
    for column, member in table.filter(like=GROUP).items():
        t = table[member.fillna(False).astype(bool)]
        lost = t["lost"].astype(float).mean()
        rows.append((str(column).removeprefix(GROUP), len(t), overrides(t).value, lost, gain(t).mean))
    return pd.DataFrame(rows, columns=["Group", "Patients", "Overridden", "Benefit lost", "Gain of clinicians"])


def groups_of(cohort: Cohort) -> dict[str, np.ndarray]:
    """The usual groups that the cohort's protocol knows (age, sex, kidney disease, diabetes): who belongs, by row."""
    columns = cohort.protocol.columns(cohort.values)
    found: dict[str, np.ndarray] = {}
    if "age" in columns:
        found |= {"age under 65": columns["age"] < 65, "age 65 or more": columns["age"] >= 65}
    if "female" in columns:
        found |= {"women": columns["female"] == 1, "men": columns["female"] == 0}
    labels = {"ckd": "chronic kidney disease", "diabetes": "diabetes"}
    return found | {label: columns[name] == 1 for name, label in labels.items() if name in columns}
