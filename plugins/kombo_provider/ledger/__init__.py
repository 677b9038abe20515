"""The only truth about what was sent: its tables, its statuses and who may send.

What other rooms need is exported here; modules whose names begin with an underscore are the ledger's own.
"""

from kombo_provider.ledger import (
    alerts,
    claims,
    delivered_ids,
    doubts,
    dry_run,
    email_digest,
    erasure,
    forgotten,
    history,
    holds,
    lane_actions,
    lane_states,
    lane_view,
    lane_wishes,
    leases,
    on_wire,
    open_rows,
    overview,
    passed_over,
    pulled,
    pulled_jobs,
    pulls,
    replay,
    results,
    rivals,
    runs,
    staging,
    summary,
    tracking,
    watched,
)
from kombo_provider.ledger._moves import By
from kombo_provider.ledger._tables import EVERYWHERE
from kombo_provider.ledger.claims import Intent, Selection
from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.doubts import Doubt
from kombo_provider.ledger.holds import Held
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.ledger.leases import Lease
from kombo_provider.ledger.ledger import Ledger, now
from kombo_provider.ledger.pulled import Keep
from kombo_provider.ledger.pulls import Pull
from kombo_provider.ledger.results import Result
from kombo_provider.ledger.staging import COUNTERS, Staging
from kombo_provider.ledger.status import (
    COUNTED,
    MOVES,
    REFUSED,
    REMOTE,
    RETRYABLE_CODES_AT_MOST,
    UNFINISHED,
    UNSETTLED,
    Actor,
    DeliveryKey,
    Endpoint,
    Hold,
    LaneState,
    Resolution,
    RunRef,
    Status,
)
from kombo_provider.ledger.summary import ErrorCount, Unsettled

__all__ = [
    "COUNTED",
    "COUNTERS",
    "EVERYWHERE",
    "ID_COLUMNS",
    "MOVES",
    "REFUSED",
    "REMOTE",
    "RETRYABLE_CODES_AT_MOST",
    "UNFINISHED",
    "UNSETTLED",
    "Actor",
    "By",
    "DeliveredIds",
    "DeliveryKey",
    "Doubt",
    "Endpoint",
    "ErrorCount",
    "Held",
    "Hold",
    "Intent",
    "Keep",
    "KomboIds",
    "LaneState",
    "LaneStatus",
    "Lease",
    "Ledger",
    "Pull",
    "Resolution",
    "Result",
    "RunRef",
    "Selection",
    "Staging",
    "Status",
    "Unsettled",
    "alerts",
    "claims",
    "delivered_ids",
    "doubts",
    "dry_run",
    "email_digest",
    "erasure",
    "forgotten",
    "history",
    "holds",
    "lane_actions",
    "lane_states",
    "lane_view",
    "lane_wishes",
    "leases",
    "now",
    "on_wire",
    "open_rows",
    "overview",
    "passed_over",
    "pulled",
    "pulled_jobs",
    "pulls",
    "replay",
    "results",
    "rivals",
    "runs",
    "staging",
    "summary",
    "tracking",
    "watched",
]
