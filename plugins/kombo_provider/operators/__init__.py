"""Airflow's face of the rooms: the steps of a push, and one applicant at a time."""

from __future__ import annotations

from kombo_provider.operators.create import KomboCreateApplicationOperator, KomboCreateCandidateOperator
from kombo_provider.operators.deliver import KomboDeliverOperator
from kombo_provider.operators.report import KomboReportOperator
from kombo_provider.operators.stage import KomboStageOperator
from kombo_provider.operators.sync import KomboSyncOperator
from kombo_provider.operators.watch import KomboWatchOperator
from kombo_provider.operators.write_back import KomboWriteBackOperator

__all__ = [
    "KomboCreateApplicationOperator",
    "KomboCreateCandidateOperator",
    "KomboDeliverOperator",
    "KomboReportOperator",
    "KomboStageOperator",
    "KomboSyncOperator",
    "KomboWatchOperator",
    "KomboWriteBackOperator",
]
