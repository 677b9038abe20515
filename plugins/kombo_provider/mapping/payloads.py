"""What the ledger keeps of a row's body: the request as text, its hash, or what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from kombo_provider.mapping.chunks import Chunk
from kombo_provider.mapping.digests import digest
from kombo_provider.mapping.pieces import json_text


class StoredBodies(NamedTuple):
    """What the ledger keeps of each row, by column: of its payload and its problems one is None."""

    payloads: list[str | None]
    sums: list[str]
    problems: list[str | None]


def stored_bodies(
    chunk: Chunk, jobs: Sequence[str], stages: Sequence[str], bodies: Sequence[str], *, job_in_body: bool
) -> StoredBodies:
    """Return what the ledger keeps of the rows; blank ids are absent ones.

    The hash does not depend on the endpoint, so that a pipeline can change over without looking changed.
    """
    parts = list(zip(jobs, stages, bodies, strict=True))
    payloads: list[str | None] = list(bodies)
    if job_in_body:
        payloads = [_with_application(body, job, stage) for job, stage, body in parts]
    elif any(stages):
        payloads = [_with_stage(body, stage) for _, stage, body in parts]
    stored = StoredBodies(payloads, list(map(digest, parts)), [None] * chunk.rows)
    for row, found in chunk.problems.items():
        problems = json_text([problem._asdict() for problem in found])
        stored.payloads[row] = None
        stored.sums[row] = digest((*parts[row], problems, *chunk.fingerprints[row]))
        stored.problems[row] = problems
    return stored


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
