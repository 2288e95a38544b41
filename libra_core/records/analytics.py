"""What the record says about a study: overrides, agreement, anchoring, time, and who was right in simulation.

All functions are pure: they read the table of `decisions_table`, one line for each decided patient of each session.
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

GROUP = "group: "  # begins the names of the columns that say who belongs to a group of patients
SMALLEST = 5  # people in a group below which totals are not shown to somebody who may not read rows


@dataclass(frozen=True)
class Share:
    """k of n, with Wilson's 95 % interval (Wilson, J Am Stat Assoc 1927;22:209). nan when n is 0."""

    k: int
    n: int

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
    """One line for each decided patient: who, what was proposed by whom, first and final choice, what came of it.

    `gain` is the true expected benefit of what was done less that of the first policy's own proposal, in reward
    units; known only because the response is simulated, and as it is simulated today: empty for a session that was made
    under other values. Plans are compared by their treatment.
    """
    lines = []
    for info, ledger, engine in found:
        groups = groups_of(engine.cohort)
        for case in ledger.files:
            if case.final is not None and case.final.executed is not None:
                member = {f"{GROUP}{name}": bool(members[case.row]) for name, members in groups.items()}
                lines.append(_line(info, case, engine) | member)
    return pd.DataFrame(lines)


def _line(info: SessionInfo, case: CaseFile, engine: Engine) -> dict[str, object]:
    final = case.final
    assert final is not None
    assert final.executed is not None
    main, simulated = case.shown[info.spec.policy], info.spec.outcomes == "simulated" and engine.current
    own = Action(main.arm, main.delta)
    return {
        "session": info.id,
        "clinician": info.owner,
        "name": info.name,
        "policy": info.spec.policy,
        "mode": info.spec.mode,
        "blinded": info.spec.blinded,
        "seed": info.spec.seed,
        "config": info.spec.hash,
        "cohort": info.spec.cohort,
        "position": case.position,
        "row": case.row,
        "patient": case.patient,
        "kind": final.kind.value,
        "first_arm": -1 if case.first is None else case.first.plan.arm,
        "proposed_arm": main.arm,
        "final_arm": final.plan.arm,
        "executed_arm": final.executed.arm,
        "same_plan": final.executed == own,
        "width": main.width,
        "reason": final.reason,
        "confidence": final.confidence,
        "comment": final.comment,
        "seconds": case.seconds,
        "put_off": len(case.deferred),
        "mistake": case.mistake is not None,
        "shown_at": final.shown_at,
        "decided_at": final.decided_at,
        "reward": None if case.outcome is None else case.outcome.reward,
        "gain": engine.truth(case.position, final.executed) - engine.truth(case.position, own) if simulated else None,
        "lost": engine.best(case.position) - engine.truth(case.position, final.executed) if simulated else None,
        **{f"arm_of_{name}": decision.arm for name, decision in case.shown.items()},
    }


def by_person(table: pd.DataFrame) -> pd.DataFrame:
    """The decisions made by a person: not those where the policy was sure and acted alone."""
    return table[table["kind"] != DecisionKind.AUTOMATIC.value] if len(table) else table


def overrides(table: pd.DataFrame) -> Share:
    """How often a clinician overrode the proposal, of the decisions made with the card in view."""
    seen = table[table["kind"].isin([DecisionKind.ACCEPT.value, DecisionKind.OVERRIDE.value])] if len(table) else table
    return Share(int((seen["kind"] == DecisionKind.OVERRIDE.value).sum()) if len(seen) else 0, len(seen))


def reasons(table: pd.DataFrame) -> dict[str, int]:
    """Reasons of the overrides in words, the most frequent first."""
    if not len(table):
        return {}
    given = Counter(table.loc[table["kind"] == DecisionKind.OVERRIDE.value, "reason"])
    return {REASONS.get(code, code or "no reason given"): n for code, n in given.most_common()}


@dataclass(frozen=True)
class Anchoring:
    """Blinded first choices against final ones. `towards`: first differed from the proposal and the final follows it;
    `away`: first agreed and the final does not; `kept`: first differed and stayed."""

    n: int
    agreed_first: Share
    agreed_final: Share
    towards: Share
    away: Share


