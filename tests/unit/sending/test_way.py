"""Who is to blame for a page instead of Kombo's answer."""

from __future__ import annotations

from dataclasses import replace

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import Status
from kombo_provider.sending.way import Way
from tests.unit.sending.intents import intent

PAGE = Outcome(OutcomeClass.WAY_OR_ROW, http_status=403)
ANSWER = Outcome(OutcomeClass.EXECUTED, http_status=200)
MET_ONE_BEFORE = replace(intent("1"), refused_on_the_way=True)


def test_a_row_is_to_blame_only_once_another_has_passed_since_its_first_page() -> None:
    way = Way(3)
    way.take_in(intent("1"), PAGE, Status.READY)
    assert not way.blames_row(MET_ONE_BEFORE, PAGE)
    way.take_in(intent("2"), ANSWER, Status.DELIVERED)
    assert way.blames_row(MET_ONE_BEFORE, PAGE)
    assert not way.blames_row(intent("3"), PAGE), "its first page"


def test_the_way_is_closed_after_so_many_rows_or_when_the_only_one_meets_a_page_again() -> None:
    several, only = Way(3), Way(3)
    assert [several.take_in(intent(name), PAGE, Status.READY) for name in "123"] == [False, False, True]
    assert [only.take_in(intent("1"), PAGE, Status.READY) for _ in range(2)] == [False, True]


def test_an_answer_of_kombo_s_opens_the_way_and_one_that_never_came_does_not() -> None:
    way = Way(2)
    way.take_in(intent("1"), PAGE, Status.READY)
    way.take_in(intent("2"), Outcome(OutcomeClass.AMBIGUOUS), Status.IN_DOUBT)
    assert way.take_in(intent("3"), PAGE, Status.READY)
    way.take_in(intent("4"), ANSWER, Status.DELIVERED)
    assert not way.take_in(intent("5"), PAGE, Status.READY)
