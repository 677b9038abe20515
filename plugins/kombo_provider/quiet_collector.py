"""Python's collector of cycles, kept from walking through a chunk's rows again and again: they hold none."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def quiet_collector() -> Iterator[Callable[[], object]]:
    """Stop the collector, and yield what is to be called after each chunk: it collects what was made since.

    What was there before is not looked at; a user's function may leave cycles behind, so each chunk's are collected.
    """
    if not gc.isenabled():  # somebody around this keeps it quiet already
        yield gc.collect
        return
    gc.disable()
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()
        gc.enable()
