"""Each statement of the write-back compiles for warehouses that no test runs, and is grammatical there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid, false
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.write_back.case_update import CaseUpdate
from kombo_provider.write_back.target import DELIVERED_AT
from tests.dialects import assert_grammatical

KEYS: dict[str, dict[str, TypeEngine[Any]]] = {
    "text": {"applicant_id": Text()},
    "integer": {"applicant_id": Integer()},
    "number": {"applicant_id": Numeric(10, 0)},
    "uuid": {"applicant_id": Uuid()},
    "two columns": {"applicant_id": Text(), "integration_id": Text()},
}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_statement_of_the_write_back_is_one_of_the_dialect(dialect: Dialect, key: str) -> None:
    columns = [Column(name, kind) for name, kind in KEYS[key].items()]
    ids = [Column(name, Text) for name in ID_COLUMNS]
    table = Table("people", MetaData(), *columns, *ids, Column(DELIVERED_AT, DateTime), schema="crm")
    conn = cast(Connection, SimpleNamespace(dialect=dialect))
    statements = CaseUpdate(conn, table, {name: name for name in KEYS[key]})
    found = [statements.query(["1", "2"]), statements.update(3), statements.update(1).where(false())]
    for statement in found:
        assert_grammatical(
            str(statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})), dialect
        )
    parameters = statements.update(statements.rows_per_update).compile(dialect=dialect).params
    assert len(parameters) <= (256 if dialect.name == "databricks" else 2_100)
