"""Finds the SELECT of a pipeline when a task runs."""

from __future__ import annotations

from pathlib import Path

from kombo_provider.errors import ConfigurationError


def read_extract_sql(extract_sql: str, defined_in: str, folder: str | None = None) -> tuple[str, str]:
    """Return the SELECT's text and the words that name it in messages.

    `extract_sql` is a path ending in `.sql`, looked up in `folder`, by default that of the DAG file `defined_in`, and
    in each folder above it, or else the SELECT itself. Raises ConfigurationError where no such file is found.
    """
    if not extract_sql.rstrip().endswith(".sql"):
        return extract_sql, "the SELECT in extract_sql"
    wanted = Path(extract_sql.strip())
    start = Path(folder).resolve() if folder is not None else Path(defined_in).resolve().parent
    folders = [start, *start.parents]
    for path in [wanted] if wanted.is_absolute() else [folder / wanted for folder in folders]:
        if path.is_file():
            return path.read_text(encoding="utf-8"), str(wanted)
    raise ConfigurationError(
        f"extract_sql names {wanted}, and there is no such file beside {Path(defined_in).name} or in a folder above. "
        "Correct the path, name the folder in sql_folder, or pass the SELECT itself."
    )
