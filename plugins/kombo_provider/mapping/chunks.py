"""Some source rows while they are mapped: their cells by alias, and what was wrong with which row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import PydanticCustomError

from kombo_provider.errors import SourceError
from kombo_provider.mapping.digests import fingerprint
from kombo_provider.mapping.problems import Problem, UnusableError
from kombo_provider.mapping.questions import Questions
from kombo_provider.mapping.source_rows import SourceRows
from kombo_provider.mapping.values import TOO_DEEP, Cleaner, Glance, Rules, is_missing, refuse
from kombo_provider.mapping.whole_columns import cleaned_at_once, none_is_missing

REPORTED: Final = object()  # stands for a value that was reported

Report = Callable[[int, str, Exception, object], None]


class Chunk:
    """Some rows, read by column.

    Raises SourceError if their columns are not the ones the mapping was made for; `aliases` maps their
    lower-case names to the aliases that problems name.
    """

    def __init__(self, source: SourceRows, aliases: Mapping[str, str], rules: Rules) -> None:
        self.rules = rules
        self.rows = len(source.rows)
        self.problems: defaultdict[int, list[Problem]] = defaultdict(list)
        self.warnings: defaultdict[int, list[Problem]] = defaultdict(list)
        self.emails: list[Any] = []
        self.questions: list[Questions | None] | None = None  # of each row's job; None where none is told
        self.fingerprints: defaultdict[int, list[str]] = defaultdict(list)
        self._columns = list(zip(*source.rows, strict=True))
        self._positions = _positions(source.columns, aliases)

    def cells(self, alias: str) -> list[Any]:
        """Return a column's values as Python objects; None for whatever pandas calls missing."""
        if not self.rows:
            return []
        values = list(self._columns[self._positions[alias]])
        if none_is_missing(values):
            return values
        missing = _missing(values)
        return [None if gone else value for value, gone in zip(values, missing, strict=True)]

    def cleaned(
        self, alias: str, clean: Cleaner, report: Report | None = None, *, glance: Glance | None = None
    ) -> list[Any]:
        """Return a column's cleaned values, None for absent ones, REPORTED for those reported as a problem."""
        if alias not in self._positions:
            return [None] * self.rows
        cells, rules = self.cells(alias), self.rules
        try:
            at_once = cleaned_at_once(cells, clean, glance, rules)
            if at_once is not None:
                return at_once
            return [None if value is None else clean(value, rules) for value in cells]
        except Exception:  # noqa: BLE001  (somewhere a value is refused, or broke a rule of Python's: one by one)
            return [self._cleaned(row, alias, clean, cells[row], report or self.report) for row in range(self.rows)]

    def _cleaned(self, row: int, alias: str, clean: Cleaner, value: Any, report: Report) -> Any:
        try:
            return None if value is None else clean(value, self.rules)
        except Exception as exc:  # noqa: BLE001  (the border to the user's values: one bad cell stops no other)
            error = refuse(_UNREAD_JSON) if _is_unread_json(value) else exc
            report(row, alias, error, value)
            return REPORTED

    def report(self, row: int, alias: str, error: Exception, value: object) -> None:
        """Note that a row's value cannot be sent; of the value only a hash is kept."""
        if isinstance(error, UnusableError):
            self.problems[row] += [Problem(alias + end, problem) for end, problem in error.problems]
        else:
            self.problems[row].append(Problem(alias, reason(error)))
        self.fingerprints[row].append(f"{alias} {fingerprint(value)}")

    def warn(self, row: int, alias: str, problem: str) -> None:
        """Note what is odd about a row's value, which is sent nevertheless."""
        self.warnings[row].append(Problem(alias, problem))

    def require(self, row: int, alias: str, problem: str) -> None:
        """Note that a row lacks a required value."""
        self.problems[row].append(Problem(alias, problem))


_UNREAD_JSON = f"{TOO_DEEP}, or holds a number of thousands of digits"


def _is_unread_json(value: object) -> bool:
    """Tell whether it is a cell of JSON that Python cannot read: a source gives its bytes."""
    if type(value) is not bytes:  # `isinstance` would ask the value, which may be hostile
        return False
    return value[:1] in (b"[", b"{") or (len(value) > 1_000 and value.lstrip(b"-").isdigit())


def reason(error: Exception) -> str:
    """Return why a value was refused, never repeating it: texts that are not ours may."""
    if isinstance(error, PydanticCustomError):
        return error.message()
    if isinstance(error, RecursionError):
        return TOO_DEEP
    return "cannot be read"


def _missing(values: Sequence[Any]) -> Sequence[bool]:
    """Tell which values pandas calls missing."""
    from pandas import Series

    try:
        missing: list[bool] = Series(values, dtype=object).isna().tolist()
    except Exception:  # noqa: BLE001  (pandas compares values: a signaling NaN, for one, forbids that)
        missing = [is_missing(value) for value in values]
    return missing


def _positions(columns: Sequence[str], aliases: Mapping[str, str]) -> dict[str, int]:
    names = [name.lower() for name in columns]
    if sorted(names) != sorted(aliases):
        lost, added = sorted(aliases.keys() - set(names)), sorted(set(names) - aliases.keys())
        raise SourceError(
            f"the columns changed between chunks (lost: {lost or 'none'}, new: {added or 'none'}): "
            "the transform must return the same columns for every chunk"
        )
    return {aliases[name]: position for position, name in enumerate(names)}
