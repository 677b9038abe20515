"""Finds the SELECT of a pipeline when a task runs."""

from __future__ import annotations

from pathlib import Path

from kombo_provider.errors import ConfigurationError


def read_extract_sql(extract_sql: str, defined_in: str) -> tuple[str, str]:
    """Return the SELECT's text and the words that name it in messages.

    `extract_sql` is a path ending in `.sql`, looked up beside the DAG file `defined_in` and in each folder above it,
    or else the SELECT itself. Raises ConfigurationError where no such file is found.
    """
    if not extract_sql.rstrip().endswith(".sql"):
        return extract_sql, "the SELECT in extract_sql"
    wanted = Path(extract_sql.strip())
    folders = [Path(defined_in).resolve().parent, *Path(defined_in).resolve().parent.parents]
    for path in [wanted] if wanted.is_absolute() else [folder / wanted for folder in folders]:
        if path.is_file():
            return path.read_text(encoding="utf-8"), str(wanted)
    raise ConfigurationError(
        f"extract_sql names {wanted}, and there is no such file beside {Path(defined_in).name} or in a folder above. "
        "Correct the path, or pass the SELECT itself."
    )
