"""Where the ledger lives, and its transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, false, select, text
from sqlalchemy.exc import DBAPIError

from kombo_provider.database import prepare_ledger_engine
from kombo_provider.driver_errors import Failure, describe, driver_errors, sqlstate
from kombo_provider.errors import LedgerError, LedgerRefusedError, UnsupportedLedgerError
from kombo_provider.ledger._migrations import found_version, migrate, refuse_other_version
from kombo_provider.ledger._tables import metadata
from kombo_provider.ledger.email_digest import SECRET_OPTION, keyed_digest

_FAILED = "The ledger's database failed"
_PASSING = Failure(
    LedgerError, "Nothing was lost: see that the ledger's database can be reached and written to, then run again"
)
_LASTING = Failure(LedgerRefusedError, "Nothing was lost: correct the connection or its rights, then run again")

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""How far apart the clocks of two machines may be; a stored time further ahead of now is not believed."""


class Ledger:
    """The tables `kombo_*` behind one SQLAlchemy engine: PostgreSQL, or SQLite in one local file.

    `digest_secret` keys the digests of e-mail addresses; without it none is kept. Raises UnsupportedLedgerError for any
    other database, and for a schema where there are none.
    """

    def __init__(self, engine: Engine, *, schema: str | None = None, digest_secret: bytes | None = None) -> None:
        _refuse_unsupported(engine, schema)
        self.schema = schema
        self._digest_secret = digest_secret
        # As options of the engine, both come with every connection: no function here needs the Ledger itself.
        self.engine = prepare_ledger_engine(engine).execution_options(**{SECRET_OPTION: digest_secret})
        if schema:
            self.engine = self.engine.execution_options(schema_translate_map={None: schema})

    @property
    def dialect(self) -> str:
        """`postgresql` or `sqlite`."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable transaction: committed at the end of the block, rolled back on any error.

        Raises LedgerError, without any row's contents, where the database goes away, LedgerRefusedError where it
        refuses and would refuse it again.
        """
        with (
            driver_errors(self.engine, _FAILED, lasting=_LASTING, passing=_PASSING),
            _missing_rights(self.engine, self.schema),
            self.engine.begin() as conn,
        ):
            yield conn

    def ensure(self) -> None:
        """Create the tables, or bring them up to date."""
        with self.transaction() as conn:
            _refuse_narrow_encoding(conn)
            migrate(conn, self.schema)

    def try_out(self) -> None:
        """Raise what a run would raise for want of a table, a right or a folder; leaves nothing behind."""
        file = self._missing_file()
        if file is not None:
            if not os.access(file.parent, os.W_OK | os.X_OK):
                raise LedgerRefusedError(f"{_FAILED}: its file cannot be made. Make the folder {file.parent} writable.")
            return
        with self.transaction() as conn:
            _refuse_narrow_encoding(conn)
            migrate(conn, self.schema)
            for table in metadata.sorted_tables:
                # No row is touched, and rights are checked all the same, as they are before a statement runs.
                column = next(iter(table.c))
                conn.execute(table.insert().from_select([column], select(column).where(false())))
                conn.execute(table.update().where(false()).values({column.name: column}))
                conn.execute(table.delete().where(false()))
            conn.rollback()

    def _missing_file(self) -> Path | None:
        """Return the SQLite file that is to hold the ledger, None where it is there or there is none."""
        file = self.engine.url.database
        if self.dialect != "sqlite" or not file or file.startswith("file:"):
            return None
        if Path(file).exists():
            return None
        return Path(file)

    def email_digest(self, email: str) -> str | None:
        """Return the digest by which the ledger knows an address; None where it keeps none."""
        return keyed_digest(email, self._digest_secret)

    def exists(self) -> bool:
        """Tell whether a run has made the ledger's tables; makes nothing, not even an empty SQLite file."""
        if self._missing_file() is not None:
            return False
        with self.transaction() as conn:
            return found_version(conn, self.schema) > 0

    def refuse_other_version(self) -> None:
        """Raise LedgerError unless the ledger is there and of this release."""
        if not self.exists():
            raise LedgerError("There is no ledger yet: the first run makes it.")
        with self.transaction() as conn:
            refuse_other_version(conn, self.schema)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def _missing_rights(engine: Engine, schema: str | None) -> Iterator[None]:
    """Answer a missing right with the GRANT to paste."""
    try:
        yield
    except DBAPIError as exc:
        if sqlstate(exc) != "42501":
            raise
        said = describe(exc)
        raise LedgerRefusedError(
            f"{_FAILED}: {said}. Nothing was lost. Have who owns that run this once:\n{_grant(engine, schema, said)}"
        ) from None


def _grant(engine: Engine, schema: str | None, said: str) -> str:
    """Return the GRANT for what PostgreSQL says is missing; it names the kind of object in its message only."""
    quote = engine.dialect.identifier_preparer.quote
    role = "the_role"
    if engine.url.username:
        role = quote(engine.url.username)
    place = quote(schema or "public")
    if "for database" in said:
        return f"GRANT CREATE ON DATABASE {quote(engine.url.database or role)} TO {role};"
    if "for schema" in said:
        return f"GRANT USAGE, CREATE ON SCHEMA {place} TO {role};"
    return (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {role};\n"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {place} TO {role};"
    )


def _refuse_narrow_encoding(conn: Connection) -> None:
    if conn.dialect.name != "postgresql":
        return
    encoding = conn.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise UnsupportedLedgerError(
            f"The ledger cannot live in a database with the encoding {encoding}: an answer of Kombo's that it has no "
            "characters for could never be stored. Name a connection to a UTF8 database in `ledger_conn_id`."
        )


def now(conn: Connection) -> datetime:
    """Read the clock that all leases and time stamps go by: the database's, on SQLite the machine's own."""
    if conn.dialect.name == "postgresql":
        # Not now(), which stands still from the beginning of the transaction: it may have waited for a lock since.
        at: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
        return at.astimezone(UTC)
    return datetime.now(UTC)


def _refuse_unsupported(engine: Engine, schema: str | None) -> None:
    name = engine.dialect.name
    database = engine.url.database
    if name == "postgresql":
        return
    if name == "sqlite" and schema:
        raise UnsupportedLedgerError(
            f"The ledger cannot live in schema {schema!r} of an SQLite file, which has none. Leave ledger_schema out."
        )
    in_memory = not database or ":memory:" in database or engine.url.query.get("mode") == "memory"
    if name == "sqlite" and not in_memory:
        return
    where = f"a database of type {name}"
    if name == "sqlite":
        where = "an in-memory SQLite database"
    raise UnsupportedLedgerError(
        f"The ledger cannot live in {where}: it needs PostgreSQL, or SQLite in a local file. "
        "Name an Airflow connection to a PostgreSQL database in `ledger_conn_id`."
    )
