"""The hash changes when what would be sent, or what is wrong, changes: and only then."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kombo_provider.mapping import RowMapper
from tests.unit.mapping.one_row import VALID, frame_of, map_row

CHANGES: list[dict[str, Any]] = [
    {"candidate__first_name": "Franz"},
    {"job_id": "remote:43"},
    {"stage_id": "S"},
    {"candidate__title": "CTO"},
    {"candidate__first_name": None},
    {"candidate__first_name": b"x"},
    {"candidate__first_name": b"y"},
    {"candidate__social_links": "["},
    {"candidate__social_links": "[["},
    {"candidate__social_links": [{"url": "x"}]},
    {"candidate__social_links": [{"url": "y"}]},
    {"job_id": None},
    {"job_id": b"1"},
]
NEUTRAL: list[dict[str, Any]] = [
    {"candidate__first_name": " Frank "},
    {"candidate__title": None},
    {"candidate__social_links": "[]"},
    {"applicant_id": "other"},
    {"integration_id": "lever:two"},
    {"changed_at": "2021-01-01"},
    {"already_sent": True},
    {"withdrawn": True},
]


def test_every_change_gives_another_hash() -> None:
    hashes = [map_row(columns).payload_sha256 for columns in [{}, *CHANGES]]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("columns", NEUTRAL, ids=repr)
def test_what_is_not_sent_does_not_change_the_hash(columns: dict[str, Any]) -> None:
    assert map_row(columns).payload_sha256 == map_row().payload_sha256


@pytest.mark.parametrize("columns", [{}, *CHANGES], ids=repr)
def test_the_hash_depends_neither_on_the_order_of_columns_nor_on_the_endpoint(columns: dict[str, Any]) -> None:
    row = {**VALID, "candidate__gender": "x", "candidate__phone_number": b"x", **columns}
    reverse = dict(reversed(row.items()))
    (mapped,) = RowMapper(list(row), endpoint="application").map_chunk(frame_of(row))
    (turned,) = RowMapper(list(reverse), endpoint="candidate").map_chunk(frame_of(reverse))
    assert mapped.payload_sha256 == turned.payload_sha256
    assert mapped.problems == turned.problems


def test_the_hash_of_a_valid_row_is_the_same_in_every_release() -> None:
    columns = {"stage_id": "S", "candidate__social_links": [{"url": "https://a.b"}], "remote_fields": {"b": 1, "a": 2}}
    assert map_row(columns).payload_sha256 == "4020ffa3e9e8323e347c4f1851b49e30b70367dd8121b1fe3c43b8526aa29c67"


def test_the_hash_is_the_same_in_every_process() -> None:
    code = (
        "from tests.unit.mapping.one_row import map_row\n"
        "print(map_row({'candidate__title': object(), 'candidate__company': {'a', 'b'}}).payload_sha256)\n"
        "location = {'country': 'DE'} | {f'x{number}': number for number in range(9)}\n"
        "extras = [f'candidate__location__{key}' for key in location]\n"
        "print(map_row({'candidate__location': location}, extra_fields=extras).payload_sha256)\n"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout
