"""Which integrations exist, what state they are in, and what Kombo says about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kombo_sandbox.errors import ApiError

if TYPE_CHECKING:
    from kombo_sandbox.settings import Settings

_ID = re.compile(r"[A-Za-z0-9_-]+:.+")
_NOT_BUILT = ("UNSUPPORTED", "NOT_IMPLEMENTED")
_FIELDS = (
    "candidate.first_name", "candidate.last_name", "candidate.email_address", "candidate.additional_email_addresses",
    "candidate.company", "candidate.title", "candidate.phone_number", "candidate.additional_phone_numbers",
    "candidate.location", "candidate.gender", "candidate.availability_date", "candidate.salary_expectations",
    "candidate.social_links", "attachments", "screening_question_answers", "sourced_by", "gdpr_consent", "stage_id",
)  # fmt: skip


class Integrations:
    """The integrations that a key can see."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def require(self, integration_id: str | None, environment_id: str) -> str:
        """The id, if the integration exists in this environment."""
        if not integration_id:
            raise ApiError("PLATFORM.INPUT_INVALID", "X-Integration-Id: is required")
        listed = self._settings.of("integrations")
        exists = integration_id in listed if listed is not None else _ID.fullmatch(integration_id)
        home = self._settings.of("environment_id", integration_id)
        if not exists or home not in (None, environment_id):
            raise ApiError("PLATFORM.INTEGRATION_NOT_FOUND", f"There is no integration {integration_id}.")
        return integration_id

    def require_working(self, integration_id: str, *, action: bool) -> None:
        """Refuses what the integration's state does not allow: creates (`action`), or reads."""
        status = self._settings.of("status", integration_id)
        setup = self._settings.of("setup_status", integration_id)
        if status == "INACTIVE":
            raise ApiError("INTEGRATION.INACTIVE", "The integration is switched off.")
        if setup == "INCOMPLETE":
            raise ApiError("INTEGRATION.SETUP_INCOMPLETE", "The integration's setup is not finished.")
        if setup == "FINAL_SYNC_PENDING" and not action:
            raise ApiError("INTEGRATION.SETUP_SYNC_PENDING", "The first sync is still running.")
        if status == "INVALID" and action:
            raise ApiError("INTEGRATION.AUTHENTICATION_INVALID", "The ATS refuses the stored credentials.")
        if action:
            self._require_action(integration_id)

    def _require_action(self, integration_id: str) -> None:
        if self._settings.of("action_coverage", integration_id) in _NOT_BUILT:
            raise ApiError("INTEGRATION.ACTION_NOT_AVAILABLE", "Creating applications is not built for this ATS.")
        opted_out = self._settings.of("action_opted_out", integration_id)
        if opted_out or self._settings.of("action_setting", integration_id) == "DISABLED":
            raise ApiError("INTEGRATION.ACTION_DISABLED", "Creating applications is switched off.")

    def show(self, integration_id: str) -> dict[str, Any]:
        """`GET /integrations/{integration_id}`"""
        tool = integration_id.partition(":")[0]
        data = {
            "id": integration_id,
            "tool": {
                "id": tool,
                "label": tool.capitalize(),
                "internal_label": None,
                "logo_url": f"https://example.com/{tool}.svg",
                "icon_url": f"https://example.com/{tool}-icon.svg",
            },
            "category": "ATS",
            "status": self._settings.of("status", integration_id),
            "setup_status": self._settings.of("setup_status", integration_id),
            "end_user": {"organization_name": "Sandbox Ltd", "creator_email": None, "origin_id": None},
            "scope_config": {"id": "sandbox-scope", "name": "Sandbox"},
            "data_expired_at": None,
            "created_at": "2026-01-01T00:00:00.000Z",
            "beta": False,
            "read_models": [],
            "write_actions": [
                self._action(integration_id, "ats_create_application", "Create application"),
                self._action(integration_id, "ats_create_candidate", "Create candidate"),
            ],
        }
        return {"status": "success", "data": data}

    def restrictions(self, integration_id: str) -> dict[str, Any]:
        """`GET /ats/actions/ats_create_application`"""
        found = self._settings.of("attachment_restrictions", integration_id)
        return {"status": "success", "data": {"attachment_restrictions": found}}

    def _action(self, integration_id: str, action_id: str, label: str) -> dict[str, Any]:
        setting = self._settings.of("action_setting", integration_id)
        coverage = self._settings.of("action_coverage", integration_id)
        opted_out = self._settings.of("action_opted_out", integration_id)
        unsupported = self._settings.of("unsupported_fields", integration_id)
        return {
            "id": action_id,
            "label": label,
            "is_available": setting != "DISABLED" and coverage not in _NOT_BUILT and not opted_out,
            "coverage_status": coverage,
            "scope_config_setting": setting,
            "opted_out_by_customer": opted_out,
            "fields": [
                {
                    "id": field,
                    "is_available": field not in unsupported,
                    "coverage_status": "UNSUPPORTED" if field in unsupported else "SUPPORTED",
                }
                for field in _FIELDS
            ],
        }
