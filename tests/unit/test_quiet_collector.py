"""The collector of cycles rests while a chunk is staged, and is afterwards as it was."""

from __future__ import annotations

import gc
import weakref

import pytest

from kombo_provider.quiet_collector import quiet_collector


class Circle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("was_on", [False, True])
def test_the_collector_is_afterwards_as_it_was_whatever_happens(*, was_on: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if was_on else gc.disable()
        with pytest.raises(ZeroDivisionError), quiet_collector():
            _ = 1 / gc.isenabled()
        assert gc.isenabled() is was_on
    finally:
        gc.enable() if before else gc.disable()


def test_cycles_of_a_chunk_go_when_it_is_over() -> None:
    with quiet_collector() as collect:
        circle = weakref.ref(Circle())
        assert circle() is not None
        collect()
        assert circle() is None


def test_cycles_that_nobody_makes_by_the_row_go_within_ten_chunks() -> None:
    with quiet_collector(each_chunk=False) as collect:
        circle = weakref.ref(Circle())
        assert circle() is not None
        for _ in range(10):
            collect()
        assert circle() is None


def test_a_chunk_within_another_leaves_the_outer_one_quiet() -> None:
    with quiet_collector():
        frozen = gc.get_freeze_count()
        with quiet_collector():
            pass
        assert (gc.isenabled(), gc.get_freeze_count()) == (False, frozen)
