"""Scores of entrants: what the windows of a run add up to, each share and rate with its 95 % interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from entrants import OURS
from numpy.typing import NDArray
from play import CALIBRATION, PLAY, Line
from scipy import stats

MONTH = 720  # windows
LEVEL = 0.95
WIDE = 0.5  # an interval of a share that is wider resolves nothing
TAIL = 10  # windows at least, to whose scores a distribution is fitted
DEFAULTS = ", defaults"
LOUD = "what comes on laws where ours is loud"
WINDOW = ["fault", "size", "first", "window", "alarm", "named", "score", "seconds", "error"]
CELL = ["law", "fault", "size"]
TRY = ["entrant", *CELL, "seed", "first"]
STREAM = ["law", "part", "seed", "entrant"]


class Interval(NamedTuple):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"

    @property
    def is_wide(self) -> bool:
        return self.high - self.low > WIDE


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


def fit_limit(scores: NDArray[np.float64]) -> float:
    """The score that one window in a month exceeds, from the highest score of each healthy window.

    A generalized Pareto distribution of the highest tenth, by its mean and variance. Source: Hosking and Wallis 1987.
    """
    ordered = np.sort(scores)
    count = min(max(TAIL, len(ordered) // 10), len(ordered) - 1)
    start = ordered[-count - 1]
    excesses = ordered[-count:] - start
    mean = float(excesses.mean())
    variance = float(excesses.var(ddof=1))
    if variance == 0:
        return float(ordered[-1])
    shape = float(np.clip((1 - mean**2 / variance) / 2, -0.5, 0.45))
    scale = mean * (1 - shape)
    chance = min(1.0, len(ordered) / count / MONTH)  # of a window in the tail
    if abs(shape) < 1e-6:
        return float(start - scale * np.log(chance))
    return float(start + scale / shape * (chance**-shape - 1))


def list_windows(lines: list[Line]) -> pd.DataFrame:
    """A row for each window that an entrant has played."""
    rows = [[*(line[name] for name in STREAM), *row] for line in lines for row in line["rows"]]
    windows = pd.DataFrame(rows, columns=[*STREAM, *WINDOW])
    return windows.astype({"score": float, "seconds": float, "alarm": bool, "named": bool})


def apply_limits(windows: pd.DataFrame) -> pd.DataFrame:
    """The windows that count, with the alarms of entrants at one level: those with scores at their limit on the law, which is set
    by windows of other seeds, and as another entrant at its authors' defaults. Without such windows an entrant doesn't count.
    """
    played = windows[windows["part"] == PLAY]
    calibration = windows[(windows["part"] == CALIBRATION) & windows["score"].notna()]
    limits = {
        key: fit_limit(group.to_numpy())
        for key, group in calibration.groupby(["law", "entrant"])["score"]
        if len(group) > TAIL
    }
    # Entrants with scores
    has_scores = played.groupby(["law", "entrant"])["score"].transform("count") > 0
    scored = played[has_scores]
    keys = pd.MultiIndex.from_frame(scored[["law", "entrant"]])
    limit = pd.Series(keys.map(limits), index=scored.index, dtype=float)
    scored = scored[limit.notna()]
    # Once at their limit, and once at their defaults
    at_level = scored.assign(alarm=scored["score"] > limit[scored.index])
    at_defaults = scored.assign(entrant=scored["entrant"] + DEFAULTS)
    return pd.concat([played[~has_scores], at_level, at_defaults], ignore_index=True)


def list_tries(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row for each try of a fault. delay: in windows, NaN if it wasn't found. named: whether the first alarm named it."""
    faulty = verdicts[verdicts["fault"] != ""]
    alarms = faulty[faulty["alarm"]].groupby(TRY, sort=False)[["window", "named"]].first()
    tries = faulty.groupby(TRY, sort=False).size().to_frame("windows").join(alarms)
    delay = tries["window"] - tries.index.get_level_values("first") + 1
    return tries.assign(delay=delay)[["delay", "named"]].reset_index()


def add_up_alarms(verdicts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Of healthy windows: their number, alarms, alarms a month (`rate`), errors, and core seconds a window."""
    healthy = verdicts[verdicts["fault"] == ""]
    healthy = healthy.assign(errors=healthy["error"] != "")
    scores = healthy.groupby(by, sort=False).agg(
        windows=("alarm", "size"), alarms=("alarm", "sum"), errors=("errors", "sum"), seconds=("seconds", "mean")
    )
    pairs = zip(scores["alarms"], scores["windows"], strict=True)
    return scores.assign(rate=[estimate_monthly_rate(int(alarms), int(windows)) for alarms, windows in pairs])


def compare_cells(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Ours in each cell beside the rival that finds most, of those that aren't shown to alarm above once a month on the law.

    outcome: first, level (ours is within the rival's interval) or behind; "open" until both intervals are narrow enough; "nobody"
    if neither finds it, which is counted apart. What ours finds counts as little where it alarms above once a month itself.
    """
    # Rivals, and what all find
    rates = add_up_alarms(verdicts, ["law", "entrant"])["rate"]
    quiet = {key for key, rate in rates.items() if rate.low <= 1}
    tries = list_tries(verdicts)
    counts = tries.groupby([*CELL, "entrant"], sort=False)["delay"].agg(tries="size", hits="count").reset_index()
    # Cell by cell
    rows = []
    for cell, group in counts.groupby(CELL, sort=False):
        law, kind, _ = cell
        of_ours = group[group["entrant"] == OURS]
        is_rival = [not name.startswith(OURS) and (law, name) in quiet for name in group["entrant"]]
        rivals = group[is_rival]
        if of_ours.empty or rivals.empty:
            continue
        # Beside the one that finds most
        first = rivals.loc[(rivals["hits"] / rivals["tries"]).idxmax()]
        hits = int(of_ours["hits"].iloc[0])
        tries_of_ours = int(of_ours["tries"].iloc[0])
        if (law, OURS) not in quiet:
            kind = LOUD
            hits = 0
        ours = estimate_share(hits, tries_of_ours)
        theirs = estimate_share(int(first["hits"]), int(first["tries"]))
        rows.append([*cell, tries_of_ours, ours, first["entrant"], theirs, find_outcome(ours, theirs), kind])
    return pd.DataFrame(rows, columns=[*CELL, "tries", "ours", "rival", "theirs", "outcome", "kind"])


def find_outcome(ours: Interval, theirs: Interval) -> str:
    if ours.is_wide or theirs.is_wide:
        return "open"
    if ours.value == theirs.value == 0:
        return "nobody"
    if ours.value > theirs.high:
        return "first"
    return "behind" if ours.value < theirs.low else "level"
