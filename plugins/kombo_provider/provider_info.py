"""What Airflow shows of this provider: plain data, read without importing Airflow or the hook."""

from __future__ import annotations

from typing import Any

from kombo_provider import __version__

_CONNECTION_FIELDS: dict[str, Any] = {
    "region": {
        "label": "Region",
        "description": "Where the Kombo environment lives. Ignored if Base URL is filled in.",
        "schema": {"type": ["string", "null"], "enum": ["eu", "us", "ca"], "default": "eu"},
    },
    "integration_id": {
        "label": "Integration ID",
        "description": (
            "Used for rows that name no integration, such as workday:HWUTwvyx2wLoSUHphiWVrp28. "
            "Leave it empty where the source has a column integration_id."
        ),
        "schema": {"type": ["string", "null"]},
    },
    "max_in_flight": {
        "label": "Requests in flight",
        "description": "Most creates at once for one integration. Kombo allows 30; a lower cap of Kombo's wins.",
        "schema": {"type": ["integer", "null"], "default": 30, "minimum": 1, "maximum": 1000},
    },
    "timeout_seconds": {
        "label": "Timeout in seconds",
        "description": (
            "For a whole call. A create may take Kombo minutes; one that is cut off has to be looked up, "
            "so lower this only with a reason."
        ),
        "schema": {"type": ["integer", "null"], "default": 300, "minimum": 1, "maximum": 3600},
    },
}

_CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "kombo",
    "hook-class-name": "kombo_provider.hooks.kombo.KomboHook",
    "hook-name": "Kombo",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login"],
        "relabeling": {"password": "API key", "host": "Base URL"},
        "placeholders": {
            "password": "from the Secrets page of Kombo's dashboard",
            "host": "empty for Kombo itself, or a URL with its path: https://api.kombo.dev/v1",
            # Not used by the client. Airflow 3.3.2 cannot test a saved connection without a port (its UI sends 0);
            # the field may be hidden once apache/airflow#73298 is in the oldest supported release.
            "port": "443",
        },
    },
    "conn-fields": _CONNECTION_FIELDS,
}


_OPERATOR_MODULES = ("create", "deliver", "doubts", "next", "report", "stage", "sync", "watch", "write_back")

_CONFIG: dict[str, Any] = {
    "kombo": {
        "description": "Settings of the Kombo provider.",
        "options": {
            "email_digest_secret": {
                "description": "Keys the digests by which the ledger knows e-mail addresses whose payload is gone. "
                "Empty: Airflow's first fernet key. With another key, ids that Kombo left out earlier are not looked "
                "up any more.",
                "version_added": "0.1.0",
                "type": "string",
                "sensitive": True,
                "example": None,
                "default": "",
            },
            "page_connections": {
                "description": "Connections with which the page *Kombo* reads ledgers, as JSON: the ledger's "
                "connection to the page's. The page needs no right on payload, error_title, error_message and "
                "warnings. Without an entry it reads as the DAGs do; persons' actions always use the DAGs' connection.",
                "version_added": "0.1.0",
                "type": "string",
                "example": '{"warehouse_default": "kombo_page"}',
                "default": "",
            },
        },
    }
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's provider-info schema wants it."""
    return {
        "package-name": "airflow-provider-kombo",
        "name": "Kombo",
        "description": "Push applicants from a SQL warehouse into applicant tracking systems through Kombo.",
        "versions": [__version__],
        "connection-types": [_CONNECTION_TYPE],
        "integrations": [
            {
                "integration-name": "Kombo",
                "external-doc-url": "https://docs.kombo.dev/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "Kombo", "python-modules": ["kombo_provider.hooks.kombo"]}],
        "operators": [
            {
                "integration-name": "Kombo",
                "python-modules": [f"kombo_provider.operators.{name}" for name in _OPERATOR_MODULES],
            }
        ],
        "asset-uris": [
            {
                "schemes": ["kombo"],
                "handler": None,
                "to_openlineage_converter": "kombo_provider.operators.lineage.of_asset",
            }
        ],
        "config": _CONFIG,
        "extra-links": [
            "kombo_provider.operators.links.KomboLogLink",
            "kombo_provider.operators.links.KomboPageLink",
        ],
        "cli": ["kombo_provider.cli.get_kombo_cli_commands"],
    }
