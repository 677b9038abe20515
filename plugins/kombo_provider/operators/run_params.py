"""What a run was asked to do: its params, and which kind of run it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.sdk import Param

from kombo_provider.errors import ConfigurationError
from kombo_provider.ledger import RunRef
from kombo_provider.staging.stager import Narrowing

WINDOWS = ("auto", "new", "interval", "all")


def push_params() -> dict[str, Param]:
    """Return the params of a push, as Airflow's form shows them."""
    # Types that admit null: the form marks the others as required.
    ids: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}}
    return {
        "window": Param(
            "auto",
            type="string",
            enum=list(WINDOWS),
            description="Which source rows to take, by changed_at. auto: new for scheduled and manual runs, interval "
            "for backfills. new: what came since the last run. interval: exactly the run's interval. all: every row.",
        ),
        "integration_ids": Param([], **ids, description="Stage and send only rows of these integrations."),
        "applicant_ids": Param([], **ids, description="Stage and send only these applicants."),
        "limit": Param(None, type=["null", "integer"], minimum=1, description="Stage and send at most so many rows."),
        "dry_run": Param(
            False,
            type=["boolean", "null"],
            description="Write what would become of each row to the table kombo_dry_run, and do nothing else.",
        ),
        "replay": Param(
            [],
            **ids,
            description="Error codes, or invalid: rows refused with them are tried again, whatever the window.",
        ),
        "refill": Param(
            False,
            type=["boolean", "null"],
            description="Write all known ids back again, into a table that was rebuilt.",
        ),
        "confirm_rows": Param(
            None,
            type=["null", "integer"],
            description="Confirms a run that would send more rows than approve_above: the number its message names.",
        ),
    }


@dataclass(frozen=True, slots=True)
class RunParams:
    """The params of one run, checked."""

    window: str
    narrowing: Narrowing
    dry_run: bool
    replay: frozenset[str]
    refill: bool
    confirm_rows: int | None


def read_params(params: Mapping[str, Any]) -> RunParams:
    """Read a run's params; those that a DAG of one's own does not declare have their defaults."""
    window = params.get("window", "auto")
    if window not in WINDOWS:
        raise ConfigurationError(f"The param window is {window!r}; it must be one of {', '.join(WINDOWS)}.")
    return RunParams(
        window=window,
        narrowing=Narrowing(
            integration_ids=frozenset(map(str, params.get("integration_ids") or ())),
            applicant_ids=frozenset(map(str, params.get("applicant_ids") or ())),
            limit=params.get("limit"),
        ),
        dry_run=bool(params.get("dry_run", False)),
        replay=frozenset(map(str, params.get("replay") or ())),
        refill=bool(params.get("refill", False)),
        confirm_rows=params.get("confirm_rows"),
    )


@dataclass(frozen=True, slots=True)
class RunKind:
    """What started a run, and the interval it stands for."""

    ref: RunRef
    scheduled: bool
    backfill: bool
    interval: tuple[datetime, datetime] | None

    def window(self, asked: str) -> str:
        """Resolve `auto`."""
        return ("interval" if self.backfill else "new") if asked == "auto" else asked


def read_run(context: Mapping[str, Any]) -> RunKind:
    """Read from the task's context which run this is."""
    dag_run = context["dag_run"]
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    return RunKind(
        ref=RunRef(context["ti"].dag_id, dag_run.run_id),
        scheduled=run_type == "scheduled",
        backfill=run_type.startswith("backfill"),
        interval=(start, end) if start is not None and end is not None else None,
    )
