"""One applicant that no SELECT returned: staged like any row of a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kombo_provider.errors import NotDeliveredError
from kombo_provider.ledger import DeliveryKey, Ledger, staging
from kombo_provider.ledger.staging import Staging
from kombo_provider.staging.mapping_options import MappingOptions


def stage_one(
    ledger: Ledger,
    staging_for: Staging,
    mapping: MappingOptions,
    row: Mapping[str, Any],
) -> DeliveryKey:
    """Map and stage a row of meta columns and fields of the body, by column; return its key.

    A row that is known already changes as one of a SELECT would. Raises NotDeliveredError where it has no usable key.
    """
    mapper = mapping.mapper(list(row), staging_for.endpoint, mapping.find_questions)
    (mapped,) = mapper.map_chunk(pd.DataFrame([list(row.values())], columns=list(row), dtype=object))
    if mapped.key_problem is not None or mapped.integration_id is None or mapped.applicant_id is None:
        raise NotDeliveredError(f"The applicant has no usable key: {mapped.key_problem}. Nothing was sent.")
    with ledger.transaction() as conn:
        staging.lock_source(conn, staging_for.source)
        staging.stage(conn, staging_for, [mapped])
    return DeliveryKey(staging_for.source, mapped.integration_id, mapped.applicant_id)
