"""The rows of an extract that cannot enter the ledger: counted, named, and known again by the next run."""

from __future__ import annotations

import logging
from collections import Counter

from kombo_provider.ledger import passed_over
from kombo_provider.ledger.passed_over import Kind, PassedOver
from kombo_provider.mapping import MappedRow

log = logging.getLogger(__name__)

_REASONS_SHOWN = 5


class PassedRows:
    """Collects rows without a key, and those whose key another row of the extract had before them.

    Equal ones are told apart by their number: the second such row of an extract is the second of the next one too.
    """

    def __init__(self) -> None:
        self._chunk: list[PassedOver] = []
        self._times: Counter[int] = Counter()
        self._problems: Counter[str] = Counter()
        self._duplicates = 0
        self._named: list[str] = []

    def without_key(self, row: MappedRow, problem: str) -> None:
        """Take in a row that has no usable key."""
        self._problems[problem] += 1
        self._pass(Kind.WITHOUT_KEY, row, problem, row.payload_sha256)

    def duplicate(self, row: MappedRow) -> None:
        """Take in a row whose key is taken."""
        self._duplicates += 1
        if len(self._named) < _REASONS_SHOWN:
            self._named.append(f"{row.applicant_id} of {row.integration_id}")
        # Without its content: which of the rows with one key is the first may differ from extract to extract.
        self._pass(Kind.DUPLICATE, row, None, "")

    def _pass(self, kind: Kind, row: MappedRow, problem: str | None, content: str) -> None:
        same = (kind, row.integration_id, row.applicant_id, content)
        self._times[hash(same)] += 1
        digest = passed_over.digest(*same[1:], self._times[hash(same)])
        self._chunk.append(PassedOver(kind, digest, row.integration_id or "", problem, row.changed_at))

    def of_chunk(self) -> list[PassedOver]:
        """Return what was taken in since the last call."""
        chunk, self._chunk = self._chunk, []
        return chunk

    def log(self) -> None:
        """Say what was left out and why."""
        for problem, count in self._problems.most_common(_REASONS_SHOWN):
            log.warning("%d rows have no usable key and were left out: %s", count, problem)
        if self._duplicates:
            log.warning(
                "%d rows repeat the key of another row and were left out, such as %s: make applicant_id unique within "
                "an integration; if one person applies for several jobs, id || ':' || job",
                self._duplicates,
                ", ".join(self._named),
            )
