"""The assets that are updated when something was done: their names, and an address of a scheme of ours."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset

APPLICANT_IDS_ASSET = "kombo_applicant_ids"
IN_DOUBT_ASSET = "kombo_in_doubt"
APPLICATIONS_ASSET = "kombo_applications"


def asset_named(name: str) -> Asset:
    """Return one of our assets. OpenLineage tells nothing of an asset whose address has no scheme."""
    return Asset(name=name, uri=f"kombo://ledger/{name}")


def asset_as_known(name: str) -> Asset:
    """Return the asset as this Airflow knows it, inside of a task.

    A DAG may name it `Asset("kombo_applicant_ids")`, as all did before it had an address. Airflow keeps one address
    for a name, so an event under another one would wake nobody.
    """
    uri = _known_uri(name)
    return Asset(name=name, uri=uri) if uri else asset_named(name)


def _known_uri(name: str) -> str | None:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import AssetResult, GetAssetByName

    supervisor: Any = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:  # there is none where a test calls `execute` by itself
        return None
    found = supervisor.send(GetAssetByName(name=name))
    return found.uri if isinstance(found, AssetResult) else None
