"""The words of a violated check, and those of missing values, which several checks share. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution


@dataclass(frozen=True, slots=True)
class ViolationMessage:
    """The result of a violated check. words: a sentence. values: the categories it mentions. change: the words after
    the name. short: before and after. by: the size of the change in everyday terms. ends: of the baseline's range, as they
    stand in words and change.
    """

    words: str
    values: Sequence[str] = ()
    change: str | None = None
    short: str = ""
    by: str = ""
    ends: str = ""


def describe_missing(name: str, before: FeatureDistribution, now: FeatureDistribution) -> ViolationMessage:
    """How the share of missing values changed."""
    missing_before = format_percent(1 - before.completeness)
    missing_now = format_percent(1 - now.completeness)
    if missing_before == "0 %":
        earlier = "where none was"
    else:
        earlier = f"{missing_before} before"
    change = f"is missing in {missing_now} of the records, {earlier}"
    short = f"missing {missing_before} → {missing_now}"
    if name:
        return ViolationMessage(f"{name}: {missing_now} are missing, {missing_before} were", (), change, short)
    return ViolationMessage(f"{missing_now} of values are missing, {missing_before} before", (), change, short)
