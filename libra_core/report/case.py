"""The case study: its stored studies, cohort and patient, and the true model that results are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from libra_core.cohort import Cohort, load_cohort
from libra_core.environments import Environment, make_environment
from libra_core.problem import Actions
from libra_core.report.measures import Truth, truth
from libra_core.study.case import LIBRA
from libra_core.study.live import LiveRun
from libra_core.study.store import StoredStudy, StudyError, load_case_study, load_study
from libra_core.summary import PlanSummary

LEARNED = 200  # simulated patients that LIBRA treats before the patient of the case study


@dataclass(frozen=True, eq=False)
class CaseStudy:
    """The data of the case study. main identifies it; full, expert, sabotage and other are compared with it."""

    main: StoredStudy
    full: StoredStudy | None
    expert: StoredStudy | None
    sabotage: StoredStudy | None
    other: StoredStudy | None
    cohort: Cohort
    environment: Environment

    @cached_property
    def truth(self) -> Truth:
        """The best plan of every patient in the simulation."""
        return truth(self.environment, self.cohort.arrivals)

    @cached_property
    def _choice(self) -> tuple[int, str]:
        """Position in `truth` of the patient of the case study, and the rule of selection: each criterion narrows the
        choice unless no patient is left. No method's results play a part."""
        protocol, measured = self.cohort.protocol, (~self.cohort.imputed.loc[self.truth.rows]).sum(axis=1).to_numpy()
        left = np.ones(len(self.truth.rows), bool)
        applied: list[str] = []
        criteria = [(self.truth.switched, "for whom a change of habits makes another treatment the best one")]
        if protocol.story:
            fits = protocol.story.fires(protocol.columns(self.cohort.values[self.truth.rows]))
            criteria.insert(0, (fits, f"who are {protocol.story.reason}"))
        for fits, words in criteria:
            if (left & fits).any():
                left, applied = left & fits, [*applied, words]
        left &= measured == measured[left].max()
        applied.append("with the most measured values")
        return int(np.flatnonzero(left)[0]), f"the first of those {'; '.join(applied)}"

    @property
    def place(self) -> int:
        """Position in `truth` of the patient of the case study."""
        return self._choice[0]

    @property
    def chosen(self) -> str:
        """The rule by which this patient was selected, as a clause."""
        return self._choice[1]

    @cached_property
    def lost(self) -> float:
        """The net benefit that this patient loses with LIBRA's plan instead of the best one, reward units."""
        who = self.cohort.contexts(self.truth.rows[[self.place]], goal=self.environment.problem.link.binary)
        plan = Actions(np.array([self.proposed.arm]), np.array([self.proposed.delta]))
        return float(self.truth.value[self.place] - self.environment.worth(who, plan)[0])

    @property
    def row(self) -> int:
        return int(self.truth.rows[self.place])

    def start_run(self) -> LiveRun:
        """LIBRA in the stored study's first replicate, before its first patient."""
        spec = self.main.spec
        kind = spec.environment
        return LiveRun.start(self.cohort, LIBRA, spec.advisor, spec.seed, spec.config, kind.link, kind.compliance)

    @cached_property
    def proposed(self) -> PlanSummary:
        """LIBRA's plan for the patient of the case study after LEARNED patients of that replicate."""
        run = self.start_run()
        for _ in range(LEARNED):
            run.step()
        return run.summary(self.row)

    @property
    def unit(self) -> str:
        return self.main.result.unit


def load_case(wanted: str = "") -> CaseStudy:
    """The ready-made case study, or that of one stored study. Raises StudyError with what to do."""
    ready: dict[str, StoredStudy] = {}
    try:
        ready = load_case_study()
    except StudyError:
        if not wanted:
            raise
    if not wanted or (ready and wanted == ready["main"].hash):
        return make_case(**ready)
    return make_case(load_study(wanted))


def make_case(
    main: StoredStudy,
    full: StoredStudy | None = None,
    expert: StoredStudy | None = None,
    sabotage: StoredStudy | None = None,
    other: StoredStudy | None = None,
) -> CaseStudy:
    """A case from stored studies. Raises StudyError for a study without patients."""
    spec = main.spec.environment
    if spec.cohort is None:
        raise StudyError(f"the study {main.hash} has no patients: a case study is about a cohort")
    cohort = load_cohort(spec.cohort)
    return CaseStudy(
        main, full, expert, sabotage, other, cohort, make_environment(spec, main.spec.seed, 1, cohort=cohort)
    )
