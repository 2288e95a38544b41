"""On demand: proof that no plan within the limits would look better to the method than the one it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from libra_core.policies.model import ModelPolicy
from libra_core.problem import Contexts
from libra_core.study.live import LiveRun
from pages.ui.state import Key

if TYPE_CHECKING:
    from libra_core.recourse.certificate import Certificate


def certificate(run: LiveRun, row: int) -> Certificate | None:
    """The certificate for one patient with what is known now; None for a method without a model or without habits."""
    from libra_core.recourse.certificate import certify  # here: its solvers take a second to import

    policy = run.policy
    if not isinstance(policy, ModelPolicy) or not policy.recourse:
        return None
    contexts, beta = Contexts.of(run.patient(row)), policy.beta
    z, s = policy.plan(contexts, beta).chosen()
    estimator, problem = policy.estimator, policy.problem
    value = float(z[0] + beta * s[0])
    return certify(problem.feasible, estimator.theta[0], estimator.A[0], contexts, beta, value, policy.realised)


def button(run: LiveRun, row: int) -> None:
    """The question, and its answer in one sentence."""
    if not st.button("Check: is there a better plan within the limits?", icon=":material/verified:", key=Key.CHECK):
        return
    with st.spinner("Searching for a better plan …"):
        found = certificate(run, row)
    if found is None:
        st.info("This method does not search among changes of habits: there is nothing to check.")
        return
    unit, least = run.unit, run.policy.config.min_gain
    kept = f" Changes of habits that add less than {least:g} {unit} are left out on purpose." if least else ""
    if found.gap < 0.05:
        st.success(f"Checked: with what is known now, no treatment and change within the limits looks better.{kept}")
    else:
        st.info(
            f"With what is known now, no treatment and change within the limits can look better than the method's own "
            f"plan by more than {found.gap:.1f} {unit}.{kept}"
        )
