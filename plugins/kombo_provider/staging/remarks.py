"""What is odd about a source and sent nevertheless: each remark is told once in a run, odd rows as a number."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from kombo_provider.mapping import MappedRow, RowMapper

log = logging.getLogger(__name__)

_NAMED = 5


class Remarks:
    """Tells what the mappers of one run noticed; the last of them maps the rows that are staged."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._mapper: RowMapper | None = None
        self._unasked: Counter[str] = Counter()

    def of(self, mapper: RowMapper) -> None:
        """Tell what is odd about the columns."""
        self._mapper = mapper
        for remark in mapper.remarks:
            if remark not in self._told:
                log.warning("%s", remark)
        self._told.update(mapper.remarks)

    def look_at(self, rows: Iterable[MappedRow]) -> None:
        """Count the rows that go as they are, since Kombo did not tell what their jobs ask."""
        self._unasked.update(row.integration_id or "" for row in rows if row.unasked and row.problems is None)

    def log(self) -> None:
        """Tell how many rows were odd, never with a value."""
        if self._mapper is not None:
            for (field, problem), count in self._mapper.warnings.items():
                log.warning("%d rows: %s %s", count, field, problem)
        if self._unasked:
            most = self._unasked.most_common(_NAMED)
            named = ", ".join(f"{integration_id} ({rows})" for integration_id, rows in most)
            more = ""
            if len(self._unasked) > _NAMED:
                more = f" and {len(self._unasked) - _NAMED} more"
            log.warning(
                "%d rows are taken as they are, without a look at their jobs' screening questions, which could not be "
                "read: %s%s",
                self._unasked.total(),
                named,
                more,
            )
