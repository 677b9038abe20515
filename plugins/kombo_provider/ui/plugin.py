"""Registers the page with Airflow. Every component of Airflow reads this, so it imports nothing that takes long."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from kombo_provider import __version__


class KomboPlugin(AirflowPlugin):
    """The page under *Browse* and the application that answers it, built when the API server asks for it."""

    name = "kombo"
    react_apps: list[Any] = [  # noqa: RUF012 - Airflow's declaration
        {
            "name": "Kombo",
            # Relative, so that a base URL with a path works; the version keeps an older script out of the browser.
            "bundle_url": f"kombo/static/kombo.js?v={__version__}",
            "destination": "nav",
            "category": "browse",
            "url_route": "kombo",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The application under `/kombo`."""
        from kombo_provider.ui.app import make_app

        return [{"app": make_app(), "url_prefix": "/kombo", "name": "Kombo"}]
