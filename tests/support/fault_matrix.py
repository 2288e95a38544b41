"""Run the fault matrix with the real timeouts' shape (scaled to seconds) and print the table of docs/llm.md.

`python -m tests.support.fault_matrix` from the root. The server is real and on loopback; the SDK's own pauses
before retries are left as they are; only the timeout is 1 s instead of 30 s, so that the slow ones end today.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from libra_core.advisors.llm import LLMSettings
from tests.support.llm_faults import FAULTS, advisor_for, case, settings_for
from tests.support.llm_server import LLMServer

SETTINGS = LLMSettings(samples=1, timeout=1.0, connect_timeout=1.0, patience=15.0)


def main() -> None:
    print("| What goes wrong | Status | Requests | Seconds | What the page says |")
    print("|---|---|---|---|---|")
    with LLMServer() as server:
        for fault in FAULTS:
            advisor = advisor_for(settings_for(fault, server, SETTINGS))
            server.seen.clear()
            started = time.monotonic()
            consultation = advisor.consult(case())
            seconds = time.monotonic() - started
            assert consultation.advice.status == fault.status, fault
            assert advisor.store.verify().ok
            assert len(advisor.store.rows()) == 1
            requests = server.seen.total()
            print(f"| {fault.name} | {fault.status} | {requests} | {seconds:.1f} | {consultation.message} |")
        thousand(server)


def thousand(server: LLMServer) -> None:
    """1,000 patients asked about from 100 threads at once."""
    settings = replace(SETTINGS, enabled=True, base_url=server.base_url, model="good", timeout=30.0)
    advisor = advisor_for(replace(settings, max_calls=2000, max_tokens=10**7))
    server.most_in_flight = 0
    started = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        statuses = Counter(pool.map(lambda row: advisor.consult(case(row)).advice.status, range(1000)))
    seconds = time.monotonic() - started
    assert len(advisor.store.rows()) == 1000
    assert advisor.store.verify().ok
    words = f"{statuses['ok']:,} answers, at most {server.most_in_flight} in flight, 1,000 audit rows in one chain."
    print(f"| 1,000 parallel requests | ok | 1000 | {seconds:.1f} | {words} |")


if __name__ == "__main__":
    main()
