"""How many files and bytes does a window leave: 1,000 rows x 20 features, half of them texts, after a week of hourly windows?

python benchmarks/window_files.py

A window is judged as a schedule's are: in an hour folder, with the page and the states. The limits are the marks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.cli import main as command

ROWS = 1_000
FEATURES = 10  # of each kind
WINDOWS = 24
VALUES = 12  # different texts in a column

MAX_FILES = 12
MAX_BYTES = 170_000
MAX_BYTES_WITHOUT_PAGE = 145_000


def draw_window(seed: int, num_rows: int = ROWS) -> pd.DataFrame:
    """Rows of one law: numbers of two decimals, and texts of which some are frequent."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for feature in range(FEATURES):
        columns[f"number_{feature}"] = np.round(random.normal(40 + feature, 9, num_rows), 2)
        shares = random.permutation(1 / np.arange(1, VALUES + 1))
        texts = [f"value {feature}-{index}" for index in range(VALUES)]
        rng = np.random.default_rng([seed, feature])
        columns[f"text_{feature}"] = rng.choice(texts, num_rows, p=np.sort(shares) / shares.sum())
    return pd.DataFrame(columns)


def monitor_windows(folder: Path) -> Path:
    """The output path of the last of some windows."""
    run_baseline(draw_window(1, 20 * ROWS), DataQualityMonitor(), engine="local").write(folder / "baseline")
    for hour in range(WINDOWS):
        data = folder / "window.csv"
        draw_window(100 + hour).to_csv(data, index=False)
        output_path = folder / "reports" / "2026" / "03" / "04" / f"{hour:02}"
        # The window ends at the hour of its folder
        times = (
            f"--scheduled-time=2026-03-04T{hour:02}:00:00Z",
            "--set=start_time_offset=-PT1H",
            "--set=end_time_offset=PT0S",
        )
        paths = ("--baseline", str(folder / "baseline"), "--output-path", str(output_path))
        try:
            command(["monitor", str(data), *paths, *times, "--engine", "local"])
        except SystemExit as end:
            if end.code:
                raise
    return output_path


def show(mark: str, size: int, limit: int) -> bool:
    print(f"| {mark:36} | {size:9,} | {limit:9,} |")
    return size <= limit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        output_path = monitor_windows(Path(folder))
        sizes = {
            path.relative_to(output_path): path.stat().st_size for path in output_path.rglob("*") if path.is_file()
        }
    print()
    for name, size in sorted(sizes.items(), key=lambda name_and_size: -name_and_size[1]):
        print(f"  {name!s:36} {size:9,}")
    pages = sum(size for name, size in sizes.items() if name.suffix == ".html")
    print(f"\n| {'of a window':36} | {'is':>9} | {'limit':>9} |\n|---|---:|---:|")
    are_met = [
        show("files", len(sizes), MAX_FILES),
        show("bytes", sum(sizes.values()), MAX_BYTES),
        show("bytes without the page", sum(sizes.values()) - pages, MAX_BYTES_WITHOUT_PAGE),
    ]
    if not all(are_met):
        raise SystemExit("a window leaves more than its marks allow")


if __name__ == "__main__":
    main()
