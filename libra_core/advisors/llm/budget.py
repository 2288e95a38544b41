"""What questions may cost: reserve before, settle after; caps of a person and of a day; and a circuit breaker."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from libra_core.advisors.llm.prompt import PROMPT_DIR
from libra_core.advisors.llm.settings import LLMSettings
from libra_core.advisors.llm.store import Store, StoreError, passes, today


@dataclass(frozen=True)
class Price:
    """USD for one million tokens."""

    input: float
    output: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        return (self.input * tokens_in + self.output * tokens_out) / 1e6


@cache
def price_table(path: Path = PROMPT_DIR / "prices.toml") -> dict[str, Price]:
    return {model: Price(**row) for model, row in tomllib.loads(path.read_text(encoding="utf-8"))["models"].items()}


def price_of(settings: LLMSettings) -> Price | None:
    """The model's price; zero on this machine; None when it is not in the table."""
    return Price(0.0, 0.0) if settings.is_local else price_table().get(settings.model)


@dataclass(frozen=True)
class Spend:
    """Requests, tokens and USD so far. `cost` leaves out requests whose price is unknown."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Held:
    """What is reserved for one request, on the day on which it was."""

    day: str
    tokens: int
    cost: float


class Budget:
    """The caps of one person and of everybody, for a day. They are kept in the store, so that all tabs and processes
    that share it count together. A reservation holds the most that a request may cost, so none can overspend."""

    def __init__(self, settings: LLMSettings, store: Store, person: str = "") -> None:
        self.settings, self.store, self.person = settings, store, person
        self.price = price_of(settings)

    def reserve(self, tokens_in: int, tokens_out: int) -> Held | str:
        """Reserve one request; a sentence says which cap is reached. Raises StoreError."""
        s, held = self.settings, Held(today(), tokens_in + tokens_out, self._cost(tokens_in, tokens_out))
        mine, all_ = (s.max_calls, s.max_tokens, s.max_cost), (s.day_calls, s.day_tokens, s.day_cost)
        after, total = self.store.add_spend(held.day, self.person, (1, held.tokens, held.cost), (mine, all_))
        for value, cap, unit in zip(after, mine, ("questions", "tokens", "US dollars"), strict=True):
            if value > cap:
                return f"Your limit for today is reached: {cap:g} {unit}."
        if passes(total, all_):
            return (
                f"Today's limit for everybody is reached: {s.day_calls} questions, {s.day_tokens} tokens, "
                f"{s.day_cost:g} US dollars."
            )
        return held

    def settle(self, held: Held, tokens_in: int, tokens_out: int) -> Held:
        """Replace a reservation by what was used. Raises StoreError."""
        used = Held(held.day, tokens_in + tokens_out, self._cost(tokens_in, tokens_out))
        self.store.add_spend(held.day, self.person, (0, used.tokens - held.tokens, used.cost - held.cost))
        return used

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return self.price.cost(tokens_in, tokens_out) if self.price else 0.0

    @property
    def mine(self) -> Spend:
        """What this person has used today. Raises StoreError."""
        return Spend(*self.store.spend(self.person))

    def today(self) -> Spend:
        """What everybody has used today. Raises StoreError."""
        return Spend(*self.store.spend())


class NotSent(BaseException):
    """A request must not leave. Not an Exception: the SDK would take it for a lost connection and try again."""


class Tab:
    """The requests of one question, in one thread. Each is reserved before it leaves, also those that the SDK repeats
    and those that find out what a server accepts. `refused` says why one did not leave."""

    def __init__(self, budget: Budget, tokens_in: int, tokens_out: int) -> None:
        self.budget, self.most = budget, (tokens_in, tokens_out)
        self.held: list[Held] = []
        self.refused = ""

    def leave(self) -> None:
        """Before a request leaves. Raises NotSent."""
        try:
            found = self.budget.reserve(*self.most)
        except StoreError as error:
            found = str(error)
        if isinstance(found, str):
            self.refused = found
            raise NotSent(found)
        self.held.append(found)

    def settle(self, tokens_in: int | None, tokens_out: int | None) -> None:
        """What the last request came to. Without a report, or where it cannot be stored, the reservation stands."""
        if tokens_in is not None and tokens_out is not None and self.held:
            with suppress(StoreError):
                self.held[-1] = self.budget.settle(self.held[-1], tokens_in, tokens_out)


class Breaker:
    """After `limit` failures in a row no request is sent for `rest` seconds; then one is tried."""

    def __init__(self, limit: int = 3, rest: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.rest, self.clock = limit, rest, clock
        self._failures, self._until = 0, 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether no request is sent at present."""
        with self._lock:
            return self._failures >= self.limit and self.clock() < self._until

    def allows(self) -> bool:
        with self._lock:
            if self._failures < self.limit:
                return True
            if self.clock() < self._until:
                return False
            self._until = self.clock() + self.rest  # this caller is the probe; the others keep waiting
            return True

    def record(self, ok: bool) -> None:
        with self._lock:
            self._failures = 0 if ok else self._failures + 1
            if self._failures >= self.limit:
                self._until = self.clock() + self.rest
