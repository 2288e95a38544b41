"""The collector is kept away from what lives long, and nothing that dies is kept for ever."""

import gc
import weakref

from pages.ui.shell.heap import ASIDE, THAW, Heap


class Knot:
    """Refers to itself: only the collector can free it."""

    def __init__(self) -> None:
        self.me = self


def test_what_lives_long_is_set_aside() -> None:
    heap = Heap()
    gc.unfreeze()
    heap.tend("cohort")
    first = gc.get_freeze_count()
    assert first > 1000
    kept = [[i] for i in range(1000)]
    for _ in range(ASIDE - 2):
        heap.tend("cohort")
    assert gc.get_freeze_count() <= first  # not at every run
    heap.tend("cohort")
    assert gc.get_freeze_count() > first + len(kept) / 2
    gc.unfreeze()


def test_what_was_set_aside_and_died_is_let_go() -> None:
    heap, knot = Heap(), Knot()
    seen = weakref.ref(knot)
    heap.tend("cohort")
    del knot
    gc.collect()
    assert seen() is not None  # out of the collector's sight
    for _ in range(THAW):
        heap.tend("cohort")
    assert seen() is None
    gc.unfreeze()
