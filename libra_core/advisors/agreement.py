"""Agreement between sources of advice: share and Cohen's kappa of treatments, habits in common, disagreements."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Bools, Floats, Ints

NO_ADVICE = -1  # the arm of a case on which a source gave no advice


MOVED = 1e-9  # a standardised change smaller than this is none


@dataclass(frozen=True)
class Agreement:
    """Two sources on the cases where both gave advice. low, high: the 95 % interval of kappa. All three are nan when
    chance agreement is complete or n is 0."""

    n: int
    share: float
    kappa: float
    low: float = math.nan
    high: float = math.nan


def agreement(a: Ints, b: Ints) -> Agreement:
    """Share of equal treatments and Cohen's kappa (Cohen, Educ Psychol Meas 1960;20:37) of two arms (n,).

    kappa = (share - chance) / (1 - chance), chance = sum over arms of the product of both sources' frequencies. The
    interval is kappa -+ 1.96 standard errors in large samples (Fleiss, Cohen, Everitt, Psychol Bull 1969;72:323).
    """
    both = (a != NO_ADVICE) & (b != NO_ADVICE)
    n = int(both.sum())
    if n == 0:
        return Agreement(0, math.nan, math.nan)
    left, right = a[both], b[both]
    size = int(max(left.max(), right.max())) + 1
    of_left, of_right = (np.bincount(side, minlength=size) / n for side in (left, right))
    same = left == right
    share, chance = float(same.mean()), float(of_left @ of_right)
    if chance >= 1 - 1e-12:
        return Agreement(n, share, math.nan)
    kappa = (share - chance) / (1 - chance)
    # what each case adds to kappa: the derivative of the formula above by the frequencies of both sources
    lean = of_right[left] + of_left[right] - 2 * chance
    pull = (same - share - (1 - kappa) * lean) / (1 - chance)
    half = 1.96 * math.sqrt(float((pull**2).mean()) / n)
    return Agreement(n, share, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))


@dataclass(frozen=True)
class InCommon:
    """Habits that two sources move, on n cases. same: the share with exactly the same habits. overlap: the mean share
    of all habits moved by either that both move; 1 where neither moves any. nan when n is 0."""

    n: int
    same: float
    overlap: float


def in_common(a: Floats, b: Floats, both: Bools) -> InCommon:
    """Habits in common of two changes (n, d_M) over the cases `both` (n,). The size of a change is not compared."""
    left, right = (np.sign(np.where(np.abs(side[both]) > MOVED, side[both], 0.0)) for side in (a, b))
    if not len(left):
        return InCommon(0, math.nan, math.nan)
    either = ((left != 0) | (right != 0)).sum(axis=1)
    shared = ((left == right) & (left != 0)).sum(axis=1)
    return InCommon(
        len(left),
        float((left == right).all(axis=1).mean()),
        float(np.where(either, shared / np.maximum(either, 1), 1.0).mean()),
    )


def pairwise(choices: Mapping[str, Ints]) -> dict[tuple[str, str], Agreement]:
    """Agreement of every pair of sources, in both orders and with the diagonal: a matrix."""
    return {(p, q): agreement(choices[p], choices[q]) for p in choices for q in choices}


def crosstab(a: Ints, b: Ints, n_arms: int) -> Ints:
    """Counts (K, K) of cases by the arm that `a` chose (row) and the arm that `b` chose (column)."""
    both = (a != NO_ADVICE) & (b != NO_ADVICE)
    out = np.zeros((n_arms, n_arms), np.int64)
    np.add.at(out, (a[both], b[both]), 1)
    return out


def by_group(a: Ints, b: Ints, groups: Mapping[str, Bools]) -> dict[str, Agreement]:
    """Agreement in each named group (n,) of cases; empty groups are left out."""
    return {label: agreement(a[mask], b[mask]) for label, mask in groups.items() if mask.any()}


def width_groups(width: Floats, unit: str, parts: int = 3) -> dict[str, Bools]:
    """Cases by the width of the model's interval: `parts` groups of about equal size, labelled with their limits."""
    edges = np.quantile(width, np.linspace(0, 1, parts + 1))
    bins = np.clip(np.searchsorted(edges, width, side="right") - 1, 0, parts - 1)
    return {
        f"interval {edges[i]:.1f} to {edges[i + 1]:.1f} {unit} wide": bins == i
        for i in range(parts)
        if (bins == i).any()
    }


def disagreements(a: Ints, b: Ints, top: int = 5) -> list[tuple[int, int, Ints]]:
    """The most frequent pairs of different treatments: (a's arm, b's arm, the cases as places in a)."""
    size = int(max(a.max(initial=0), b.max(initial=0))) + 1
    table = crosstab(a, b, size)
    np.fill_diagonal(table, 0)
    order = np.argsort(-table, axis=None, kind="stable")[:top]
    pairs = [divmod(int(place), size) for place in order]
    return [(i, j, np.flatnonzero((a == i) & (b == j))) for i, j in pairs if table[i, j]]


def discord(choices: Mapping[str, Ints]) -> Floats:
    """For each case the share of pairs of sources with advice that name different treatments, (n,); 0 with no pair."""
    pairs = list(itertools.combinations(choices.values(), 2))
    both = np.array([(a != NO_ADVICE) & (b != NO_ADVICE) for a, b in pairs])
    apart = np.array([a != b for a, b in pairs]) & both
    return np.asarray(apart.sum(axis=0) / np.maximum(both.sum(axis=0), 1))
