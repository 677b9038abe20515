"""Python's collector of cycles, kept from walking through a chunk's rows again and again: they hold none."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

_NOW_AND_THEN = 10  # chunks


@contextmanager
def quiet_collector(*, each_chunk: bool = True) -> Iterator[Callable[[], object]]:
    """Stop the collector, and yield what is to be called after each chunk: it collects what was made since.

    What was there before is not looked at. A user's function may leave cycles behind, so each chunk's are collected;
    without `each_chunk`, where there is none, now and then is enough.
    """
    turns = cycle([True]) if each_chunk else cycle([False] * (_NOW_AND_THEN - 1) + [True])

    def collect() -> None:
        if next(turns):
            gc.collect()

    if not gc.isenabled():  # somebody around this keeps it quiet already
        yield collect
        return
    gc.disable()
    gc.freeze()
    try:
        yield collect
    finally:
        gc.unfreeze()
        gc.enable()
