"""Ways to get it wrong: the harness has to notice each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update

from kombo_provider.client.outcome import OutcomeClass
from kombo_provider.ledger import DeliveryKey, Status, claims, leases, results
from kombo_provider.ledger._tables import deliveries
from kombo_provider.sending import sender


def break_by(variant: str) -> None:
    """Break this process's copy of the product."""
    {
        "intent after the request": _intent_after_request,
        "no epoch check": _no_epoch_check,
        "read timeout is retried": _timeout_is_retried,
        "sending goes back to ready": _sending_goes_back,
    }[variant]()


def _intent_after_request() -> None:
    """Requests leave while the ledger still says `ready`; `sending` is committed with the answer only."""
    taken: set[str] = set()
    record = results.record

    def claim(conn: Any, selection: Any, integration_id: str, limit: int, run: Any) -> list[Any]:
        query = select(deliveries).where(
            deliveries.c.source == selection.source,
            deliveries.c.integration_id == integration_id,
            deliveries.c.status == Status.READY,
            deliveries.c.applicant_id.not_in(taken),
        )
        rows = conn.execute(query.limit(limit)).all()
        taken.update(row.applicant_id for row in rows)
        return [
            claims.Intent(
                DeliveryKey(selection.source, integration_id, row.applicant_id),
                row.attempts,
                row.endpoint,
                row.job_id,
                row.payload,
                False,
                0,
                False,
            )
            for row in rows
        ]

    def late(conn: Any, answered: Any, run: Any) -> Any:
        for result in answered:
            key = result.intent.key
            of_key = (deliveries.c.source == key.source, deliveries.c.applicant_id == key.applicant_id)
            conn.execute(update(deliveries).where(*of_key).values(status=Status.SENDING))
        return record(conn, answered, run)

    @contextmanager
    def claims_of_lanes(conn: Any, run: Any) -> Iterator[Any]:
        yield lambda selection, integration_id, limit, *_: claim(conn, selection, integration_id, limit, run)

    claims.claims_of_lanes, results.record = claims_of_lanes, late


def _no_epoch_check() -> None:
    """A holder never learns that its lane was taken over, and trusts its lease for ever."""
    leases.renew = lambda conn, leases, holder, seconds: []
    setattr(sender.Lane, "lease_until", property(lambda _: float("inf"), lambda *_: None))  # noqa: B010 - a slot


def _timeout_is_retried() -> None:
    decide = sender.decide

    def retrying(intent: Any, outcome: Any, **more: Any) -> Any:
        result = decide(intent, outcome, **more)
        unanswered = outcome.outcome_class is OutcomeClass.AMBIGUOUS and outcome.http_status is None
        return replace(result, status=Status.READY) if unanswered else result

    sender.decide = retrying


def _sending_goes_back() -> None:
    def back_to_ready(conn: Any, kombo_conn_id: str, integration_id: str, run: Any, at: Any) -> int:
        of_lane = (deliveries.c.integration_id == integration_id, deliveries.c.status == Status.SENDING)
        back: int = conn.execute(update(deliveries).where(*of_lane).values(status=Status.READY)).rowcount
        return back

    leases.put_in_doubt = back_to_ready
