"""The ids that a delivered application has at Kombo and in its ATS."""

from __future__ import annotations

from typing import NamedTuple


class KomboIds(NamedTuple):
    """Each field is a column of `kombo_deliveries` and of the table that is written back into, by this name.

    Each may be None: Kombo's answer may leave an id out, and a later look-up or sync completes it. One more field here
    is one more column everywhere; a ledger that exists gets it by a migration.
    """

    kombo_application_id: str | None = None
    kombo_application_remote_id: str | None = None
    kombo_candidate_id: str | None = None
    kombo_candidate_remote_id: str | None = None


ID_COLUMNS = KomboIds._fields
