"""A MariaDB server for the whole test run, and an empty database for each test that asks for one.

The server is the machine's own `mariadbd` (apt-get install mariadb-server; .ci/run does). Without one the tests
that need it are skipped and say so; in CI they fail. Like the PostgreSQL of the tests it runs as `nobody` under root,
and goes away with the process that started it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pymysql
import pytest

from tests.postgres import free_port, unprivileged

MISSING = "there is no mariadbd on this machine: apt-get install mariadb-server"
_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
_UNSAFE_BUT_FAST = ("--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--innodb-buffer-pool-size=64M")
_START_UNTIL_ALONE = """
trap '' INT TERM HUP
"$@" >"$HOME/log" 2>&1 </dev/null &
read -r _
kill -9 $!; wait $!
rm -rf "$HOME"
"""


class MariadbServer:
    """A server on 127.0.0.1 whose databases last as long as it does."""

    def __init__(self) -> None:
        self.port = free_port()
        self._numbers = count(1)
        self._home = Path(tempfile.mkdtemp(prefix="kombo-mariadb-"))
        self._as_user = unprivileged(self._home)
        # Else it reads the machine's own configuration, which knows a user and folders of its own.
        folders = ("--no-defaults", f"--datadir={self._home}/data", f"--tmpdir={self._home}")
        install = [_program("mariadb-install-db"), *folders, "--auth-root-authentication-method=normal"]
        done = subprocess.run(install, cwd=self._home, capture_output=True, text=True, **self._as_user)
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout}{done.stderr}")
        listen = ("--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self._home}/socket")
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _START_UNTIL_ALONE, "sh", _program("mariadbd"), *folders, *listen, *_UNSAFE_BUT_FAST],
            stdin=subprocess.PIPE,
            cwd=self._home,
            env={**os.environ, "HOME": str(self._home)},
            start_new_session=True,
            **self._as_user,
        )
        self._wait()

    def _wait(self) -> None:
        """Give it a minute; the connection's own time-out is the pause between two tries."""
        for _ in range(600):
            try:
                self.execute("SELECT 1")
            except pymysql.err.OperationalError:
                subprocess.run(["sleep", "0.1"])
            else:
                return
        raise RuntimeError(f"mariadbd does not answer:\n{(self._home / 'log').read_text()}")

    def url(self, database: str, *, user: str = "root") -> str:
        """Return a SQLAlchemy URL (PyMySQL)."""
        return f"mysql+pymysql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> None:
        """Run statements as root."""
        with pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True) as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def make_database(self) -> str:
        """Return the name of an empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._watchdog.communicate()


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCHED)
    if found is None:
        raise FileNotFoundError(MISSING)
    return found


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The server of this test run."""
    if shutil.which("mariadbd", path=_SEARCHED) is None and not os.environ.get("CI"):
        pytest.skip(MISSING)
    server = MariadbServer()
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of this test's own."""
    name = mariadb_server.make_database()
    yield mariadb_server.url(name)
    mariadb_server.execute(f"DROP DATABASE {name}")
