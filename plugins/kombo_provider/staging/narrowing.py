"""Which rows a run is about, where a person asked for some only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_provider.mapping import MappedRow


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which rows of the window count at all; empty means all. A narrowed run does not move the watermark."""

    integration_ids: frozenset[str] = frozenset()
    applicant_ids: frozenset[str] = frozenset()
    limit: int | None = None

    def __bool__(self) -> bool:
        return bool(self.integration_ids or self.applicant_ids or self.limit is not None)

    def admits(self, row: MappedRow) -> bool:
        """Tell whether the row is one of those asked for."""
        wrong_integration = self.integration_ids and row.integration_id not in self.integration_ids
        wrong_applicant = self.applicant_ids and row.applicant_id not in self.applicant_ids
        return not (wrong_integration or wrong_applicant)
