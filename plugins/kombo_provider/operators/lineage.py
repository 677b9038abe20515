"""What a task read and wrote, for OpenLineage where its provider is installed: names only, never the SQL text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import database_hook

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset, DatasetFacet
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Asset

    from kombo_provider.operators.settings import Connections

DELIVERIES = "kombo_deliveries"


@dataclass(frozen=True, slots=True)
class Database:
    """A database by OpenLineage's naming: `postgres://host:5432`, and what stands before a table's own name."""

    namespace: str
    dialect: str
    database: str | None = None
    schema: str | None = None

    def table(self, parts: Sequence[str], columns: Iterable[str] = ()) -> Dataset:
        """Return a table as OpenLineage knows it, with those of its columns that are known."""
        # Of database, schema and table a name gives the last ones; what it leaves out is the connection's.
        missing = [self.database, self.schema][: max(0, 3 - len(parts))]
        return dataset(self.namespace, ".".join([*filter(None, missing), *parts]), columns)

    def named(self, name: str, columns: Iterable[str] = ()) -> Dataset:
        """Return a table by its name as a DAG file writes it."""
        from kombo_provider.source.tables import read_tables

        found = read_tables(f"SELECT * FROM {name}", self.dialect)  # noqa: S608 - read here, never sent
        if not found:
            return self.table((name,), columns)
        return self.table(found[0].parts, columns)

    def ledger(self, connections: Connections, columns: Iterable[str] = ()) -> Dataset:
        """Return the ledger's table of deliveries."""
        parts = [DELIVERIES]
        if connections.ledger_schema:
            parts.insert(0, connections.ledger_schema)
        return self.table(parts, columns)

    def read_by(self, sql: str) -> list[Dataset]:
        """Return the tables that a SELECT reads; none where it cannot be read."""
        from kombo_provider.source.tables import read_tables

        return [self.table(*found) for found in read_tables(sql, self.dialect)]


def is_installed() -> bool:
    """Tell whether OpenLineage's provider is there to ask."""
    from importlib.util import find_spec

    try:
        return find_spec("airflow.providers.openlineage") is not None
    except ModuleNotFoundError:
        return False


def lineage(inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's provider asks an operator for."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(inputs=list(inputs), outputs=list(outputs))


def dataset(namespace: str, name: str, columns: Iterable[str] = ()) -> Dataset:
    """Return something read or written; its columns, where they are known, as a schema facet without types."""
    from airflow.providers.common.compat.openlineage.facet import Dataset, SchemaDatasetFacet, SchemaDatasetFacetFields

    facets: dict[str, DatasetFacet] = {}
    fields = [SchemaDatasetFacetFields(name=column) for column in columns]
    if fields:
        facets["schema"] = SchemaDatasetFacet(fields)
    return Dataset(namespace=namespace, name=name, facets=facets)


def database_of(conn_id: str) -> Database:
    """Return a connection's database, named as OpenLineage's own operators name it where its hook knows how."""
    connection, hook = database_hook(conn_id)
    dialect = str(hook.get_sqlalchemy_engine().dialect.name)
    info = hook.get_openlineage_database_info(connection)
    if info is None:
        port = f":{connection.port}" if connection.port else ""
        schema = connection.schema or None
        return Database(f"{connection.conn_type}://{connection.host or ''}{port}", dialect, database=schema)
    namespace = f"{info.scheme}://{info.authority}" if info.authority else info.scheme
    return Database(namespace, dialect, info.database, hook.get_openlineage_default_schema())


def kombo_datasets(kombo_conn_id: str, integration_ids: Iterable[str], what: str) -> list[Dataset]:
    """Return what lies at Kombo for some integrations: `kombo://api.kombo.dev`, `greenhouse:…/applications`."""
    host = urlsplit(KomboHook(kombo_conn_id).get_settings().base_url).netloc
    return [dataset(f"kombo://{host}", f"{name}/{what}") for name in integration_ids]


def of_asset(asset: Asset, _lineage_context: Any) -> Dataset:
    """Return an asset of ours as OpenLineage's provider asks for it."""
    parts = urlsplit(asset.uri)
    return dataset(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/"))
