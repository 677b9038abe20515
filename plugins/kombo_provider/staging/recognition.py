"""Rows that the ledger has as they are, known again by a digest of the source row: they need no mapping."""

from __future__ import annotations

import hashlib
import io
import marshal
import pickle
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from kombo_provider.ledger import Ledger, staging
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping import MappedRow, RowMapper, SourceRows
from kombo_provider.mapping.screening import ANSWERS
from kombo_provider.source.reader import WITHOUT_REFERENCES
from kombo_provider.staging.mapping_digest import mapping_digest

_Key: TypeAlias = "tuple[str | None, str | None]"


class Recognition:
    """Maps chunks, all rows but those that the ledger has already; on an empty ledger it does not look.

    `by` is all that the mapping depends on besides itself, the row, the columns and the endpoint; `looks` is False
    where each row has to be mapped whatever the ledger has.
    """

    def __init__(self, ledger: Ledger, staging_for: Staging, by: tuple[object, ...], *, looks: bool) -> None:
        self._ledger, self._staging, self._by = ledger, staging_for, by
        with ledger.transaction() as conn:
            self._looks = looks and staging.holds_any(conn, staging_for.source)

    def map_rows(self, mapper: RowMapper, source: SourceRows) -> list[MappedRow]:
        """Return one row for each of the source's, in order; `known` tells those that were not mapped."""
        digests = self._digests(source)
        if not self._looks:
            return mapper.map_rows(source, digests)
        found = self._found(mapper, source, digests)
        # Only what has changed goes through the mapping: that is what makes an hourly run's second look cheap.
        rest = [number for number, row in enumerate(found) if row is None]
        if rest:
            mapped = mapper.map_rows(source.some(rest), [digests[number] for number in rest])
            for number, row in zip(rest, mapped, strict=True):
                found[number] = row
        return [row for row in found if row is not None]

    def _found(self, mapper: RowMapper, source: SourceRows, digests: Sequence[str | None]) -> list[MappedRow | None]:
        """Return the known rows, None for each other one."""
        identities = mapper.identified(source)
        if identities is None:
            return [None] * len(source.rows)
        keys = list(zip(identities.integration_ids, identities.applicant_ids, strict=True))
        there = map(self._known(keys).get, keys)
        same: dict[int, str] = {}
        for number, (known, digest) in enumerate(zip(there, digests, strict=True)):
            if known is not None and known[0] == digest:
                same[number] = known[1]
        for number in identities.odd:  # known or not, such a row has to be mapped
            same.pop(number, None)
        return identities.known_as(same)

    def _known(self, keys: Sequence[_Key]) -> Mapping[Any, tuple[str, str]]:
        """Return digest and status by which the ledger knows the rows that have a key."""
        usable = [(integration, applicant) for integration, applicant in keys if integration and applicant]
        with self._ledger.transaction() as conn:
            return staging.recognise(
                conn, self._staging.source, self._staging.kombo_conn_id, usable, field_judged_elsewhere=ANSWERS
            )

    def _digests(self, source: SourceRows) -> list[str | None]:
        """Return a digest of each row that goes on from one of all else that its body depends on."""
        by_what = repr((mapping_digest(), self._staging.endpoint, source.columns, self._by))
        key = hashlib.blake2b(by_what.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        begun = hashlib.blake2b(digest_size=16, key=key)
        digests: list[str | None] = []
        for row, bytes_read in zip(source.rows, source.stored or [None] * len(source.rows), strict=True):
            stored = bytes_read or _stored(row)
            if stored is None:
                digests.append(None)
                continue
            digest = begun.copy()
            digest.update(stored)
            digests.append(digest.hexdigest())
        return digests


def _stored(row: tuple[Any, ...]) -> bytes | None:
    """Return a row's bytes, None where its values have no bytes of theirs."""
    try:
        return marshal.dumps(row, WITHOUT_REFERENCES)
    except ValueError:
        try:
            return _pickled(row)
        except Exception:  # noqa: BLE001 - the border to the user's values: such a row is mapped each time
            return None


def _pickled(row: tuple[Any, ...]) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.fast = True  # without a memo, whose references would depend on the identity of equal values
    pickler.dump(row)
    return buffer.getvalue()
