"""Install each line of requirements-bench.txt on its own, and note why one could not be: `peers.py` reports it.

`python benchmarks/install_peers.py .venv-bench/bin/python requirements-bench.txt .venv-bench/peers.txt`
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KEEP = ("numpy==", "pandas==", "scipy==")  # a peer is measured beside the versions that we run on


def main(python: str, wanted: str, verdicts: str) -> None:
    ours = (Path(__file__).resolve().parent.parent / "requirements.txt").read_text().splitlines()
    beside = [line for line in ours if line.startswith(KEEP)]
    lines = []
    for line in Path(wanted).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        said = _pip(python, *beside, line)
        reason = (
            ""
            if said is None
            else _reason(line.split("==")[0], said + (_pip(python, "--dry-run", "--no-deps", line) or ""))
        )
        print(f"{line}: {reason or 'installed'}", flush=True)
        lines.append(f"{line}\t{reason}")
    Path(verdicts).write_text("\n".join(lines) + "\n")


def _pip(python: str, *wanted: str) -> str | None:
    """Install; None if it worked, else what pip said."""
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else None


def _reason(name: str, said: str) -> str:
    """The most telling lines of what pip said: which versions, and which Python, the package insists on."""
    lines = [line.strip().removeprefix("ERROR: ") for line in said.splitlines()]
    telling = [line for line in lines if line.startswith(f"{name} ") or "requires a different Python" in line]
    return "; ".join(dict.fromkeys(telling)) or next((line for line in lines[::-1] if line), "no reason given")


if __name__ == "__main__":
    main(*sys.argv[1:])
