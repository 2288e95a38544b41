"""Random numbers, one stream for each replicate, so that adding replicates never changes earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from libra_core.arrays import Floats

BLOCK = 256  # rounds drawn at a time: a Generator call costs microseconds, far more than the numbers it returns


class Streams:
    """R independent generators, drawn in step.

    `purpose` separates streams of one seed (arrivals, noise, a policy's own draws): equal seeds with equal purposes
    give equal numbers whatever else is drawn. `first` is the number of the first replicate, so that a batch of
    replicates 20..39 sees exactly what it would see inside a batch of 0..99.
    """

    def __init__(self, seed: int, purpose: str, n: int, first: int = 0) -> None:
        self.n = n
        key = int.from_bytes(purpose.encode(), "little")
        self.generators = [
            np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, key, first + r)))) for r in range(n)
        ]
        self._uniform, self._normal = _Block("random"), _Block("standard_normal")

    def uniform(self, k: int = 1) -> Floats:
        """(R, k) uniforms on [0, 1). `k` must stay the same for the life of the object."""
        return self._uniform.next(self.generators, k)

    def normal(self, k: int = 1) -> Floats:
        """(R, k) standard normals. `k` must stay the same for the life of the object."""
        return self._normal.next(self.generators, k)

    def state(self) -> dict[str, Any]:
        return {
            "generators": [g.bit_generator.state for g in self.generators],
            "uniform": self._uniform.state(),
            "normal": self._normal.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if len(state["generators"]) != self.n:
            raise ValueError(f"the saved streams have {len(state['generators'])} replicates, not {self.n}")
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.bit_generator.state = saved
        self._uniform.restore(state["uniform"])
        self._normal.restore(state["normal"])


class _Block:
    """Numbers drawn ahead, (R, BLOCK, k), and how many of them are used."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.values: Floats | None = None
        self.used = 0

    def next(self, generators: list[np.random.Generator], k: int) -> Floats:
        if self.values is None or self.used == BLOCK:
            self.values = np.stack([getattr(g, self.method)((BLOCK, k)) for g in generators])
            self.used = 0
        if self.values.shape[2] != k:
            raise ValueError(f"this stream gives {self.values.shape[2]} numbers a round, not {k}")
        self.used += 1
        return self.values[:, self.used - 1]

    def state(self) -> dict[str, Any]:
        left = None if self.values is None else self.values[:, self.used :].tolist()
        return {"left": left}

    def restore(self, state: dict[str, Any]) -> None:
        if state["left"] is None:
            self.values, self.used = None, 0
            return
        left = np.asarray(state["left"], dtype=float)
        if left.ndim < 3 or left.shape[1] == 0:
            self.values, self.used = None, 0
            return
        self.used = BLOCK - left.shape[1]
        self.values = np.concatenate([np.zeros((left.shape[0], self.used, left.shape[2])), left], axis=1)
