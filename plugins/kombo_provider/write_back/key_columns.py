"""The argument `write_back_key` as columns: checked while a DAG file is parsed, so nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_provider.errors import ConfigurationError

KEY_PARTS = ("applicant_id", "integration_id")


def key_columns(write_back_key: str | Mapping[str, str]) -> dict[str, str]:
    """Return the target's column for each part of a delivery's key; a plain name holds `applicant_id`.

    Raises ConfigurationError for a word that is no part of a key, and for a column that is no name.
    """
    if isinstance(write_back_key, str):
        columns = {"applicant_id": write_back_key}
    elif isinstance(write_back_key, Mapping):
        columns = dict(write_back_key)
    else:
        raise ConfigurationError(f"write_back_key is a {type(write_back_key).__name__}; {_EXPECTED}")
    unknown = [str(part) for part in columns if part not in KEY_PARTS]
    if unknown:
        raise ConfigurationError(f"write_back_key names {unknown[0]!r}, which is no part of a key; {_EXPECTED}")
    if "applicant_id" not in columns:
        raise ConfigurationError(f"write_back_key does not say which column holds applicant_id; {_EXPECTED}")
    for part, column in columns.items():
        if not isinstance(column, str) or not column.strip():
            raise ConfigurationError(f"write_back_key names no column for {part}; {_EXPECTED}")
    if len(set(columns.values())) < len(columns):
        raise ConfigurationError(f"write_back_key names one column for both parts; {_EXPECTED}")
    return columns


_EXPECTED = (
    'write the column that holds applicant_id, or {"applicant_id": "…", "integration_id": "…"} '
    "where only both together name a row."
)
