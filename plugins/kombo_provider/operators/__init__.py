"""Airflow's face of the rooms: one operator for each step of a push."""

from __future__ import annotations

from kombo_provider.operators.push import (
    KomboDeliverOperator,
    KomboReportOperator,
    KomboStageOperator,
    KomboWriteBackOperator,
)

__all__ = ["KomboDeliverOperator", "KomboReportOperator", "KomboStageOperator", "KomboWriteBackOperator"]
