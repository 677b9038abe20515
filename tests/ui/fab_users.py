"""Run in Airflow's environment with FAB: roles with rights on one DAG, and users whose password is their name."""

from __future__ import annotations

import json
import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder  # type: ignore[import-not-found]

with get_application_builder() as appbuilder:
    manager = appbuilder.sm
    for name, rights in json.loads(sys.argv[1]).items():
        role = manager.add_role(name)
        for action, resource in rights:
            manager.add_permission_to_role(role, manager.create_permission(action, resource))
        assert manager.add_user(name, name, name, f"{name}@example.com", role, password=name)
