"""A window as Evidently's page: pandas, DataDriftPreset, save_html. Needs nothing of ours.

python evidently_page.py BASELINE WINDOW PAGE
"""

from __future__ import annotations

import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset


def main(baseline: str, window: str, page: str) -> None:
    reference = pd.read_csv(baseline)
    current = pd.read_csv(window)
    Report([DataDriftPreset()]).run(current, reference).save_html(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
