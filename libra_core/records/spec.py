"""What a session is, and who acts in it: frozen values that the record, the pages and the tests share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Literal

from libra_core.chain import canonical, digest
from libra_core.clinical import Worth
from libra_core.policies import REGISTRY, PolicyConfig

CLINICIAN = "clinician"  # the advisor's name in "ask me only when unsure"


class Role(StrEnum):
    """What a person may do. LOCAL is the one user of an installation without sign-in."""

    LOCAL = "local"
    LEAD = "lead"
    CLINICIAN = "clinician"
    VIEWER = "viewer"
    NONE = "none"


@dataclass(frozen=True)
class Actor:
    """A person who is signed in. `study` separates studies that share one database."""

    id: str
    role: Role
    study: str = "study"
    name: str = ""

    @property
    def decides(self) -> bool:
        """May run sessions."""
        return self.role in (Role.LOCAL, Role.LEAD, Role.CLINICIAN)

    @property
    def reads_study(self) -> bool:
        """May read every session of the study, row by row."""
        return self.role in (Role.LOCAL, Role.LEAD)

    @property
    def reads_totals(self) -> bool:
        """May read numbers about the whole study, without rows."""
        return self.role in (Role.LOCAL, Role.LEAD, Role.VIEWER)


LOCAL = Actor("local", Role.LOCAL, name="local user")


class DecisionKind(StrEnum):
    """What was decided about a patient."""

    ACCEPT = "accept"
    OVERRIDE = "override"
    DEFER = "defer"
    FIRST = "first"  # the blinded choice, before the proposal was seen
    ANSWER = "answer"  # the clinician as the advisor; the policy acted
    AUTOMATIC = "automatic"  # the policy was sure and acted on its own
    MISTAKE = "mistake"  # the closing decision was recorded by mistake: it stays, and results leave it out

    @property
    def closes(self) -> bool:
        """Whether no further decision about the patient follows."""
        return self not in (DecisionKind.DEFER, DecisionKind.FIRST, DecisionKind.MISTAKE)


# HL7 CDS Hooks 3.0.0-ballot, Non-Adherence Reason Codes (from AHRQ publication 25-0073). Codes are HL7's, a selection
# of the point-of-care value set and of what prescribing needs; the words a clinician reads are ours.
REASON_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
REASONS: dict[str, str] = {
    "patient-contraindication": "Contraindication not in the data",
    "recipient-concerns-outcomes": "Risk outweighs benefit",
    "does-not-align-preferences": "Patient prefers otherwise",
    "not-convenient-feasible": "Not feasible for this patient",
    "too-costly-uncovered": "Cost or cover",
    "recipient-disagrees-evidence": "Evidence seen differently",
    "policy-contradicts": "Local guideline differs",
    "action-unsuccessful": "Tried before without success",
    "cds-not-applicable": "Does not apply here",
}
DEFER_REASONS: dict[str, str] = {
    "need-more-info": "More information needed",
    "patient-refuses": "Patient declines for now",
    "limited-time": "No time now",
}


@dataclass(frozen=True)
class SessionSpec:
    """Everything that decides what a session does: two sessions with equal specs and equal answers are equal.

    policy: whose card is shown. companions: others whose proposals are kept beside it. advisor: a name, or
    "clinician" with mode "unsure", where the policy acts on its own and stops at patients whose width exceeds Delta.
    blinded: the first choice comes before the card. outcomes: simulated at once, or entered later.
    planned: patients to see. warm_up: simulated patients that the policies have learned from before the first.
    worth: what things are worth; None: recorded when rewards still included their worth.
    cohort_digest: of the cohort's values and the protocol's numbers, so that a changed file is noticed.
    """

    cohort: str
    cohort_digest: str
    protocol: str
    policy: str = "libra"
    companions: tuple[str, ...] = ("glrb", "guideline")
    advisor: str = "guideline"
    mode: Literal["every", "unsure"] = "every"
    blinded: bool = True
    outcomes: Literal["simulated", "later"] = "simulated"
    seed: int = 0
    planned: int = 30
    warm_up: int = 0
    config: PolicyConfig = field(default_factory=PolicyConfig)
    worth: Worth | None = None

    def validate(self) -> SessionSpec:
        """Return self, or raise ValueError with a sentence for a person."""
        for name in self.policies:
            if name not in REGISTRY:
                raise ValueError(f"unknown method {name!r}: choose one of {', '.join(REGISTRY)}")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError("a method is named twice: name each once")
        for name, low, high in (("seed", 0, 2**63 - 1), ("planned", 1, 2000), ("warm_up", 0, 5000)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low:,} and {high:,}, got {value:,}")
        if self.mode not in ("every", "unsure") or self.outcomes not in ("simulated", "later"):
            got = f"got {self.mode}, {self.outcomes}"
            raise ValueError(f"mode must be every or unsure, outcomes simulated or later: {got}")
        if self.mode == "unsure":
            if not hasattr(REGISTRY[self.policy], "width_threshold"):
                raise ValueError("“ask me only when unsure” needs a method that knows when it is unsure, such as LIBRA")
            if self.advisor != CLINICIAN:
                raise ValueError("“ask me only when unsure” needs the clinician as the advisor")
            if self.blinded:
                raise ValueError("“ask me only when unsure” has no card to hide: switch the blinded first choice off")
        elif self.advisor == CLINICIAN:
            raise ValueError("the clinician is the advisor only in “ask me only when unsure”")
        self.config.validate()
        return self

    @property
    def policies(self) -> tuple[str, ...]:
        return (self.policy, *self.companions)

    @property
    def text(self) -> str:
        """As canonical JSON."""
        known = asdict(self)
        if self.worth is None:
            del known["worth"]  # the hash of a session from before there was one stays
        return canonical(known)

    @property
    def hash(self) -> str:
        return digest(self.text)[:12]

    @classmethod
    def read(cls, text: str) -> SessionSpec:
        """The inverse of `text`. Raises ValueError when the record is of a version that knew other settings."""
        try:
            saved = json.loads(text)
            read = {"config": PolicyConfig(**saved["config"]), "companions": tuple(saved["companions"])}
            if "worth" in saved:
                read["worth"] = Worth.from_dict(saved["worth"])
            return cls(**saved | read)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this session was recorded by another version of LIBRA: {error}") from error
