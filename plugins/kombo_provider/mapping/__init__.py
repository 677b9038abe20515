"""Source rows become request bodies: pure, no I/O, no Airflow."""

from __future__ import annotations

from kombo_provider.mapping.rows import MappedRow, RowMapper
from kombo_provider.mapping.source_rows import SourceRows

__all__ = ["MappedRow", "RowMapper", "SourceRows"]
