"""The only truth about what was sent: its tables, its statuses and who may send.

What every room needs is exported here. The rest is imported from its module, so that a task loads only what it uses;
modules whose names begin with an underscore are the ledger's own.
"""

from kombo_provider.ledger._moves import By
from kombo_provider.ledger._tables import EVERYWHERE
from kombo_provider.ledger.ledger import Ledger, now
from kombo_provider.ledger.status import (
    COUNTED,
    MOVES,
    REFUSED,
    REMOTE,
    RETRYABLE_CODES_AT_MOST,
    UNFINISHED,
    UNSETTLED,
    Actor,
    DeliveryKey,
    Endpoint,
    Hold,
    LaneState,
    Resolution,
    RunRef,
    Status,
)

__all__ = [
    "COUNTED",
    "EVERYWHERE",
    "MOVES",
    "REFUSED",
    "REMOTE",
    "RETRYABLE_CODES_AT_MOST",
    "UNFINISHED",
    "UNSETTLED",
    "Actor",
    "By",
    "DeliveryKey",
    "Endpoint",
    "Hold",
    "LaneState",
    "Ledger",
    "Resolution",
    "RunRef",
    "Status",
    "now",
]
