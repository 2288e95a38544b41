"""Whether outcomes fit the model: the verdict in words, and outcome less expectation for each treatment."""

from __future__ import annotations

import streamlit as st

from libra_core.clinical import Protocol
from libra_core.cohort import Cohort
from libra_core.digits import signed
from libra_core.policies.check import ALPHA, CheckReport, Misfit, Noise
from libra_core.report import wording
from libra_core.study.live import LiveRun
from pages.ui.draw import charts
from pages.ui.draw.cards import escaped
from pages.ui.draw.show import figure

ENOUGH = 10  # outcomes of a treatment before it is drawn


def fit(cohort: Cohort, run: LiveRun) -> None:
    """Nothing for a method without a model, and nothing before the first outcome."""
    found = run.check
    if found is None or not any(arm.seen for arm in found.arms):
        return
    said = verdict(cohort, found, run.unit)
    if found.alarm:
        st.warning(" ".join(said), icon=":material/troubleshoot:")
    else:
        st.markdown(f":material/check: :small[{said[0]}]")
    drawn = [k for k, arm in enumerate(found.arms) if arm.seen >= ENOUGH]
    if drawn:
        with st.expander("Outcomes against expectations", icon=":material/troubleshoot:"):
            fits = [found.arms[k] for k in drawn]
            labels = [f"{wording.treatment(cohort, k)} ({found.arms[k].seen})" for k in drawn]
            figure(charts.residuals(labels, [(f.mean, f.half) for f in fits], run.unit), "fit")
            st.caption(
                "Average outcome less what was expected before it, for each treatment (number of patients); the line "
                f"is the range of chance. While the model is right, a warning comes in at most {ALPHA:.0%} of runs."
            )


def verdict(cohort: Cohort, found: CheckReport, unit: str) -> list[str]:
    """The sentences of a report: what does not fit, since when, and what it means for plans."""
    said = [_shift(cohort, found.misfit, unit)] if found.misfit else []
    said += [_noise(found.noise)] if found.noise else []
    return said or ["Outcomes fit the model so far."]


def _shift(cohort: Cohort, misfit: Misfit, unit: str) -> str:
    who = f"under **{escaped(wording.treatment(cohort, misfit.arm))}** " if misfit.arm >= 0 else ""
    if misfit.feature >= 0:
        who = f"in patients with **{_half(cohort.protocol, misfit.feature, misfit.high)}** "
    size, since = abs(misfit.shift), f"Since about patient {misfit.since:,}"
    word, hope = ("lower", "hopeful") if misfit.shift < 0 else ("higher", "cautious")
    amount = f"{100 * size:.0f} percentage points" if unit == "probability" else f"{size:.1f} {unit}"
    return f"{since}, outcomes {who}are {amount} {word} than expected: plans may be too {hope}."


def _half(protocol: Protocol, entry: int, high: bool) -> str:
    """One half of a context entry: 'age above average', 'no diabetes'."""
    name = protocol.context[entry].removesuffix(":now")
    if name in protocol.names and (feature := protocol.feature(name)).kind == "number":
        return f"{escaped(feature.label)}: {'above' if high else 'below'} average"
    labels = {flag.name: flag.label for flag in protocol.derived} | {f.name: f.label for f in protocol.features}
    return f"{escaped(labels.get(name, name))}: {'yes' if high else 'no'}"


def _noise(noise: Noise) -> str:
    what = "scatter more than expected" if noise.kind == "spread" else "have more extremes than expected"
    return (
        f"Outcomes {what} (noticed at patient {noise.round:,}; {signed(100 * (noise.ratio - 1), 0)} % in standard "
        "deviations): ranges shown are too narrow. From then on, extreme outcomes count for less: "
        f"{noise.cut:,} so far."
    )
