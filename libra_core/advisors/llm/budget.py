"""The budget for questions, reserved before and settled after; caps for a session and a day; a circuit breaker."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from libra_core.advisors.llm.prompt import PROMPT_DIR
from libra_core.advisors.llm.settings import LLMSettings
from libra_core.advisors.llm.store import Store


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

    def plus(self, calls: int, tokens: int, cost: float) -> Spend:
        return Spend(self.calls + calls, self.tokens + tokens, self.cost + cost)


class Budget:
    """Thread-safe. A reservation holds the most that a request may cost, so parallel requests cannot overspend."""

    def __init__(self, settings: LLMSettings, store: Store, spent: Spend | None = None) -> None:
        self.settings, self.store = settings, store
        self.price = price_of(settings)
        self.session = spent or Spend()
        self._lock = threading.Lock()

    def reserve(self, tokens_in: int, tokens_out: int) -> tuple[int, float] | str:
        """Reserve one request; returns the reservation, or a sentence that says which cap is reached."""
        tokens = tokens_in + tokens_out
        cost = self.price.cost(tokens_in, tokens_out) if self.price else 0.0
        s = self.settings
        with self._lock:
            after = self.session.plus(1, tokens, cost)
            for spent, cap, unit in (
                (after.calls, s.max_calls, "calls"),
                (after.tokens, s.max_tokens, "tokens"),
                (after.cost, s.max_cost, "USD"),
            ):
                if spent > cap:
                    return f"The cap of this session is reached: {cap:g} {unit}."
            if not self.store.add_spend(1, tokens, cost, (s.day_calls, s.day_tokens, s.day_cost)):
                return f"The cap of the day is reached: {s.day_calls} calls, {s.day_tokens} tokens, {s.day_cost:g} USD."
            self.session = after
        return tokens, cost

    def settle(self, reserved: tuple[int, float], tokens_in: int | None, tokens_out: int | None) -> tuple[int, float]:
        """Replace a reservation by what was used; without a usage report the estimate is kept."""
        if tokens_in is None or tokens_out is None:
            return reserved
        tokens = tokens_in + tokens_out
        cost = self.price.cost(tokens_in, tokens_out) if self.price else 0.0
        with self._lock:
            self.session = self.session.plus(0, tokens - reserved[0], cost - reserved[1])
            self.store.add_spend(0, tokens - reserved[0], cost - reserved[1])
        return tokens, cost

    def today(self) -> Spend:
        return Spend(*self.store.spend())


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
