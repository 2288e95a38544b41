"""The clinician's own plan: a treatment, sliders inside what is feasible, and what the method expects of it."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from libra_core.certainty import Estimate
from libra_core.clinical import Feature
from libra_core.cohort import Cohort
from libra_core.digits import fixed, interval, signed
from libra_core.records import Action, Effect, SessionLog
from libra_core.records.ledger import CaseFile
from libra_core.report import wording
from libra_core.summary import PlanSummary, summarise_plan
from pages.ui.draw.cards import escaped
from pages.ui.feedback.state import Key, act, value
from pages.ui.session.state import si_units

STEPS = 20  # positions of a slider


def arm_key(case: CaseFile) -> str:
    return Key.of("arm", case.position)


def slider_key(case: CaseFile, arm: int, j: int) -> str:
    """Sliders belong to a patient, a treatment and a stage: each set starts from its own plan."""
    stage = "blind" if case.first is None else "open"
    return f"{Key.of('habit', case.position)}_{stage}_{arm}_{j}"


def start_of(log: SessionLog, case: CaseFile, arm: int, hidden: bool) -> Action:
    """Where the sliders stand at first: the clinician's own first choice of habits where there was one, else the
    method's best change for this treatment; none while the proposal is hidden."""
    still = Action(arm, (0.0,) * log.engine.problem.d_mutable)
    if hidden:
        return still
    if case.first is not None:  # the method's habits must not slip into a plan that was made without them
        return Action(arm, case.first.plan.delta)
    main = case.shown[log.info.spec.policy]
    if arm == main.arm:
        return Action(arm, main.delta)
    return next((Action(arm, option.delta) for option in main.options if option.arm == arm), still)


def composed(log: SessionLog, case: CaseFile, arm: int, hidden: bool) -> Action:
    """The plan as the sliders have it; untouched sliders keep the exact change they started from."""
    start = start_of(log, case, arm, hidden)
    scales = log.cohort.protocol.scales
    delta = list(start.delta)
    for j, feature in enumerate(log.cohort.protocol.mutable_features):
        moved = value(slider_key(case, arm, j))
        first = _rounded(feature, start.delta[j] * float(scales[j]), *_range(log, case, j))
        if moved is not None and abs(moved - first) > 1e-9:
            low, high = _range(log, case, j)
            delta[j] = float(np.clip(moved, low, high)) / float(scales[j])
    return Action(arm, tuple(delta))


def chosen(log: SessionLog, case: CaseFile, hidden: bool) -> Action | None:
    """The plan that would be recorded now; None before a treatment is chosen."""
    arm = value(arm_key(case))
    return None if arm is None else composed(log, case, int(arm), hidden)


def treatments(log: SessionLog, case: CaseFile, label: str) -> None:
    """All treatments that are possible for this patient, as one row of choices."""
    eligible = np.flatnonzero(log.cohort.patient(case.row).eligible).tolist()
    st.pills(
        label,
        eligible,
        format_func=lambda k: wording.treatment(log.cohort, k),
        key=arm_key(case),
        required=True,
        help="Contraindicated treatments are not on the list; the tab *Each treatment* says why.",
        persist_state="session",
    )


def _range(log: SessionLog, case: CaseFile, j: int) -> tuple[float, float]:
    """How far habit j may move for this patient, clinical units."""
    patient, scale = log.cohort.patient(case.row), float(log.cohort.protocol.scales[j])
    return float(patient.lo[j]) * scale, float(patient.hi[j]) * scale


def _rounded(feature: Feature, change: float, low: float, high: float) -> float:
    step = (high - low) / STEPS or 1.0
    anchor = low if feature.direction == -1 else high
    return float(np.clip(anchor + round((change - anchor) / step) * step, low, high))


