"""The speed of the dashboard: python -m benchmarks.ui_load (make bench-ui).

A browser looks first; then websocket users re-run each page, all on a server of its own. Processor time and bytes of
a rerun are checked against the limits, since they depend little on what else the machine does; wall clock is reported
beside its goal. Needs Linux (/proc). Exit code 1 when a checked limit is passed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dashboard import Client, Server, serving
from benchmarks.ui_browser import told, waiting

PAGES = ("", "recommend", "compare", "regret", "feedback", "case_study", "settings", "about")
CPU_MS, BYTES = 25.0, 150_000  # for one rerun; checked
HEALTH, USERS_10, USERS_20 = 1.5, 200.0, 400.0  # goals in seconds and ms (p95) on two quiet cores; reported
RERUNS, THINK = 8, 1.0


@dataclass(frozen=True)
class Load:
    """What one page cost under n users: wall clock in ms, bytes and CPU-ms of one rerun."""

    page: str
    users: int
    p50: float
    p95: float
    size: float
    cpu: float
    errors: int


class Visitor(Client):
    """A tab on any page."""

    def __init__(self, port: int, page: str) -> None:
        super().__init__(port, "")
        self.page = page

    async def rerun(self) -> tuple[float, int, int]:
        """(ms, bytes, exceptions) of one rerun."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        message.rerun_script.page_name = self.page
        started = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        view = await self.view()
        return 1000 * (time.perf_counter() - started), view.bytes, len(view.problems)


async def _user(port: int, page: str, ready: asyncio.Semaphore, start: asyncio.Event, out: list) -> None:
    async with Visitor(port, page) as tab:
        for _ in range(2):  # the first looks import and fill caches
            await tab.rerun()
        ready.release()
        await start.wait()
        for _ in range(RERUNS):
            out.append(await tab.rerun())
            await asyncio.sleep(THINK)


async def load(server: Server, page: str, users: int) -> Load:
    """Re-run one page with so many users at once."""
    ready, start, out = asyncio.Semaphore(0), asyncio.Event(), []
    tasks = [asyncio.create_task(_user(server.port, page, ready, start, out)) for _ in range(users)]
    for _ in tasks:
        await ready.acquire()
    cpu = server.cpu_ms()
    start.set()
    await asyncio.gather(*tasks)
    ms = sorted(row[0] for row in out)
    p95 = ms[max(0, int(0.95 * len(ms)) - 1)]
    size, errors = statistics.mean(row[1] for row in out), sum(row[2] for row in out)
    return Load(page or "cohort", users, statistics.median(ms), p95, size, (server.cpu_ms() - cpu) / len(out), errors)


def main() -> int:
    """Print the table; 0 when every checked number is within its limit."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with serving(Path(folder) / "server.log", f"sqlite:///{folder}/record.sqlite") as server:
            health = time.perf_counter() - started
            seen = waiting(f"http://127.0.0.1:{server.port}")
            asyncio.run(load(server, "about", 1))  # the kernels compile in the background after the first visit
            rows = [asyncio.run(load(server, page, users)) for page in PAGES for users in (1, 10)]
            rows.append(asyncio.run(load(server, "recommend", 20)))
    print(f"health after {health:.1f} s (goal {HEALTH} s); {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(told(seen))
    print(f"p95 goals: 10 users {USERS_10:.0f} ms, 20 users {USERS_20:.0f} ms. Checked: CPU and kB of one rerun.")
    print("page        users   p50 ms   p95 ms    kB   CPU-ms  errors")
    bad = []
    for r in rows:
        over = r.cpu > CPU_MS or r.size > BYTES or r.errors > 0
        bad += [r.page] if over else []
        numbers = f"{r.p50:8.0f} {r.p95:8.0f} {r.size / 1e3:6.0f} {r.cpu:7.1f} {r.errors:7d}"
        print(f"{r.page:<12}{r.users:>4} {numbers}{'   OVER THE LIMIT' if over else ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
