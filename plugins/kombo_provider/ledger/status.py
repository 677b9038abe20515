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
    DRAINED = "drained"


class Resolution(StrEnum):
    """What proved that a delivery reached Kombo, or who decided about it."""

    RESPONSE = "response"
    LOOKUP = "lookup"
    ALREADY_EXISTS = "already_exists"
    HUMAN = "human"
    IMPORTED = "imported"


Endpoint = Literal["application", "candidate"]

RESTAGED_WHEN_CHANGED = (Status.READY, Status.INVALID, Status.REJECTED, Status.CANCELLED)
"""Statuses that staging may leave again: nothing of such a row is on the wire or in doubt."""


class DeliveryKey(NamedTuple):
    """Primary key of the ledger."""

    source: str
    integration_id: str
    applicant_id: str


class RunRef(NamedTuple):
    """The Airflow run on whose behalf a row is touched."""

    dag_id: str
    run_id: str
