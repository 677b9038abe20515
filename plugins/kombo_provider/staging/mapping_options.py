"""What a pipeline says about the way from its rows to request bodies."""

from __future__ import annotations

from dataclasses import dataclass

from kombo_provider.staging.transform import Transform


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How source rows become request bodies: what a RowMapper takes besides the columns, and the transform."""

    default_integration_id: str | None = None
    source_timezone: str = "UTC"
    extra_fields: tuple[str, ...] = ()
    attachments_from_files: bool = False
    transform: Transform | None = None
    same_person: str = "send"

    @property
    def rules(self) -> tuple[object, ...]:
        """All that a row's body depends on besides the row and its columns."""
        return self.default_integration_id, self.source_timezone, self.extra_fields, self.attachments_from_files
