"""Opens connections to one base URL: proxies, CA bundle and TLS as the environment says."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from kombo_provider.client.wire import DeadlineSocket, Wire
from kombo_provider.errors import ConfigurationError

CONNECT_SECONDS: Final = 4.0
"""For each address of the host: a second one must come in before the 10 s of an intent are over."""

# All that a call can meet on the way; ValueError is what names and certificates raise.
NETWORK_ERRORS: Final = (OSError, http.client.HTTPException, HTTPError, ValueError)

_SOCKET_OPTIONS: Final[list[tuple[int, int, int]]] = [
    *HTTPConnection.default_socket_options,
    # Kombo may think for minutes: without this a NAT on the way forgets the connection.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *([(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45)] if hasattr(socket, "TCP_KEEPIDLE") else []),
]


class Transport:
    """Opens fresh connections to one base URL; safe to use from many threads.

    urllib3 opens the channel (names, proxies, TLS). HTTP itself is spoken by `Wire`: only so is it known
    whether a byte of the request can have left, and nothing writes a URL with its query into a log.
    The environment (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) is read as requests
    reads it, once; `.netrc` is not read.
    """

    def __init__(self, base_url: str, *, clock: Callable[[], float]) -> None:
        parts = urlsplit(base_url)
        self.host = parts.netloc
        self._path = parts.path.rstrip("/")
        self._clock = clock
        self._pool: Any = _pool(base_url)
        behind_proxy = self._pool.proxy is not None
        self._tunnels = behind_proxy and parts.scheme == "https"
        self._forwards = behind_proxy and parts.scheme == "http"
        self._origin = f"http://{parts.netloc}" if self._forwards else ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that every request needs on its way: its host, and the proxy's credentials."""
        proxy_headers = self._pool.proxy_headers if self._forwards else {}
        return {"Host": self.host, **proxy_headers}

    def target(self, path: str, query: str = "") -> str:
        """Return what stands in the request line for a path below the base URL, both encoded already."""
        return f"{self._origin}{self._path}{path}" + (f"?{query}" if query else "")

    def open(self, deadline: float) -> Wire:
        """Connect, TLS included; raises one of `NETWORK_ERRORS`, and then nothing was sent.

        Each address of the host may take 4 s, or less if the deadline is nearer.
        """
        connection = self._pool._new_conn()  # urllib3 has no public way to get one unopened
        connection.timeout = min(CONNECT_SECONDS, max(0.001, deadline - self._clock()))
        try:
            if self._tunnels:
                self._pool._prepare_proxy(connection)
            else:
                connection.connect()
        except BaseException:
            connection.close()
            raise
        return Wire(DeadlineSocket(connection.sock, deadline=deadline, clock=self._clock))


def _pool(base_url: str) -> Any:
    context = _tls_context() if base_url.startswith("https:") else None
    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    options: dict[str, Any] = {"ssl_context": context, "socket_options": _SOCKET_OPTIONS}
    if not proxy:
        return PoolManager(**options).connection_from_url(base_url)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if proxy.startswith("https:"):
        options["proxy_ssl_context"] = _tls_context()
    try:
        return HTTPAdapter().proxy_manager_for(proxy, **options).connection_from_url(base_url)
    except (RequestException, HTTPError, ValueError) as exc:  # their texts hold the URL, and with it a password
        raise ConfigurationError(
            f"The proxy that the environment names for this host cannot be used ({type(exc).__name__}): correct "
            "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or install PySocks for a SOCKS proxy."
        ) from None


def _tls_context() -> ssl.SSLContext:
    """Build the context once: reading the CA bundle for each connection would cost more than a create."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    try:
        path = Path(bundle)
        context.load_verify_locations(**{"capath" if path.is_dir() else "cafile": bundle})
    except (OSError, ssl.SSLError):
        raise ConfigurationError(
            f"The CA bundle {bundle} cannot be read: correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE."
        ) from None
    return context
