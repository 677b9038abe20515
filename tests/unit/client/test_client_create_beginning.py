"""It is known exactly whether the first byte of a request can have left."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest

from kombo_provider.client import KomboClient, Outcome, OutcomeClass
from kombo_provider.errors import AccountError
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import APPLICATION, Peer, ScriptedServer, answers

ClientFor = Callable[..., KomboClient]


class Calls(list[str]):
    """Remembers in which order the two hooks were called."""

    def may_begin(self) -> bool:
        self.append("may_begin")
        return True


def create(client: KomboClient, calls: Calls) -> Outcome:
    return client.create("application", "t:1", "job", b"{}", may_begin=calls.may_begin)


def test_a_create_asks_before_it_sends(serve: Serve, client_for: ClientFor) -> None:
    server, calls = serve(answers(200, APPLICATION)), Calls()

    assert create(client_for(server), calls).outcome_class is OutcomeClass.EXECUTED
    assert calls == ["may_begin"]


def assert_nothing_began(outcome: Outcome, calls: Calls, title: str) -> None:
    assert outcome.outcome_class is OutcomeClass.SAFE
    assert (outcome.http_status, outcome.error_code, outcome.error_title) == (None, None, title)
    assert calls == []


def test_a_refused_connection_is_safe(closed_port: int) -> None:
    calls, client = Calls(), KomboClient(api_key="k", base_url=f"http://127.0.0.1:{closed_port}/v1")

    assert_nothing_began(create(client, calls), calls, "no connection")


def test_a_name_that_does_not_resolve_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    calls, client = Calls(), KomboClient(api_key="k", base_url="https://api.example.invalid/v1")

    assert_nothing_began(create(client, calls), calls, "name resolution")


def test_a_name_that_cannot_be_one_is_safe() -> None:
    calls, client = Calls(), KomboClient(api_key="k", base_url=f"https://{'a' * 70}.example/v1")

    assert create(client, calls).outcome_class is OutcomeClass.SAFE
    assert calls == []


def test_a_connection_that_is_not_accepted_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kombo_provider.client.transport.CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(address)
        calls, client = Calls(), KomboClient(api_key="k", base_url=f"http://127.0.0.1:{address[1]}/v1")

        assert_nothing_began(create(client, calls), calls, "timeout")
        for other in others:
            other.close()


def test_a_failing_tls_handshake_is_safe(serve: Serve) -> None:
    server, calls = serve(lambda peer: peer.sock.close()), Calls()
    client = KomboClient(api_key="k", base_url=f"https://127.0.0.1:{server.port}/v1")

    assert create(client, calls).outcome_class is OutcomeClass.SAFE
    assert calls == []


def plain_http(peer: Peer) -> None:
    peer.sock.recv(1_000)
    peer.send(b"HTTP/1.1 400 this port speaks plain HTTP\r\n\r\n")


def tls_alert(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"\x15\x03\x01\x00\x02\x02\x46")


@pytest.mark.parametrize(
    ("scheme", "script", "words"), [("https", plain_http, "plain HTTP"), ("http", tls_alert, "TLS")]
)
def test_https_to_a_plain_server_and_the_reverse_say_so_at_once(
    serve: Serve, scheme: str, script: Callable[[Peer], None], words: str
) -> None:
    server = serve(script)
    client = KomboClient(api_key="k", base_url=f"{scheme}://127.0.0.1:{server.port}/v1")

    outcome = client.create("application", "t:1", "job", b"{}")
    assert (outcome.outcome_class, outcome.account_wide) == (OutcomeClass.INTEGRATION, True)
    assert outcome.label == "wrong scheme"
    with pytest.raises(AccountError, match=f"speaks {words}"):
        client.check_api_key()
    assert server.connections == 2


def test_a_tls_handshake_that_hangs_is_safe(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kombo_provider.client.transport.CONNECT_SECONDS", 0.1)
    server, calls = serve(lambda peer: peer.stopped.wait(60) and None), Calls()
    client = KomboClient(api_key="k", base_url=f"https://127.0.0.1:{server.port}/v1")

    assert_nothing_began(create(client, calls), calls, "timeout")


def test_a_certificate_that_nobody_trusts_is_safe(serve: Serve, server_tls: ssl.SSLContext) -> None:
    server = serve(answers(200, APPLICATION), wrap=lambda sock: server_tls.wrap_socket(sock, server_side=True))
    calls, client = Calls(), KomboClient(api_key="secret-key", base_url=f"https://localhost:{server.port}/v1")

    assert_nothing_began(create(client, calls), calls, "TLS")
    assert server.requests == []


def bytes_received(server: ScriptedServer, received: list[bytes]) -> bytes:
    server.stopped.wait(0.05)
    return b"".join(received)


def recorder(received: list[bytes]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        while data := peer.sock.recv(1_000):
            received.append(data)

    return script


def test_a_request_taken_back_sends_no_byte(serve: Serve, client_for: ClientFor) -> None:
    received: list[bytes] = []
    server = serve(recorder(received))

    outcome = client_for(server).create("application", "t:1", "job", b"{}", may_begin=lambda: False)

    assert outcome.outcome_class is OutcomeClass.NOT_BEGUN
    assert bytes_received(server, received) == b""


@pytest.mark.parametrize("hook", ["may_begin"])
def test_what_a_hook_raises_is_raised_and_nothing_is_sent(serve: Serve, client_for: ClientFor, hook: str) -> None:
    received: list[bytes] = []
    server = serve(recorder(received))

    def fail() -> bool:
        raise ConnectionResetError("the ledger's database is gone")

    with pytest.raises(ConnectionResetError, match="ledger"):
        client_for(server).create("application", "t:1", "job", b"{}", may_begin=fail)

    assert bytes_received(server, received) == b""


def test_a_deadline_that_passed_while_connecting_is_safe(serve: Serve, client_for: ClientFor) -> None:
    server, calls = serve(answers(200, APPLICATION)), Calls()
    moments = iter([0.0, 0.0])
    client = client_for(server, clock=lambda: next(moments, 100.0))

    assert_nothing_began(create(client, calls), calls, "timeout")
    assert server.requests == []
