"""Cache, vote, budget, audit."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest

from libra_core.advisors.llm import (
    LLMSettings,
    Store,
    test_connection,
)
from libra_core.advisors.llm import store as store_module
from libra_core.advisors.llm.budget import Breaker, Budget, Price, price_table
from libra_core.advisors.llm.client import Client
from libra_core.advisors.llm.prompt import Menu, Prompt
from tests.support.llm_faults import FAULTS, advisor_for, case, settings_for
from tests.support.llm_server import KEY

# Asking --------------------------------------------------------------------------------------------------------------


def test_answers_map_back_through_every_order(settings, server):
    consultation = advisor_for(settings).consult(case())
    assert consultation.advice.status == "ok"
    assert consultation.advice.arm == 3
    assert consultation.advice.vote_share == 1.0
    assert consultation.advice.delta == (0.0, 0.0, 0.0, pytest.approx(30 / 120))
    assert {b.answer.plan for b in consultation.ballots} == {consultation.ballots[0].answer.plan}
    assert server.seen["good"] == 3
    sent = [json.loads(body)["messages"][1]["content"] for _, body in server.received[-3:]]
    assert len({s.split("Menu of treatments")[1].split("Menu of habit")[0] for s in sent}) > 1


def test_order_bias_shows_in_the_vote_share(settings):
    advisor = advisor_for(replace(settings, model="first", samples=9))
    consultation = advisor.consult(case())
    assert consultation.advice.vote_share < 1, "a model that always takes the first option disagrees with itself"
    first = [Menu.of(case()).shuffled(0, s).arms[0].code for s in range(9)]
    assert [b.answer.arm for b in consultation.ballots] == first


def test_cache_answers_again_without_a_request(settings, server, tmp_path):
    path = tmp_path / "advice.sqlite"
    first = advisor_for(settings, Store(path)).consult(case())
    again = advisor_for(settings, Store(path)).consult(case(5000))  # another row, the same facts after banding
    assert server.seen["good"] == 3
    assert again.advice.status == "cached"
    assert (again.advice.arm, again.advice.delta) == (first.advice.arm, first.advice.delta)
    for change in ({"model": "good#2"}, {"temperature": 0.0}, {"seed": 3}, {"base_url": settings.base_url + "/"}):
        assert advisor_for(replace(settings, **change), Store(path)).cached(case(), 0) is None


def test_only_usable_answers_are_cached(settings):
    advisor = advisor_for(replace(settings, model="fault:unknown-arm"))
    advisor.consult(case())
    assert all(advisor.cached(case(), sample) is None for sample in range(3))


def test_advise_asks_once_for_a_row(settings, server):
    advisor = advisor_for(settings)
    assert advisor.advise(case()) is advisor.advise(case())
    assert len(advisor.store.rows()) == 1


def test_a_client_of_ones_own_can_be_put_in(settings):
    def answer(request: httpx2.Request) -> httpx2.Response:
        content = json.dumps({"arm": "rasi", "changes": {}, "rationale": "Mocked."})
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        return httpx2.Response(200, json={"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]})

    advisor = advisor_for(settings)
    advisor.client = Client(settings, http=httpx2.Client(transport=httpx2.MockTransport(answer)))
    consultation = advisor.consult(case())
    assert (consultation.advice.status, consultation.advice.arm) == ("ok", 1)
    assert advisor.budget.mine.tokens > 0, "without a usage report the estimate stands"


def test_an_unforeseen_error_is_a_status(settings, monkeypatch):
    advisor = advisor_for(settings)
    monkeypatch.setattr(advisor.client, "ask", lambda *_: 1 / 0)
    assert advisor.consult(case()).advice.status == "invalid"


def test_nothing_secret_is_stored_or_logged(settings, server, tmp_path, caplog):
    caplog.set_level("DEBUG")
    path = tmp_path / "advice.sqlite"
    store = Store(path)
    for model in ("good", "fault:401", "fault:html"):
        advisor_for(replace(settings, model=model), store).consult(case())
    store.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY.encode() not in kept
    assert KEY not in caplog.text
    assert any(KEY.encode() in head for head, _ in server.received), "it did go to the server"


def connected(settings: LLMSettings) -> tuple[str, str]:
    return test_connection(settings, Budget(settings, Store()))


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.requests in (None, 1)], ids=lambda f: f.name)
def test_connection_has_a_sentence_for_every_failure(fault, server):
    base = LLMSettings(timeout=0.5, connect_timeout=0.5, max_retries=0, patience=0.1)
    status, sentence = connected(settings_for(fault, server, base))
    assert sentence[0].isalnum()
    assert sentence[-1] in ".?)"
    assert len(sentence) < 160
    if fault.mode.startswith("!") or fault.mode[0].isdigit():
        assert status == fault.status


def test_connection_that_works_names_the_response_format(settings):
    assert connected(settings) == (
        "ok",
        "127.0.0.1 answers as served-model; it keeps to a JSON schema.",
    )


# Spend ---------------------------------------------------------------------------------------------------------------


def test_spend_counts_tokens_and_is_capped_by_session_and_day(settings):
    store = Store()
    advisor = advisor_for(replace(settings, day_calls=4), store)
    advisor.consult(case(0))
    assert (advisor.budget.mine.calls, advisor.budget.mine.tokens) == (3, 3 * 960)
    tired = advisor_for(replace(settings, day_calls=4), store).consult(case(1))
    assert tired.advice.status == "ok", "one more sample fits, and one vote is advice"
    assert tired.advice.vote_share == pytest.approx(1 / 3)
    assert advisor_for(replace(settings, day_calls=4), store).consult(case(2)).advice.status == "budget"
    capped = advisor_for(replace(settings, max_tokens=100)).consult(case(3))
    assert capped.message == "Your limit for today is reached: 100 tokens."


def test_prices_are_known_for_the_default_and_free_on_this_machine(settings):
    assert LLMSettings().model in price_table()
    assert Price(2.0, 10.0).cost(500_000, 100_000) == pytest.approx(2.0)
    assert advisor_for(settings).budget.price == Price(0.0, 0.0)
    assert advisor_for(LLMSettings(model="unheard-of")).budget.price is None


def test_breaker_counts_failures_in_a_row():
    breaker = Breaker(limit=2, rest=10, clock=lambda: 0.0)
    for ok in (False, True, False):
        breaker.record(ok)
    assert breaker.allows()
    breaker.record(False)
    assert not breaker.allows()


# Audit ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path):
    store = Store(tmp_path / "audit.sqlite")
    for n in range(5):
        store.append({"kind": "advice", "n": n})
    return store


def tamper(store: Store, *statements: str) -> None:
    """As someone with the file would: the triggers go first."""
    for statement in ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", *statements):
        store._db.execute(statement)


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (["UPDATE audit SET body = replace(body, '\"n\":2', '\"n\":9') WHERE seq = 3"], "Row 3 was changed"),
        (["DELETE FROM audit WHERE seq = 2"], "Row 2 is missing"),
        (["DELETE FROM audit WHERE seq = 5"], "ends at row 4, but 5 rows were written"),
        (
            [
                "UPDATE audit SET seq = 99 WHERE seq = 2",
                "UPDATE audit SET seq = 2 WHERE seq = 3",
                "UPDATE audit SET seq = 3 WHERE seq = 99",
            ],
            "Row 2 was changed or moved",
        ),
        (["DELETE FROM audit WHERE seq = 1", "UPDATE audit SET seq = seq - 1"], "Row 1 was changed or moved"),
    ],
)
def test_tampering_is_found(log, statements, sentence):
    assert log.verify().ok
    tamper(log, *statements)
    check = log.verify()
    assert not check.ok
    assert sentence in check.message


def test_the_table_is_append_only(log):
    for statement in ("UPDATE audit SET body = ''", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            log._db.execute(statement)


def test_a_chain_rewritten_as_a_whole_is_found_with_a_noted_head(log):
    noted = log.head()
    log.append({"n": 5})
    assert log.verify(noted).ok
    forged = Store()
    for n in range(6):
        forged.append({"n": n})
    assert forged.verify().ok
    assert "rewritten" in forged.verify(noted).message


def test_a_clock_that_jumps_back_does_no_harm(log, monkeypatch):
    class Past(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(1999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(store_module, "datetime", Past)
    log.append({"n": "late"})
    assert log.verify().ok
    assert [row["seq"] for row in log.rows()] == [1, 2, 3, 4, 5, 6]
    assert log.rows(last=1)[0]["time"].startswith("1999")


def test_two_processes_may_write_one_chain(tmp_path):
    stores = [Store(tmp_path / "one.sqlite") for _ in range(4)]

    def write(store: Store) -> None:
        for n in range(25):
            store.append({"n": n})

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].verify().message == "100 rows, unbroken."


def test_an_audit_row_says_who_asked_whom_and_what_came_of_it(settings):
    advisor = advisor_for(settings)
    advisor.user, advisor.case_name = "dr-lee", lambda row: f"U-{row:05d}"
    consultation = advisor.consult(case(7))
    advisor.note_decision(consultation.audit_row, "ccb; sodium -500 mg/day", ("change shortened",))
    advice, decision = advisor.store.rows()
    assert advice["case"] == "U-00007"
    assert advice["user"] == "dr-lee"
    assert (advice["model_asked"], advice["model_returned"]) == ("good", "served-model")
    assert advice["prompt"] == Prompt.load("hypertension").version
    assert advice["response_format"] == "json_schema"
    assert advice["request_id"] == "req-test"
    assert advice["ballots"][0]["arm"] == "ccb"
    assert decision["advice_row"] == advice["seq"]
    assert decision["overrides"] == ["change shortened"]
