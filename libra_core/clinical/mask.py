"""The treatments excluded for each patient: the hard mask, applied before anything is computed.

A contraindication counts unless the patient's possible values rule it out: see `Bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from libra_core.arrays import Bools
from libra_core.clinical.rules import Bounds, Columns, Rule
from libra_core.clinical.treatment import Block, Treatment

OPEN = "cannot be ruled out, because a value in the file is in doubt"


def parts_of(treatments: Sequence[Treatment], arm: int) -> list[Treatment]:
    """An arm and its components."""
    by_code = {t.code: t for t in treatments}
    return [treatments[arm], *(by_code[code] for code in treatments[arm].components)]


def rules_of(treatments: Sequence[Treatment], arm: int) -> list[Rule]:
    """The contraindications of an arm and of its components."""
    return [rule for part in parts_of(treatments, arm) for rule in part.blocked_if]


def blocked_of(treatments: Sequence[Treatment], bounds: Bounds) -> Bools:
    """Which arms are, or may be, contraindicated, (n, K)."""
    n = len(next(iter(bounds.low.values())))
    out = np.zeros((n, len(treatments)), bool)
    for k in range(len(treatments)):
        for rule in rules_of(treatments, k):
            out[:, k] |= rule.may_fire(bounds)
    return out


def not_alone_of(treatments: Sequence[Treatment], columns: Columns) -> Bools:
    """Where the fallback arm is not enough by itself, (n,)."""
    out = np.zeros(len(next(iter(columns.values()))), bool)
    for rule in treatments[0].not_alone:
        out |= rule.fires(columns)
    return out


def eligible_of(treatments: Sequence[Treatment], columns: Columns, bounds: Bounds) -> Bools:
    """Which arms each patient may have, (n, K). The fallback arm 0 is removed only if another remains."""
    out = ~blocked_of(treatments, bounds)
    out[:, 0] = ~(not_alone_of(treatments, columns) & out[:, 1:].any(axis=1))
    return out


def reasons_of(treatments: Sequence[Treatment], columns: Columns, bounds: Bounds) -> tuple[Block, ...]:
    """Every reason why an arm is excluded for the first patient, arm by arm, including arm 0 when it is not enough."""
    out: list[Block] = []
    for k in range(len(treatments)):
        for rule in rules_of(treatments, k):
            if rule.may_fire(bounds)[0]:
                sure = rule.fires(columns)[0]
                out.append(Block(k, rule.reason if sure else f"{rule.reason}: {OPEN}", rule.source))
    if not eligible_of(treatments, columns, bounds)[0, 0]:
        first = [Block(0, r.reason, r.source) for r in treatments[0].not_alone if r.fires(columns)[0]]
        return (*first, *out)
    return tuple(out)
