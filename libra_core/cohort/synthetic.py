"""Draw a synthetic cohort from published summary numbers: stated marginals, joined by a Gaussian copula."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from libra_core.arrays import Floats
from libra_core.clinical import CohortSpec, Protocol
from libra_core.clinical.treatment import Draw, Generator
from libra_core.cohort.cohort import Cohort
from libra_core.cohort.fill import Sheet, fill
from libra_core.cohort.report import Report
from libra_core.cohort.table import assemble

QUARTILE = 0.6744897501960817  # standard normal quantile at 0.75


def generate(spec: CohortSpec, protocol: Protocol, n: int | None = None, seed: int | None = None) -> Cohort:
    """A synthetic cohort; n and seed default to the protocol's. The same seed gives the same people."""
    assert spec.generator is not None
    g = spec.generator
    drawn = _draw(g, g.n if n is None else n, g.seed if seed is None else seed)
    sheet = Sheet(protocol, len(next(iter(drawn.values()))))
    for name in drawn.keys() & set(protocol.names):
        sheet.values[name] = np.clip(drawn[name], *protocol.feature(name).range)
    imputed = fill(sheet)
    for feature in protocol.features:  # no clinic records blood pressure to ten decimals
        sheet.values[feature.name] = np.round(np.round(sheet.values[feature.name] / feature.round) * feature.round, 6)
    report = Report(
        source=spec.name,
        rows_in_file=sheet.n,
        rows_used=sheet.n,
        imputed=imputed,
        computed=tuple(sheet.computed),
        notes=("Synthetic: drawn at random from published summary numbers.",),
    )
    return assemble(sheet, report, spec, np.zeros(0))


def _draw(g: Generator, n: int, seed: int) -> dict[str, Floats]:
    """Every column by name, (n,): correlated normal scores turned into the stated marginals."""
    rng, names = np.random.default_rng(seed), [d.feature for d in g.draws]
    corr = np.eye(len(names))
    for c in g.correlations:
        i, j = names.index(c.a), names.index(c.b)
        corr[i, j] = corr[j, i] = c.r
    scores = rng.standard_normal((n, len(names))) @ np.linalg.cholesky(corr).T
    out: dict[str, Floats] = {}
    for j, draw in enumerate(g.draws):
        out[draw.feature] = _marginal(draw, scores[:, j], out)
    _spread(g, out, rng)
    scores = np.random.default_rng([seed, 1]).standard_normal((n, len(g.later)))
    for j, draw in enumerate(g.later):
        out[draw.feature] = _marginal(draw, scores[:, j], out)
    return out


def _marginal(draw: Draw, z: Floats, done: dict[str, Floats]) -> Floats:
    """Turn normal scores (n,) into one marginal."""
    centre = draw.mean + sum(shift.value * done[shift.by] for shift in draw.shift)
    if draw.kind == "normal":  # truncated to [low, high]
        low, high = ndtr((draw.low - centre) / draw.sd), ndtr((draw.high - centre) / draw.sd)
        out = centre + draw.sd * ndtri(low + (high - low) * ndtr(z))
    elif draw.kind == "clipped":
        out = np.clip(centre + draw.sd * z, draw.low, draw.high)
    elif draw.kind == "lognormal":
        spread = (np.log(draw.q75) - np.log(draw.q25)) / (2 * QUARTILE)
        out = np.clip(draw.median * np.exp(spread * z), draw.low, draw.high)
    elif draw.kind == "flag":
        out = (ndtr(z) < draw.p).astype(float)
    else:
        out = np.searchsorted(np.cumsum(draw.shares)[:-1], ndtr(z), side="right").astype(float)
    if draw.only_if:
        out = np.where(done[draw.only_if] == 1, out, 0.0)
    return np.asarray(out, dtype=float)


def _spread(g: Generator, out: dict[str, Floats], rng: np.random.Generator) -> None:
    """Set as many of the counted flags as the count says, drawn in proportion to their weights (Gumbel)."""
    if g.among is None:
        return
    names = list(g.among.weights)
    count = out[g.among.count]
    keys = np.log([g.among.weights[name] for name in names]) + rng.gumbel(size=(len(count), len(names)))
    rank = (-keys).argsort(axis=1).argsort(axis=1)
    for j, name in enumerate(names):
        out[name] = (rank[:, j] < count).astype(float)
