"""Every fault of a server ends in its status, in time, with an audit row, and never as an exception."""

from __future__ import annotations

import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from libra_core.advisors.llm import LLMAdvisor, LLMSettings, Prompt, Store
from libra_core.cohort import load_cohort
from libra_core.policies.decision import Reason
from libra_core.study.live import LiveRun
from tests.support.llm_faults import FAULTS, Fault, advisor_for, case, settings_for
from tests.support.llm_server import LLMServer

QUICK = 0.25  # seconds; the timeout against servers that never answer
FAST = LLMSettings(samples=1, timeout=3.0, connect_timeout=3.0, patience=1.0)
# Beyond three tries, each within the timeout: two pauses that the fixture makes short, and a busy machine.
SLACK = 5.0


@pytest.fixture(scope="module")
def server():
    with LLMServer() as running:
        yield running


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """The SDK waits half a second before its first retry; the tests need not."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)


def timed(fault: Fault, server: LLMServer) -> LLMSettings:
    """Short timeouts only where waiting is the fault, so that a busy machine does not add faults of its own."""
    settings = settings_for(fault, server, FAST)
    return replace(settings, timeout=QUICK) if fault.mode in ("slow", "drip") else settings


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_ends_in_its_status(fault, server):
    settings = timed(fault, server)
    advisor = advisor_for(settings)
    server.seen.clear()
    started = time.monotonic()
    consultation = advisor.consult(case())
    seconds = time.monotonic() - started

    assert consultation.advice.status == fault.status, consultation.message
    assert seconds < 3 * settings.timeout + SLACK
    assert server.seen[f"fault:{fault.mode}"] == (fault.requests or 0)
    assert consultation.advice.given == (fault.status == "ok")
    (row,) = advisor.store.rows()
    assert row["status"] == fault.status
    assert advisor.store.verify().ok
    assert bool(advisor.final_message) == fault.final
    assert consultation.message[-1] in ".?)"
    if fault.final:
        assert advisor.consult(case(1)).advice.status == "off"
    if consultation.advice.given:
        assert len(consultation.advice.rationale) <= 600
        assert "\x1b" not in consultation.advice.rationale


def test_what_a_server_accepts_is_remembered(server):
    advisor = advisor_for(settings_for(FAULTS[6], server, FAST))
    server.seen.clear()
    advisor.consult(case(0))
    advisor.consult(case(1))
    assert server.seen["fault:no-json"] == 3 + 1
    assert advisor.client.dialect.response_format == "text"


def test_breaker_leaves_a_broken_server_alone_and_tries_again(server):
    advisor = advisor_for(replace(FAST, enabled=True, base_url=server.base_url, model="fault:500", max_retries=0))
    now = [0.0]
    advisor.breaker.clock = lambda: now[0]
    server.seen.clear()
    statuses = [advisor.consult(case(row)).advice.status for row in range(6)]
    assert statuses == ["unavailable"] * 6
    assert server.seen["fault:500"] == 3
    now[0] = 61.0
    advisor.consult(case(7))
    advisor.consult(case(8))
    assert server.seen["fault:500"] == 4, "one probe, then rest again"


def test_a_thousand_at_once(server):
    settings = replace(FAST, enabled=True, base_url=server.base_url, model="good", timeout=10.0)
    settings = replace(settings, max_calls=2000, max_tokens=10**7)
    advisor = advisor_for(settings, Store())
    server.seen.clear()
    server.most_in_flight = 0
    gate = threading.Barrier(100)

    def ask(row: int) -> str:
        if row < 100:
            gate.wait()
        return advisor.consult(case(row)).advice.status

    started = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(ask, range(1000)))
    assert set(statuses) == {"ok"}
    assert time.monotonic() - started < 30
    assert server.most_in_flight <= 16
    assert len(advisor.store.rows()) == 1000
    assert advisor.store.verify().ok
    assert advisor.budget.mine.calls == server.seen["good"] == 1000


def test_parallel_requests_cannot_overspend(server):
    advisor = advisor_for(
        replace(FAST, enabled=True, base_url=server.base_url, model="good", max_calls=5, timeout=10.0)
    )
    server.seen.clear()
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda row: advisor.consult(case(row)).advice.status, range(7)))
    assert server.seen["good"] == 5
    assert statuses.count("ok") == 5
    assert statuses.count("budget") == 2


@pytest.mark.parametrize("mode", ["negative-usage", "absurd-usage"])
def test_a_nonsensical_report_of_tokens_leaves_the_reservation(server, mode):
    advisor = advisor_for(replace(FAST, enabled=True, base_url=server.base_url, model=f"fault:{mode}"), Store())
    used = []
    for row in range(3):
        assert advisor.consult(case(row)).advice.status == "ok"
        used.append((advisor.budget.mine.tokens, advisor.budget.today().tokens))
    assert 0 < used[0][0] < used[1][0] < used[2][0] < 100_000
    assert [session for session, _ in used] == [day for _, day in used]


def test_a_compressed_reply_is_not_unpacked(server):
    """Asked for as it is; a server that compresses all the same is refused before a byte of it is read."""
    advisor = advisor_for(replace(FAST, enabled=True, base_url=server.base_url, model="fault:bomb"))
    server.received.clear()
    tracemalloc.start()
    consultation = advisor.consult(case(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "compressed" in consultation.message
    assert peak < 20_000_000, "50 MB were not unpacked"
    assert b"accept-encoding: identity" in server.received[0][0].lower()


@pytest.fixture(scope="module")
def cohort():
    return load_cohort("accord-like")


@pytest.fixture(scope="module")
def row(cohort):
    """A patient without thiazides and with sodium on the menu, so that every fault bites."""
    for row in map(int, cohort.arrivals):
        codes = {arm.code for arm in cohort.case(row).arms}
        if "thiazide" not in codes and any(c.name == "sodium_mg_day" for c in cohort.case(row).changes):
            return row
    raise AssertionError("no such patient in the cohort")


@pytest.fixture(scope="module")
def own(cohort, row):
    """What LIBRA would play for this patient by itself."""
    decision = LiveRun.start(cohort, "glrb").decision_for(row)
    return decision.arm, decision.delta


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_libra_plays_its_own_action(fault, server, cohort, row, own):
    settings = timed(fault, server)
    advisor = LLMAdvisor(cohort.case, len(cohort.protocol.mutable), settings, Prompt.load(cohort.protocol.name))
    decision = LiveRun.start(cohort, "libra", advisor).decision_for(row)
    (logged,) = advisor.store.rows()
    assert logged["status"] == fault.status
    assert decision.asked
    assert decision.advice is not None
    assert decision.advice.status == fault.status
    assert (decision.own_arm, decision.own_delta) == own
    if fault.status == "ok":
        assert decision.reason != Reason.NO_ADVICE
    else:
        assert decision.reason == Reason.NO_ADVICE
        assert (decision.arm, decision.delta) == own
        assert not decision.adopted
