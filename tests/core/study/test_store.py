"""Stored studies: what is kept, what is found again, and what is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from libra_core.cohort import load_cohort
from libra_core.environments import EnvironmentSpec
from libra_core.study import StudySpec, run_study
from libra_core.study.store import (
    KEY,
    StudyError,
    load_study,
    save_study,
    stored_hashes,
)

SMALL = StudySpec(
    EnvironmentSpec("hypertension", cohort="accord-like"), ("glrb", "libra-trial"), "noisy:0.3", 60, 3, seed=5
)


def test_a_study_reads_back_to_the_last_digit(tmp_path: Path) -> None:
    cohort = load_cohort("accord-like")
    result = run_study(SMALL, cohort=cohort)
    path = save_study(result, cohort, tmp_path)
    assert path.stem == SMALL.hash
    found = load_study(SMALL.hash, tmp_path)
    assert found.spec == SMALL
    assert found.current
    assert found.result.t == result.t
    assert found.provenance == cohort.provenance
    assert found.versions["numpy"] == np.__version__
    for a, b in zip(result.policies, found.result.policies, strict=True):
        np.testing.assert_array_equal(a.regret, b.regret)
        np.testing.assert_array_equal(a.calls, b.calls)
        assert (a.call_bound, a.dismissed) == (b.call_bound, b.dismissed)
        for group in a.groups:
            np.testing.assert_array_equal(a.groups[group][0], b.groups[group][0])
    assert stored_hashes(tmp_path) == [SMALL.hash]


def test_the_file_explains_itself(tmp_path: Path) -> None:
    path = save_study(run_study(SMALL), None, tmp_path)
    meta = json.loads(pq.read_schema(path).metadata[KEY])
    assert meta["config"]["seed"] == 5
    assert meta["simulated"] is True
    assert {"libra", "python", "numba"} <= set(meta["versions"])


def test_changed_numbers_are_noticed(tmp_path: Path) -> None:
    path = save_study(run_study(SMALL), None, tmp_path)
    table = pq.read_table(path)
    better = table["regret"].to_numpy().copy()
    better[7] -= 1.0
    forged = table.set_column(table.schema.get_field_index("regret"), "regret", [better])
    pq.write_table(forged.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(StudyError, match="not those it was stored with"):
        load_study(SMALL.hash, tmp_path)


def test_a_changed_setting_is_noticed(tmp_path: Path) -> None:
    path = save_study(run_study(SMALL), None, tmp_path)
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[KEY])
    meta["config"]["seed"] = 6
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(meta).encode()}), path)
    with pytest.raises(StudyError, match="settings are not those of its hash"):
        load_study(SMALL.hash, tmp_path)


@pytest.mark.parametrize("wanted", ["0123456789ab", "../secret", ""])
def test_a_study_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(StudyError, match=r"no stored study|not a config hash"):
        load_study(wanted, tmp_path)


def test_half_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = save_study(run_study(SMALL), None, tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(SMALL.hash, tmp_path)
