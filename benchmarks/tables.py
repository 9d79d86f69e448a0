"""Sixty commits of a table of which three are faulty, and what a commit costs at first and at last.

python benchmarks/tables.py [--quick]

Tables of Delta and Iceberg are written by their own libraries. Then healthy tables have a tenth of the rows in each commit, as
many, and twice as many commits. Times are of the processor, since other work may run beside it.
"""

from __future__ import annotations

import logging
import runpy
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import is_quick_run

from spark_model_monitor.documents.alert_files import Alerts

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FAULTS = {7: "unit", 30: "missing", 48: "new"}
COMMITS = 60
LINEAR = 1.25


def looked_at(table: str, output: Path) -> tuple[list[int], float]:
    """The places of the commits that were told, and the seconds of a processor."""
    main = runpy.run_path(str(ROOT / "jobs" / "monitor.py"))["main"]
    began = time.process_time()
    main(["--dataset-format", f"table:{table}", "--each-commit", "--engine", "local", "--output-path", str(output)])
    took = time.process_time() - began
    windows = Alerts.from_json((output / Alerts.FILE_NAME).read_bytes(), "alerts").windows
    return [index for index, window in enumerate(windows) if window.violations], took


def main() -> None:
    from tests.unit.runs.test_commits import WRITERS

    quick = is_quick_run(__doc__)
    rows = 500 if quick else 5_000
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for kind in ("delta", "iceberg"):
            table = top / kind / "sales" / "orders"
            WRITERS[kind](table, 1, COMMITS, FAULTS, rows)
            alarms, took = looked_at(f"{kind}.`{table}`", top / f"{kind}-out")
            verdict = "reached" if alarms == [*FAULTS] else "missed"
            print(
                f"{kind}, {COMMITS} commits of {rows:,} rows: {took:.1f} s, told {alarms}, planted {[*FAULTS]}: {verdict}"
            )
        costs = {}
        for count, size in ((COMMITS, rows // 10), (COMMITS, rows), (2 * COMMITS, rows)):
            table = top / f"{count}-{size}"
            WRITERS["delta"](table, 2, count, {}, size)
            costs[count, size] = looked_at(f"delta.`{table}`", top / f"{count}-{size}-out")[1] / count
    few_snapshots, first, last = costs.values()
    print(
        f"{COMMITS} commits of {rows // 10:,} rows {few_snapshots:.3f} s each; of {rows:,} rows {first:.3f} s, "
        f"twice as many {last:.3f} s"
    )
    ratio = last / first
    print(f"{ratio:.2f} times, at most {LINEAR:g} wanted: {'reached' if ratio <= LINEAR else 'missed'}")


if __name__ == "__main__":
    main()
