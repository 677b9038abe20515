"""The groups of lanes that `deliver` is mapped over."""

from __future__ import annotations

import pytest

from kombo_provider.operators.stage import GROUPS_AT_MOST, grouped


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 127, 1000])
def test_groups_keep_the_order_so_that_short_lanes_start_first(count: int) -> None:
    names = [f"ats:{number}" for number in range(count)]
    groups = grouped(names)
    assert [name for group in groups for name in group] == names
    assert len(groups) == min(count, GROUPS_AT_MOST)
    assert all(groups)
    assert max(map(len, groups), default=0) - min(map(len, groups), default=0) <= 1
