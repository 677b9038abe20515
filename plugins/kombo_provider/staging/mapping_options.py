"""What a pipeline says about the way from its rows to request bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kombo_provider.mapping import RowMapper
from kombo_provider.mapping.questions import FindQuestions
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
    find_questions: FindQuestions | None = None
    """Tells what a job asks; without it answers are staged as the rows give them."""

    @property
    def rules(self) -> tuple[object, ...]:
        """All that a row's body depends on besides the row, its columns and what its job asks."""
        return self.default_integration_id, self.source_timezone, self.extra_fields, self.attachments_from_files

    def mapper(
        self,
        columns: Sequence[str],
        endpoint: Literal["application", "candidate"],
        find_questions: FindQuestions | None,
    ) -> RowMapper:
        """Return what maps the rows of these columns; what jobs ask may be left out, where nothing is staged."""
        return RowMapper(
            columns,
            endpoint=endpoint,
            extra_fields=self.extra_fields,
            default_integration_id=self.default_integration_id,
            source_timezone=self.source_timezone,
            attachments_from_files=self.attachments_from_files,
            find_questions=find_questions,
        )
