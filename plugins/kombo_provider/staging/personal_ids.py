"""Notices that a source's applicant ids are e-mail addresses: ids stand in task logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from kombo_provider.mapping import MappedRow

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class PersonalIds:
    """Looks at one row of each chunk: a source's ids are all of one kind."""

    def __init__(self) -> None:
        self._found = False

    def look_at(self, rows: Sequence[MappedRow]) -> None:
        """Take in a chunk of rows with keys."""
        if rows and not self._found:
            self._found = _ADDRESS.fullmatch(rows[0].applicant_id or "") is not None

    def log(self) -> None:
        """Warn, once a run."""
        if self._found:
            log.warning(
                "applicant_id holds e-mail addresses: the ids of rows that are not delivered stand in task logs, and "
                "Airflow keeps those. Select an id without a meaning of its own, if the source has one; changing it "
                "later would send everybody again"
            )
