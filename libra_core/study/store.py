"""Studies on disk: one Parquet file each, named by its config hash, with all that is needed to explain its numbers.

Rows are (policy, replicate, t, regret, calls) as 64-bit floats, so that a stored study reads back to the last digit.
The file's own metadata holds the settings, the versions it was made with, the provenance of its patients, subgroups
and a digest of all numbers. CPU times vary from run to run and are not part of the digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from libra_core import __version__
from libra_core.clinical import PROTOCOL_DIR
from libra_core.cohort import Cohort
from libra_core.environments import EnvironmentSpec
from libra_core.files import write
from libra_core.policies import PolicyConfig
from libra_core.policies.base import current_name, stored_name
from libra_core.study.batch import PolicyResult, StudyResult
from libra_core.study.spec import StudySpec, hash_of, inputs_digest

SCHEMA = 1
KEY = b"libra"
INDEX = "case_study.json"
SCALARS = ("name", "call_bound", "cpu_us_per_round", "dismissed")  # of a PolicyResult, kept as they are
LATER = ("call_bound_run",)  # the same, absent from a study stored before there were any
EXPLAINS = ("hash", "digest", "versions", "provenance")
PACKAGES = ("numpy", "scipy", "numba", "pandas", "pyarrow")


class StudyError(ValueError):
    """A stored study that is missing or cannot be trusted; the message says what to do."""


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """A study with its provenance. hash: of its settings as stored; digest: SHA-256 of its numbers;
    versions: of the program and its packages; inputs: digest of the cohort's values and the protocol's numbers, empty
    for a synthetic study."""

    result: StudyResult
    hash: str
    digest: str
    versions: dict[str, str]
    provenance: str
    inputs: str

    @property
    def spec(self) -> StudySpec:
        return self.result.spec

    @property
    def current(self) -> bool:
        """Whether this version of the program gives its settings the same hash: if not, it may give other numbers."""
        return self.spec.hash == self.hash


def studies_dir() -> Path:
    """The folder of stored studies: `studies` beside the protocol, or LIBRA_STUDIES."""
    return Path(os.environ.get("LIBRA_STUDIES", PROTOCOL_DIR / "studies"))


def digest_of(result: StudyResult) -> str:
    """SHA-256 of every number that the settings decide."""
    out = hashlib.sha256(json.dumps([result.t, result.unit]).encode())
    for policy in result.policies:
        out.update(stored_name(policy.name).encode())
        for array in (policy.regret, policy.calls, *(a for group in policy.groups.values() for a in group)):
            out.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return out.hexdigest()


def save_study(result: StudyResult, cohort: Cohort | None = None, folder: Path | None = None) -> Path:
    """Write a study to `folder` (default: studies_dir()), replacing one of the same hash, and return its file."""
    folder = folder or studies_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.spec.hash}.parquet"
    table = _table(result).replace_schema_metadata({KEY: json.dumps(_meta(result, cohort)).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=["policy", "t", "replicate"])
    write(path, sink.getvalue())
    return path


def load_study(wanted: str, folder: Path | None = None) -> StoredStudy:
    """Read the study of a config hash. Raises StudyError if it is missing, damaged or misnamed."""
    folder = folder or studies_dir()
    if not wanted.isalnum():
        raise StudyError(f"{wanted!r} is not a config hash: it has twelve letters and digits")
    path = folder / f"{wanted}.parquet"
    try:
        table = pq.read_table(path)
        study = _study(table, json.loads((table.schema.metadata or {})[KEY]))
    except FileNotFoundError:
        known = ", ".join(stored_hashes(folder)) or "none"
        raise StudyError(
            f"no stored study has the config hash {wanted} (stored: {known}). `make case-study` makes some."
        ) from None
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise StudyError(f"the stored study {path.name} cannot be read: {error}") from error
    if digest_of(study.result) != study.digest:
        raise StudyError(f"the numbers in {path.name} are not those it was stored with: make it again")
    if study.hash != wanted:
        raise StudyError(f"{path.name} holds the study {study.hash}: its name is not its hash")
    return study


def stored_hashes(folder: Path | None = None) -> list[str]:
    """The config hashes of the stored studies."""
    return sorted(path.stem for path in (folder or studies_dir()).glob("*.parquet"))


def save_index(hashes: dict[str, str], folder: Path | None = None) -> None:
    """Record which stored studies make up the case study: role -> config hash."""
    text = json.dumps({"schema": SCHEMA, "case_study": hashes}, indent=1)
    write((folder or studies_dir()) / INDEX, f"{text}\n".encode())


def load_case_study(folder: Path | None = None) -> dict[str, StoredStudy]:
    """The studies of the case study, "main" among them. Raises StudyError when they are missing."""
    folder = folder or studies_dir()
    try:
        hashes = json.loads((folder / INDEX).read_text(encoding="utf-8"))["case_study"]
    except FileNotFoundError:
        raise StudyError("no case study is stored for this disease: `make case-study` makes it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{INDEX} cannot be read ({error}): `make case-study` makes it again") from error
    return {name: load_study(wanted, folder) for name, wanted in hashes.items()}


# ------------------------------------------------------------------------------------------------ the file


def _table(result: StudyResult) -> pa.Table:
    n, grid = result.spec.replicates, len(result.t)
    columns: dict[str, Any] = {
        "policy": np.repeat([stored_name(p.name) for p in result.policies], n * grid),
        "replicate": np.tile(np.repeat(np.arange(n, dtype=np.int32), grid), len(result.policies)),
        "t": np.tile(np.asarray(result.t, dtype=np.int32), n * len(result.policies)),
        "regret": np.concatenate([p.regret.ravel() for p in result.policies]),
        "calls": np.concatenate([p.calls.ravel() for p in result.policies]),
    }
    return pa.table(columns)


def _meta(result: StudyResult, cohort: Cohort | None) -> dict[str, Any]:
    versions = {"libra": __version__, "python": platform.python_version(), **{p: version(p) for p in PACKAGES}}
    return {
        "schema": SCHEMA,
        "hash": result.spec.hash,
        "config": result.spec.as_dict(),
        "t": list(result.t),
        "unit": result.unit,
        "versions": versions,
        "provenance": "Synthetic contexts, no patients." if cohort is None else cohort.provenance,
        "inputs": "" if cohort is None else inputs_digest(cohort),
        "simulated": True,
        "digest": digest_of(result),
        "policies": [
            {name: getattr(p, name) for name in (*SCALARS, *LATER)}
            | {
                "name": stored_name(p.name),
                "groups": {name: [regret.tolist(), seen.tolist()] for name, (regret, seen) in p.groups.items()},
            }
            for p in result.policies
        ],
    }


def _study(table: pa.Table, meta: dict[str, Any]) -> StoredStudy:
    if meta["schema"] != SCHEMA:
        raise StudyError(f"it has schema {meta['schema']}, this version reads schema {SCHEMA}")
    if hash_of(meta["config"]) != meta["hash"]:
        raise StudyError("its settings are not those of its hash")
    spec = _spec(meta["config"])
    shape = (len(meta["policies"]), spec.replicates, len(meta["t"]))
    regret, calls = (np.asarray(table[name]).reshape(shape) for name in ("regret", "calls"))
    policies = tuple(
        PolicyResult(
            regret=regret[i],
            calls=calls[i],
            groups={name: (np.array(r), np.array(seen)) for name, (r, seen) in p["groups"].items()},
            **{name: p.get(name) for name in LATER},
            **({name: p[name] for name in SCALARS} | {"name": current_name(p["name"])}),
        )
        for i, p in enumerate(meta["policies"])
    )
    result = StudyResult(spec, tuple(meta["t"]), meta["unit"], policies)
    return StoredStudy(result, inputs=meta.get("inputs", ""), **{name: meta[name] for name in EXPLAINS})


def _spec(config: dict[str, Any]) -> StudySpec:
    named = _tuples({f.name: config[f.name] for f in fields(StudySpec)})
    environment, settings = EnvironmentSpec(**_tuples(config["environment"])), PolicyConfig(**_tuples(config["config"]))
    return StudySpec(**named | {"environment": environment, "config": settings})


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where settings have tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
