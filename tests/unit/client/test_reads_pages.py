"""Paged reads: all pages, all filters on each, and an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kombo_provider.client import KomboClient
from kombo_provider.client.reads import Page
from kombo_provider.errors import ApiError, ConfigurationError, CursorError, UnreadableAnswerError
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import Peer, ScriptedServer, answers, http_answer, success

ClientFor = Callable[..., KomboClient]


def pages(*contents: dict[str, Any]) -> Callable[[Peer], None]:
    """Answer the requests of one connection with one page after the other."""

    def script(peer: Peer) -> None:
        for content in contents:
            peer.read_request()
            peer.send(http_answer(200, success(content)))
        peer.stopped.wait(60)

    return script


def queries(server: ScriptedServer) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(request.target).query, strict_parsing=True) for request in server.requests]


EMPTY: dict[str, Any] = {"next": None, "results": []}


def test_all_pages_are_read_with_the_same_filters(serve: Serve, client_for: ClientFor) -> None:
    server = serve(
        pages(
            {"next": "c/1+", "results": [{"id": "1"}, {"id": "2"}]},
            {"next": "c2", "results": []},
            {"next": None, "results": [{"id": "3"}]},
        )
    )

    found = client_for(server).candidates("t:1", email="a+b@example.org", job_ids=["j1", "j2"])

    assert [record["id"] for record in found] == ["1", "2", "3"]
    filters = {"email": ["a+b@example.org"], "job_ids": ["j1,j2"], "page_size": ["250"]}
    assert queries(server) == [filters, filters | {"cursor": ["c/1+"]}, filters | {"cursor": ["c2"]}]
    assert {request.headers["x-integration-id"] for request in server.requests} == {"t:1"}
    assert server.connections == 1


@pytest.mark.parametrize("name", ["applications", "candidates", "jobs"])
def test_each_model_has_its_path(serve: Serve, client_for: ClientFor, name: str) -> None:
    server = serve(answers(200, success(EMPTY)))

    assert list(getattr(client_for(server), name)("t:1")) == []
    assert urlsplit(server.requests[0].target).path == f"/v1/ats/{name}"


def test_filters_are_written_the_way_kombo_reads_them(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, success(EMPTY)))
    berlin = datetime(2025, 6, 1, 12, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=2)))

    list(
        client_for(server).applications(
            "t:1",
            updated_after=berlin,
            remote_created_after=date(2025, 1, 2),
            include_deleted=True,
            ignore_unsupported_filters=False,
            outcomes=("PENDING",),
            job_ids=None,
            page_size=10,
        )
    )

    assert queries(server) == [
        {
            "updated_after": ["2025-06-01T10:30:15Z"],
            "remote_created_after": ["2025-01-02"],
            "include_deleted": ["true"],
            "ignore_unsupported_filters": ["false"],
            "outcomes": ["PENDING"],
            "page_size": ["10"],
        }
    ]


def test_an_empty_list_matches_nothing_and_asks_nothing(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, success({"next": None, "results": [{"id": "everything"}]})))

    assert list(client_for(server).applications("t:1", ids=[])) == []
    assert server.connections == 0


@pytest.mark.parametrize(
    "filters",
    [
        {"updated_after": datetime(2025, 1, 1)},  # noqa: DTZ001
        {"remote_ids": ["a,b"]},
        {"ids": [{"id": 1}]},
        {"email": b"bytes"},
    ],
)
def test_a_filter_that_kombo_would_misread_is_refused_at_once(
    serve: Serve, client_for: ClientFor, filters: dict[str, Any]
) -> None:
    server = serve(answers(200, success(EMPTY)))

    with pytest.raises(ConfigurationError, match=next(iter(filters))):
        client_for(server).applications("t:1", **filters)

    assert server.connections == 0


def test_a_cursor_that_comes_back_is_an_error_and_no_endless_loop(serve: Serve, client_for: ClientFor) -> None:
    first, second = {"next": "a", "results": [{"id": "1"}]}, {"next": "b", "results": []}
    server = serve(pages(first, second, first))
    found = client_for(server).jobs("t:1")

    with pytest.raises(CursorError, match="same cursor twice") as caught:
        list(found)

    assert caught.value.integration_id == "t:1"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "data", [None, [], {"next": None}, {"next": None, "results": {}}, {"results": ["x"]}, {"next": 7, "results": []}]
)
def test_a_page_of_a_wrong_shape_is_an_error(serve: Serve, client_for: ClientFor, data: object) -> None:
    with pytest.raises(ApiError, match="not Kombo's"):
        list(client_for(serve(answers(200, success(data)))).jobs("t:1"))


@pytest.mark.parametrize("items", [[None, {"id": "1"}, "x", 5], [{"id": "1"}, None]])
def test_an_item_that_is_no_record_hides_none_of_the_others(
    serve: Serve, client_for: ClientFor, items: list[Any]
) -> None:
    server = serve(pages({"next": "c", "results": items}, {"next": None, "results": [None]}))
    found = list(client_for(server).pages("jobs", "t:1"))
    assert found == [Page([{"id": "1"}], is_last=False, skipped=len(items) - 1), Page([], is_last=True, skipped=1)]


ODD = {
    "a number of thousands of digits": b"9" * 4_400,
    "nesting without end": b"[" * 120_000 + b"]" * 120_000,
    "a byte that is no UTF-8": b'"\xff"',
}


@pytest.mark.parametrize("order", ["status first", "data first"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_a_record_that_no_json_reader_takes_hides_none_of_the_others(
    serve: Serve, client_for: ClientFor, odd: bytes, order: str
) -> None:
    data = b'"data":{"results":[{"id":"1"},{"id":"2","custom_fields":{"x":' + odd + b'}},{"id":"3"}],"next":null}'
    body = b'{"status":"success",' + data + b"}"
    if order == "data first":
        body = b"{" + data + b',"status":"success"}'
    server = serve(answers(200, body))
    assert [record["id"] for record in client_for(server).jobs("t:1")] == ["1", "2", "3"]


def test_a_success_that_is_no_json_is_said_to_be_kombos_and_not_the_base_urls_fault(
    serve: Serve, client_for: ClientFor
) -> None:
    server = serve(answers(200, b'{"status":"success","data":{"results":[{"id":1,}],"next":null}}'))
    with pytest.raises(UnreadableAnswerError, match=r"GET /ats/jobs .* Report it to Kombo") as caught:
        list(client_for(server).jobs("t:1"))
    assert caught.value.integration_id == "t:1"


def test_an_empty_cursor_ends_the_read(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, success({"next": "", "results": [{"id": "1"}]})))

    assert len(list(client_for(server).jobs("t:1", updated_after=datetime(2025, 1, 1, tzinfo=UTC)))) == 1


@pytest.mark.parametrize("cursor", [5, ["x"], True])
def test_a_cursor_that_is_no_text_is_no_end(serve: Serve, client_for: ClientFor, cursor: object) -> None:
    server = serve(answers(200, success({"next": cursor, "results": [{"id": "1"}]})))

    with pytest.raises(ApiError, match="not Kombo's"):
        list(client_for(server).jobs("t:1", updated_after=datetime(2025, 1, 1, tzinfo=UTC)))
