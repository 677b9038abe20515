"""Whom a payload is about, as a digest that can be kept when the payload is gone.

The digest is keyed by a secret that does not lie in the ledger, so that nobody who has the ledger alone can try
addresses against it. Without a secret no digest is kept, and what was delivered without ids stays without them.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from sqlalchemy import Connection

SECRET_OPTION = "kombo_digest_secret"  # noqa: S105 - the name of an execution option
"""Execution option of the ledger's engine that carries the secret."""


def email_of(payload: str | None) -> str | None:
    """Return the e-mail address in a request body, None without one."""
    if payload is None:
        return None
    email = json.loads(payload).get("candidate", {}).get("email_address")
    if isinstance(email, str):
        return email
    return None


def keyed_digest(email: str | None, secret: bytes | None) -> str | None:
    """Return what an address is compared by where the address itself is not kept; case does not matter."""
    if email is None or not secret:
        return None
    return hmac.new(secret, email.strip().lower().encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def payload_digest(conn: Connection, payload: str | None) -> str | None:
    """Return the digest of the address in a request body, by the secret of the ledger that `conn` belongs to."""
    return keyed_digest(email_of(payload), conn.get_execution_options().get(SECRET_OPTION))
