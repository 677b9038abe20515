"""Records so large that a page of them is too much to read keep nobody's records from coming."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kombo_provider.client import KomboClient
from kombo_provider.client.wire import LARGEST_ANSWER_BYTES
from kombo_provider.sync.fleet import Fleet
from kombo_provider.sync.plan import Wanted
from tests.unit.ledger.book import Book
from tests.unit.sync.kombo import application, ids

TEN_MEGABYTES = {"cv": "x" * 10_000_000}
FIVE = [str(number) for number in range(5)]


class _Pages(BaseHTTPRequestHandler):
    """Five applications with ten megabytes each, in pages of the size that is asked for."""

    protocol_version = "HTTP/1.1"
    asked: list[str]
    held: dict[str, str]

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.asked.append(query["page_size"])
        start, size = int(query.get("cursor", 0)), int(query["page_size"])
        page = [application(name, custom_fields=self.held) for name in FIVE[start : start + size]]
        following = str(start + size) if start + size < len(FIVE) else None
        body = json.dumps({"status": "success", "data": {"results": page, "next": following}}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client heard enough

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def kombo(held: dict[str, str] = TEN_MEGABYTES) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages", (_Pages,), {"asked": asked, "held": held}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("personal", [False, True])
def test_records_of_ten_megabytes_are_read_in_smaller_pages(book: Book, personal: bool) -> None:
    assert len(FIVE) * len(TEN_MEGABYTES["cv"]) > LARGEST_ANSWER_BYTES
    book.deliver(*FIVE)
    with kombo() as (url, asked):
        client = KomboClient(api_key="key", base_url=url, timeout_seconds=60.0)
        report = Fleet(book.ledger, client, "kombo_default", Wanted(personal=personal)).sync(["applications"])
        client.close()
    assert (report.failed, asked) == ({}, ["250", "25", "2", "2", "2"])
    assert ids(book.ledger) == [f"app-{name}" for name in FIVE]


def test_records_of_seventeen_mebibytes_are_read_one_by_one(book: Book) -> None:
    seventeen = {"cv": "x" * 17 * 1024 * 1024}
    book.deliver(*FIVE[:2])
    with kombo(seventeen) as (url, asked):
        client = KomboClient(api_key="key", base_url=url, timeout_seconds=60.0)
        report = Fleet(book.ledger, client, "kombo_default", Wanted()).sync(["applications"])
        client.close()
    assert report.failed == {}
    assert asked[:3] == ["250", "25", "2"]
    assert set(asked[3:]) == {"1"}
    assert ids(book.ledger) == ["app-0", "app-1"]
