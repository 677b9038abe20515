"""One task's deliveries: check the account, open the lanes, send, and say in words what stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from kombo_provider.client import KomboClient
from kombo_provider.ledger import EVERYWHERE, LaneState, Ledger, claims, lane_states, now
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.waiting import Waiting, waiting
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.file_reads import FileReads
from kombo_provider.sending.group_commit import GroupCommit
from kombo_provider.sending.held import left_to_holders, look_again_in, outlived
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.opening import open_lane
from kombo_provider.sending.options import SendOptions, TaskTime, Tuning
from kombo_provider.sending.preflight import NOTHING_TOLD, LaneFacts, Preflight
from kombo_provider.sending.request import ReadFile
from kombo_provider.sending.requester import Requester
from kombo_provider.sending.sender import Sender

log = logging.getLogger(__name__)


@dataclass(slots=True)
class DeliverReport:
    """What a task did: numbers by integration, sentences about lanes that stopped, rows on lanes that others hold.

    On the lanes of `outlived` a dead holder left requests that nobody settles before its lease has ended.
    """

    numbers: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    outlived: list[str] = field(default_factory=list)
    look_again_in: float = 0.0
    """In how many seconds a lane that others hold should be asked for again."""
    left: dict[str, int] = field(default_factory=dict)
    """Rows by integration that another run sends: the next one, as this one's turn was over, or the lane's holder."""
    snoozed: list[str] = field(default_factory=list)
    """Lanes that stand still and that a person told runs to pass over: no problem of this task."""
    stopped: list[str] = field(default_factory=list)
    """Lanes that stopped before their rows were sent."""
    told_to_stop: bool = False
    """The task, not Kombo, ended the sending on a lane."""
    blocked: bool = False
    """All lanes that stopped are refused by Kombo: trying again makes no sense until someone acted."""
    log_url: str | None = None
    seconds_left: float = float("inf")
    """What remains of the run's time."""
    by_status: Counter[str] = field(default_factory=Counter)
    """Requests by what became of their rows, over all lanes."""


def deliver(
    ledger: Ledger,
    client: KomboClient,
    selection: Selection,
    options: SendOptions,
    integration_ids: Sequence[str],
    *,
    stop: threading.Event,
    read_file: ReadFile,
    preflight: Preflight | None = None,
) -> DeliverReport:
    """Send the selection's rows on the integrations' lanes, except those that Kombo says beforehand it would refuse.

    Raises AccountError or ApiError where Kombo cannot be reached or refuses the key, before anything was sent. A lane
    that belongs to another environment than the key ends alone.
    """
    clock = time.monotonic
    began, time_limit = clock(), options.time or TaskTime(float("inf"))
    environment_id = client.check_api_key()
    with ledger.transaction() as conn:
        waits = waiting(conn, selection, integration_ids)
    conn_id = selection.kombo_conn_id
    checks = preflight or Preflight(client)
    stops = _stops_before_sending(ledger, checks, conn_id, integration_ids, environment_id, options, waits)
    facts: dict[str, LaneFacts] = {}
    if preflight is not None:
        facts = preflight.look({name: what for name, what in waits.items() if name not in stops})
    stops |= _block_refused(ledger, conn_id, facts)
    options_now = replace(options, time=time_limit.after(clock() - began))
    lanes: list[Lane] = []
    for name in integration_ids:
        lane = open_lane(ledger, selection, options_now, name, clock(), facts.get(name, NOTHING_TOLD))
        if name in stops:
            lane.stop(*stops[name])
        lanes.append(lane)
    memory = BodyMemory()
    files = FileReads(read_file, within_seconds=options.tuning.read_files_within, clock=clock)
    requester = Requester(client, files, memory, stop=stop, clock=clock)
    group_commit = GroupCommit(ledger, selection, options, memory, clock)
    Sender(requester, group_commit, options, stop=stop, clock=clock).send(lanes)
    report = _report(ledger, selection, lanes)
    elsewhere = left_to_holders(ledger, selection, options, lanes, report.held, clock())
    report.outlived = outlived(ledger, selection, lanes, options.tuning, stop, besides=report.held)
    report.left |= {name: report.held.pop(name) for name in elsewhere}
    report.look_again_in = look_again_in(lanes, report.held, clock())
    took = clock() - began
    report.seconds_left = time_limit.send_for - took
    if took >= max(time_limit.send_for, time_limit.wait_for):
        report.left, report.held = report.left | report.held, {}
    return report


