"""The language model as an advisor: k shuffled samples and a vote, within a budget, cached, every call audited."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from libra_core.advisors.base import Advice, CaseAdvisor
from libra_core.advisors.llm.budget import Breaker, Budget, Tab
from libra_core.advisors.llm.client import Client, Failure, Reply
from libra_core.advisors.llm.prompt import Menu, Messages, Prompt, compose
from libra_core.advisors.llm.reply import Answer, UnusableError, check, read_answer
from libra_core.advisors.llm.settings import LLMSettings
from libra_core.advisors.llm.store import Store, StoreError, now
from libra_core.advisors.llm.vote import Ballot, Consultation, count, place
from libra_core.cases import Case
from libra_core.chain import canonical, digest

KEEP_FAILURE = 60.0  # seconds
UNLOGGED = 0  # in place of an audit row's number
# After one of these the next sample would fail in the same way; a refusal is not asked again either.
HOPELESS = ("budget", "auth", "rate_limited", "unavailable", "bad_request", "refused")


class LLMAdvisor(CaseAdvisor):
    """Asks a language model; never raises. Raises ValueError only when it is made, for settings that cannot work.

    `user` and `case_name` (a pseudonym for a row) go into the audit log on this machine, never into a message. The
    user's limits hold over every advisor and process that shares the store; without a store that works nobody is asked.
    Answers depend on the server: with the cache they repeat, without it they need not.
    """

    name = "llm"

    def __init__(
        self,
        cases: Callable[[int], Case],
        d_mutable: int,
        settings: LLMSettings,
        prompt: Prompt,
        store: Store | None = None,
        client: Client | None = None,
        user: str = "",
        case_name: Callable[[int], str] | None = None,
    ) -> None:
        super().__init__(cases, d_mutable)
        self.settings, self.prompt, self.store = settings.validate(), prompt, store or Store()
        self.client = client or Client(settings)
        self.budget = Budget(settings, self.store, user)
        self.breaker = Breaker()
        self.user = user
        self.case_name = case_name or (lambda row: f"row {row}")
        self.final_message = ""  # set once asking again in this session is pointless
        self._known: dict[int, tuple[Advice, float]] = {}

    def advise(self, case: Case) -> Advice:
        """Advice for one case. A usable answer is kept for the life of the advisor, a failure for a minute, so that
        a page that reruns does not wait again."""
        known = self._known.get(case.row)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        advice = self.consult(case).advice
        self._known[case.row] = advice, math.inf if advice.given else time.monotonic() + KEEP_FAILURE
        return advice

    def remembered(self, row: int) -> Advice | None:
        known = self._known.get(row)
        return known[0] if known else None

    def recall(self, case: Case) -> Consultation:
        """Advice from stored answers alone: nothing is sent, spent or logged; status off where none is stored."""
        missing = self.store.fault or "No answer is stored."
        try:
            found = [self.cached(case, sample) for sample in range(self.settings.samples)]
        except StoreError as error:
            found, missing = [], str(error)
        ballots = [b for b in found if b is not None] or [Ballot(0, "off", message=missing)]
        return self._consultation(case, ballots, *self._count(case, ballots), audit_row=UNLOGGED)

    def consult(self, case: Case) -> Consultation:
        """Ask (or look up) every sample, vote, and write one audit row."""
        started, log = time.monotonic(), _Log()
        ballots: list[Ballot] = []
        off = self.settings.off_reason() or self.store.fault or self.final_message
        if off:
            ballots.append(Ballot(0, "off", message=off))
        else:
            for sample in range(self.settings.samples):
                ballots.append(self._guarded(case, sample, log))
                if ballots[-1].status in HOPELESS:
                    break
        advice, message = self._count(case, ballots)
        try:
            row = self._audit(case, advice, message, ballots, log, time.monotonic() - started)
        except StoreError as error:  # advice that no log knows of is not given
            advice, message, row = Advice(self.name, "unavailable", vote_share=0.0), str(error), UNLOGGED
        return self._consultation(case, ballots, advice, message, row)

    def _consultation(
        self, case: Case, ballots: list[Ballot], advice: Advice, message: str, audit_row: int
    ) -> Consultation:
        last = max((b for b in ballots if b.answer), key=lambda b: b.asked_at, default=ballots[-1])
        places = tuple(place(case, self.settings.seed, b) for b in ballots if b.answer)
        when = last.asked_at or now()
        return Consultation(advice, tuple(ballots), places, message, last.model, self.prompt.version, when, audit_row)

    def _count(self, case: Case, ballots: list[Ballot]) -> tuple[Advice, str]:
        return count(self.name, case, ballots, self.settings.samples, self.d_mutable)

    # one sample -----------------------------------------------------------------------------------------------------

    def _guarded(self, case: Case, sample: int, log: _Log) -> Ballot:
        """An unexpected error is a status as well: no error of this program may stop a clinic."""
        try:
            return self._sample(case, sample, log)
        except StoreError as error:
            return Ballot(sample, "unavailable", message=str(error))
        except Exception as error:
            return Ballot(sample, "invalid", message=f"The question could not be handled ({type(error).__name__}).")

    def question(self, case: Case, sample: int) -> tuple[Menu, Messages, str]:
        """The menu in this sample's order, the messages, and the cache key."""
        menu = Menu.of(case).shuffled(self.settings.seed, sample)
        messages = compose(self.prompt, case, menu)
        s = self.settings
        parameters = {"temperature": s.temperature, "max_reply_tokens": s.max_reply_tokens}
        asked = [s.base_url, s.model, self.prompt.version, menu.schema(), messages, parameters, {"sample": sample}]
        return menu, messages, digest(canonical(asked))

    def cached(self, case: Case, sample: int) -> Ballot | None:
        """The stored answer to a sample, checked again against today's menu."""
        menu, _, key = self.question(case, sample)
        stored = self.store.get(key)
        if stored is None:
            return None
        try:
            answer = check(stored["answer"], menu)
            model, asked_at = str(stored["model"]), str(stored["asked_at"])
        except (UnusableError, KeyError, TypeError):
            return None
        return Ballot(sample, "cached", answer, model=model, asked_at=asked_at)

    def keep(self, key: str, answer: Answer, model: str, asked_at: str) -> None:
        """Store a valid answer; nothing else is ever stored."""
        self.store.put(key, {"answer": answer.to_json(), "model": model, "asked_at": asked_at})

    def _sample(self, case: Case, sample: int, log: _Log) -> Ballot:
        known = self.cached(case, sample)
        if known is not None:
            return known
        menu, messages, key = self.question(case, sample)
        result = self._converse(menu, messages, log)
        if isinstance(result, Failure):
            if result.final:
                self.final_message = result.message
            return Ballot(sample, result.status, message=result.message)
        answer, model = result
        asked_at = now()
        self.keep(key, answer, model, asked_at)
        return Ballot(sample, "ok", answer, model=model, asked_at=asked_at)

    def _converse(self, menu: Menu, messages: Messages, log: _Log) -> tuple[Answer, str] | Failure:
        """At most four requests: the question and one repair request, each retried once with a larger token limit."""
        limit, may_repair, may_grow = self.settings.max_reply_tokens, True, True
        while True:
            reply = self._ask(messages, menu.schema(), limit, log)
            if isinstance(reply, Failure):
                return reply
            if reply.refused:
                return Failure("refused", "The model declined to answer.", reply.response_format)
            try:
                return read_answer(reply.text, menu), reply.model or self.settings.model
            except UnusableError as error:
                problem = str(error)
            if reply.truncated and may_grow:
                limit, may_grow = limit * 4, False
            elif reply.truncated:
                return Failure("truncated", "The reply was cut off twice.", reply.response_format)
            elif may_repair:
                request = self.prompt.repair.format(problem=problem)
                said = {"role": "assistant", "content": reply.text[:2000] or "(nothing)"}
                messages, may_repair = [*messages, said, {"role": "user", "content": request}], False
            else:
                return Failure("invalid", f"The reply was unusable twice: {problem}.", reply.response_format)

    def _ask(self, messages: Messages, schema: dict[str, Any], limit: int, log: _Log) -> Reply | Failure:
        """One paid request between reservation and settlement, guarded by the circuit breaker."""
        if not self.breaker.allows():
            return Failure("unavailable", "Three questions in a row failed; the model is not asked again for a minute.")
        guess = len(canonical(messages)) // 3 + 50  # a cautious guess: English has about four characters a token
        tab = Tab(self.budget, guess, limit)
        result = self.client.ask(messages, schema, limit, tab)
        log.add(tab, result)
        if not tab.refused:  # a cap of ours says nothing about the server
            failed = isinstance(result, Failure) and result.status in ("auth", "rate_limited", "unavailable", "budget")
            self.breaker.record(not failed)
        return result

    # the record -----------------------------------------------------------------------------------------------------

    def _audit(self, case: Case, advice: Advice, message: str, ballots: list[Ballot], log: _Log, seconds: float) -> int:
        s = self.settings
        return self.store.append(
            {
                "kind": "advice",
                "user": self.user,
                "case": self.case_name(case.row),
                "host": s.host,
                "model_asked": s.model,
                "model_returned": next((b.model for b in ballots if b.model), ""),
                "prompt": self.prompt.version,
                "prompt_hash": self.prompt.fingerprint,
                "schema_hash": digest(canonical(Menu.of(case).schema()))[:16],
                "response_format": log.response_format,
                "status": advice.status,
                "message": message,
                "requests": log.requests,
                "tokens": log.tokens,
                "cost_usd": round(log.cost, 6),
                "seconds": round(seconds, 3),
                "request_id": log.request_id,
                "ballots": [{"status": b.status} | (b.answer.to_json() if b.answer else {}) for b in ballots],
                "vote_share": round(advice.vote_share, 3),
            }
        )

    def note_decision(self, audit_row: int, final_choice: str, overrides: tuple[str, ...] = ()) -> int:
        """Append what followed from the advice: LIBRA's final choice, and the rules that overrode the model. Returns
        UNLOGGED when it cannot be written."""
        body = {"kind": "decision", "advice_row": audit_row, "final_choice": final_choice, "overrides": list(overrides)}
        try:
            return self.store.append(body | {"user": self.user}) if audit_row != UNLOGGED else UNLOGGED
        except StoreError:
            return UNLOGGED


class StoredAnswers(CaseAdvisor):
    """A language model's stored answers as an advisor: it never asks, and gives no advice where nothing is stored."""

    name = "llm"

    def __init__(self, advisor: LLMAdvisor) -> None:
        super().__init__(advisor.cases, advisor.d_mutable)
        self._recall = advisor.recall
        self._last = (-1, Advice(self.name, "off"))

    def advise(self, case: Case) -> Advice:
        self._last = case.row, self._recall(case).advice
        return self._last[1]

    def remembered(self, row: int) -> Advice | None:
        return self._last[1] if self._last[0] == row else None


@dataclass
class _Log:
    """The usage of one consultation, over all its requests."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    response_format: str = ""
    request_id: str = ""

    def add(self, tab: Tab, result: Reply | Failure) -> None:
        self.requests += len(tab.held)
        self.tokens += sum(held.tokens for held in tab.held)
        self.cost += sum(held.cost for held in tab.held)
        self.response_format = result.response_format
        if isinstance(result, Reply):
            self.request_id = result.request_id
