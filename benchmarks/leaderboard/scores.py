"""Scores of entrants: what the rows of a run add up to, each share with its 95 % interval."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

MONTH = 720  # windows
LEVEL = 0.95
WIDE = 0.5  # an interval of a share that is wider resolves nothing
STREAM = ["law", "columns", "seed"]
FAULT = ["fault", "size"]

Row = dict[str, Any]


class Interval(NamedTuple):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def estimate_share(count: int, total: int) -> Interval:
    """A share and its interval. Source: Clopper and Pearson 1934."""
    interval = stats.binomtest(count, total).proportion_ci(LEVEL) if total else (0.0, 1.0)
    return Interval(count / max(total, 1), *map(float, interval))


def estimate_monthly_rate(count: int, windows: int, level: float = LEVEL) -> Interval:
    """Alarms a month and their interval, if alarms come as Poisson's do. Source: Garwood 1936."""
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2
    month = MONTH / max(windows, 1)
    return Interval(count * month, low * month, high * month)


def list_tries(rows: list[Row]) -> pd.DataFrame:
    """One row for each try of a fault. delay: in windows, NaN if it wasn't found. named: whether the alarm named the column."""
    tries = pd.DataFrame([row for row in rows if row["fault"] is not None])
    return tries.astype({"delay": float})


def list_healthy(rows: list[Row]) -> pd.DataFrame:
    """One row for the healthy windows of each stream and rule."""
    healthy = [row for row in rows if row["fault"] is None]
    return pd.DataFrame([{**row, "errors": sum(row["errors"].values())} for row in healthy])


def add_up(rows: list[Row], by: list[str]) -> pd.DataFrame:
    """The scores by rule and what else is named, with alarms a month (`rate`) and the share of faults found (`found`)."""
    sums = {name: (name, "sum") for name in ("windows", "alarms", "errors", "seconds")}
    scores = list_healthy(rows).groupby(by, sort=False).agg(**sums, megabytes=("megabytes", "max"))
    tries = list_tries(rows).groupby(by, sort=False)
    of_faults = tries.agg(
        tries=("delay", "size"), hits=("delay", "count"), named=("named", "sum"), delay=("delay", "median")
    )
    scores = scores.join(of_faults).fillna({"tries": 0, "hits": 0, "named": 0})
    scores["rate"] = [estimate_monthly_rate(*pair) for pair in zip(scores["alarms"], scores["windows"], strict=True)]
    scores["found"] = estimate_shares(scores["hits"], scores["tries"])
    return scores


def estimate_shares(counts: pd.Series[int], totals: pd.Series[int]) -> list[Interval]:
    return [estimate_share(int(count), int(total)) for count, total in zip(counts, totals, strict=True)]


def compare_rules(rows: list[Row], group: list[str], ours: str, rules: list[str]) -> pd.DataFrame:
    """Ours beside each of the rules, by group, in the faults of streams that both have played.

    gap: by how much the other is ahead. is_lost: whether ours is below the other's interval.
    """
    tries = list_tries(rows)
    by_stream = tries.groupby([*STREAM, *FAULT, "rule"])["delay"].agg(tries="size", hits="count").reset_index()
    ours_by_stream = by_stream[by_stream["rule"] == ours].drop(columns="rule")
    pairs = by_stream[by_stream["rule"].isin(rules)].merge(ours_by_stream, on=[*STREAM, *FAULT], suffixes=("", "_ours"))
    comparisons = (
        pairs.groupby([*group, "rule"], sort=False)[["tries", "hits", "tries_ours", "hits_ours"]].sum().reset_index()
    )
    comparisons["ours"] = estimate_shares(comparisons["hits_ours"], comparisons["tries_ours"])
    comparisons["theirs"] = estimate_shares(comparisons["hits"], comparisons["tries"])
    comparisons["where"] = [", ".join(names) for names in comparisons[group].to_numpy().tolist()]
    shares = list(zip(comparisons["ours"], comparisons["theirs"], strict=True))
    comparisons["gap"] = [theirs.value - share.value for share, theirs in shares]
    comparisons["is_lost"] = [share.value < theirs.low for share, theirs in shares]
    comparisons["is_resolved"] = [theirs.high - theirs.low <= WIDE for _, theirs in shares]
    return comparisons
