"""A window as ydata-profiling's page, the short one: pandas, ProfileReport(minimal=True). Needs nothing of ours.

python ydata_page.py BASELINE WINDOW PAGE     BASELINE is not read: such a page is of one table
"""

from __future__ import annotations

import sys

import pandas as pd
from ydata_profiling import ProfileReport


def main(baseline: str, window: str, page: str) -> None:
    ProfileReport(pd.read_csv(window), minimal=True, progress_bar=False).to_file(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
