"""What a message says: what, since when, how many, and what to do. Ids and codes in it are outside text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from kombo_provider.ledger import LaneState
from kombo_provider.ledger.watched import Lane
from kombo_provider.watch.outside import neutral

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_RUNS_NAMED: Final = 3


class Said(NamedTuple):
    """A condition in one line, what is known of it, and what to do about it."""

    headline: str
    what: str
    do: str


def instant(at: datetime) -> str:
    """Return an instant in words."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def duration(lasts: timedelta) -> str:
    """Return a duration in words."""
    seconds = lasts.total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "less than a minute"


def counted(number: int, what: str = "row") -> str:
    """Return a number of things in words."""
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what}s"


def lane(name: str, stands: Lane, waiting: int, since: datetime) -> Said:
    """A lane that is blocked or paused."""
    headline = f"Integration {neutral(name)} is {stands.state}{_in_brackets(stands.code)}"
    what = f"It has been {stands.state} since {instant(since)}. {_waiting(waiting)}"
    return Said(headline, what, _DO_OF_LANE[LaneState(stands.state)])


_DO_OF_LANE: Final = {
    LaneState.BLOCKED: "Correct what the code names, in Kombo's dashboard or with the customer: the next run checks "
    "by itself and goes on. Who knows of it already can snooze the lane on the page.",
    LaneState.PAUSED: "Requests fail or are not answered: look at the lane's log page. The next run tries one request "
    "first.",
}


def _in_brackets(code: str | None) -> str:
    if not code:
        return ""
    return f" ({neutral(code)})"


def _waiting(rows: int) -> str:
    return f"{counted(rows)} {_wait(rows)}; nothing is lost."


def _wait(rows: int) -> str:
    """Return the verb beside a number of rows."""
    if rows == 1:
        return "waits"
    return "wait"


def all_lanes(stop: Lane, waiting: int, since: datetime) -> Said:
    """Everything stands, for one reason."""
    headline = f"Nothing leaves: all lanes are {stop.state}{_in_brackets(stop.code)}"
    what = f"All lanes of the connection have been {stop.state} since {instant(since)}. {_waiting(waiting)}"
    return Said(headline, what, _DO_OF_ALL[LaneState(stop.state)])


_DO_OF_ALL: Final = {
    LaneState.BLOCKED: "Kombo refuses the API key or the account: correct the connection, then run a DAG again.",
    LaneState.PAUSED: "Kombo's rate limit holds all requests: look who else uses this API key.",
    # No command makes this state for all lanes, and so none ends it: `resume` leaves alone what a person stopped.
    LaneState.STOPPED: "Somebody wrote into the ledger that all lanes are stopped: set the state of that row of "
    "kombo_lanes, the one without an integration, to open.",
    LaneState.DRAINED: "Somebody drained the ledger: airflow kombo resume lets requests leave again.",
}


def doubts(source: str, name: str, rows: int, since: datetime) -> Said:
    """Requests that nobody settles."""
    what = f"{counted(rows)} of {neutral(source)}; the oldest was sent at {instant(since)} and never answered."
    do = "Answer the question under Required actions, or look the applications up in the ATS. Do not send by hand."
    return Said(f"Integration {neutral(name)} has old doubts", what, do)


def freshness(source: str, name: str, rows: int, since: datetime, *, stopped: bool) -> Said:
    """Rows that wait although their lane does not stand by itself."""
    headline = f"Integration {neutral(name)} is not up to date"
    what = f"{counted(rows)} of {neutral(source)} {_wait(rows)}, the oldest since {instant(since)}."
    if stopped:
        # Nothing else tells of such a lane: the person who stopped it may have forgotten it.
        do = "A person stopped this lane, and only a person opens it: on the page, or with airflow kombo lanes open."
    else:
        do = "Look at the last run of the DAG, and whether it is behind: the page says how many hours are left."
    return Said(headline, what, do)


def refused(source: str, name: str, rows: int, judged: int) -> Said:
    """Much of what an integration was sent is refused."""
    share = f"{rows / judged:.0%}"
    what = f"{counted(rows)} of {judged:,} of the last day of {neutral(source)} were invalid or rejected."
    do = "The page lists the codes and fields: correct the rows or the SELECT. They are tried again when they change."
    return Said(f"Integration {neutral(name)} refuses {share}", what, do)


def volume(source: str, name: str, rows: int, usual: int) -> Said:
    """Far more or far fewer new rows than usual at this hour."""
    what = f"{counted(rows)} of {neutral(source)} in the last full hour; in the same hour of the last weeks {usual:,}."
    if name:
        of_whom = f"Integration {neutral(name)}"
    else:
        of_whom = f"Source {neutral(source)}"
    if rows < usual:
        fewer = "Look whether the load of the source's table is complete."
        return Said(f"{of_whom} brings far fewer new rows than usual", what, fewer)
    more = "Look whether the customer's load is right. What was sent is not taken back; stop the lane if it is wrong."
    return Said(f"{of_whom} brings far more new rows than usual", what, more)


def empty(source: str, usual: int) -> Said:
    """A source that brings nothing at all."""
    what = f"The runs of the last full hour read no row at all; in the same hour of the last weeks {usual:,}."
    do = "Look whether the source's table was loaded, and whether its SELECT still finds it."
    return Said(f"Source {neutral(source)} went empty", what, do)


def not_run(source: str, dag_id: str, last: datetime, usual: timedelta, *, paused: bool) -> Said:
    """A DAG that does not run."""
    headline = f"DAG {neutral(dag_id)} does not run"
    what = f"The last run for {neutral(source)} began at {instant(last)}; usually {duration(usual)} lie between two."
    if paused:
        do = "Unpause the DAG if nobody wants it so: its next run sends everything that came meanwhile."
        return Said(headline, f"{what} It is paused.", do)
    do = "Look at the DAG in Airflow: is it paused, does its file load, is a run stuck, does the scheduler run?"
    return Said(headline, what, do)


def no_report(source: str, dag_id: str, run_ids: Sequence[str], since: datetime) -> Said:
    """Runs that died before their report."""
    named = ", ".join(map(neutral, run_ids[:_RUNS_NAMED]))
    if len(run_ids) > _RUNS_NAMED:
        named += f" and {len(run_ids) - _RUNS_NAMED} more"
    began = "which began"
    if len(run_ids) > 1:
        began = "the first of which began"
    dead = f"{counted(len(run_ids), 'run')} for {neutral(source)} ended without a report"
    what = f"{dead}: {named}, {began} at {instant(since)}."
    do = "Run the DAG again: nobody is sent twice. The task's log, or the worker's, says what ended it."
    return Said(f"DAG {neutral(dag_id)} died before its report", what, do)
