"""What outcomes and treatments are worth to this clinician: sliders that start at what the protocol declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from libra_core.clinical import Protocol, Worth
from libra_core.study.sensitivity import FACTORS
from libra_core.study.sensitivity import SLIDERS as RANGES
from pages.ui.session.state import widget


@dataclass(frozen=True)
class _Slider:
    label: str
    short: str
    help: str


SLIDERS = {
    "elsewhere": _Slider(
        "What a fall counts where treatment is not due yet (%)",
        "Fall, not due",
        "As a share of what it counts where treatment is due now. Low means: habits first, drugs only where due.",
    ),
    "side_effects": _Slider("Side effects, times the declared", "Side effects", "How heavily side effects weigh."),
    "monitoring": _Slider("Monitoring, times the declared", "Monitoring", "How heavily blood tests and visits weigh."),
    "pills": _Slider("Pills, times the declared", "Pills", "How heavily daily pills weigh."),
    "indications": _Slider(
        "Compelling indications, times the declared",
        "Compelling indications",
        "How much a compelling indication for a drug, such as heart failure, adds.",
    ),
}


def said(name: str, value: float) -> str:
    """'30 %', '× 1.5'."""
    return f"{value:.0%}" if name == "elsewhere" else f"× {value:.3g}"


def chosen(protocol: Protocol, prefix: str) -> Worth:
    """The values as the sliders stand, also before they are drawn."""
    factors = {name: float(widget(f"{prefix}_{name}", 1.0)) for name in SLIDERS if name != "elsewhere"}
    percent = widget(f"{prefix}_elsewhere")
    return Worth(elsewhere=protocol.worth.elsewhere if percent is None else percent / 100, **factors)


def sliders(protocol: Protocol, prefix: str, on_change: Callable[[], None] | None = None) -> None:
    """The sliders, and a button back to the declared values."""
    for name, slider in SLIDERS.items():
        percent = name == "elsewhere"
        low, high, step = (round(100 * x) for x in RANGES[name]) if percent else FACTORS
        st.slider(
            slider.label,
            low,
            high,
            round(100 * protocol.worth.elsewhere) if percent else 1.0,
            step,
            help=slider.help,
            key=f"{prefix}_{name}",
            on_change=on_change,
            persist_state="session",
        )
    st.button(
        "Back to the declared values",
        key=f"{prefix}_declared",
        disabled=chosen(protocol, prefix) == protocol.worth,
        on_click=_back,
        args=(protocol, prefix, on_change),
        icon=":material/undo:",
    )


def _back(protocol: Protocol, prefix: str, on_change: Callable[[], None] | None) -> None:
    for name in SLIDERS:
        st.session_state[f"{prefix}_{name}"] = round(100 * protocol.worth.elsewhere) if name == "elsewhere" else 1.0
    if on_change is not None:
        on_change()
