"""What came out of torture rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from statistics import median


@dataclass
class Figures:
    """Counts over rounds; `on_the_wire` has an entry for each kill, `complaints` a sentence for what did not hold."""

    rounds: int = 0
    cut_connections: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    by_database: Counter[str] = field(default_factory=Counter)
    by_endpoint: Counter[str] = field(default_factory=Counter)
    by_scene: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    on_the_wire: list[int] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Add the figures of another round."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def share_of_kills_with(self, requests: int) -> float:
        """Return which share of the kills met at least so many requests on the wire."""
        return sum(count >= requests for count in self.on_the_wire) / max(1, len(self.on_the_wire))

    def median_on_the_wire(self) -> float:
        """Return how many requests a kill met in the middle case."""
        return median(self.on_the_wire) if self.on_the_wire else 0
