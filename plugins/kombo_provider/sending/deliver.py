"""One task's deliveries: check the account, open the lanes, send, and say in words what stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kombo_provider.client import KomboClient
from kombo_provider.errors import ApiError
from kombo_provider.ledger import EVERYWHERE, LaneState, LaneStatus, Ledger, Selection, claims, lane_states, leases, now
from kombo_provider.sending import group_commit
from kombo_provider.sending.group_commit import SendOptions
from kombo_provider.sending.lane import Ending, Lane
from kombo_provider.sending.pacing import Tuning
from kombo_provider.sending.request import ReadFile
from kombo_provider.sending.sender import Sender

log = logging.getLogger(__name__)


@dataclass(slots=True)
class DeliverReport:
    """What a task did: numbers by integration, sentences about lanes that stopped, lanes that others hold."""

    numbers: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    blocked: bool = False
    """All lanes that stopped are refused by Kombo: trying again makes no sense until someone acted."""
    log_url: str | None = None


def deliver(
    ledger: Ledger,
    client: KomboClient,
    selection: Selection,
    options: SendOptions,
    integration_ids: Sequence[str],
    *,
    stop: threading.Event,
    read_file: ReadFile,
) -> DeliverReport:
    """Send the selection's rows on the integrations' lanes.

    Raises AccountError or ApiError where Kombo cannot be reached or refuses the key, ConfigurationError where the key
    belongs to another environment than the lanes: in each case before anything was sent.
    """
    environment_id = client.check_api_key()
    conn_id = selection.kombo_conn_id
    stopped = _stopped_lanes(ledger, conn_id, integration_ids, environment_id)
    unusable = {
        integration_id: status
        for integration_id, status in stopped.items()
        if not _usable_again(ledger, client, conn_id, integration_id, status, options.tuning)
    }
    sender = Sender(ledger, client, selection, options, stop=stop, read_file=read_file)
    lanes = sender.open(integration_ids)
    for lane in lanes:
        if status := unusable.get(lane.integration_id):
            ending = Ending.BLOCKED if status.state is LaneState.BLOCKED else Ending.PAUSED
            lane.stop(ending, status.code, status.log_url)
    sender.send(lanes)
    report = _report(ledger, selection, lanes)
    report.held += _outlived(ledger, selection, lanes, stop, besides=report.held)
    return report


def _stopped_lanes(
    ledger: Ledger, kombo_conn_id: str, integration_ids: Sequence[str], environment_id: str
) -> dict[str, LaneStatus]:
    """Tie the lanes to the key's environment, lift a block of the whole connection, return the lanes not open."""
    with ledger.transaction() as conn:
        for integration_id in sorted(integration_ids):
            lane_states.bind_environment(conn, kombo_conn_id, integration_id, environment_id)
        if lane_states.own_status(conn, kombo_conn_id, EVERYWHERE).state is LaneState.BLOCKED:
            lane_states.set_state(conn, kombo_conn_id, EVERYWHERE, LaneState.OPEN)  # the key was accepted just now
        found = {name: lane_states.own_status(conn, kombo_conn_id, name) for name in integration_ids}
    return {name: status for name, status in found.items() if status.state is not LaneState.OPEN}


def _usable_again(
    ledger: Ledger, client: KomboClient, kombo_conn_id: str, integration_id: str, status: LaneStatus, tuning: Tuning
) -> bool:
    """Find out by a cheap read whether one request may try; the lane stays paused until that one proves it."""
    with ledger.transaction() as conn:
        at = now(conn)
    if status.paused_until is not None and (status.paused_until - at).total_seconds() > tuning.longest_pause:
        return False
    if not _works_again(client, integration_id):
        return False
    if status.state is LaneState.BLOCKED:
        with ledger.transaction() as conn:
            lane_states.set_state(
                conn, kombo_conn_id, integration_id, LaneState.PAUSED, code=status.code, log_url=status.log_url
            )
    return True


def _works_again(client: KomboClient, integration_id: str) -> bool:
    """Ask Kombo for the integration: active and set up means that one request may try."""
    try:
        integration = client.integration(integration_id)
    except ApiError as exc:
        log.warning("Integration %s stays stopped: %s", integration_id, exc)
        return False
    status, setup = integration.get("status"), integration.get("setup_status")
    if status in (None, "ACTIVE") and setup in (None, "COMPLETED"):
        return True
    log.warning("Integration %s stays stopped: Kombo says status %s, setup %s", integration_id, status, setup)
    return False


def _report(ledger: Ledger, selection: Selection, lanes: Sequence[Lane]) -> DeliverReport:
    with ledger.transaction() as conn:
        ready = claims.count_ready(conn, selection, [lane.integration_id for lane in lanes])
    report = DeliverReport({lane.integration_id: _numbers(lane) for lane in lanes})
    for lane in lanes:
        waiting = ready.get(lane.integration_id, 0)
        if lane.ending is Ending.HELD:
            report.held += [lane.integration_id] if waiting else []
        elif lane.ending in (None, Ending.DONE):
            continue
        elif waiting or lane.outcomes:
            report.problems.append(_problem(lane, waiting))
        else:
            log.info("Nothing was to be sent: %s", _problem(lane, waiting))
    stopped = [lane for lane in lanes if lane.ending not in (None, Ending.DONE, Ending.HELD)]
    report.blocked = all(lane.ending is Ending.BLOCKED for lane in stopped)
    report.log_url = next((lane.log_url for lane in [*stopped, *lanes] if lane.log_url), None)
    return report


def _outlived(
    ledger: Ledger, selection: Selection, lanes: Sequence[Lane], stop: threading.Event, *, besides: Sequence[str]
) -> list[str]:
    """Find the lanes whose holder left rows on the wire and does not renew its lease: nobody else would settle them."""
    held = {lane.integration_id for lane in lanes if lane.ending is Ending.HELD}.difference(besides)
    with ledger.transaction() as conn:
        on_wire = sorted(held.intersection(claims.lanes_on_wire(conn, selection.source, selection.kombo_conn_id)))
        before = leases.lease_ends(conn, selection.kombo_conn_id, on_wire)
    if not before:
        return []
    stop.wait(1.5 * group_commit.RENEW_AFTER_SECONDS)
    with ledger.transaction() as conn:
        after = leases.lease_ends(conn, selection.kombo_conn_id, on_wire)
    return [name for name, ends in before.items() if ends is not None and after.get(name) == ends]


def _numbers(lane: Lane) -> dict[str, Any]:
    counts = {str(status): count for status, count in sorted(lane.outcomes.items())}
    return {**counts, "peak_in_flight": lane.peak_in_flight, "answers_429": lane.rate_limited}


_WHAT_TO_DO = {
    Ending.BLOCKED: "Correct it in Kombo's dashboard, then run the DAG again: it checks before it sends",
    Ending.PAUSED: "Look at the log page; the next run tries one request first",
    Ending.DRAINED: "`airflow kombo resume` lets requests leave again",
    Ending.LOST: "Run the DAG again: what was on the wire is in doubt, the rest is sent",
    Ending.STOPPED: "Run the DAG again, or clear the task: it goes on where it stopped",
}


def _problem(lane: Lane, waiting: int) -> str:
    ending = lane.ending or Ending.DONE
    code = f" ({lane.code})" if lane.code else ""
    page = f" Log page: {lane.log_url}." if lane.log_url else ""
    doing = _WHAT_TO_DO.get(ending, "Run the DAG again")
    waits = "1 row stays ready" if waiting == 1 else f"{waiting} rows stay ready"
    return f"Integration {lane.integration_id} stopped: {ending.value}{code}. {waits}.{page} {doing}."
