from __future__ import annotations

from typing import Any

import pytest

from kombo_provider.client.client import KomboClient
from kombo_provider.client.settings import ConnectionSettings
from kombo_provider.errors import ConfigurationError

KEY = "secret-key-1"


def parse(host: str | None = None, extra: Any = None, password: str | None = KEY) -> ConnectionSettings:
    return ConnectionSettings.parse(host=host, password=password, extra=extra)


def test_a_password_is_enough() -> None:
    assert parse() == ConnectionSettings("https://api.kombo.dev/v1", KEY, None, 30, 300.0)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("eu", "https://api.kombo.dev/v1"),
        ("us", "https://api.us.kombo.dev/v1"),
        ("ca", "https://api.ca.kombo.dev/v1"),
        (" US ", "https://api.us.kombo.dev/v1"),
        ("", "https://api.kombo.dev/v1"),
        (None, "https://api.kombo.dev/v1"),
    ],
)
def test_the_region_picks_the_base_url(region: str | None, expected: str) -> None:
    assert parse(extra={"region": region}).base_url == expected
    assert parse(host="  ", extra={"region": region}).base_url == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://api.kombo.dev/v1", "https://api.kombo.dev/v1"),
        ("https://api.kombo.dev/v1/", "https://api.kombo.dev/v1"),
        (" api.us.kombo.dev/v1 ", "https://api.us.kombo.dev/v1"),
        ("http://sandbox:8765/v1", "http://sandbox:8765/v1"),
        ("localhost:8765/v1", "http://localhost:8765/v1"),
        ("127.0.0.1:8765/v1", "http://127.0.0.1:8765/v1"),
        ("[::1]:8765/v1", "http://[::1]:8765/v1"),
        ("localhost.example/v1", "https://localhost.example/v1"),
        ("127.0.0.1.example/v1", "https://127.0.0.1.example/v1"),
        ("https://localhost/v1", "https://localhost/v1"),
    ],
)
def test_a_host_wins_over_the_region_and_gets_its_scheme(host: str, expected: str) -> None:
    assert parse(host=host, extra={"region": "ca"}).base_url == expected


@pytest.mark.parametrize(
    "host", ["ftp://api.kombo.dev/v1", "https://", "https://a b/v1", "https://host:port/v1", "http://[::1/v1", "/v1"]
)
def test_a_host_that_is_no_url_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="host is not a URL"):
        parse(host=host)


@pytest.mark.parametrize(
    "host",
    [
        "http://api.kombo.dev/v1",
        "HTTP://kombo.example/v1",
        "http://10.0.0.5:8765/v1",
        "http://[fd00::1]/v1",
        "http://3232235777/v1",
        "http://0x7f000001.example/v1",
        "http://localhost.example/v1",
        "http://127.0.0.1.example",
    ],
)
def test_clear_text_to_a_host_that_is_not_near_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"clear text.*https://"):
        parse(host=host)


@pytest.mark.parametrize(
    "host", ["http://127.0.0.9/v1", "http://[::1]:8765/v1", "http://LOCALHOST/v1", "http://sandbox-2/v1"]
)
def test_clear_text_to_this_machine_or_a_neighbour_is_taken(host: str) -> None:
    assert parse(host=host).base_url == host


@pytest.mark.parametrize("host", ["https://key@api.kombo.dev/v1", "https://api.kombo.dev/v1?a=b", "https://a.b/v1#c"])
def test_a_host_that_holds_more_than_a_base_url_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="more than a base URL"):
        parse(host=host)


def test_kombos_host_without_its_path_is_refused_since_every_row_would_be() -> None:
    with pytest.raises(ConfigurationError, match=r"put https://api\.us\.kombo\.dev/v1 there"):
        parse(host="api.us.kombo.dev")


def test_extras_may_be_json_text_and_numbers_may_be_text() -> None:
    settings = parse(extra='{"max_in_flight": "7", "timeout_seconds": "12.5", "integration_id": " workday:1 "}')

    assert (settings.max_in_flight, settings.timeout_seconds) == (7, 12.5)
    assert settings.integration_id == "workday:1"


@pytest.mark.parametrize("extra", [None, "", "  ", {}, "{}", {"max_in_flight": None, "timeout_seconds": ""}])
def test_blank_extras_count_as_absent(extra: Any) -> None:
    assert parse(extra=extra) == parse()


def test_an_unknown_extra_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'max_inflight'.*Did you mean 'max_in_flight'"):
        parse(extra={"max_inflight": 3})
    with pytest.raises(ConfigurationError, match=r"'zebra' that means nothing here\. Known are: region"):
        parse(extra={"zebra": None})


@pytest.mark.parametrize("extra", ["{", "[]", '"text"', "5", [1]])
def test_an_extra_that_is_no_object_is_refused(extra: Any) -> None:
    with pytest.raises(ConfigurationError, match="extra"):
        parse(extra=extra)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "asia"), ("region", 5), ("region", ["eu"]),
        ("integration_id", 5), ("integration_id", "a\nb"), ("integration_id", "Zürich"), ("integration_id", " "),
        ("max_in_flight", 0), ("max_in_flight", 1001), ("max_in_flight", 2.5), ("max_in_flight", "ten"),
        ("max_in_flight", True), ("max_in_flight", [3]), ("max_in_flight", "nan"), ("max_in_flight", -1),
        ("timeout_seconds", 0), ("timeout_seconds", 3601), ("timeout_seconds", "inf"), ("timeout_seconds", False),
        ("timeout_seconds", {}), ("timeout_seconds", 10**400),
    ],
)  # fmt: skip
def test_an_extra_of_a_wrong_type_or_range_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}'"):
        parse(extra={name: value})


@pytest.mark.parametrize("password", [None, "", "  "])
def test_a_missing_api_key_is_a_clear_error(password: str | None) -> None:
    with pytest.raises(ConfigurationError, match="no API key"):
        parse(password=password)


@pytest.mark.parametrize("password", ["a b", "a\nb", "schlüssel"])
def test_an_api_key_that_no_header_can_carry_is_refused_without_showing_it(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(password=password)
    assert password not in str(caught.value)


def test_an_api_key_is_stripped_and_never_shown() -> None:
    settings = parse(password=f" {KEY}\n")
    client = KomboClient(api_key=settings.api_key, base_url=settings.base_url)

    assert settings.api_key == KEY
    assert KEY not in repr(settings)
    assert KEY not in repr(client)
    assert "api.kombo.dev" in repr(client)


def test_a_client_refuses_an_api_key_that_no_header_can_carry() -> None:
    with pytest.raises(ConfigurationError) as caught:
        KomboClient(api_key="geheim\r\nX: y", base_url="https://api.kombo.dev/v1")
    assert "geheim" not in str(caught.value)


def test_a_ca_bundle_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")

    with pytest.raises(ConfigurationError, match=r"/nowhere/ca\.pem cannot be read"):
        KomboClient(api_key=KEY, base_url="https://api.kombo.dev/v1")
