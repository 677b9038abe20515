"""What one transaction of a sender did, until it is known to be committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kombo_provider.ledger import LaneState
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.sending.lane import Lane


@dataclass(slots=True)
class CommitStep:
    """What one transaction did, applied to this process's picture only once it is committed.

    `began` is the sender's clock, `at` the database's.
    """

    began: float
    at: datetime
    renewed: list[Lane] = field(default_factory=list)
    given_back: list[Lane] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    with_unheard_claims: list[Lane] = field(default_factory=list)
    limits: list[tuple[Lane, int]] = field(default_factory=list)
    states: dict[str, LaneStatus] = field(default_factory=dict)
    claimed: list[tuple[Lane, Intent]] = field(default_factory=list)
    looked: list[tuple[Lane, float | None]] = field(default_factory=list)
    giving_way: list[Lane] = field(default_factory=list)

    @property
    def proven(self) -> list[Lane]:
        """The lanes that were ours still when this transaction locked them."""
        return self.renewed + self.given_back

    def may_send(self, lane: Lane) -> bool:
        """Tell whether the lane is ours still and its state, read in this transaction, lets rows leave."""
        if lane.integration_id in self.lost:
            return False
        status = self.states[lane.integration_id]
        if status.state is LaneState.PAUSED:
            return not status.pause_lasts(self.at)
        return status.state is LaneState.OPEN

    def is_wanted(self, lane: Lane, holder: str, serves: str | None) -> bool:
        """Tell whether others wait for the lane with ordinary rows: then no row of a backfill leaves."""
        wish = self.states[lane.integration_id].wish
        if wish is None or not lane.turns.may_give_way(self.began):
            return False
        return wish.is_against(holder, serves, self.at)
