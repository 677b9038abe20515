"""The columns of a SELECT, told apart: meta columns, fields of the body, and those that are neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from kombo_provider.errors import ConfigurationError, SourceError
from kombo_provider.mapping.extra_fields import admit, parse_extra
from kombo_provider.mapping.fields import Path, alias_of, fields_of, paths_of
from kombo_provider.mapping.models import KNOWN_ATS, Application, Body, Model
from kombo_provider.mapping.problems import nearest

META = ("applicant_id", "integration_id", "changed_at", "already_sent", "withdrawn", *fields_of(Application))
_REMOTE, _DEPRECATED = "remote_fields", "source"


class Columns(NamedTuple):
    """What the columns mean."""

    aliases: dict[str, str]
    """Lower-case column name to the alias that problems name."""
    body: frozenset[Path]
    model: type[Model]
    """Body with the admitted fields."""
    remarks: tuple[str, ...]
    """What a person should know of these columns, though each row may be sent."""


def read_columns(columns: Sequence[str], extra_fields: Iterable[str]) -> Columns:
    """Return what the columns of a SELECT mean.

    Raises SourceError for columns that cannot be mapped, ConfigurationError for bad `extra_fields`.
    """
    if isinstance(extra_fields, str):
        raise ConfigurationError(f"extra_fields is text: write ({extra_fields!r},)")
    names = [str(column).lower() for column in columns]
    _check_unique(names)
    model = admit(Body, _remote_paths(names) | _extra_paths(extra_fields))
    known = {alias_of(path).lower(): path for path in paths_of(model)}
    _check_known(names, known)
    body = frozenset(known[name] for name in names if name not in META)
    _check_nesting(body)
    aliases = {name: name if name in META else alias_of(known[name]) for name in names}
    return Columns(aliases, body, model, tuple(_remarks(body)))


def _remote_paths(names: Iterable[str]) -> set[Path]:
    """Return the paths of columns such as remote_fields__greenhouse."""
    paths: set[Path] = set()
    for name in names:
        path = tuple(name.split("__"))
        if len(path) == 2 and path[0] == _REMOTE and path[1]:
            paths.add(path)
    return paths


def _extra_paths(extra_fields: Iterable[str]) -> set[Path]:
    """Return the paths of `extra_fields` that are neither a meta column nor below remote_fields."""
    paths: set[Path] = set()
    for alias in extra_fields:
        path = parse_extra(alias)
        if path[0].lower() not in (*META, _REMOTE):
            paths.add(path)
    return paths


def _remarks(body: Collection[Path]) -> Iterator[str]:
    """Say which ATSs the API reference (§6) does not name, and which fields Kombo has deprecated."""
    for ats in sorted({path[1] for path in body if path[0] == _REMOTE and len(path) > 1} - KNOWN_ATS):
        yield f"remote_fields names an ATS that this version does not know: {ats}; it is passed on as it is"
    deprecated = sorted(alias_of(path) for path in body if path[0] == _DEPRECATED)
    if deprecated:
        yield (
            f"Kombo has deprecated {', '.join(deprecated)}: it sets the source itself, as its dashboard "
            "says; the field is passed on as it is"
        )


def _check_unique(names: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SourceError(f"the SELECT returns more than one column named {', '.join(twice)}: keep one of each")


_NAMED = 20


def _check_known(names: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in names if name not in known and name not in META]
    if not unknown:
        return
    told = ", ".join(f"{name}{nearest(name, [*META, *known])}" for name in unknown[:_NAMED])
    if len(unknown) > _NAMED:
        told += f" and {len(unknown) - _NAMED} more"
    raise SourceError(
        f"the SELECT returns columns that are no field of Kombo's: {told}. Rename or drop them; "
        "extra_fields admits a field that this version does not know, and "
        "remote_fields__<ats> holds one JSON object for that ATS"
    )


def _check_nesting(body: Collection[Path]) -> None:
    for path in sorted(body):
        for length in range(1, len(path)):
            if path[:length] in body:
                raise SourceError(
                    f"the SELECT returns both {alias_of(path[:length])} and {alias_of(path)}, "
                    "which is a part of it: keep one of them"
                )
