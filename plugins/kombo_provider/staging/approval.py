"""A run that would send surprisingly much asks first."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_provider.errors import ConfirmationRequiredError


def require_confirmation(ready: Mapping[str, int], approve_above: int, confirmed: int | None) -> None:
    """Raise ConfirmationRequiredError where more rows wait than may leave unasked and than were confirmed."""
    total = sum(ready.values())
    if total <= approve_above or (confirmed is not None and total <= confirmed):
        return
    each = "; ".join(f"{integration_id}: {count}" for integration_id, count in sorted(ready.items()))
    raise ConfirmationRequiredError(
        f"{total} rows would be sent, more than approve_above={approve_above}; nothing was sent, the rows wait as "
        f"ready. Per integration: {each}. To confirm, trigger the DAG with the param confirm_rows={total}; to send a "
        "part, with integration_ids or limit; to take rows out, select them as withdrawn or already_sent."
    )
