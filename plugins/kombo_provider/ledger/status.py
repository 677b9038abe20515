"""The statuses of a delivery and the words of the ledger."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple


class Status(StrEnum):
    """Where a delivery stands; each row of the ledger has exactly one."""

    READY = "ready"
    SENDING = "sending"
    DELIVERED = "delivered"
    INVALID = "invalid"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


class LaneState(StrEnum):
    """Whether new requests may leave on a lane."""

    OPEN = "open"
    PAUSED = "paused"
    BLOCKED = "blocked"
    STOPPED = "stopped"
    DRAINED = "drained"


class Resolution(StrEnum):
    """What proved that a delivery reached Kombo, or who decided about it."""

    RESPONSE = "response"
    LOOKUP = "lookup"
    ALREADY_EXISTS = "already_exists"
    HUMAN = "human"
    IMPORTED = "imported"


class Actor(StrEnum):
    """What kind of actor moved a delivery; `actor_name` beside it says who."""

    STAGE = "stage"
    DELIVERY = "delivery"
    SWEEP = "sweep"
    LOOK_UP = "look_up"
    PERSON = "person"
    POLICY = "policy"


class Hold(StrEnum):
    """Why a `ready` row is taken by no claim."""

    APPROVAL = "approval"
    HAS_ID = "has_id"
    UNDECIDED = "undecided"
    """Staged by a run that has not yet found out how many rows it would send: it was killed, or is at it."""


MOVES: dict[Status, frozenset[Status]] = {
    Status.READY: frozenset({Status.SENDING, Status.DELIVERED, Status.INVALID, Status.CANCELLED}),
    Status.SENDING: frozenset(
        {Status.READY, Status.DELIVERED, Status.INVALID, Status.REJECTED, Status.IN_DOUBT, Status.CANCELLED}
    ),
    Status.DELIVERED: frozenset(),
    Status.INVALID: frozenset({Status.READY, Status.DELIVERED, Status.CANCELLED}),
    Status.REJECTED: frozenset({Status.READY, Status.DELIVERED, Status.INVALID, Status.CANCELLED}),
    Status.IN_DOUBT: frozenset({Status.READY, Status.DELIVERED, Status.REJECTED, Status.CANCELLED}),
    Status.CANCELLED: frozenset({Status.READY, Status.DELIVERED, Status.INVALID}),
}
"""Every move that a delivery can make; `kombo_provider.ledger._moves` makes no other.

A row in doubt becomes `rejected` only by its own late answer.
"""

RETRYABLE_CODES_AT_MOST = 3
"""Answers of class V in the life of a delivery: earlier steps of each may have run in the ATS (API reference, §11)."""

Endpoint = Literal["application", "candidate"]

RESTAGED_WHEN_CHANGED = (Status.READY, Status.INVALID, Status.REJECTED, Status.CANCELLED)
"""Statuses that staging may leave again: nothing of such a row is on the wire or in doubt."""


REMOTE = "remote:"
"""Begins an id that is the ATS's own, where Kombo's could stand as well."""


class DeliveryKey(NamedTuple):
    """Primary key of the ledger."""

    source: str
    integration_id: str
    applicant_id: str


class RunRef(NamedTuple):
    """The Airflow run on whose behalf a row is touched."""

    dag_id: str
    run_id: str
