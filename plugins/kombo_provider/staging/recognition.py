"""Rows that the ledger has as they are, known again by a digest of the source row: they need no mapping."""

from __future__ import annotations

import hashlib
import io
import marshal
import pickle
from collections.abc import Sequence
from typing import Any

from kombo_provider.ledger import Ledger, Staging, staging
from kombo_provider.mapping import MappedRow, RowMapper, SourceRows
from kombo_provider.mapping.screening import ANSWERS
from kombo_provider.staging.mapping_digest import mapping_digest

_WITHOUT_REFERENCES = 2
"""The version of `marshal` whose bytes depend on the values alone, not on who else refers to them."""


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
        rest = [number for number, row in enumerate(found) if row is None]
        if rest:
            mapped = mapper.map_rows(source.some(rest), [digests[number] for number in rest])
            for number, row in zip(rest, mapped, strict=True):
                found[number] = row
        return [row for row in found if row is not None]

    def _found(self, mapper: RowMapper, source: SourceRows, digests: Sequence[str | None]) -> list[MappedRow | None]:
        """Return the known rows, None for each other one."""
        rows = mapper.identified(source)
        keys = [row[:2] for row in rows if row is not None]
        with self._ledger.transaction() as conn:
            known = staging.recognise(
                conn, self._staging.source, self._staging.kombo_conn_id, keys, field_judged_elsewhere=ANSWERS
            )
        found: list[MappedRow | None] = []
        for row, digest in zip(rows, digests, strict=True):
            there = known.get(row[:2]) if row is not None else None
            same = row is not None and there is not None and there[0] == digest
            found.append(row.known_as(there[1]) if row and there and same else None)
        return found

    def _digests(self, source: SourceRows) -> list[str | None]:
        by_what = repr((mapping_digest(), self._staging.endpoint, source.columns, self._by))
        key = hashlib.blake2b(by_what.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        begun = hashlib.blake2b(digest_size=16, key=key)
        return [_digest(row, begun) for row in source.rows]


def _digest(row: tuple[Any, ...], begun: hashlib.blake2b) -> str | None:
    """Return a digest of a row, which goes on from one that is begun; None where its values have no bytes of theirs."""
    try:
        stored = marshal.dumps(row, _WITHOUT_REFERENCES)
    except ValueError:
        try:
            stored = _pickled(row)
        except Exception:  # noqa: BLE001 - the border to the user's values: such a row is mapped each time
            return None
    digest = begun.copy()
    digest.update(stored)
    return digest.hexdigest()


def _pickled(row: tuple[Any, ...]) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.fast = True  # without a memo, whose references would depend on the identity of equal values
    pickler.dump(row)
    return buffer.getvalue()
