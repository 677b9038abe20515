"""The statements for databases that have neither arrays nor SQLite's temporary tables."""

from __future__ import annotations

from typing import cast

import pytest
from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Table, Text, create_mock_engine
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect

from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.write_back.case_update import CaseUpdate
from kombo_provider.write_back.target import DELIVERED_AT, _alter

DIALECTS = [mysql.dialect(), mssql.dialect(), oracle.dialect(), postgresql.dialect(), sqlite.dialect()]


def unconnected(url: str) -> Connection:
    """Return what has the dialect of this URL and no database; nothing else is asked of it here."""
    return cast(Connection, create_mock_engine(url, lambda *_: None))


def updates(key: dict[str, str], dialect: Dialect) -> CaseUpdate:
    """Return what would write into a table with these key columns."""
    columns = [Column(name, Integer if name == "no" else Text) for name in key.values()]
    ids = [Column(name, Text) for name in ID_COLUMNS]
    table = Table("people", MetaData(), *columns, *ids, Column(DELIVERED_AT, DateTime))
    return CaseUpdate(unconnected(f"{dialect.name}://"), table, key)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "key",
    [
        {"applicant_id": "applicant_id"},
        {"applicant_id": "applicant_id", "integration_id": "integration_id"},
        {"applicant_id": "no", "integration_id": "order"},
        {"applicant_id": "number"},
    ],
)
def test_no_bind_parameter_bears_the_name_of_a_column(dialect: Dialect, key: dict[str, str]) -> None:
    statements = updates(key, dialect)
    compiled = statements.update(2).compile(dialect=dialect)
    assert not set(compiled.params) & {*key.values(), *ID_COLUMNS, DELIVERED_AT}
    assert len(compiled.params) == 2 * (len(key) + len(ID_COLUMNS) + 1)
    assert "people" in str(statements.query([1, 2]).compile(dialect=dialect))


@pytest.mark.parametrize("key", [{"applicant_id": "no"}, {"applicant_id": "no", "integration_id": "ats"}])
def test_no_statement_takes_more_parameters_than_sql_server_allows(key: dict[str, str]) -> None:
    dialect = mssql.dialect()
    statements = updates(key, dialect)
    compiled = statements.update(statements.rows_per_update).compile(dialect=dialect)
    assert 1_000 < str(compiled).count(":") <= 2_100


def test_what_is_pasted_into_sql_server_is_its_own_language() -> None:
    table = Table("people", MetaData(), Column("id", Integer), schema="crm")
    assert _alter(unconnected("mssql://"), table, ["kombo_application_id", DELIVERED_AT]) == (
        "ALTER TABLE crm.people ADD kombo_application_id VARCHAR(255);\n"
        "ALTER TABLE crm.people ADD kombo_delivered_at DATETIMEOFFSET;"
    )
