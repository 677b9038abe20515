"""When doubts in a row end."""

from __future__ import annotations

import pytest

from kombo_provider.client.outcome import OutcomeClass
from kombo_provider.sending.outage import DoubtsInRow


def test_an_answer_to_a_request_that_began_after_the_doubts_ends_them() -> None:
    doubts = DoubtsInRow()
    doubts.add(10.0)
    doubts.add(20.0)
    assert doubts.number == 2
    assert doubts.end(OutcomeClass.EXECUTED, began=20.0)
    assert doubts.number == 0


def test_an_answer_to_a_request_from_before_the_last_doubt_says_nothing_of_now() -> None:
    doubts = DoubtsInRow()
    doubts.add(20.0)
    assert not doubts.end(OutcomeClass.EXECUTED, began=19.9)
    assert doubts.number == 1


@pytest.mark.parametrize("outcome_class", [OutcomeClass.SAFE, OutcomeClass.NOT_BEGUN])
def test_what_says_nothing_of_the_way_ends_no_doubts(outcome_class: OutcomeClass) -> None:
    doubts = DoubtsInRow()
    doubts.add(10.0)
    assert not doubts.end(outcome_class, began=30.0)
    assert doubts.number == 1
