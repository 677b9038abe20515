"""A create ends at its deadline, however slowly the server reads or answers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from kombo_provider.client import KomboClient, Outcome, OutcomeClass
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import APPLICATION, Peer, http_answer

ClientFor = Callable[..., KomboClient]
FAR_FROM_THE_DEADLINE = 60.0
"""Seconds; so long each server here goes on, and a busy machine needs less to notice the end of a second."""


def timed(client: KomboClient, body: bytes = b"{}") -> tuple[Outcome, float]:
    started = time.monotonic()
    outcome = client.create("application", "t:1", "job", body)
    return outcome, time.monotonic() - started


def silent(peer: Peer) -> None:
    peer.read_request()
    peer.stopped.wait(FAR_FROM_THE_DEADLINE)


def dribbles_status(peer: Peer) -> None:
    peer.read_request()
    peer.dribble(b"HTTP/1.1 200 OK" * 200, 0.03)


def dribbles_headers(peer: Peer) -> None:
    peer.read_request()
    peer.dribble(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90, 0.1)


def never_reads(peer: Peer) -> None:
    peer.stopped.wait(FAR_FROM_THE_DEADLINE)


@pytest.mark.parametrize("script", [silent, dribbles_status, dribbles_headers])
def test_a_server_that_does_not_answer_in_time_leaves_an_ambiguous_timeout(
    serve: Serve, client_for: ClientFor, script: Callable[[Peer], None]
) -> None:
    outcome, took = timed(client_for(serve(script), timeout_seconds=0.3))

    assert outcome.outcome_class is OutcomeClass.AMBIGUOUS
    assert (outcome.error_title, outcome.error_message) == ("timeout", "no answer within 0.3 s")
    assert 0.25 < took < FAR_FROM_THE_DEADLINE / 2
    assert 0.25 < outcome.duration_seconds <= took


def test_a_server_that_does_not_read_the_body_ends_at_the_deadline_too(serve: Serve, client_for: ClientFor) -> None:
    outcome, took = timed(client_for(serve(never_reads), timeout_seconds=0.3), b"x" * 30_000_000)

    assert (outcome.outcome_class, outcome.error_title) == (OutcomeClass.AMBIGUOUS, "timeout")
    assert 0.25 < took < FAR_FROM_THE_DEADLINE / 2


def test_a_server_that_reads_the_body_in_drops_ends_at_the_deadline_too(serve: Serve, client_for: ClientFor) -> None:
    def sips(peer: Peer) -> None:
        while not peer.stopped.wait(0.02):
            peer.sock.recv(4_096)

    outcome, took = timed(client_for(serve(sips), timeout_seconds=0.3), b"x" * 30_000_000)

    assert (outcome.outcome_class, outcome.error_title) == (OutcomeClass.AMBIGUOUS, "timeout")
    assert 0.25 < took < FAR_FROM_THE_DEADLINE / 2


def test_a_success_whose_body_dribbles_past_the_deadline_is_executed(serve: Serve, client_for: ClientFor) -> None:
    def dribbles_body(peer: Peer) -> None:
        peer.read_request()
        head, _, body = http_answer(200, APPLICATION).partition(b"\r\n\r\n")
        peer.send(head + b"\r\n\r\n" + body[:40])
        peer.dribble(body[40:], 1.0)

    outcome, took = timed(client_for(serve(dribbles_body), timeout_seconds=3))

    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert took < FAR_FROM_THE_DEADLINE / 2


def test_sending_a_body_may_take_longer_than_connecting(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombo_provider.client.transport.CONNECT_SECONDS", 0.1)

    def reads_late(peer: Peer) -> None:
        peer.stopped.wait(0.4)
        peer.read_request()
        peer.send(http_answer(200, APPLICATION))

    outcome, _ = timed(client_for(serve(reads_late), timeout_seconds=60), b"x" * 10_000_000)

    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert outcome.ids.application_id == "app-1"


def test_an_answer_may_take_longer_than_connecting(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombo_provider.client.transport.CONNECT_SECONDS", 0.1)

    def answers_late(peer: Peer) -> None:
        peer.read_request()
        peer.stopped.wait(0.3)
        peer.send(http_answer(200, APPLICATION))

    assert timed(client_for(serve(answers_late)))[0].outcome_class is OutcomeClass.EXECUTED
