"""What Airflow shows of this provider: plain data, read without importing Airflow or the hook."""

from __future__ import annotations

from typing import Any

from kombo_provider import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's provider-info schema wants it."""
    return {
        "package-name": "airflow-provider-kombo",
        "name": "Kombo",
        "description": "Push applicants from a SQL warehouse into applicant tracking systems through Kombo.",
        "versions": [__version__],
    }
