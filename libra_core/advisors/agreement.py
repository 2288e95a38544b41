"""Agreement between sources of advice on the treatment: share, Cohen's kappa, and disagreements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libra_core.arrays import Bools, Floats, Ints

NO_ADVICE = -1  # the arm of a case on which a source gave no advice


@dataclass(frozen=True)
class Agreement:
    """Two sources on the cases where both gave advice. kappa is nan when chance agreement is complete or n is 0."""

    n: int
    share: float
    kappa: float


def agreement(a: Ints, b: Ints) -> Agreement:
    """Share of equal treatments and Cohen's kappa (Cohen, Educ Psychol Meas 1960;20:37) of two arms (n,).

    kappa = (share - chance) / (1 - chance), chance = sum over arms of the product of both sources' frequencies.
    """
    both = (a != NO_ADVICE) & (b != NO_ADVICE)
    n = int(both.sum())
    if n == 0:
        return Agreement(0, math.nan, math.nan)
    left, right = a[both], b[both]
    share = float((left == right).mean())
    arms = np.union1d(left, right)
    chance = float(sum((left == k).mean() * (right == k).mean() for k in arms))
    kappa = (share - chance) / (1 - chance) if chance < 1 - 1e-12 else math.nan
    return Agreement(n, share, kappa)


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


def disagreements(a: Ints, b: Ints, labels: Sequence[str], top: int = 5) -> list[tuple[str, str, int]]:
    """The most frequent pairs of different treatments: (a's, b's, number of cases)."""
    table = crosstab(a, b, len(labels))
    np.fill_diagonal(table, 0)
    order = np.argsort(-table, axis=None, kind="stable")[:top]
    pairs = [np.unravel_index(i, table.shape) for i in order]
    return [(labels[i], labels[j], int(table[i, j])) for i, j in pairs if table[i, j]]
