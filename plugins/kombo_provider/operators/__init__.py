"""Airflow's face of the rooms: the steps of a push, and one applicant at a time."""

from __future__ import annotations

from kombo_provider.operators.push import (
    KomboDeliverOperator,
    KomboReportOperator,
    KomboStageOperator,
    KomboWriteBackOperator,
)
from kombo_provider.operators.single import KomboCreateApplicationOperator, KomboCreateCandidateOperator

__all__ = [
    "KomboCreateApplicationOperator",
    "KomboCreateCandidateOperator",
    "KomboDeliverOperator",
    "KomboReportOperator",
    "KomboStageOperator",
    "KomboWriteBackOperator",
]
