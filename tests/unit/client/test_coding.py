from __future__ import annotations

import gzip
import zlib

import pytest

from kombo_provider.client.coding import decoded

BODY = b'{"status": "success"}'


@pytest.mark.parametrize(
    ("content", "coding"),
    [
        (BODY, None),
        (BODY, ""),
        (BODY, " Identity "),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), "X-GZIP"),
        (zlib.compress(BODY), "deflate"),
    ],
)
def test_a_body_is_read_whatever_it_was_sent_in(content: bytes, coding: str | None) -> None:
    assert decoded(content, coding, most_bytes=1_000) == (BODY, True)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "no-coding"])
def test_of_a_coding_that_is_not_known_nothing_is_read(coding: str) -> None:
    assert decoded(BODY, coding, most_bytes=1_000) == (b"", False)


def test_a_body_that_is_not_in_its_coding_is_not_read() -> None:
    assert decoded(BODY, "gzip", most_bytes=1_000) == (b"", False)


def test_of_a_body_that_was_cut_its_beginning_is_read() -> None:
    body, is_all = decoded(gzip.compress(BODY)[:-10], "gzip", most_bytes=1_000)

    assert BODY.startswith(body)
    assert not is_all


def test_a_bomb_fills_no_memory() -> None:
    bomb = gzip.compress(b" " * 10_000_000)

    assert decoded(bomb, "gzip", most_bytes=1_000) == (b" " * 1_000, False)
