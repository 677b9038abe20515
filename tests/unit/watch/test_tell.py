"""Each notifier hears of each change once: whoever fails, dies or watches at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kombo_provider.errors import LedgerError, NotifierError
from kombo_provider.ledger import LaneState, Ledger
from kombo_provider.ledger._run_tables import alerts
from kombo_provider.watch.messages import Message
from kombo_provider.watch.tell import Teller, Told
from tests.unit.watch.conftest import BEGIN, CONNECTION, HOUR, Inbox, Watched

CODE = "INTEGRATION.INACTIVE"


def blocked(name: str) -> str:
    return f"Integration {name} is blocked ({CODE})"


def block(watched: Watched, *names: str) -> None:
    for name in names:
        watched.lane(name, LaneState.BLOCKED, CODE)


def test_a_notifier_that_fails_hears_at_the_next_watch_and_the_other_hears_nothing_twice(watched: Watched) -> None:
    slack = watched.others["slack"] = Inbox(fails=True)
    block(watched, "a", "b")
    told = watched.watch()
    assert told.failed == {"slack": "ConnectionRefusedError"}
    assert watched.inbox.take() == [blocked("a"), blocked("b")]
    slack.fails = False
    assert watched.look() == []
    assert slack.take() == [blocked("a"), blocked("b")]
    assert watched.look() == slack.take() == []


def test_who_missed_a_condition_that_is_over_hears_both_in_order(watched: Watched) -> None:
    watched.inbox.fails = True
    block(watched, "a")
    watched.watch()
    watched.lane("a", LaneState.OPEN)
    watched.watch()
    watched.inbox.fails = False
    watched.watch()
    assert [message.headline for message in watched.inbox.messages] == [blocked("a"), f"Over: {blocked('a')}"]


@dataclass
class Hanging:
    """Notifiers that hang until their minute is over, on a clock of their own."""

    seconds: float = 0.0
    tries: int = 0

    def __call__(self, message: Message) -> None:
        self.tries += 1
        self.seconds += 60.0
        raise NotifierError("it took longer than 60 s")

    def tell(self, watched: Watched, others: int, last: Inbox) -> Told:
        """Have some of them and then another told of what is on."""
        names = [f"smtp {number}" for number in range(others)]
        notifiers = dict.fromkeys(names, self) | {"slack": last}
        return Teller(watched.ledger, CONNECTION, notifiers, watched.at, monotonic=lambda: self.seconds).tell()


@pytest.mark.parametrize("others", [2, 8])
def test_notifiers_that_hang_silence_none_after_them(watched: Watched, others: int) -> None:
    block(watched, "a", "b", "c", "d")
    watched.inbox.fails = True
    watched.watch()
    hanging, slack = Hanging(), Inbox()
    for _ in range(4):
        told = hanging.tell(watched, others, slack)
        assert len(told.failed) == others
    assert slack.take() == [blocked("a"), blocked("b"), blocked("c"), blocked("d")]


def test_a_notifier_that_hangs_is_left_alone_until_the_next_watch(watched: Watched) -> None:
    block(watched, "a", "b", "c", "d")
    watched.inbox.fails = True
    watched.watch()
    hanging = Hanging()
    hanging.tell(watched, 1, Inbox())
    assert hanging.tries == 1


def test_a_message_that_no_notifier_takes_holds_up_no_other(watched: Watched) -> None:
    taken = []

    def picky(message: Message) -> None:
        if "poison" in message.headline:
            raise NotifierError("ValueError")
        taken.append(message.headline)

    watched.others["picky"] = picky  # type: ignore[assignment]
    block(watched, "poison1", "poison2", "poison3", "poison4")
    watched.at += HOUR
    block(watched, "z")
    watched.watch()
    watched.watch()
    assert taken == [blocked("z")]


def test_a_watch_that_dies_between_telling_and_noting_has_it_told_once_more(watched: Watched) -> None:
    taken = []

    def killed(message: Message) -> None:
        taken.append(message.headline)
        raise KeyboardInterrupt

    watched.others["mail"] = killed  # type: ignore[assignment]
    block(watched, "a")
    with pytest.raises(KeyboardInterrupt):
        watched.watch()
    mail = watched.others["mail"] = Inbox()
    watched.look()
    assert mail.take() == [blocked("a")]
    assert watched.look(HOUR) == mail.take() == []
    assert taken == [blocked("a")]


def test_a_killed_watch_holds_what_it_claimed_for_a_quarter_of_an_hour(watched: Watched) -> None:
    block(watched, "a")
    watched.inbox.fails = True
    watched.watch()
    with watched.ledger.transaction() as conn:
        claim = {"claimed_by": "killed", "claimed_until": watched.at + timedelta(minutes=15)}
        conn.execute(alerts.update().values(claim))
    watched.inbox.fails = False
    assert watched.look() == [], "it may be telling just now"
    assert watched.look() == [blocked("a")]


def test_a_claim_of_a_clock_that_was_a_year_ahead_holds_nothing(watched: Watched) -> None:
    watched.inbox.fails = True
    block(watched, "a")
    watched.watch()
    with watched.ledger.transaction() as conn:
        claim = {"claimed_by": "killed", "claimed_until": watched.at + timedelta(days=365)}
        conn.execute(alerts.update().values(claim))
    watched.inbox.fails = False
    assert watched.look() == [blocked("a")]


def test_two_watches_at_once_tell_nothing_twice(watched: Watched, open_ledger: Callable[[], Ledger]) -> None:
    block(watched, *(f"lane-{number}" for number in range(15)))
    at_once = threading.Barrier(4)

    def look(ledger: Ledger) -> None:
        at_once.wait()
        watched.watch(ledger)

    threads = [threading.Thread(target=look, args=(open_ledger(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(watched.inbox.take()) == 15
    assert len(watched.alerts()) == 15
    assert watched.look() == []


def test_a_thousand_lanes_at_once_are_one_message_and_one_when_they_are_over(watched: Watched) -> None:
    names = [f"greenhouse:{number:04}" for number in range(1000)]
    block(watched, *names)
    watched.watch()
    (message,) = watched.inbox.messages
    assert message.headline == f"1,000 conditions of one kind, such as: {blocked(names[0])}"
    assert "and 980 more" in message.text
    watched.inbox.take()
    assert watched.look() == []
    for name in names:
        watched.lane(name, LaneState.OPEN)
    assert watched.look() == [f"Over: 1,000 conditions of one kind, such as: {blocked(names[0])}"]
    assert watched.look() == []


def test_a_condition_that_comes_and_goes_is_told_less_and_less(watched: Watched) -> None:
    heard = []
    for _ in range(10):
        block(watched, "a")
        heard += watched.look()
        watched.lane("a", LaneState.OPEN)
        heard += watched.look()
    assert heard == [blocked("a"), f"Over: {blocked('a')}"] * 2 + [blocked("a")]
    assert watched.look(5 * HOUR) == []
    assert watched.look(2 * HOUR) == [f"Over: {blocked('a')}"]


def test_a_clock_that_jumps_back_tells_nothing_twice_and_loses_nothing(watched: Watched) -> None:
    block(watched, "a")
    assert watched.look() == [blocked("a")]
    watched.at = BEGIN - timedelta(days=3)
    assert watched.look() == []
    watched.lane("b", LaneState.BLOCKED, CODE)
    assert watched.look() == [blocked("b")]
    watched.lane("a", LaneState.OPEN)
    watched.lane("b", LaneState.OPEN)
    assert watched.look() == [f"Over: {blocked('a')}", f"Over: {blocked('b')}"]


def test_what_a_clock_a_year_ahead_left_untold_is_told(watched: Watched) -> None:
    watched.inbox.fails = True
    watched.at += timedelta(days=365)
    block(watched, "a")
    watched.look()
    watched.at, watched.inbox.fails = BEGIN, False
    assert watched.look() == [blocked("a")]


def test_a_lane_that_was_removed_from_the_ledger_is_over(watched: Watched) -> None:
    from kombo_provider.ledger._tables import lanes

    block(watched, "a")
    assert watched.look() == [blocked("a")]
    with watched.ledger.transaction() as conn:
        conn.execute(lanes.delete())
    assert watched.look() == [f"Over: {blocked('a')}"]


def test_a_condition_that_this_release_does_not_know_is_over(watched: Watched) -> None:
    block(watched, "a")
    assert watched.look() == [blocked("a")]
    with watched.ledger.transaction() as conn:
        conn.execute(alerts.update().values(condition="of a newer release"))
    assert watched.look() == sorted([blocked("a"), f"Over: {blocked('a')}"])


def test_a_notifier_that_is_new_hears_nothing_of_what_others_know(watched: Watched) -> None:
    block(watched, "a")
    assert watched.look() == [blocked("a")]
    late = watched.others["late"] = Inbox()
    assert watched.look() == late.take() == []
    watched.lane("a", LaneState.OPEN)
    assert watched.look() == [f"Over: {blocked('a')}"]
    assert late.take() == []
    assert watched.alerts()[0].resolution_told_at is not None


def test_a_ledger_that_goes_away_while_it_is_told_loses_nothing(
    watched: Watched, open_ledger: Callable[[], Ledger]
) -> None:
    gone = open_ledger()

    def cut(message: Message) -> None:
        watched.inbox.messages.append(message)
        gone.transaction = _unreachable  # type: ignore[method-assign, assignment]

    watched.others["cut"] = cut  # type: ignore[assignment]
    block(watched, "a")
    with pytest.raises(LedgerError):
        watched.watch(gone)
    del watched.others["cut"]
    watched.inbox.take()
    watched.lane("b", LaneState.BLOCKED, CODE)
    assert watched.look() == [blocked("b")]
    assert watched.look() == [], "the inbox took it, and that was noted"


def _unreachable() -> None:
    raise LedgerError("The ledger's database failed")
