"""What the commands do: a few lines on the screen, an exit code, never a traceback for a mistake of use."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING, Any

from kombo_provider.cli import explaining
from kombo_provider.cli.ledgers import LedgerPlace, at_each, failures_at_each, ledger_places, refuse_unreached
from kombo_provider.cli.output import json_lines, printable, rendered
from kombo_provider.cli.pushes import find_in_source, open_push, stages_of
from kombo_provider.cli.run_context import parse_conf
from kombo_provider.cli.speaking import speaking, user_name
from kombo_provider.errors import ConfigurationError, LedgerError
from kombo_provider.ledger import (
    EVERYWHERE,
    Actor,
    By,
    DeliveryKey,
    LaneState,
    Ledger,
    erasure,
    history,
    lane_actions,
    lane_states,
    leases,
    on_wire,
    staging,
)
from kombo_provider.ledger.lane_actions import LaneLine
from kombo_provider.operators.connections import open_existing_ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

_POLL_SECONDS = 1.0


@speaking
def preview(args: Namespace) -> None:
    """`airflow kombo preview DAG_ID --applicant-id X`."""
    found = False
    conf = parse_conf(args.conf)
    for stage in stages_of(args.dag_id):
        push = stage.push
        with open_push(stage, conf) as opened:
            rows = find_in_source(opened, args.applicant_id)
            with opened.ledger.transaction() as conn:
                foreseen = staging.foresee(conn, push.source, rows)
            for row, would in explaining.planned(rows, foreseen, datetime.now(UTC)):
                found = True
                # Keys come from the source: one that a terminal acts on could hide or repaint what is printed.
                print(printable(f"Source {push.source}, integration {row.integration_id}, job {row.job_id}"))
                if row.payload is not None:
                    print(json_lines(json.loads(row.payload)))
                for problem in json.loads(row.problems or "[]"):
                    print(f"- {problem['field']}: {problem['problem']}")
                print(f"What would be done: {would}")
    if not found:
        raise ConfigurationError(
            f"The SELECT of {args.dag_id} returns no row with applicant_id {args.applicant_id!r}. "
            "Run the SELECT in the warehouse and look at what applicant_id is there."
        )


@speaking
def explain(args: Namespace) -> None:
    """`airflow kombo explain DAG_ID APPLICANT_ID`."""
    conf = parse_conf(args.conf)
    for stage in stages_of(args.dag_id):
        push = stage.push
        with open_push(stage, conf) as opened:
            rows = find_in_source(opened, args.applicant_id)
            with opened.ledger.transaction() as conn:
                known = history.find_all(conn, push.source, args.applicant_id)
                foreseen = staging.foresee(conn, push.source, rows)
                watermark = staging.watermark(conn, push.source)
                events = {}
                for row in known:
                    key = DeliveryKey(push.source, row["integration_id"], args.applicant_id)
                    events[key.integration_id] = history.history(conn, key)
                lanes = lane_states.statuses(conn, push.connections.kombo_conn_id, set(events))
        for line in explaining.explain(push, rows, foreseen, known, events, lanes, watermark):
            print(printable(line))


@speaking
def drain(args: Namespace) -> None:
    """`airflow kombo drain [DAG_ID]`."""
    until = time.monotonic() + args.timeout  # one time for all ledgers: a deploy waits for the slowest

    def stop(ledger: Ledger, place: LedgerPlace) -> None:
        with ledger.transaction() as conn:
            lane_states.drain(conn)
        print(f"New requests are stopped: {place}", flush=True)

    def wait(ledger: Ledger, place: LedgerPlace) -> None:
        while left := _on_the_wire(ledger):
            if time.monotonic() > until:
                raise LedgerError(f"{left} requests are still on the wire; new ones stay stopped. Call drain again.")
            print(f"{left} on the wire", flush=True)
            time.sleep(_POLL_SECONDS)
        print(f"Nothing is on the wire: {place}")

    places = ledger_places(args.dag_id)
    # All are stopped before the first is waited for, and one that is not reached keeps the others from nothing.
    failures = failures_at_each(places, stop)
    missed = [place for place, _ in failures]
    stopped = [place for place in places if place not in missed]
    failures += failures_at_each(stopped, wait)
    refuse_unreached(failures)
    print("`airflow kombo resume` lets requests leave again.")


def _on_the_wire(ledger: Ledger) -> int:
    with ledger.transaction() as conn:
        leases.sweep(conn)  # else requests of a process that was killed would be waited for until the time is over
        return on_wire.count(conn)


@speaking
def resume(args: Namespace) -> None:
    """`airflow kombo resume [DAG_ID]`."""

    def let_go(ledger: Ledger, place: LedgerPlace) -> None:
        with ledger.transaction() as conn:
            lane_states.set_state(conn, EVERYWHERE, EVERYWHERE, LaneState.OPEN)
        print(f"Requests may leave again: {place}; the next run of each DAG sends what waits.")

    at_each(ledger_places(args.dag_id), let_go)


@speaking
def forget(args: Namespace) -> None:
    """`airflow kombo forget SOURCE INTEGRATION_ID APPLICANT_ID`, or `--email` for a person in every source."""
    key = args.source, args.integration_id, args.applicant_id
    if args.email and any(key):
        raise ConfigurationError("Name SOURCE, INTEGRATION_ID and APPLICANT_ID, or use --email, not both.")
    if not args.email and not all(key):
        raise ConfigurationError("Name SOURCE, INTEGRATION_ID and APPLICANT_ID, or use --email.")
    email = ""
    if args.email:
        email = _asked_email()
    by = By(Actor.PERSON, name=user_name())
    forgotten: list[DeliveryKey] = []

    def empty(ledger: Ledger, _: LedgerPlace) -> None:
        with ledger.transaction() as conn:
            if email:
                forgotten.extend(erasure.forget_email(conn, email, ledger.email_digest(email), by))
            elif erasure.forget(conn, DeliveryKey(*key), by):
                forgotten.append(DeliveryKey(*key))

    failures = failures_at_each(ledger_places(args.dag_id), empty)
    for done in forgotten:
        print(f"Emptied: {_named(done, email)}. Its keys, ids and times stay as proof of delivery.")
    refuse_unreached(failures)
    if not forgotten:
        raise SystemExit("No ledger holds such a delivery. Nothing was changed.")
    print("Not reached by this: the source table, logs that were written, Kombo and the ATS.")


def _named(key: DeliveryKey, email: str) -> str:
    """Return a delivery's key without the address: where that is the applicant id, the screen would keep it."""
    parts = list(key)
    for index, part in enumerate(parts):
        if email and email.lower() in part.lower():
            parts[index] = "..."
    return printable(" / ".join(parts))


