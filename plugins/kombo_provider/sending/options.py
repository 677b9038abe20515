"""How a task sends: for which run, under which name, within which limits, and how patiently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kombo_provider.ledger import RunRef
from kombo_provider.ledger.leases import LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Tuning:
    """Waits and thresholds of the sending, in seconds unless they are counts."""

    failures_in_row: int = 3
    failures_of_last: int = 8
    last: int = 30
    first_pause: float = 15.0
    longest_pause: float = 240.0
    outage_pause: float = 900.0
    """How long a lane is left alone after a whole cap's worth of doubt in a row; longer than a task's retries take."""
    longest_outage_pause: float = 4 * 3600.0
    """Each failed probe after an outage doubles the pause, from run to run, up to this."""
    first_backoff: float = 1.0
    longest_backoff: float = 30.0
    patience: float = 600.0
    """How long, besides the time of one call, a task stays with lanes on which nothing gets through."""
    rows_that_blame_the_way: int = 3
    """So many different rows in a row that meet a page instead of Kombo's answer block the lane."""

    lease: float = LEASE_SECONDS
    lease_margin: float = 15.0
    """A holder stops sending so long before its lease ends, by its own clock."""
    renew_after: float = 10.0
    states_after: float = 1.0
    """How often the lanes' states are read while nothing is claimed."""
    locked_row: float = 0.2
    """How long a row that is due, but was passed over because somebody has locked it, is left alone."""
    empty_lane: float = 1.0
    """How long a lane whose rows are all taken, or not due, is left alone before it is asked again."""
    ask_again: float = 1.0
    """How often a lane that another process holds is asked for."""
    wait_for_lane: float = 30.0
    """How long a task stays for lanes that others are about to give back."""
    stand_by: float = 60.0
    """Rows that a lane's holder sends as well are left to it, unless its turn ends so soon: then a task takes over."""
    look_again: float = 30.0
    """After so long a task asks again for a lane that another one holds; it has no worker slot meanwhile."""
    back_before: float = 10.0
    """A task that waits for a lane has its process again so long before the holder's turn ends: Airflow is slow."""
    longest_stint: float = 30.0
    """A lane that was taken back is handed over again after four times the time that it was away, at most this."""
    gather: float = 0.025
    """So long answers are gathered for one commit, as long as no connection waits for it."""
    ahead: float = 0.035
    """The intents of as many rows are committed ahead as are answered in this time: until the next commit is made."""
    begin_within: float = 10.0
    """An intent that is not on the wire so long after its commit is given back."""
    read_files_within: float = 30.0
    """A row whose files take longer to read is `invalid`: a pipe or a mount that hangs would never end."""
    wind_down: float = 3.0
    """Airflow kills a task about five seconds after asking it to stop."""
    late_answers: float = float("inf")
    """How long, within the time of one call, a stopped task waits for what is on the wire, while it is let live."""
    last_tries: float = 1.0
    """How long the last commit is tried again while the ledger is away."""


def _nothing(_seconds: float) -> None:
    """Nobody wants to know how long requests last."""


@dataclass(frozen=True, slots=True)
class TaskTime:
    """How long a task may take, in seconds from its start.

    No request begins after `send_for`, but each lane has a turn of `at_least` from when it is taken; what is not on the
    wire by then is left for the next run. A lane that another process holds is waited for until `wait_for`, without a
    worker slot. Rows that the holder sends as well are left to it where it has shown that it lives since the task
    began, `began_ago`; None: never.
    """

    send_for: float
    at_least: float = 0.0
    wait_for: float = 0.0
    began_ago: float | None = None
    clear_number: int = 0
    """How often Airflow's run was cleared: each time it has its turns anew."""

    def after(self, seconds: float) -> TaskTime:
        """Return what remains of it after so long; no lane was taken yet."""
        return replace(self, send_for=max(0.0, self.send_for - seconds), wait_for=max(0.0, self.wait_for - seconds))


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a task sends: for which run, under which name it holds lanes, and with which limits.

    Without a `time` it sends until nothing is left.
    """

    run: RunRef
    holder: str
    max_in_flight: int
    timeout_seconds: float
    tuning: Tuning = field(default_factory=Tuning)
    time: TaskTime | None = None
    on_answer: Callable[[float], None] = _nothing
    """Called with the seconds that a request lasted, by the thread that talks to the ledger."""


SHORTEST_TURN = timedelta(minutes=5)
"""Of each lane that a task takes, however long it waited for a worker slot or for the lane."""


def task_time(
    run_for: timedelta,
    *,
    stage_began: datetime,
    task_began: datetime,
    at: datetime,
    call_seconds: float,
    leaves_to_holder: bool,
    clear_number: int = 0,
) -> TaskTime:
    """Return how much time a task has from `at` on, at its first try or a later one.

    A single call lasts `call_seconds` at most.
    """
    ends, shortest = stage_began + run_for, min(SHORTEST_TURN, run_for)
    # A holder that began at the same time has calls on the wire when its turn ends.
    waits_until = max(ends, task_began + shortest) + timedelta(seconds=call_seconds)
    return TaskTime(
        send_for=max(0.0, (ends - at).total_seconds()),
        at_least=shortest.total_seconds(),
        wait_for=max(0.0, (waits_until - at).total_seconds()),
        began_ago=(at - task_began).total_seconds() if leaves_to_holder else None,
        clear_number=clear_number,
    )
