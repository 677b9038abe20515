"""Query parameters and cursor pages of the GET endpoints."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kombo_sandbox.checks import parse_date
from kombo_sandbox.errors import input_invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

MAX_PAGE_SIZE = 250
_COMMON = frozenset(
    {"cursor", "page_size", "updated_after", "include_deleted", "ignore_unsupported_filters", "ids", "remote_ids"}
)
_NOT_A_FILTER = frozenset({"cursor", "page_size"})


class Listed(Protocol):
    """What a page can hold: `seq` orders it."""

    @property
    def seq(self) -> int: ...
    @property
    def deleted_at(self) -> int | None: ...


T = TypeVar("T", bound=Listed)


class Query:
    """The parameters of one GET, checked when they are read."""

    def __init__(self, values: dict[str, str], own_filters: frozenset[str], *, refuse_unknown: bool) -> None:
        self._values = values
        if refuse_unknown and (unknown := values.keys() - own_filters - _COMMON):
            raise input_invalid(min(unknown), "is not a known query parameter")
        self.page_size = self._page_size()
        self.include_deleted = self.flag("include_deleted")

    def given(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str | None:
        return self._values.get(key)

    def texts(self, key: str) -> list[str] | None:
        """A comma-separated list; None where the parameter is absent or empty."""
        value = self._values.get(key)
        if not value:
            return None
        return value.split(",")

    def choices(self, key: str, allowed: tuple[str, ...]) -> list[str] | None:
        values = self.texts(key)
        for value in values or ():
            if value not in allowed:
                raise input_invalid(key, f"{value} is not one of {', '.join(allowed)}")
        return values

    def flag(self, key: str) -> bool:
        value = self._values.get(key, "false")
        if value not in ("true", "false"):
            raise input_invalid(key, "must be true or false")
        return value == "true"

    def instant(self, key: str) -> int | None:
        """Milliseconds since 1970 of a date parameter."""
        parsed = self._date(key)
        if parsed is None:
            return None
        return _milliseconds(parsed)

    def day(self, key: str) -> int | None:
        """Milliseconds since 1970 of the start of a date parameter's day, in UTC."""
        parsed = self._date(key)
        if parsed is None:
            return None
        return _milliseconds(parsed.replace(hour=0, minute=0, second=0, microsecond=0))

    def start(self, scope: str) -> int:
        """The `seq` after which the page begins; 0 without a cursor.

        A cursor of other filters or of another integration (`scope`) is refused.
        """
        cursor = self._values.get("cursor")
        if not cursor:
            return 0
        try:
            mark, _, seq = urlsafe_b64decode(cursor).decode("ascii").partition(".")
            after = int(seq)
        except ValueError as exc:
            raise input_invalid("cursor", "is not a cursor of this API") from exc
        if mark != self._mark(scope):
            raise input_invalid("cursor", "belongs to a request with other filters; repeat them on each page")
        return after

    def cursor_after(self, seq: int, scope: str) -> str:
        return urlsafe_b64encode(f"{self._mark(scope)}.{seq}".encode()).decode()

    def _mark(self, scope: str) -> str:
        # Kombo wants all filters on each page (API reference, section 7.1); who forgets one shall notice here.
        filters = sorted(item for item in self._values.items() if item[0] not in _NOT_A_FILTER)
        return hashlib.blake2b(repr((scope, filters)).encode(), digest_size=9).hexdigest()

    def _date(self, key: str) -> datetime | None:
        value = self._values.get(key)
        if value is None:
            return None
        parsed = parse_date(value)
        if parsed is None:
            raise input_invalid(key, "must be a date: YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS with optional Z, no offset")
        return parsed

    def _page_size(self) -> int:
        value = self._values.get("page_size", "100")
        if not value.isdecimal() or not 1 <= int(value) <= MAX_PAGE_SIZE:
            raise input_invalid("page_size", f"must be a whole number from 1 to {MAX_PAGE_SIZE}")
        return int(value)


def page(
    query: Query, scope: str, records: Iterable[T], wanted: Callable[[T], bool], show: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """One page of the records that are wanted, in Kombo's shape."""
    after = query.start(scope)
    found: list[T] = []
    for record in records:
        if record.seq <= after or (record.deleted_at is not None and not query.include_deleted):
            continue
        if wanted(record):
            found.append(record)
            if len(found) > query.page_size:
                break
    # One more than fits was looked for: only then does a next page exist, and none is ever empty.
    shown = found[: query.page_size]
    more = None
    if len(found) > query.page_size:
        more = query.cursor_after(shown[-1].seq, scope)
    return {"status": "success", "data": {"next": more, "results": [show(record) for record in shown]}}


def _milliseconds(value: datetime) -> int:
    return int(value.replace(tzinfo=UTC).timestamp() * 1000)
