"""Run the fault matrix with the real timeouts' shape (scaled to seconds) and print the table of docs/llm.md.

`python -m benchmarks.fault_matrix` from the repository's root. The server is real and on loopback; the SDK's own pauses
before retries are left as they are; only the timeout is 1 s instead of 30 s, so that the slow ones end today.
"""

from __future__ import annotations

import time

from libra_core.advisors.llm import LLMSettings
from tests.llm_faults import FAULTS, advisor_for, case, settings_for
from tests.llm_server import LLMServer

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


if __name__ == "__main__":
    main()
