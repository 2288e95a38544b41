"""Ask about many patients ahead of time, with progress, cancelling and resuming; or through a Batch API file."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from libra_core.advisors.llm.advisor import UNLOGGED, LLMAdvisor
from libra_core.advisors.llm.prompt import Menu
from libra_core.advisors.llm.reply import UnusableError, read_answer
from libra_core.advisors.llm.store import now

STOPPERS = ("off", "budget", "auth", "bad_request")  # every further patient would fail in the same way


@dataclass(frozen=True)
class Progress:
    """How far a precomputation is. `statuses` counts the patients done; `stopped` says why it ended early."""

    done: int
    total: int
    statuses: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""


def precompute(
    advisor: LLMAdvisor,
    rows: Iterable[int],
    workers: int = 4,
    progress: Callable[[Progress], None] = lambda _: None,
    cancel: threading.Event | None = None,
) -> Progress:
    """Fill the cache for cohort rows. Run it again to resume: answers already there cost nothing."""
    rows, cancel = list(dict.fromkeys(rows)), cancel or threading.Event()
    counts: Counter[str] = Counter()
    stopped = ""

    def one(row: int) -> str | None:
        nonlocal stopped  # set by the first worker that fails for good, so that the others stop as well
        if cancel.is_set() or stopped:
            return None
        consultation = advisor.consult(advisor.cases(row))
        status = consultation.advice.status
        if status in STOPPERS or consultation.audit_row == UNLOGGED:
            stopped = consultation.message
        elif advisor.breaker.is_open:
            stopped = stopped or "The server failed three times in a row; run it again to go on from here."
        return status

    with ThreadPoolExecutor(workers, thread_name_prefix="advice") as pool:
        for future in as_completed([pool.submit(one, row) for row in rows]):
            status = future.result()
            if status is not None:
                counts[status] += 1
                progress(Progress(counts.total(), len(rows), dict(counts), stopped))
    if cancel.is_set() and not stopped and counts.total() < len(rows):
        stopped = "Cancelled; run it again to go on from here."
    return Progress(counts.total(), len(rows), dict(counts), stopped)


def export_batch(advisor: LLMAdvisor, rows: Iterable[int]) -> Iterator[str]:
    """Lines of a Batch API file for all samples that are not cached yet. The custom_id is the cache key, no id."""
    for row in rows:
        case = advisor.cases(row)
        for sample in range(advisor.settings.samples):
            if advisor.cached(case, sample) is not None:
                continue
            menu, messages, key = advisor.question(case, sample)
            body = advisor.client.request_body(messages, menu.schema(), advisor.settings.max_reply_tokens)
            line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
            yield json.dumps(line, ensure_ascii=False)


def import_batch(advisor: LLMAdvisor, rows: Iterable[int], lines: Iterable[str]) -> Progress:
    """Take a Batch API result file into the cache; an answer that does not fit its menu is counted and left out."""
    results = {}
    for line in lines:
        try:
            record = json.loads(line)
            results[record["custom_id"]] = record["response"]["body"]
        except (json.JSONDecodeError, KeyError, TypeError):
            continue
    counts: Counter[str] = Counter()
    for row in rows:
        case = advisor.cases(row)
        for sample in range(advisor.settings.samples):
            menu, _, key = advisor.question(case, sample)
            if key in results:
                counts[_keep(advisor, menu, key, results[key])] += 1
    return Progress(counts.total(), len(results), dict(counts))


def _keep(advisor: LLMAdvisor, menu: Menu, key: str, body: Any) -> str:
    try:
        answer = read_answer(body["choices"][0]["message"]["content"] or "", menu)
        model = str(body.get("model", ""))
    except (UnusableError, KeyError, IndexError, TypeError, AttributeError):
        return "invalid"
    advisor.keep(key, answer, model, now())
    return "ok"
