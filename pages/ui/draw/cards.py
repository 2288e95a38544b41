"""The patient in a clinician's words. Texts come from the protocol, numbers from the cohort; nothing is computed."""

from __future__ import annotations

import re

import streamlit as st

from libra_core.clinical import Alert, Feature
from libra_core.cohort import Cohort
from libra_core.report.wording import drug_class

CLASS_COLOUR = {"normal": "green", "elevated": "blue", "stage 1": "orange", "stage 2": "orange", "severe": "red"}
ALERT = {"urgent": st.error, "caution": st.warning, "note": st.info}
ALERT_ICON = {"urgent": ":material/emergency_home:", "caution": ":material/warning:", "note": ":material/info:"}
KEY_NUMBERS = ("bmi", "pulse", "egfr", "serum_k", "serum_na", "uacr", "hba1c")
SHORT = {
    "female": "Sex",
    "sbp": "Systolic",
    "dbp": "Diastolic",
    "bmi": "BMI",
    "serum_k": "K",
    "serum_na": "Na",
    "uacr": "urine ACR",
    "n_bp_classes": "BP drug classes",
}
STAR = "\\*"


# What Streamlit makes an icon, a colour, a link or an address of after Markdown was read, where no backslash helps.
_LATE = re.compile(r"(?<!\d):(?=\S)|:(?=[^\s\d])|www(?=\.)|(?=@)", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # control codes, and what turns a line around
_MARKS = re.compile(r"[\\`*_\[\]$~<>&|]|^[#+=-]|(?<=^\d)[.)]")
JOINER = "\u2060"  # has no width


def escaped(text: str) -> str:
    """Text of unknown origin (a model's, a file's, a person's), for every place where Streamlit reads Markdown, labels
    of widgets, metrics and tabs too. Shown as it is, in one line: no markup, colour, formula, image or link.

    Not for what Streamlit shows as it is: options of a selectbox, text fields, data frames, code.
    """
    line = " ".join(_UNSEEN.sub(" ", text).split())  # a new line could begin a heading
    return _MARKS.sub(r"\\\g<0>", _LATE.sub(rf"\g<0>{JOINER}", line))


def _star(cohort: Cohort, row: int, name: str) -> str:
    return STAR if bool(cohort.imputed.at[row, name]) else ""


def _known(cohort: Cohort, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in cohort.frame.columns]


def heading(feature: Feature, si: bool) -> str:
    """The head of a table's column: a short name and the unit."""
    label, unit = SHORT.get(feature.name, feature.label), feature.unit_in(si)
    return f"{label}, {unit}" if unit else label


def preferred(cohort: Cohort, wanted: tuple[str, ...], n: int) -> list[str]:
    """At most n features worth a place: the outcome and the wanted ones as far as this protocol knows them, then others
    that an advisor may see."""
    protocol = cohort.protocol
    shared = tuple(f.name for f in protocol.features if f.share_with_model)
    names = [*_known(cohort, wanted), *([] if protocol.outcome.name in wanted else [protocol.outcome.name]), *shared]
    return list(dict.fromkeys(names))[:n]


def person(cohort: Cohort, row: int) -> str:
    """'63-year-old woman', from whatever of age and sex this protocol knows."""
    frame = cohort.frame
    who = "patient" if "female" not in frame.columns else "woman" if frame.at[row, "female"] >= 0.5 else "man"
    return f"{frame.at[row, 'age']:.0f}-year-old {who}" if "age" in frame.columns else who


def outcome_now(cohort: Cohort, row: int, si: bool = False) -> str:
    """The outcome today, '152/84 mmHg' or 'HbA1c 68 mmol/mol', with a star where assumed, and the class as a badge."""
    outcome, frame = cohort.protocol.feature(cohort.protocol.outcome.name), cohort.frame
    star = _star(cohort, row, outcome.name)
    if outcome.name == "sbp" and "dbp" in frame.columns:
        text = f"{frame.at[row, 'sbp']:.0f}{star}/{frame.at[row, 'dbp']:.0f}{_star(cohort, row, 'dbp')} mmHg"
    else:
        text = f"{outcome.label} {outcome.display(frame.at[row, outcome.name], si)}{star}"
    name = cohort.protocol.category(cohort.values[row])
    return f"**{text}** :{CLASS_COLOUR.get(name, 'gray')}-badge[{name}]"


def flags(cohort: Cohort, row: int) -> list[Feature]:
    """The yes/no facts that are true of this patient."""
    return [f for f in cohort.protocol.features if f.kind == "flag" and cohort.frame.at[row, f.name] >= 0.5]


def drugs(cohort: Cohort, row: int) -> str:
    """Current drugs by class, or how many there are when their names are not known."""
    names = [name for f in flags(cohort, row) if (name := drug_class(f))]
    if "n_bp_classes" not in cohort.frame.columns:
        return ", ".join(names) or "none recorded"
    count = round(float(cohort.frame.at[row, "n_bp_classes"]))
    star = _star(cohort, row, "n_bp_classes")
    if count == 0 and not names:
        return "not recorded, treated as none" if star else "none"
    classes = f"{count} {'class' if count == 1 else 'classes'}{star}"
    return f"{', '.join(names)} ({classes})" if names else f"{classes}, names not recorded"


def conditions(cohort: Cohort, row: int) -> str:
    names = [f.label_inside for f in flags(cohort, row) if not drug_class(f) and f.name not in ("female", "black")]
    return ", ".join(names) if names else "none recorded"


def numbers(cohort: Cohort, row: int, si: bool) -> tuple[list[str], list[str]]:
    """Key numbers in two lists: what was measured, 'BMI 31.7 kg/m²', and what the simulation assumes instead."""
    measured: list[str] = []
    filled: list[str] = []
    names = _known(cohort, KEY_NUMBERS) or preferred(cohort, (), 6)
    for name in (n for n in names if n != cohort.protocol.outcome.name):
        text = f"{SHORT.get(name, cohort.protocol.feature(name).label)} {_value(cohort, row, name, si)}"
        (filled if bool(cohort.imputed.at[row, name]) else measured).append(text)
    return measured, filled


def _value(cohort: Cohort, row: int, name: str, si: bool) -> str:
    return cohort.protocol.feature(name).display(float(cohort.frame.at[row, name]), si)


def key_numbers(cohort: Cohort, row: int, si: bool) -> str:
    """One line that keeps apart what a laboratory reported and what nobody measured."""
    measured, filled = numbers(cohort, row, si)
    known = f"{' · '.join(measured) or 'no key number measured'} · data: {cohort.data_date}"
    return known + (f" · :gray[not measured, assumed: {', '.join(filled)}]" if filled else "")


def patient_header(cohort: Cohort, row: int, si: bool) -> None:
    """Who this is, always in view on the pages that decide something."""
    missing = assumed(cohort, row, si)
    with st.container(key="patient-header", gap=None):
        st.markdown(
            f":orange-badge[simulated] **{cohort.ids[row]}** · {person(cohort, row)} · {outcome_now(cohort, row, si)} "
            f"· drugs now: {drugs(cohort, row)} · conditions: {conditions(cohort, row)}"
        )
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
            with st.container(key="patient-labs", width="stretch"):
                st.markdown(f":small[{key_numbers(cohort, row, si)}]")
            if missing:
                said = f"{len(missing)} of {len(cohort.protocol.features)} values are assumed"
                with st.popover(said, type="tertiary", key="assumed"):
                    st.markdown("**Measured:** " + (" · ".join(numbers(cohort, row, si)[0]) or "no key number") + ".")
                    st.markdown("**Assumed by a stated rule, not measured:** " + ", ".join(missing) + ".")


def assumed(cohort: Cohort, row: int, si: bool) -> list[str]:
    """What was not measured in this patient, each with the value that the simulation assumes: 'gout no'."""
    missing = cohort.imputed.iloc[row]
    names = [str(name) for name in missing.index[missing]]
    return [f"{cohort.protocol.feature(name).label_inside} {_value(cohort, row, name, si)}" for name in names]


def alerts(found: tuple[Alert, ...], notes: bool = True) -> None:
    """Sentences that must be read, most urgent first. They are read in the page: nothing pops up."""
    for alert in found:
        if notes or alert.level != "note":
            ALERT[alert.level](alert.reason, icon=ALERT_ICON[alert.level])