def in_words(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    """What would be recorded as one's own plan, habits included: the sliders may be below the edge of the screen."""
    plan = chosen(log, case, hidden)
    if plan is not None:
        st.markdown(f"Your plan: **{sentence(log.cohort, plan, si_units())}**.")


def what_if(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    """Sliders and their effect."""
    arm = value(arm_key(case))
    if arm is None:
        st.caption("Choose a treatment above, then see here what a change of habits would add.")
        return
    start = start_of(log, case, int(arm), hidden)
    movable = [j for j in range(len(start.delta)) if np.ptp(_range(log, case, j)) > 1e-9]
    columns = st.columns(4, gap="medium")
    for i, j in enumerate(movable):
        with columns[i % 4]:
            _slider(log, case, int(arm), j, start)
    plan = composed(log, case, int(arm), hidden)
    _effect(log, case, plan, hidden)


def _slider(log: SessionLog, case: CaseFile, arm: int, j: int, start: Action) -> None:
    feature, (low, high) = log.cohort.protocol.mutable_features[j], _range(log, case, j)
    si, name = si_units(), slider_key(case, arm, j)
    factor = feature.in_units(1.0, si) - feature.in_units(0.0, si)
    first = _rounded(feature, start.delta[j] * float(log.cohort.protocol.scales[j]), low, high)
    if name not in st.session_state:
        st.session_state[name] = first
    positions = [low + (high - low) * k / STEPS for k in range(STEPS + 1)]
    nearest = min(positions, key=lambda p: abs(p - st.session_state[name]))
    st.session_state[name] = nearest
    st.select_slider(
        f"{feature.label}, {feature.unit_in(si)}" if feature.unit_in(si) else feature.label,
        positions,
        format_func=lambda v: _signed(v * factor),
        key=name,
        persist_state="session",
    )


def _signed(change: float) -> str:
    if abs(change) < 1e-9:
        return "as it is"
    return signed(change, 1 if abs(change) < 10 else 0)


def _effect(log: SessionLog, case: CaseFile, plan: Action, hidden: bool) -> None:
    """What the method expects of this plan, how much effort it asks, and the place to keep it under a name."""
    effect = log.effect(case.position, plan)
    limit = log.cohort.protocol.feasible.max_changes
    changes = sum(abs(d) > 1e-9 for d in plan.delta)
    expected, effort, keep = st.columns([3, 3, 4], vertical_alignment="bottom", gap="medium")
    with effort:
        share = f"{effect.effort:.0%} of the effort that is feasible · {changes} of at most {limit} habits"
        st.progress(min(effect.effort, 1.0), text=share)
    if not effect.feasible:
        expected.error("More than is feasible at once: ask for less, or for fewer habits.", icon=":material/block:")
        return
    with expected:
        if hidden:
            st.caption("What the method expects is hidden until you have chosen.")
        else:
            _expected(log, case, effect)
    with keep, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        field = Key.of("scenario", case.position)
        st.text_input("Name of this what-if", key=field, max_chars=60, placeholder="for instance: gentle start")
        st.button("Save", key=Key.of("save", case.position), on_click=_save, args=(case.position, plan, field))
    _saved(log, case, hidden)


def _summary(log: SessionLog, case: CaseFile, effect: Effect) -> PlanSummary:
    """A plan of one's own as the first method judges it."""
    net = Estimate(effect.mean, effect.low, effect.high)
    return summarise_plan(log.cohort, case.row, effect.plan.arm, effect.plan.delta, net, log.evidence)


def _expected(log: SessionLog, case: CaseFile, effect: Effect) -> None:
    plan, main = _summary(log, case, effect), case.shown[log.info.spec.policy]
    if not plan.has_model:
        st.caption("This method keeps no estimate to compare with.")
        return
    if plan.net is None or plan.fall is None:
        st.markdown("**Expected effect: not known yet.**")
        return
    st.metric(
        "Expected net benefit of this plan",
        f"{fixed(plan.net.mean)} {plan.unit}",
        _against(plan.net.mean - main.mean, plan.unit),
        delta_color="off",
        delta_arrow="off",
        help="Simulated; higher is better. The fall, less what side effects, monitoring and pills are worth, plus what "
        "an indication is worth.",
    )
    price = wording.price(log.cohort, plan.price)
    span = interval(plan.net.low, plan.net.high)
    st.caption(f"{span} {plan.unit}: a fall of {wording.about(plan.fall)}{f', {price}' if price else ''}")


def _against(more: float, unit: str) -> str:
    if round(more) == 0:
        return "about the same as the proposal"
    return f"{fixed(abs(more))} {unit} {'more' if more > 0 else 'less'} than the proposal"


def _save(position: int, plan: Action, field: str) -> None:
    def step(log: SessionLog) -> str:
        name = value(field) or ""
        log.save_scenario(position, name, plan)
        return f"Kept with patient {position}: “{name.strip()}”."

    act(step)


def _saved(log: SessionLog, case: CaseFile, hidden: bool) -> None:
    """The what-ifs kept for this patient, each a click away."""
    if not case.scenarios:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("Kept:")
        for i, (name, plan) in enumerate(case.scenarios):
            kept = _summary(log, case, log.effect(case.position, plan))
            st.button(
                f"{escaped(name)}: {fixed(kept.net.mean)} {kept.unit}" if kept.net and not hidden else escaped(name),
                key=f"{Key.of('recall', case.position)}_{i}",
                on_click=partial(recall, log, case, plan),
                help=wording.plan(log.cohort, plan.arm, plan.delta, si_units()),
                type="tertiary",
            )


def recall(log: SessionLog, case: CaseFile, plan: Action) -> None:
    """Put the sliders where a kept what-if has them."""
    st.session_state[arm_key(case)] = plan.arm
    for j, change in enumerate(log.cohort.protocol.change(plan.delta)):
        st.session_state[slider_key(case, plan.arm, j)] = float(change)


def sentence(cohort: Cohort, plan: Action, si: bool) -> str:
    """A plan in one line."""
    return f"{wording.headline(cohort, plan.arm)}; {wording.habits(cohort, plan.delta, si)}"
