"""A client that nobody closes leaves no connection to the garbage collector."""

from __future__ import annotations

import gc
import warnings

from kombo_provider.client import KomboClient
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import answers, success


def test_the_connections_of_a_client_end_with_it(serve: Serve) -> None:
    server = serve(answers(200, success({"environment_id": "env-1"})))
    client = KomboClient(api_key="k", base_url=f"http://127.0.0.1:{server.port}/v1")
    assert client.check_api_key() == "env-1"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert [warning.message for warning in told if str(server.port) in str(warning.message)] == []