class _Stop(NamedTuple):
    """Why a lane sends nothing in this task."""

    ending: Ending
    code: str | None = None
    """Kombo's code; of a lane of another environment, the two environments."""
    log_url: str | None = None


def _stops_before_sending(
    ledger: Ledger,
    preflight: Preflight,
    kombo_conn_id: str,
    integration_ids: Sequence[str],
    environment_id: str,
    options: SendOptions,
    waits: Mapping[str, Waiting],
) -> dict[str, _Stop]:
    """Find the lanes that stay stopped: of another environment, stopped by a person, or refused by Kombo still."""
    foreign, stopped = _stopped_lanes(ledger, kombo_conn_id, integration_ids, environment_id)
    stops = {name: _Stop(Ending.FOREIGN, environments) for name, environments in foreign.items()}
    usable = _usable_again(ledger, preflight, kombo_conn_id, stopped, options.tuning, waits)
    for name, status in stopped.items():
        if status.state is LaneState.STOPPED:
            stops[name] = _Stop(Ending.HALTED, status.code)
        elif name not in usable:
            ending = Ending.BLOCKED if status.state is LaneState.BLOCKED else Ending.PAUSED
            stops[name] = _Stop(ending, status.code, status.log_url)
    return stops


def _block_refused(ledger: Ledger, kombo_conn_id: str, facts: Mapping[str, LaneFacts]) -> dict[str, _Stop]:
    """Block the lanes whose creates Kombo says it would refuse."""
    refused = {name: code for name, found in facts.items() if (code := found.refused_as)}
    if refused:
        with ledger.transaction() as conn:
            for name, code in sorted(refused.items()):
                lane_states.set_state(conn, kombo_conn_id, name, LaneState.BLOCKED, code=code)
    return {name: _Stop(Ending.BLOCKED, code) for name, code in refused.items()}


def _stopped_lanes(
    ledger: Ledger, kombo_conn_id: str, integration_ids: Sequence[str], environment_id: str
) -> tuple[dict[str, str], dict[str, LaneStatus]]:
    """Tie the lanes to the key's environment, and lift a block of the whole connection.

    Returns the lanes of another environment with both environments, and the statuses of the others not open.
    """
    foreign: dict[str, str] = {}
    with ledger.transaction() as conn:
        for integration_id in sorted(integration_ids):
            bound_to = lane_states.bind_environment(conn, kombo_conn_id, integration_id, environment_id)
            if bound_to != environment_id:
                foreign[integration_id] = f"{bound_to}, the key is of {environment_id}"
        if lane_states.own_status(conn, kombo_conn_id, EVERYWHERE).state is LaneState.BLOCKED:
            lane_states.set_state(conn, kombo_conn_id, EVERYWHERE, LaneState.OPEN)  # the key was accepted just now
        found = {name: lane_states.own_status(conn, kombo_conn_id, name) for name in integration_ids}
    stopped = {name: status for name, status in found.items() if status.state is not LaneState.OPEN}
    return foreign, {name: status for name, status in stopped.items() if name not in foreign}


def _usable_again(
    ledger: Ledger,
    preflight: Preflight,
    kombo_conn_id: str,
    stopped: Mapping[str, LaneStatus],
    tuning: Tuning,
    waits: Mapping[str, Waiting],
) -> set[str]:
    """Find out by cheap reads on which lanes one request may try; each stays paused until that one proves it."""
    asked: dict[str, Waiting] = {}
    with ledger.transaction() as conn:
        at = now(conn)
    for name, status in stopped.items():
        rest = timedelta()
        if status.paused_until is not None and status.pause_lasts(at):
            rest = status.paused_until - at
        if status.state is not LaneState.STOPPED and rest.total_seconds() <= tuning.longest_pause:
            asked[name] = waits.get(name, Waiting())
    usable = preflight.working(asked)
    blocked = sorted(name for name in usable if stopped[name].state is LaneState.BLOCKED)
    if blocked:
        with ledger.transaction() as conn:
            for name in blocked:
                code, log_url = stopped[name].code, stopped[name].log_url
                lane_states.set_state(conn, kombo_conn_id, name, LaneState.PAUSED, code=code, log_url=log_url)
    return usable


def _report(ledger: Ledger, selection: Selection, lanes: Sequence[Lane]) -> DeliverReport:
    with ledger.transaction() as conn:
        names = [lane.integration_id for lane in lanes]
        ready = claims.count_ready(conn, selection, names)
        snoozed = lane_states.snoozed(conn, selection.kombo_conn_id, names)
    report = DeliverReport({lane.integration_id: _numbers(lane) for lane in lanes})
    stopped: list[Lane] = []
    for lane in lanes:
        name = lane.integration_id
        report.by_status.update({str(status): rows for status, rows in lane.outcomes.items()})
        waiting = ready.get(name, 0)
        if lane.ending in (None, Ending.DONE):
            continue
        if lane.ending is Ending.HELD:
            if waiting:
                report.held[name] = waiting
            continue
        if lane.ending is Ending.LEFT:
            if waiting:
                report.left[name] = waiting
            continue
        if lane.ending in _SNOOZABLE and name in snoozed:
            report.snoozed.append(name)
            log.warning("Passed over, a person snoozed it: %s", _problem(lane, waiting))
            continue
        stopped.append(lane)
        if waiting or lane.outcomes:
            report.problems.append(_problem(lane, waiting))
        else:
            log.info("Nothing was to be sent: %s", _problem(lane, waiting))
    report.stopped = [lane.integration_id for lane in stopped]
    report.told_to_stop = any(lane.ending is Ending.STOPPED for lane in lanes)
    report.blocked = bool(stopped) and all(lane.ending in _NEEDS_SOMEBODY for lane in stopped)
    report.log_url = next((lane.log_url for lane in [*stopped, *lanes] if lane.log_url), None)
    return report


def _numbers(lane: Lane) -> dict[str, Any]:
    counts = {str(status): count for status, count in sorted(lane.outcomes.items())}
    return {**counts, "peak_in_flight": lane.ahead.peak_on_wire, "answers_429": lane.rate_limited}


_SNOOZABLE = frozenset({Ending.BLOCKED, Ending.WAY, Ending.PAUSED})
_NEEDS_SOMEBODY = frozenset({Ending.BLOCKED, Ending.WAY, Ending.FOREIGN, Ending.HALTED})
"""Endings that trying again does not change until someone has acted."""

_UNKNOWN_INTEGRATION = "PLATFORM.INTEGRATION_NOT_FOUND"
_TO_DO_BY_ENDING = {
    Ending.BLOCKED: "Correct it in Kombo's dashboard, then run the DAG again: it checks before it sends",
    Ending.WAY: "Look what stands between this host and Kombo (a proxy, a gateway, a firewall), then run the DAG again",
    Ending.FOREIGN: "Put the former key back, or use a connection id and a source of its own for the other environment",
    Ending.HALTED: "`airflow kombo lanes open` lets it send again",
    Ending.PAUSED: "Look at the log page; the next run tries one request first",
    Ending.DRAINED: "`airflow kombo resume` lets requests leave again",
    Ending.LOST: "Run the DAG again: what was on the wire is in doubt, the rest is sent",
    Ending.STOPPED: "Run the DAG again, or clear the task: it goes on where it stopped",
}


def _problem(lane: Lane, waiting: int) -> str:
    ending = lane.ending or Ending.DONE
    code = f" ({lane.code})" if lane.code else ""
    page = f" Log page: {lane.log_url}." if lane.log_url else ""
    doing = _TO_DO_BY_ENDING.get(ending, "Run the DAG again")
    if lane.code == _UNKNOWN_INTEGRATION:
        doing = "Check the integration_id that the SELECT returns, and the environment and region of the API key"
    waits = "1 row stays ready" if waiting == 1 else f"{waiting} rows stay ready"
    return f"Integration {lane.integration_id} stopped: {ending.value}{code}. {waits}.{page} {doing}."
