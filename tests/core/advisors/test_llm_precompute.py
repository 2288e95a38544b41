"""Answers asked for ahead of time: one by one, and as a batch file."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

from libra_core.advisors.llm import (
    Store,
    export_batch,
    import_batch,
    precompute,
)
from tests.support.llm_faults import advisor_for, case
from tests.support.llm_server import KEY


def test_precompute_resumes_where_it_stopped(settings, server):
    store, cancel, seen = Store(), threading.Event(), []

    def watch(progress):
        seen.append(progress)
        if progress.done == 4:
            cancel.set()

    half = precompute(advisor_for(settings, store), range(12), progress=watch, cancel=cancel)
    assert 4 <= half.done < 12
    assert "run it again" in half.stopped
    whole = precompute(advisor_for(settings, store), range(12))
    assert whole.done == whole.total == 12
    assert whole.statuses["cached"] == half.done
    assert server.seen["good"] == 12 * 3
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_precompute_stops_when_going_on_is_pointless(settings):
    result = precompute(advisor_for(replace(settings, model="fault:401")), range(50))
    assert result.stopped == "The server does not accept the API key."
    assert result.done < 10


def test_batch_file_goes_out_and_its_results_come_in(settings):
    advisor = advisor_for(settings)
    rows = range(3)
    lines = [json.loads(line) for line in export_batch(advisor, rows)]
    assert len(lines) == 9
    assert len({line["custom_id"] for line in lines}) == 9
    assert lines[0]["url"] == "/v1/chat/completions"
    assert KEY not in json.dumps(lines)
    content = json.dumps({"arm": "ccb", "changes": {}, "rationale": "From a batch."})
    body = {"model": "served-model", "choices": [{"message": {"content": content}}]}
    results = [json.dumps({"custom_id": line["custom_id"], "response": {"body": body}}) for line in lines]
    broken = json.dumps({"custom_id": lines[0]["custom_id"], "response": {"body": {"choices": []}}})
    assert import_batch(advisor, rows, [*results[1:], "not json", broken]).statuses == {"ok": 8, "invalid": 1}
    assert len(list(export_batch(advisor, rows))) == 1
    assert advisor.consult(case(1)).advice.status == "cached"
