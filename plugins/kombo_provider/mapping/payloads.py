"""What the ledger keeps of a row's body: the request as text, its hash, or what is wrong with it."""

from __future__ import annotations

import json

from kombo_provider.mapping.bodies import json_text
from kombo_provider.mapping.chunks import Chunk
from kombo_provider.mapping.digests import digest

StoredBody = tuple[str | None, str, str | None]
"""Payload, its SHA-256, problems: one of first and last is None."""


def stored_body(chunk: Chunk, row: int, job_id: str, stage_id: str, body: str, *, job_in_body: bool) -> StoredBody:
    """Return what the ledger keeps of one row; blank ids are absent ones.

    The hash does not depend on the endpoint, so that a pipeline can change over without looking changed.
    """
    if row in chunk.problems:
        problems = json_text([problem._asdict() for problem in chunk.problems[row]])
        return None, digest((job_id, stage_id, body, problems, *chunk.fingerprints[row])), problems
    payload = _with_application(body, job_id, stage_id) if job_in_body else _with_stage(body, stage_id)
    return payload, digest((job_id, stage_id, body)), None


def _with_stage(body: str, stage_id: str) -> str:
    return f'{body[:-1]},"stage_id":{json_text(stage_id)}}}' if stage_id else body


def _with_application(body: str, job_id: str, stage_id: str) -> str:
    application = {"job_id": job_id, "stage_id": stage_id} if stage_id else {"job_id": job_id}
    return f'{{"application":{json_text(application)},{body[1:]}'


def names_files(payload: str | None) -> bool:
    """Say whether an attachment of the body is a file that is still to be read."""
    if payload is None or '"path":' not in payload:
        return False
    return any("path" in attachment for attachment in json.loads(payload).get("attachments", ()))
