"""What is odd about a source and sent nevertheless: each remark is told once in a run, odd rows as a number."""

from __future__ import annotations

import logging

from kombo_provider.mapping import RowMapper

log = logging.getLogger(__name__)


class Remarks:
    """Tells what the mappers of one run noticed; the last of them maps the rows that are staged."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._mapper: RowMapper | None = None

    def of(self, mapper: RowMapper) -> None:
        """Tell what is odd about the columns."""
        self._mapper = mapper
        for remark in mapper.remarks:
            if remark not in self._told:
                log.warning("%s", remark)
        self._told.update(mapper.remarks)

    def log(self) -> None:
        """Tell how many rows were odd, never with a value."""
        for (field, problem), count in self._mapper.warnings.items() if self._mapper is not None else ():
            log.warning("%d rows: %s %s", count, field, problem)
