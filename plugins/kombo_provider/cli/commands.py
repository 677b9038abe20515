"""What the commands do: a few lines on the screen, an exit code, never a traceback for a mistake of use."""

from __future__ import annotations

import functools
import json
import time
from argparse import Namespace
from collections.abc import Callable
from getpass import getuser

from airflow.utils.cli import suppress_logs_and_warning

from kombo_provider.cli import explaining
from kombo_provider.cli.pushes import find_in_source, open_push, pushes_of
from kombo_provider.errors import ConfigurationError, KomboError
from kombo_provider.ledger import (
    EVERYWHERE,
    Actor,
    By,
    DeliveryKey,
    LaneState,
    claims,
    erasure,
    history,
    lane_states,
    leases,
    staging,
)
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.settings import Connections

_POLL_SECONDS = 1.0


def _speaking(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn our own errors into one message and exit code 1, and keep Airflow's log off the screen (but with -v)."""

    @suppress_logs_and_warning
    @functools.wraps(command)
    def run(args: Namespace) -> None:
        try:
            command(args)
        except KomboError as exc:
            raise SystemExit(f"{type(exc).__name__}: {exc}") from None

    return run


@_speaking
def preview(args: Namespace) -> None:
    """`airflow kombo preview DAG_ID --applicant-id X`."""
    found = False
    for push in pushes_of(args.dag_id):
        with open_push(push) as opened:
            for row in find_in_source(opened, args.applicant_id):
                found = True
                with opened.ledger.transaction() as conn:
                    (decision,) = staging.foresee(conn, push.source, [row])
                print(f"Source {push.source}, integration {row.integration_id}, job {row.job_id}")
                if row.payload is not None:
                    print(json.dumps(json.loads(row.payload), indent=2, ensure_ascii=False))
                for problem in json.loads(row.problems or "[]"):
                    print(f"- {problem['field']}: {problem['problem']}")
                print(f"What would be done: {explaining.decision(*decision)}")
    if not found:
        raise ConfigurationError(
            f"The SELECT of {args.dag_id} returns no row with applicant_id {args.applicant_id!r}. "
            "Run the SELECT in the warehouse and look at what applicant_id is there."
        )


@_speaking
def explain(args: Namespace) -> None:
    """`airflow kombo explain DAG_ID APPLICANT_ID`."""
    for push in pushes_of(args.dag_id):
        with open_push(push) as opened:
            rows = find_in_source(opened, args.applicant_id)
            with opened.ledger.transaction() as conn:
                known = history.find_all(conn, push.source, args.applicant_id)
                foreseen = staging.foresee(conn, push.source, rows)
                watermark = staging.watermark(conn, push.source)
                integration_ids = {row["integration_id"] for row in known}
                lanes = lane_states.statuses(conn, push.connections.kombo_conn_id, integration_ids)
                events = {
                    row["integration_id"]: history.history(
                        conn, DeliveryKey(push.source, row["integration_id"], args.applicant_id)
                    )
                    for row in known
                }
        for line in explaining.explain(push, rows, foreseen, known, events, lanes, watermark):
            print(line)


@_speaking
def drain(args: Namespace) -> None:
    """`airflow kombo drain`."""
    until = time.monotonic() + args.timeout
    with open_ledger(_connections(args)) as ledger:
        with ledger.transaction() as conn:
            lane_states.drain(conn)
        print("New requests are stopped. Waiting for those on the wire …")
        while True:
            with ledger.transaction() as conn:
                leases.sweep(conn)
                left = claims.count_on_wire(conn)
            if not left:
                break
            if time.monotonic() > until:
                raise SystemExit(f"{left} requests are still on the wire; new ones stay stopped. Call drain again.")
            print(f"{left} on the wire", flush=True)
            time.sleep(_POLL_SECONDS)
    print("Nothing is on the wire. `airflow kombo resume` lets requests leave again.")


@_speaking
def resume(args: Namespace) -> None:
    """`airflow kombo resume`."""
    with open_ledger(_connections(args)) as ledger, ledger.transaction() as conn:
        lane_states.set_state(conn, EVERYWHERE, EVERYWHERE, LaneState.OPEN)
    print("Requests may leave again; the next run of each DAG sends what waits.")


@_speaking
def forget(args: Namespace) -> None:
    """`airflow kombo forget SOURCE INTEGRATION_ID APPLICANT_ID`."""
    key = DeliveryKey(args.source, args.integration_id, args.applicant_id)
    with open_ledger(_connections(args)) as ledger, ledger.transaction() as conn:
        known = erasure.forget(conn, key, By(Actor.PERSON, name=getuser()))
    if not known:
        raise SystemExit(f"The ledger holds no delivery {'/'.join(key)}. Nothing was changed.")
    print(f"The data of {'/'.join(key)} is emptied. Its keys, ids and times stay as proof of delivery.")


def _connections(args: Namespace) -> Connections:
    return Connections(
        warehouse_conn_id=args.warehouse_conn_id,
        ledger_conn_id=args.ledger_conn_id,
        ledger_schema=args.ledger_schema,
    )