def anchoring(table: pd.DataFrame) -> Anchoring:
    """How far the proposal moved the clinicians, by treatment."""
    t = table[table["first_arm"] >= 0] if len(table) else table
    if not len(t):
        return Anchoring(0, Share(0, 0), Share(0, 0), Share(0, 0), Share(0, 0))
    first, final = t["first_arm"] == t["proposed_arm"], t["final_arm"] == t["proposed_arm"]
    return Anchoring(
        len(t),
        Share(int(first.sum()), len(t)),
        Share(int(final.sum()), len(t)),
        Share(int((~first & final).sum()), int((~first).sum())),
        Share(int((first & ~final).sum()), int(first.sum())),
    )


def with_policies(table: pd.DataFrame) -> dict[str, Agreement]:
    """Agreement and Cohen's kappa of the clinicians' own choice (blinded where there is one) with each policy."""
    t = by_person(table)
    if not len(t):
        return {}
    own = t["first_arm"].where(t["first_arm"] >= 0, t["final_arm"]).to_numpy(np.int64)
    out = {}
    for column in (c for c in t.columns if c.startswith("arm_of_")):
        theirs = t[column].fillna(-1).to_numpy(np.int64)
        out[column.removeprefix("arm_of_")] = agreement(own, theirs)
    return out


def between_clinicians(table: pd.DataFrame) -> dict[tuple[str, str], Agreement]:
    """Agreement and kappa of each pair of clinicians, on the patients whom both decided (the first time each)."""
    t = by_person(table)
    if not len(t):
        return {}
    own = t.assign(own=t["first_arm"].where(t["first_arm"] >= 0, t["final_arm"]))
    wide = own.drop_duplicates(["clinician", "cohort", "row"]).pivot(
        index=["cohort", "row"], columns="clinician", values="own"
    )
    out = {}
    for a, b in itertools.combinations(wide.columns, 2):
        both = wide[[a, b]].fillna(-1).to_numpy(np.int64)
        out[(str(a), str(b))] = agreement(both[:, 0], both[:, 1])
    return out


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
    t = by_person(table)
    t = t[~t["same_plan"].astype(bool) & t["gain"].notna()] if len(t) else t
    if not len(t):
        return Gain(0, 0, 0, math.nan, math.nan, math.nan)
    values = t["gain"].to_numpy(float)
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    if len(values) < 2:
        return Gain(len(values), better, worse, float(values.mean()), math.nan, math.nan)
    from libra_core.study.metrics import band  # here: it needs scipy

    return Gain(len(values), better, worse, *(float(v) for v in band(values)))


def times(table: pd.DataFrame) -> tuple[float, float, float]:
    """Median seconds for a patient, with the quartiles."""
    t = by_person(table)
    seconds = t["seconds"].dropna().to_numpy(float) if len(t) else np.array([])
    if not len(seconds):
        return math.nan, math.nan, math.nan
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """For each group of patients: how many, how often overridden, what was lost on average, mean gain."""
    rows = []
    for column in (c for c in table.columns if c.startswith(GROUP)):
        t = table[table[column].fillna(False).astype(bool)]
        rows.append(
            {
                "Group": column.removeprefix(GROUP),
                "Patients": len(t),
                "Overridden": overrides(t).value,
                "Benefit lost": float(t["lost"].mean()) if len(t) and t["lost"].notna().any() else math.nan,
                "Gain of clinicians": gain(t).mean,
            }
        )
    return pd.DataFrame(rows, columns=["Group", "Patients", "Overridden", "Benefit lost", "Gain of clinicians"])


def groups_of(cohort: Cohort) -> dict[str, np.ndarray]:
    """The usual groups that the cohort's protocol knows (age, sex, kidney disease, diabetes): who belongs, by row."""
    columns = cohort.protocol.columns(cohort.values)
    found: dict[str, np.ndarray] = {}
    if "age" in columns:
        found |= {"age under 65": columns["age"] < 65, "age 65 or more": columns["age"] >= 65}
    if "female" in columns:
        found |= {"women": columns["female"] == 1, "men": columns["female"] == 0}
    for name, label in (("ckd", "chronic kidney disease"), ("diabetes", "diabetes")):
        if name in columns:
            found[label] = columns[name] == 1
    return found
