"""Airflow connections as engines and ledgers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException

from kombo_provider.errors import ConfigurationError, LedgerError
from kombo_provider.hooks.kombo import known_connection
from kombo_provider.operators.settings import Connections

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine

    from kombo_provider.ledger import Ledger
    from kombo_provider.ledger.reader import LedgerReader


@contextmanager
def warehouse_engine(conn_id: str) -> Iterator[Engine]:
    """Give an engine of its own for a database connection.

    Raises ConfigurationError where there is no such connection or it is not one of a SQL database.
    """
    engine = _engine(conn_id)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_existing_ledger(connections: Connections) -> Iterator[Ledger]:
    """Give a ledger that a run has made; raises LedgerError where there is none, and makes nothing."""
    from kombo_provider.ledger import Ledger

    with warehouse_engine(connections.ledger) as engine:
        ledger = Ledger(engine, schema=connections.ledger_schema, digest_secret=_digest_secret())
        if not ledger.exists():
            where = f", schema {connections.ledger_schema}" if connections.ledger_schema else ""
            raise LedgerError(f"There is no ledger in connection {connections.ledger}{where}: no run has made one yet.")
        ledger.ensure()
        yield ledger


@contextmanager
def read_ledger(connections: Connections, conn_id: str | None = None) -> Iterator[LedgerReader]:
    """Give a ledger to look at, under a connection of its own if one is named; nothing is made or changed."""
    from kombo_provider.ledger.reader import LedgerReader

    with warehouse_engine(conn_id or connections.ledger) as engine:
        yield LedgerReader(engine, schema=connections.ledger_schema)


@contextmanager
def change_ledger(connections: Connections) -> Iterator[Ledger]:
    """Give a ledger for one small change by a person: nothing is made or migrated, and no lock is waited for long."""
    from kombo_provider.database import give_up_soon
    from kombo_provider.ledger import Ledger

    with warehouse_engine(connections.ledger) as engine:
        ledger = Ledger(engine, schema=connections.ledger_schema)
        give_up_soon(engine)
        ledger.refuse_other_version()
        yield ledger


@contextmanager
def open_ledger(connections: Connections) -> Iterator[Ledger]:
    """Give the ledger, its tables created or brought up to date, and what dead processes left `sending` in doubt.

    Raises UnsupportedLedgerError where the database cannot hold it.
    """
    from kombo_provider.ledger import Ledger, leases

    with warehouse_engine(connections.ledger) as engine:
        ledger = Ledger(engine, schema=connections.ledger_schema, digest_secret=_digest_secret())
        ledger.ensure()
        with ledger.transaction() as conn:
            leases.sweep(conn)
        yield ledger


def database_hook(conn_id: str) -> tuple[Connection, Any]:
    """Return a connection, and its hook that gives a SQLAlchemy engine.

    Raises ConfigurationError where there is no such connection or it is not one of a SQL database.
    """
    from kombo_provider.hooks.sql_hooks import sql_hook

    with known_connection(conn_id):
        connection = BaseHook.get_connection(conn_id)
    try:
        own_hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException:
        raise ConfigurationError(_unknown_type(conn_id, connection.conn_type)) from None
    hook = sql_hook(own_hook, connection.conn_type, conn_id)
    if hook is None:
        raise ConfigurationError(
            f"Connection {conn_id!r} is not one of a SQL database: its hook, {type(own_hook).__name__}, gives no "
            "SQLAlchemy engine. Name a connection of a database type."
        )
    return connection, hook


def _engine(conn_id: str) -> Engine:
    from sqlalchemy.exc import NoSuchModuleError

    from kombo_provider.database import ENGINE_OPTIONS, find_silence, sign_statements
    from kombo_provider.driver_errors import CONNECTION_OPTION

    _, hook = database_hook(conn_id)
    try:
        engine: Engine = hook.get_sqlalchemy_engine(engine_kwargs=dict(ENGINE_OPTIONS))
    except (ImportError, NoSuchModuleError) as exc:
        raise ConfigurationError(
            f"Connection {conn_id!r} gives no SQLAlchemy engine: {exc}. Install that driver or dialect beside Airflow, "
            "or correct the connection's extra."
        ) from None
    sign_statements(engine, {name: os.environ.get(variable, "") for name, variable in _TASK.items()})
    return find_silence(engine).execution_options(**{CONNECTION_OPTION: conn_id})


_TASK = {"dag": "AIRFLOW_CTX_DAG_ID", "run": "AIRFLOW_CTX_DAG_RUN_ID", "task": "AIRFLOW_CTX_TASK_ID"}
"""Where Airflow tells a task's process which one it is; elsewhere these are not set, and statements bear no comment."""


def _unknown_type(conn_id: str, conn_type: str | None) -> str:
    """Say what is wrong with a type that no provider has a hook for."""
    if not conn_type:
        return f"Connection {conn_id!r} has no type: give its conn_type, such as postgres or sqlite."
    database, plus, driver = conn_type.partition("+")
    if plus:
        plain = {"postgresql": "postgres"}.get(database, database)
        return (
            f"Connection {conn_id!r} is of type {conn_type}, as SQLAlchemy writes it. Airflow's types name no driver: "
            f"write {plain} instead, without +{driver}."
        )
    return (
        f"Connection {conn_id!r} is of type {conn_type}, which Airflow does not know here. Install the database's "
        f"provider package (such as apache-airflow-providers-{conn_type.replace('_', '-')}), or name another "
        "connection in the DAG file."
    )


def _digest_secret() -> bytes | None:
    """Return what keys the digests of e-mail addresses: a setting of ours, else Airflow's own key for secrets."""
    own = conf.get("kombo", "email_digest_secret", fallback="")
    fernet_keys = conf.get("core", "fernet_key", fallback="")
    secret = own or fernet_keys.split(",")[0]
    return secret.encode() or None
