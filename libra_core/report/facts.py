"""The provenance of a report: settings, seed, hash, versions, data. The same lines in every format."""

from __future__ import annotations

from libra_core import __version__
from libra_core.advisors.recording import named
from libra_core.cohort import Cohort
from libra_core.report.wording import advisor, label
from libra_core.study.store import StoredStudy


def study_facts(study: StoredStudy) -> tuple[tuple[str, str], ...]:
    """The lines for a stored study."""
    spec = study.spec
    environment = spec.environment
    made = ", ".join(f"{name} {number}" for name, number in study.versions.items())
    return (
        ("Outcomes", "Simulated. No patient was treated."),
        ("Config hash", study.hash),
        ("Seed", str(spec.seed)),
        ("Size", f"{spec.rounds:,} patients in {spec.replicates} repetitions"),
        ("Methods", ", ".join(label(name, spec.advisor) for name in spec.policies)),
        ("Advisor", f"{advisor(spec.advisor)} ({named(spec.advisor, environment.name, environment.cohort)})"),
        (
            "Compliance",
            "a random share of an advised change" if environment.compliance == "partial" else "full",
        ),
        ("Data", study.provenance),
        ("Digest of data and protocol", study.inputs or "not recorded in this file"),
        ("Made with", made),
        ("Digest of the numbers", study.digest),
    )


def cohort_facts(cohort: Cohort, config_hash: str, seed: int) -> tuple[tuple[str, str], ...]:
    """The lines for a report about one patient."""
    return (
        ("Outcomes", "Simulated. No patient was treated."),
        ("Config hash", config_hash),
        ("Seed", str(seed)),
        ("Data", cohort.provenance),
        ("Protocol", f"{cohort.protocol.title}, version {cohort.protocol.version}"),
        ("Made with", f"libra {__version__}"),
    )
