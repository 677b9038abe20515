"""The SQL hook of a connection type whose own hook is for something else."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from airflow.sdk.module_loading import import_string  # type: ignore[attr-defined]

_ELSEWHERE: Final = {"google_cloud_platform": "airflow.providers.google.cloud.hooks.bigquery.BigQueryHook"}
"""By connection type: a SQL hook that neither lies beside the type's own hook nor names its type."""


def sql_hook(hook: Any, conn_type: str | None, conn_id: str) -> Any:
    """Return a hook that gives a SQLAlchemy engine for the connection: its own, or its provider's; None without one."""
    if hasattr(hook, "get_sqlalchemy_engine"):
        return hook
    for found in _candidates(type(hook), conn_type):
        return found(**{found.conn_name_attr: conn_id})
    return None


def _candidates(own: type[Any], conn_type: str | None) -> Iterator[Any]:
    """Databricks keeps its SQL hook in `databricks_sql`, beside the one for its jobs, and under the same type."""
    if conn_type in _ELSEWHERE:
        yield import_string(_ELSEWHERE[conn_type])
    package = import_module(own.__module__.rpartition(".")[0])
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if "sql" not in module.name:
            continue
        for found in vars(import_module(f"{package.__name__}.{module.name}")).values():
            if getattr(found, "conn_type", None) == conn_type and hasattr(found, "get_sqlalchemy_engine"):
                yield found
