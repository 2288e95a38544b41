"""A patient as an advisor sees them: typed, allow-listed facts and the feasible menu."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaseField:
    """One allow-listed fact about a patient, in the protocol's own unit. `imputed`: assumed, not measured."""

    name: str
    label: str
    value: float
    unit: str
    imputed: bool
    band: float  # width of the band in which the value may leave the machine; 0 = as it is (a yes/no flag)


@dataclass(frozen=True)
class MenuArm:
    """An eligible treatment. `index` is the arm's number in the problem."""

    index: int
    code: str
    label: str


@dataclass(frozen=True)
class MenuChange:
    """A habit that may change for this patient, with the levels to choose from (clinical units, signed, 0 first)."""

    index: int  # position among the mutable features
    name: str
    label: str
    unit: str
    levels: tuple[float, ...]
    scale: float  # clinical units for one standardised unit of delta


@dataclass(frozen=True)
class Case:
    """All that an advisor may know: typed, allow-listed facts and the feasible menu. No id, no free text.

    `row` is the cohort's row number: it identifies the case on this machine and never leaves it.
    """

    row: int
    fields: tuple[CaseField, ...]
    arms: tuple[MenuArm, ...]
    changes: tuple[MenuChange, ...]
    max_changes: int
    protocol: str

    def value(self, name: str) -> float:
        """The value of one field; nan when the case does not carry it."""
        return next((f.value for f in self.fields if f.name == name), float("nan"))
