"""`python -m kombo_sandbox`: the sandbox as a process."""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
import sys
from pathlib import Path

from kombo_sandbox.app import App
from kombo_sandbox.errors import StateFileError
from kombo_sandbox.server import Server


def main() -> int:
    """Serves until SIGTERM or SIGINT; 2 where it cannot start."""
    options = _parser().parse_args()
    try:
        return asyncio.run(_serve(options))
    except (StateFileError, OSError) as exc:
        print(f"The sandbox cannot start: {_words(exc, options)}", file=sys.stderr)
        return 2


async def _serve(options: argparse.Namespace) -> int:
    at_start = {} if options.latency is None else {"latency_seconds": options.latency}
    app = App(options.state, at_start)
    server = Server(app, options.host, options.port, options.max_idle_seconds)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.start()
    print(f"Kombo sandbox: http://{options.host}:{server.port}/v1", flush=True)
    await server.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kombo_sandbox", description="A local Kombo (key: sandbox-key).")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765, help="0 picks a free one")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keeps the records; without it, in memory")
    parser.add_argument("--latency", type=_latency, metavar="SECONDS", help="of each create: 0.5, or 0.2,1.5")
    parser.add_argument(
        "--max-idle-seconds", type=float, default=3600, help="stop after so long without a request; 0: never"
    )
    return parser


def _latency(value: str) -> float | list[float]:
    parts = [float(part) for part in value.split(",")]
    if len(parts) > 2 or min(parts) < 0 or parts != sorted(parts):
        raise ValueError(value)
    return parts if len(parts) == 2 else parts[0]


def _words(error: Exception, options: argparse.Namespace) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {options.port} on {options.host} is in use; stop what runs there, or pass --port"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
