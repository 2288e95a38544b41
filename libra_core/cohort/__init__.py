"""The patients: built-in cohorts and uploaded tables, without gaps, with every assumed value marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from libra_core.clinical import Protocol, default_protocol
from libra_core.cohort.cohort import Cohort, Unmeasured
from libra_core.cohort.report import CohortError, Report, printable, refuse
from libra_core.cohort.synthetic import generate
from libra_core.cohort.table import read_table


def load_cohort(name_or_path: str | Path, protocol: Protocol | None = None, drop: tuple[str, ...] = ()) -> Cohort:
    """A built-in cohort by name, or a table by path. `drop` switches off context entries, for instance ("black",).

    Raises CohortError, whose report says what to do.
    """
    if protocol is None:
        protocol = default_protocol(tuple(drop))
    elif drop:
        protocol = replace(protocol, dropped=tuple(drop))
    spec = next((c for c in protocol.cohorts if c.name == str(name_or_path)), None)
    if spec is None:
        if not str(name_or_path).strip():
            raise refuse("", f"No cohort is named: give {_names(protocol)}, or the path of a CSV.")
        if not _exists(name_or_path):
            name = printable(str(name_or_path))
            raise refuse(
                name, f"There is no cohort and no file named {name!r}: give {_names(protocol)}, or the path of a CSV."
            )
        return read_table(name_or_path, protocol=protocol)
    if spec.file is None:
        return generate(spec, protocol)
    return read_table(Path(protocol.folder) / spec.file, spec.label, protocol, spec)


def _exists(path: str | Path) -> bool:
    try:
        return Path(path).exists()
    except PermissionError:  # something may be there: opening it gives the error
        return True
    except (OSError, ValueError):  # for instance a name that is too long
        return False


def _names(protocol: Protocol) -> str:
    return " or ".join(cohort.name for cohort in protocol.cohorts)


__all__ = ["Cohort", "CohortError", "Report", "Unmeasured", "generate", "load_cohort", "read_table"]
