"""Models with fields that this version does not know: `extra_fields`, and the ATSs of `remote_fields__<ats>`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, cast

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from kombo_provider.errors import ConfigurationError
from kombo_provider.mapping.fields import Path, alias_of, fields_of, is_list, kind_of, model_of
from kombo_provider.mapping.models import Model
from kombo_provider.mapping.passthrough import ANY_JSON, JSON_OBJECT


def parse_extra(alias: str) -> Path:
    """Return the path that an element of `extra_fields` names.

    Raises ConfigurationError for what cannot be one.
    """
    path = tuple(alias.split("__"))
    if not all(key.isidentifier() for key in path) or path[0].lower() == "application":
        raise ConfigurationError(
            f"extra_fields: {alias!r} cannot be admitted: expected a path joined with __, such as candidate__new_field"
        )
    return path


def admit(model: type[Model], paths: Iterable[Path], *, parent: Path = ()) -> type[Model]:
    """Return the model with these paths admitted, passed on unchecked; the ones it knows stay as they are.

    Raises ConfigurationError for a path below a single value.
    """
    grouped: dict[str, set[Path]] = {}
    known = {key.lower(): key for key in fields_of(model)}
    for first, *rest in sorted(paths):  # the order of fields is a part of the hash
        grouped.setdefault(known.get(first.lower(), first), set()).add(tuple(rest))
    changed = {
        key: definition
        for key, rests in grouped.items()
        if (definition := _definition(fields_of(model).get(key), rests - {()}, (*parent, key)))
    }
    if not changed:
        return model
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    fields = {names.get(key, f"extra_{number}"): found for number, (key, found) in enumerate(changed.items())}
    return cast("type[Model]", create_model(model.__name__, __base__=model, **cast("Any", fields)))


def _definition(field: FieldInfo | None, rests: set[Path], path: Path) -> tuple[Any, Any] | None:
    """Return annotation and default of one admitted field, None where the model knows it already."""
    if field is None:
        return _new_field(rests, path)
    if not rests:
        return None
    inner = model_of(field)
    if kind_of(field) is JSON_OBJECT:
        return _open_object(rests)
    if inner is None or kind_of(field) is not None:
        raise ConfigurationError(f"extra_fields: {alias_of(path)} is a single value, nothing can be below it")
    wider: Any = admit(inner, rests, parent=path)
    annotation = list[wider] if is_list(field) else wider
    return (annotation, ...) if field.is_required() else (annotation | None, None)


def _new_field(rests: set[Path], path: Path) -> tuple[Any, Any]:
    annotation: Any = admit(Model, rests, parent=path) if rests else Annotated[Any, ANY_JSON]
    return annotation | None, Field(default=None, alias=path[-1])


def _open_object(rests: set[Path]) -> tuple[Any, Any]:
    open_fields: dict[str, Any] = {
        f"ats_{number}": (Annotated[dict[str, Any], JSON_OBJECT] | None, Field(default=None, alias=key))
        for number, (key, *_) in enumerate(sorted(rests))
    }
    return create_model("RemoteFields", __base__=Model, **open_fields) | None, None
