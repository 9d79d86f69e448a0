"""Days of rows in files of unequal sizes: campaigns that come and go, a catalog that grows, levels that wander, dates."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

DAYS = 28
CAMPAIGN_DAYS = 20
CAMPAIGNS_AT_ONCE = 10
FIRST_DAY = date(2026, 1, 1)
FILE_KINDS = ("csv", "csv.gz", "parquet", "jsonl", "json", "folders")


def draw_days(seed: int, days: int = DAYS + 1) -> list[pd.DataFrame]:
    """The rows of each day, about 300."""
    random = np.random.default_rng(seed)
    level = 0.0
    frames = []
    for day in range(days):
        rows = int(random.integers(240, 360))
        # Each campaign lives 20 days, and its share changes from day to day
        shares = random.dirichlet(np.full(CAMPAIGNS_AT_ONCE, 8.0))
        campaigns = day * CAMPAIGNS_AT_ONCE // CAMPAIGN_DAYS + random.choice(CAMPAIGNS_AT_ONCE, rows, p=shares)
        # Two products a day are new, and stay
        products = random.integers(30 + 2 * day, size=rows)
        level = 0.7 * level + random.normal(scale=0.3)
        frames.append(
            pd.DataFrame(
                {
                    "campaign": [f"c{number:03d}" for number in campaigns],
                    "product": [f"p{number:04d}" for number in products],
                    "level": (level + random.normal(size=rows)).round(4),
                    "amount": random.normal(size=rows).round(4),
                    "day": str(FIRST_DAY + timedelta(days=day)),
                }
            )
        )
    return frames


def break_rows(rows: pd.DataFrame, of_ten: int = 3) -> pd.DataFrame:
    """The same rows, so many of ten of a new campaign, and the amounts higher by a standard deviation."""
    is_replaced = np.arange(len(rows)) % 10 < of_ten
    return rows.assign(campaign=rows["campaign"].mask(is_replaced, "c999"), amount=rows["amount"] + 1)


def cut_rows(frames: Sequence[pd.DataFrame], files: int) -> Iterator[pd.DataFrame]:
    """The rows of all days in so many parts of unequal sizes, in order."""
    rows = pd.concat(frames, ignore_index=True)
    weights = np.random.default_rng(files).uniform(0.4, 1.6, files)
    ends = (np.cumsum(weights) / weights.sum() * len(rows)).round().astype(int)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield rows.iloc[start:end]


def write_files(frames: Sequence[pd.DataFrame], files: int, kind: str, folder: Path) -> str:
    """Write the rows to so many files of one of `FILE_KINDS`, whose names have numbers without zeros in front."""
    for number, rows in enumerate(cut_rows(frames, files), start=1):
        path = folder / f"part-{number}.{kind}"
        if kind == "folders":
            path = folder / f"dt={FIRST_DAY + timedelta(days=number)}" / "rows.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "parquet":
            rows.to_parquet(path)
        elif kind == "csv.gz":
            path.write_bytes(gzip.compress(rows.to_csv(index=False).encode()))
        elif kind == "jsonl":
            rows.to_json(path, orient="records", lines=True)
        elif kind == "json":
            path.write_text(json.dumps(rows.to_dict("records")), encoding="utf-8")
        else:
            rows.to_csv(path, index=False)
    return str(folder)
