"""PgBouncer in transaction pooling before the tests' PostgreSQL, as many companies run it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.postgres import PostgresServer, free_port, unprivileged

# Debian puts it where only root's PATH leads.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer:
    """A pooler with two connections to the server for each database: clients meet each other's at once."""

    def __init__(self, server: PostgresServer) -> None:
        self._server, self.port = server, free_port()

    def __enter__(self) -> PgBouncer:
        assert PROGRAM is not None
        self._home = Path(tempfile.mkdtemp(prefix="kombo-pgbouncer-"))
        as_user = unprivileged(self._home)
        settings = self._home / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(server=self._server.port, port=self.port))
        self._process = subprocess.Popen(
            [PROGRAM, "-q", settings], cwd=self._home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user
        )
        until = time.monotonic() + 60
        while not _listens(self.port):
            assert self._process.poll() is None, "pgbouncer ended"
            assert time.monotonic() < until, "pgbouncer does not listen"
            time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._home)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