def _asked_email() -> str:
    """Read the address from a prompt or standard input: on the command line others could see it."""
    email = (getpass("E-mail address: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if "@" not in email:
        raise ConfigurationError("That is no e-mail address. Nothing was changed.")
    return email


_LANE_COLUMNS = (*LaneLine._fields, "ledger")


@speaking
def lanes(args: Namespace) -> None:
    """`airflow kombo lanes [list|open|stop|snooze] [INTEGRATION_ID]`."""
    places = ledger_places(args.dag_id)
    if args.action == "list":
        rows: list[dict[str, Any]] = []

        def collect(ledger: Ledger, place: LedgerPlace) -> None:
            with ledger.transaction() as conn:
                found = lane_actions.listed(conn)
            for line in found:
                # What stops all lanes is listed as well; once it stops none any more, it is no lane.
                if line.integration_id == EVERYWHERE and line.state == LaneState.OPEN:
                    continue
                rows.append(line._asdict() | {"ledger": str(place)})

        failures = failures_at_each(places, collect)
        print(rendered(rows, _LANE_COLUMNS, args.output))
        refuse_unreached(failures)
        return
    if not args.integration_id:
        raise ConfigurationError(f"Name the integration to {args.action}.")
    _change_lane(args, places)


def _change_lane(args: Namespace, places: Sequence[LedgerPlace]) -> None:
    """Change the one lane that is meant; where the id is found under several, ask which."""
    found: list[tuple[LedgerPlace, str]] = []

    def look(ledger: Ledger, place: LedgerPlace) -> None:
        with ledger.transaction() as conn:
            names = lane_actions.connections_of(conn, args.integration_id)
        found.extend((place, name) for name in names)

    # Raises where a ledger is not reached: the lane may be there as well, and the wrong one would be changed.
    at_each(places, look)
    meant = found
    if args.kombo_conn_id is not None:
        meant = [(place, name) for place, name in found if name == args.kombo_conn_id]
    if len(meant) != 1:
        where = "; ".join(f"connection {name}, {place}" for place, name in found) or "nowhere"
        raise ConfigurationError(
            f"Integration {printable(args.integration_id)} is found {where}. Name one with --kombo-conn-id or --dag-id."
        )
    ((place, conn_id),) = meant
    by = By(Actor.PERSON, name=user_name())
    with open_existing_ledger(place.connections) as ledger, ledger.transaction() as conn:
        if args.action == "open":
            lane_actions.open_lane(conn, conn_id, args.integration_id, by, args.because)
        elif args.action == "stop":
            lane_actions.stop_lane(conn, conn_id, args.integration_id, by, args.because)
        else:
            _snooze(conn, conn_id, args, by)
    print(f"{args.action}: {printable(args.integration_id)} under {conn_id}")


def _snooze(conn: Connection, conn_id: str, args: Namespace, by: By) -> None:
    if args.until is None or not args.because:
        raise ConfigurationError("A snooze needs --until and --because.")
    until = args.until
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)  # as the help of --until says
    try:
        snoozed = lane_actions.snooze_lane(conn, conn_id, args.integration_id, by, until=until, reason=args.because)
    except ValueError as exc:
        raise ConfigurationError(f"--until: {exc}.") from None
    if not snoozed:
        raise ConfigurationError("The lane is neither blocked nor paused: there is nothing to snooze.")
