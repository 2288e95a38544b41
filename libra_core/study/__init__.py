"""Runs and studies."""

from libra_core.study.batch import Cancelled, PolicyResult, StudyResult, run_study
from libra_core.study.live import LiveRow, LiveRun
from libra_core.study.runner import make_policy, run
from libra_core.study.spec import StudySpec, cohort_key

__all__ = [
    "Cancelled",
    "LiveRow",
    "LiveRun",
    "PolicyResult",
    "StudyResult",
    "StudySpec",
    "cohort_key",
    "make_policy",
    "run",
    "run_study",
]
