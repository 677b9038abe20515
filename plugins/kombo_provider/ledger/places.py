"""Rows addressed by their place in the table: PostgreSQL, left to join instead, reads a new table as a whole."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, any_, column, func


def place(conn: Connection) -> str:
    """Return the name of the column that holds a row's place."""
    return "ctid" if conn.dialect.name == "postgresql" else "rowid"


def at_places(conn: Connection, chosen: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a row lies at one of the places that the query returns."""
    found: ColumnElement[Any] = column(place(conn))
    if conn.dialect.name == "postgresql":
        return found == any_(func.array(chosen.scalar_subquery()))
    return found.in_(chosen)
