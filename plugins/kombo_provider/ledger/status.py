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


# The sets of statuses, for all rooms: whoever adds a status decides here to which of them it belongs.
# They have an order, since the partial indexes spell them out.

UNSETTLED = (Status.SENDING, Status.IN_DOUBT)
"""A request has begun, and nothing proves yet what became of it."""

UNFINISHED = (Status.READY, *UNSETTLED)
"""The software has something to do about it yet, and may need its payload."""

REFUSED = (Status.INVALID, Status.REJECTED)
"""A person corrects it, or the SELECT."""

CANCELLED_WHEN_FORGOTTEN = (Status.READY, *REFUSED)
"""It could leave, or leave once it is corrected: without its payload it cannot."""

ENDED_UNDELIVERED = (*REFUSED, Status.CANCELLED)
"""It ended, and nothing proves an application of it. One that a person gave up may be in the ATS all the same."""

RESTAGED_WHEN_CHANGED = (Status.READY, *ENDED_UNDELIVERED)
"""Staging may move it again: nothing of it is on the wire or in doubt."""

AT_REST = (Status.DELIVERED, *RESTAGED_WHEN_CHANGED)
"""No request of it has begun without an end."""

LOOKED_UP = (Status.IN_DOUBT, Status.DELIVERED)
"""Kombo may have it: it is looked up while it is in doubt, or an id is missing."""

NOT_IN_KOMBO = (Status.INVALID, Status.CANCELLED)
"""Alone they are no reason to pull an integration's records."""

WITH_REASON = (*REFUSED, Status.IN_DOUBT)
"""The error code, or the words in its place, are counted and shown."""

COUNTED = (Status.DELIVERED, Status.IN_DOUBT, *REFUSED)
"""A task counts them in its line of Airflow's grid and in metrics."""


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

ANSWER_FINDS: dict[Status, tuple[Status, ...]] = {
    Status.DELIVERED: (*UNSETTLED, Status.READY),
    Status.REJECTED: UNSETTLED,
    Status.READY: UNSETTLED,
}
"""Statuses that an answer may still find, by what it makes of the row, in the order in which they are tried.

A stopped or replaced holder left the row in doubt, or it was reordered. Any other answer belongs to a row that is
`sending`.
"""

RETRYABLE_CODES_AT_MOST = 3
"""Answers of class V in the life of a delivery: earlier steps of each may have run in the ATS (API reference, §11)."""

Endpoint = Literal["application", "candidate"]

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
