"""Which rows of an extract a run takes, and how far they reach."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from kombo_provider.mapping import MappedRow
from kombo_provider.source.window import Window
from kombo_provider.staging.narrowing import Narrowing

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Reach:
    """The rows of a window, narrowed; those whose keys are `replayed` are taken whatever the window."""

    window: Window
    narrowing: Narrowing = field(default_factory=Narrowing)
    replayed: Collection[tuple[str, str]] = ()
    now: datetime = _LATEST
    """Rows that lie after it are not taken yet."""
    greatest: datetime | None = None
    """Of the rows that were taken from the window."""

    @property
    def cut(self) -> Window:
        """What SQL may cut already."""
        if self.replayed:
            return Window()  # those rows may lie anywhere
        if self.window.undated:
            # Rows of the future are to be seen and counted: SQL does not cut the window's end.
            return replace(self.window, upper=None)
        return self.window

    def take(self, rows: Sequence[MappedRow]) -> tuple[list[MappedRow], list[MappedRow]]:
        """Return the rows that are taken, and those of the future."""
        if not self.narrowing and not self.replayed and self._holds_all(rows):
            return list(rows), []
        taken: list[MappedRow] = []
        not_yet: list[MappedRow] = []
        for row in rows:
            if not self.narrowing.admits(row):
                continue
            if self.window.contains(row.changed_at):
                taken.append(row)
                if row.changed_at is not None:
                    self._reaches(row.changed_at)
            elif (row.integration_id or "", row.applicant_id or "") in self.replayed:
                taken.append(row)
            elif self.window.undated and row.changed_at is not None and row.changed_at > self.now:
                not_yet.append(row)
        return taken, not_yet

    def _holds_all(self, rows: Sequence[MappedRow]) -> bool:
        """Tell whether all rows lie in the window, as those of nearly all chunks do."""
        changed = [row.changed_at for row in rows if row.changed_at is not None]
        if len(changed) < len(rows) and not self.window.undated:
            return False
        if not changed:
            return True
        greatest = max(changed)
        if not (self.window.contains(greatest) and self.window.contains(min(changed))):
            return False
        self._reaches(greatest)
        return True

    def _reaches(self, changed_at: datetime) -> None:
        self.greatest = max(self.greatest or changed_at, changed_at)
