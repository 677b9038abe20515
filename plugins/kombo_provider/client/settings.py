"""The settings of a Kombo connection, checked."""

from __future__ import annotations

import difflib
import ipaddress
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from kombo_provider.errors import ConfigurationError

# Kombo docs: ats/getting-started/authentication. One API key belongs to one environment of one region.
BASE_URLS: Final = MappingProxyType(
    {
        "eu": "https://api.kombo.dev/v1",
        "us": "https://api.us.kombo.dev/v1",
        "ca": "https://api.ca.kombo.dev/v1",
    }
)
EXTRAS: Final = ("region", "integration_id", "max_in_flight", "timeout_seconds")
# More threads than this share one task's memory badly; Kombo's own cap is 30 for one integration.
MOST_IN_FLIGHT: Final = 1_000
# A request that hangs holds its lane's slot for as long, and its row is in doubt only then.
LONGEST_TIMEOUT_SECONDS: Final = 3_600.0

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_NEIGHBOUR = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)  # a number alone is an address of any network
_LOCAL_HOST = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(?=[:/]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What a connection says; `integration_id` is used where a row has none."""

    base_url: str
    api_key: str = field(repr=False)
    integration_id: str | None = None
    # Kombo's own cap, and the time its SDK gives a create (API reference, sections 10 and 12): less makes more doubts.
    max_in_flight: int = 30
    timeout_seconds: float = 300.0

    @classmethod
    def parse(
        cls,
        *,
        host: str | None = None,
        password: str | None = None,
        extra: Mapping[str, Any] | str | None = None,
    ) -> ConnectionSettings:
        """Return the settings in the fields of a connection; blank extras count as absent.

        `extra` is the object, or its JSON text. Raises `ConfigurationError` that names the field.
        """
        extras = _extras(extra)
        region = _region(extras.get("region"))
        url = BASE_URLS[region]
        if host and host.strip():
            url = base_url(host)  # it says more than a region, which is checked all the same
        return cls(
            base_url=url,
            api_key=_api_key(password),
            integration_id=_integration_id(extras.get("integration_id")),
            max_in_flight=_max_in_flight(extras.get("max_in_flight", 30)),
            timeout_seconds=_timeout_seconds(extras.get("timeout_seconds", 300)),
        )


def is_header_value(value: str) -> bool:
    """Return whether a text can travel in a header as it stands: visible ASCII, no blank."""
    return _HEADER_VALUE.fullmatch(value) is not None


def base_url(host: str) -> str:
    """Return the base URL in a connection's host, without a slash at its end.

    Without a scheme it is https, or http for localhost, 127.x.x.x and [::1].
    """
    text = host.strip()
    if "://" not in text:
        scheme = "https://"
        if _LOCAL_HOST.match(text):
            scheme = "http://"
        text = scheme + text
    text = text.rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not is_header_value(text):
        raise ConfigurationError(
            "The connection's host is not a URL. Put the base URL with its path there, such as "
            f"{BASE_URLS['eu']}, or leave it empty and set the extra 'region'."
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "The connection's host holds more than a base URL (a user, '?' or '#'). Only scheme, host, port "
            "and path belong there; the API key belongs into the password."
        )
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise ConfigurationError(
            f"The connection's host is http:// for {parts.hostname}, which is not on this machine: the API key and "
            "people's data would travel in clear text. Write https://."
        )
    if (parts.hostname or "").endswith("kombo.dev") and not parts.path:
        raise ConfigurationError(
            f"The connection's host {text} has no path, and Kombo answers below /v1: put {text}/v1 there."
        )
    return text


def _is_near(hostname: str) -> bool:
    """Return whether a host is this machine, or a name without a dot: a neighbour in a private network."""
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return _NEIGHBOUR.fullmatch(hostname) is not None


def _extras(extra: Mapping[str, Any] | str | None) -> dict[str, Any]:
    given = extra.strip() if isinstance(extra, str) else extra
    try:
        parsed = json.loads(given) if isinstance(given, str) and given else given or {}
    except ValueError:
        raise ConfigurationError("The connection's extra is not valid JSON: correct it.") from None
    if not isinstance(parsed, Mapping):
        raise ConfigurationError('The connection\'s extra has to be a JSON object, such as {"region": "us"}.')
    for name in parsed:
        if name not in EXTRAS:
            raise ConfigurationError(_unknown_extra(str(name)))
    # Airflow's form sends an empty text for a field that nobody filled in.
    return {name: value for name, value in parsed.items() if value is not None and value != ""}


def _unknown_extra(name: str) -> str:
    near = difflib.get_close_matches(name, EXTRAS, n=1)
    hint = ""
    if near:
        hint = f" Did you mean {near[0]!r}?"
    return f"The connection has an extra {name!r} that means nothing here.{hint} Known are: {', '.join(EXTRAS)}."


def _region(value: object) -> str:
    if value is None:
        return "eu"  # the default of Kombo's own SDK (API reference, section 1)
    if isinstance(value, str) and value.strip().lower() in BASE_URLS:
        return value.strip().lower()
    raise ConfigurationError(f"The connection's extra 'region' has to be one of {', '.join(BASE_URLS)}.")


def _api_key(password: str | None) -> str:
    key = (password or "").strip()
    if not key:
        raise ConfigurationError(
            "The connection has no API key: put the key from the Secrets page of Kombo's dashboard into its password."
        )
    if not is_header_value(key):
        raise ConfigurationError(
            "The API key in the connection's password holds blanks or characters that no key has: "
            "copy it again from the Secrets page of Kombo's dashboard."
        )
    return key


def _integration_id(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and is_header_value(value.strip()):
        return value.strip()
    raise ConfigurationError(
        "The connection's extra 'integration_id' has to be the text that Kombo shows for the integration, "
        "such as workday:HWUTwvyx2wLoSUHphiWVrp28."
    )


def _max_in_flight(value: object) -> int:
    number = _number(value)
    if number is None or number != int(number) or not 1 <= number <= MOST_IN_FLIGHT:
        raise ConfigurationError(
            f"The connection's extra 'max_in_flight' has to be a whole number from 1 to {MOST_IN_FLIGHT}."
        )
    return int(number)


def _timeout_seconds(value: object) -> float:
    number = _number(value)
    if number is None or not 1 <= number <= LONGEST_TIMEOUT_SECONDS:
        raise ConfigurationError(
            "The connection's extra 'timeout_seconds' has to be a number from 1 to "
            f"{LONGEST_TIMEOUT_SECONDS:g}; Kombo may need minutes, so 300 is a good value."
        )
    return number


def _number(value: object) -> float | None:
    """Return a number; texts are read too, since a connection given as a URI holds nothing else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if math.isfinite(number):
        return number
    return None
