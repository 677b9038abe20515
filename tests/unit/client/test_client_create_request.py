"""What a create looks like on the wire."""

from __future__ import annotations

import json
import platform
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from kombo_provider import __version__
from kombo_provider.client import KomboClient, OutcomeClass
from kombo_provider.errors import ConfigurationError
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import APPLICATION, Peer, answers, http_answer, success

ClientFor = Callable[..., KomboClient]


def test_an_application_is_posted_to_its_job(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, APPLICATION))

    client_for(server).create("application", "workday:abc", "job1", b'{"candidate": {}}')

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v1/ats/jobs/job1/applications")
    assert request.body == b'{"candidate": {}}'
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": "Bearer key-1",
        "x-integration-id": "workday:abc",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "17",
        "connection": "close",
        "user-agent": f"airflow-provider-kombo/{__version__} python/{platform.python_version()}",
    }


def test_a_candidate_names_its_job_in_the_body(serve: Serve, client_for: ClientFor) -> None:
    listed = [
        {"id": "a1", "remote_id": None, "job": {"id": "x", "remote_id": "6"}},
        {"id": "a2", "remote_id": None, "job": {"id": "y", "remote_id": "7"}},
    ]
    server = serve(answers(200, success({"id": "c", "remote_id": "rc", "applications": listed})))
    body = json.dumps({"candidate": {}, "application": {"job_id": "remote:7"}}).encode()

    outcome = client_for(server).create("candidate", "t:1", "remote:7", body)

    assert (server.requests[0].target, server.requests[0].body) == ("/v1/ats/candidates", body)
    assert (outcome.ids.application_id, outcome.ids.candidate_id) == ("a2", "c")


@pytest.mark.parametrize(
    ("job_id", "segment"),
    [
        ("remote:a/b?c#d e", "remote%3Aa%2Fb%3Fc%23d%20e"),
        ("%2F", "%252F"),
        ("../../check-api-key", "..%2F..%2Fcheck-api-key"),
        ("a%2e%2e", "a%252e%252e"),
        ("remote:Zürich", "remote%3AZ%C3%BCrich"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("~tilde-_.", "~tilde-_."),
    ],
)
def test_a_job_id_stays_one_segment_of_the_path(serve: Serve, client_for: ClientFor, job_id: str, segment: str) -> None:
    server = serve(answers(200, APPLICATION))

    client_for(server).create("application", "t:1", job_id, b"{}")

    assert server.requests[0].target == f"/v1/ats/jobs/{segment}/applications"


@pytest.mark.parametrize("job_id", ["", ".", "..", "lone \ud800 surrogate"])
def test_a_job_id_that_no_path_can_hold_is_refused_unsent(serve: Serve, client_for: ClientFor, job_id: str) -> None:
    server = serve(answers(200, APPLICATION))

    outcome = client_for(server).create("application", "t:1", job_id, b"{}")

    assert outcome.outcome_class is OutcomeClass.REJECTED
    assert "job id" in (outcome.error_message or "")
    assert server.connections == 0


@pytest.mark.parametrize("integration_id", ["", "a\nX-Evil: 1", "a\r\n", "Zürich", "日本", "a b", "\x00", "a\ud800"])
def test_an_integration_id_that_no_header_can_carry_is_refused_unsent(
    serve: Serve, client_for: ClientFor, integration_id: str
) -> None:
    server = serve(answers(200, APPLICATION))

    outcome = client_for(server).create("application", integration_id, "job", b"{}")

    assert outcome.outcome_class is OutcomeClass.REJECTED
    assert "integration id" in (outcome.error_message or "")
    assert server.connections == 0


def test_a_netrc_file_does_not_replace_the_api_key(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(answers(200, success({"environment_id": "env"})))
    client = client_for(server)

    client.create("application", "t:1", "job", b"{}")
    client.check_api_key()

    assert [request.headers["authorization"] for request in server.requests] == ["Bearer key-1"] * 2


def test_a_base_url_without_a_path_and_with_a_slash_works(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, APPLICATION))

    client_for(server, base_url=f"http://127.0.0.1:{server.port}/").create("application", "t:1", "job", b"{}")

    assert server.requests[0].target == "/ats/jobs/job/applications"


def test_a_ca_bundle_of_the_environment_is_trusted(
    serve: Serve, server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    server = serve(answers(200, APPLICATION), wrap=lambda sock: server_tls.wrap_socket(sock, server_side=True))
    client = KomboClient(api_key="k", base_url=f"https://localhost:{server.port}/v1")

    for _ in range(2):
        assert client.create("application", "t:1", "job", b"x" * 200_000).ids.application_id == "app-1"

    assert [len(request.body) for request in server.requests] == [200_000] * 2
    assert server.connections == 2


def test_a_certificate_for_another_host_is_not_trusted(
    serve: Serve, server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    server = serve(answers(200, APPLICATION), wrap=lambda sock: server_tls.wrap_socket(sock, server_side=True))
    client = KomboClient(api_key="k", base_url=f"https://127.0.0.1:{server.port}/v1")

    assert client.create("application", "t:1", "job", b"{}").outcome_class is OutcomeClass.SAFE
    assert server.requests == []


def test_a_proxy_forwards_plain_requests(serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(answers(200, APPLICATION))
    monkeypatch.setenv("http_proxy", f"http://user:pass@127.0.0.1:{proxy.port}")
    client = KomboClient(api_key="k", base_url="http://sandbox-host:8765/v1")

    assert client.create("application", "t:1", "a/b", b"{}").outcome_class is OutcomeClass.EXECUTED

    [request] = proxy.requests
    assert request.target == "http://sandbox-host:8765/v1/ats/jobs/a%2Fb/applications"
    assert request.headers["host"] == "sandbox-host:8765"
    assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


def test_a_proxy_tunnels_tls(
    serve: Serve, server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    tunnelled: list[str] = []

    def tunnel(peer: Peer) -> None:
        tunnelled.append(peer.read_head().decode().split("\r\n")[0])
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inner = Peer(server_tls.wrap_socket(peer.sock, server_side=True), peer.requests, peer.stopped)
        inner.read_request()
        inner.send(http_answer(200, APPLICATION))
        inner.sock.close()

    proxy = serve(tunnel)
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "example.com")
    client = KomboClient(api_key="k", base_url="https://localhost:1/v1")

    assert client.create("application", "t:1", "job", b"{}").ids.application_id == "app-1"
    assert tunnelled == ["CONNECT localhost:1 HTTP/1.0"]
    assert "authorization" in proxy.requests[0].headers


def test_a_proxy_that_refuses_the_tunnel_is_safe(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{serve(refuse).port}")
    client = KomboClient(api_key="k", base_url="https://api.example/v1")

    assert client.create("application", "t:1", "job", b"{}").outcome_class is OutcomeClass.SAFE


def test_no_proxy_is_heeded(serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = serve(answers(200, APPLICATION))

    assert client_for(server).create("application", "t:1", "job", b"{}").outcome_class is OutcomeClass.EXECUTED


@pytest.mark.parametrize("proxy", ["ftp://user:pass@127.0.0.1:1", "http://user:pass@127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        KomboClient(api_key="k", base_url="https://api.example/v1")
    assert "pass" not in str(caught.value)
