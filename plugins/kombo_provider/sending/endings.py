"""Why a lane takes no more rows, and what others hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kombo_provider.ledger import LaneState


class Ending(Enum):
    """Why a lane takes no more rows in this task."""

    DONE = "nothing left to send"
    LEFT = "the turn of this run is over"
    BLOCKED = "Kombo refuses the integration"
    WAY = "something between here and Kombo refuses every request"
    PAUSED = "its requests end in doubt or fail at the ATS"
    DRAINED = "new requests are stopped by `airflow kombo drain`"
    HALTED = "a person stopped the lane"
    FOREIGN = "the API key belongs to another Kombo environment"
    LOST = "another process took it over"
    HELD = "another process is sending on it"
    STOPPED = "the task was told to stop"


@dataclass(frozen=True, slots=True)
class Notice:
    """What every process that sends should hear of a lane, or of all lanes of its connection."""

    integration_id: str
    state: LaneState
    code: str | None
    log_url: str | None
    pause_seconds: float
    pauses: int
    account_wide: bool
