"""Whom a payload is about, as a digest that can be kept when the payload is gone."""

from __future__ import annotations

import hashlib
import json


def email_of(payload: str | None) -> str | None:
    """Return the e-mail address in a request body, None without one."""
    if payload is None:
        return None
    email = json.loads(payload).get("candidate", {}).get("email_address")
    return email if isinstance(email, str) else None


def email_sha256(email: str) -> str:
    """Return what an address is compared by where the address itself is not kept; case does not matter."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def payload_email_sha256(payload: str | None) -> str | None:
    """Return the digest of the address in a request body."""
    email = email_of(payload)
    return email_sha256(email) if email is not None else None
