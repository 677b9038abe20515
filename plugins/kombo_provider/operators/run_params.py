"""What a run was asked to do: its params, and which kind of run it is."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from kombo_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from kombo_provider.ledger import RunRef
    from kombo_provider.staging.narrowing import Narrowing

log = logging.getLogger(__name__)

_MOST_ROWS = 2**31 - 1
WINDOWS = ("auto", "new", "interval", "all")
_MARK: dict[str, Any] = {"$comment": "kombo push"}
"""Tells a param that `push_params()` declared from one of the same name that a DAG declared for itself."""


def push_params() -> dict[str, Param]:
    """Return the params of a push, as Airflow's form shows them."""
    # Types that admit null: the form marks the others as required.
    ids: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}, **_MARK}
    flag: dict[str, Any] = {"type": ["boolean", "null"], **_MARK}
    number: dict[str, Any] = {"type": ["null", "integer"], "minimum": 1, **_MARK}
    return {
        "window": Param(
            "auto",
            type="string",
            enum=list(WINDOWS),
            description="Which source rows to take, by changed_at. auto: new for scheduled and manual runs, interval "
            "for backfills. new: what came since the last run. interval: exactly the run's interval. all: every row.",
            **_MARK,
        ),
        "integration_ids": Param([], **ids, description="Stage and send only rows of these integrations."),
        "applicant_ids": Param([], **ids, description="Stage and send only these applicants."),
        "limit": Param(None, **number, description="Stage and send at most so many rows."),
        "dry_run": Param(
            False,
            **flag,
            description="Write what would become of each row to the table kombo_dry_run, and do nothing else.",
        ),
        "replay": Param(
            [],
            **ids,
            description="Error codes, HTTP 403 and the like for refusals without one, or invalid: rows refused with "
            "them are tried again, whatever the window.",
        ),
        "refill": Param(
            False,
            **flag,
            description="Write all known ids back again, into a table that was rebuilt.",
        ),
        "confirm_rows": Param(
            None,
            **number,
            description="Lets rows leave that wait because the run would send more than approve_above: their number.",
        ),
    }


@dataclass(frozen=True, slots=True)
class RunParams:
    """The params of one run, checked."""

    window: str = "auto"
    integration_ids: frozenset[str] = frozenset()
    applicant_ids: frozenset[str] = frozenset()
    limit: int | None = None
    dry_run: bool = False
    replay: frozenset[str] = frozenset()
    refill: bool = False
    confirm_rows: int | None = None

    @property
    def narrowing(self) -> Narrowing:
        """Which part of the source the run was asked for."""
        from kombo_provider.staging.narrowing import Narrowing

        return Narrowing(self.integration_ids, self.applicant_ids, self.limit)


def read_params(context: Mapping[str, Any], *, whole_dag: bool) -> RunParams:
    """Read a run's params, their types checked: Airflow checks only those that a DAG declares.

    In a DAG of its own (`whole_dag`) a push knows its params by name, and refuses one that neither it nor the DAG
    declares. In another DAG only those that `push_params()` declared are the push's. Raises ConfigurationError.
    """
    given = dict(context["params"])
    declared = _declared(context)
    ours = push_params()
    if whole_dag:
        _refuse_unknown(given, {*ours, *declared})
    else:
        ours = _ours_among(declared)
        _warn_of_undeclared(given, ours)
        _warn_of_nearly_ours(given, declared, ours)
    values: dict[str, Any] = {}
    for name in ours:
        if given.get(name) is not None:
            values[name] = _CHECKS[name](name, given[name])
    return RunParams(**values)


def _declared(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params that the DAG file declares."""
    params = getattr(context.get("dag"), "params", None)
    if params is None:
        return {}
    # A ParamsDict answers by name with a param's value: it has to be asked for the param itself.
    get_param = getattr(params, "get_param", params.__getitem__)
    return {name: get_param(name) for name in params}


def _ours_among(declared: Mapping[str, Any]) -> dict[str, Param]:
    """Return those of ours that the DAG declared with `push_params()`."""
    ours = push_params()
    for name in push_params():
        if not _is_marked(declared.get(name)):
            del ours[name]
    return ours


def _is_marked(param: Any) -> bool:
    schema = getattr(param, "schema", None) or {}
    return all(schema.get(name) == value for name, value in _MARK.items())


def _refuse_unknown(given: Mapping[str, Any], known: set[str]) -> None:
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, push_params(), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise ConfigurationError(
            f"The run was given the param {name!r}, which this DAG does not know.{meant} Nothing was sent. "
            f"It knows {', '.join(sorted(push_params()))}."
        )


def _warn_of_nearly_ours(given: Mapping[str, Any], declared: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Warn of what nobody declared and is spelled nearly as one of ours: it narrows nothing, and may be meant to."""
    for name in given:
        if name in declared or name in push_params():
            continue
        near = difflib.get_close_matches(name.lower(), ours, n=1, cutoff=_NEARLY)
        if near:
            log.warning("The param %r is none of the push's and narrows nothing. Did you mean %s?", name, near[0])


_NEARLY = 0.85


def _warn_of_undeclared(given: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for name in sorted(given.keys() & push_params().keys() - ours.keys()):
        log.warning("The param %s is this DAG's own, not the push's: add push_params() to its params to use it", name)


def _window(name: str, value: Any) -> str:
    if value not in WINDOWS:
        raise ConfigurationError(f"The param {name} is {value!r}; it must be one of {', '.join(WINDOWS)}.")
    return str(value)


def _texts(name: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise ConfigurationError(f'The param {name} must be a list of texts, such as ["471"]. Nothing was sent.')
    if not all(map(_is_storable, value)):
        raise ConfigurationError(f"The param {name} holds a character that no row can have. Nothing was sent.")
    return frozenset(value)


def _is_storable(text: str) -> bool:
    """Tell whether a database can be asked for it: JSON can bear NUL, and half a character."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _count(name: str, value: Any) -> int:
    # To Python True is a whole number, 1.
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_ROWS:
        raise ConfigurationError(f"The param {name} must be a whole number above 0, of rows. Nothing was sent.")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"The param {name} must be true or false, without quotes. Nothing was sent.")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "window": _window,
    "integration_ids": _texts,
    "applicant_ids": _texts,
    "limit": _count,
    "dry_run": _flag,
    "replay": _texts,
    "refill": _flag,
    "confirm_rows": _count,
}
"""What reads each of the push's params."""


@dataclass(frozen=True, slots=True)
class RunKind:
    """What started a run, and the interval it stands for."""

    ref: RunRef
    scheduled: bool
    backfill: bool
    interval: tuple[datetime, datetime] | None

    def window(self, asked: str) -> str:
        """Resolve `auto`."""
        if asked != "auto":
            return asked
        return "interval" if self.backfill else "new"


def read_run(context: Mapping[str, Any]) -> RunKind:
    """Read from the task's context which run this is."""
    from kombo_provider.ledger import RunRef

    dag_run = context["dag_run"]
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    interval = None
    if start is not None and end is not None:
        interval = start, end
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    return RunKind(
        ref=RunRef(context["ti"].dag_id, dag_run.run_id),
        scheduled=run_type == "scheduled",
        backfill=run_type.startswith("backfill"),
        interval=interval,
    )
