"""A year of 200 hourly models in the tables of --results-table: a question about last month, and the last pass of a month.

python benchmarks/result_tables.py [--quick]

The months are written as the product leaves them, and the last hour by the product. The same question is asked of the same rows
in a table of DuckDB's own, in memory, and of three days in the layout of earlier releases, a file for each run. --quick: a tenth
of the models.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from performance import note
from side_by_side import QUICK_SHARE, is_quick_run

from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.run_description import RunDescription, RunWindow, format_moment
from spark_model_monitor.reports.outputs.result_tables import create_run_row, encode_parquet
from spark_model_monitor.reports.outputs.sql_tables import PendingRun, compact

MODELS = 200
MONTHS = 12
START = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
VIOLATED = 0.02  # of the runs; a run then has one to three violations
EARLIER_HOURS = 72
ROUNDS = 3
AT_MOST_SECONDS = 2.0
AT_MOST_PASS = 2.0
CHECKS = ("baseline_drift_check", "completeness_check", "categorical_values_check")
QUESTION = """
SELECT model, count(*) AS violations, count(DISTINCT run_id) AS windows
FROM {violations}
WHERE window_start >= TIMESTAMP '2025-12-01' AND window_start < TIMESTAMP '2026-01-01'
GROUP BY model
ORDER BY violations DESC, model
"""


def write_month(folder: Path, models: int, start: datetime, random: np.random.Generator) -> int:
    """Write the files of a month but its last hour, as the product leaves them. Returns the number of runs."""
    end = (start + timedelta(days=32)).replace(day=1)
    hours = int((end - start) / HOUR) - 1
    starts = np.repeat(
        np.datetime64(start.replace(tzinfo=None), "us") + np.arange(hours) * np.timedelta64(1, "h"), models
    )
    run_ids = [f"{number:016x}" for number in random.integers(0, 2**63, hours * models)]
    violations = np.where(random.random(hours * models) < VIOLATED, random.integers(1, 4, hours * models), 0)
    names = np.tile([f"model-{number:03}" for number in range(models)], hours)
    # A run's row as the product makes it, repeated, with members of their own
    described = describe_run("model-000", start)
    row = create_run_row(described)
    members = {
        "model": pa.array(names),
        "schedule": pa.array(names),
        "baseline_run_id": pa.array(np.tile([f"{number:016x}" for number in range(models)], hours)),
        "window_start": pa.array(starts),
        "window_end": pa.array(starts + np.timedelta64(1, "h")),
        "records": pa.array(random.integers(200, 2_000, hours * models)),
        "violations": pa.array(violations),
    }
    constant = {name: pa.repeat(row[name][0], hours * models) for name in row.column_names if name not in members}
    runs = pa.table({name: (members | constant)[name] for name in row.column_names})
    write_rows(folder / "runs_by_month", start, runs.append_column("run_id", pa.array(run_ids)))

    # The violated checks of the runs that have some
    of_run = np.repeat(np.arange(hours * models), violations)
    checks = pa.table(create_check_columns(len(of_run), random))
    of_runs = runs.drop_columns(["records", "violations"]).append_column("run_id", pa.array(run_ids)).take(of_run)
    for name in checks.column_names:
        of_runs = of_runs.append_column(name, checks[name])
    write_rows(folder / "violations_by_month", start, of_runs)
    return hours * models


def create_check_columns(num_rows: int, random: np.random.Generator) -> dict[str, pa.Array]:
    """Columns of violated checks."""
    return {
        "name": pa.array([f"feature_{number}" for number in random.integers(0, 20, num_rows)]),
        "check": pa.array(random.choice(CHECKS, num_rows)),
        "observed": pa.array(random.random(num_rows)),
        "threshold": pa.array(np.full(num_rows, 0.1)),
        "p": pa.array(random.random(num_rows) / 1_000),
        "status": pa.array(np.full(num_rows, "violated")),
        "reason": pa.array(np.full(num_rows, "compared with the baseline, its values have moved")),
    }


def write_rows(folder: Path, start: datetime, rows: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ordered = rows.sort_by([("window_start", "ascending"), ("run_id", "ascending")])
    (folder / f"{start:%Y-%m}.parquet").write_bytes(encode_parquet(ordered))


def describe_run(model: str, start: datetime, violations: int = 0) -> RunDescription:
    return RunDescription(
        job="monitor",
        analysis_type="DATA_QUALITY",
        window=RunWindow(start=format_moment(start), end=format_moment(start + HOUR)),
        model=model,
        schedule=model,
        baseline_run_id="0" * 16,
        product="0",
        settings=MonitoringConfig(),
        rows=1_000,
        violations=violations,
    )


def create_pending(model: str, start: datetime, run_id: str, random: np.random.Generator) -> PendingRun:
    """The rows of a run with a violation."""
    row = create_run_row(describe_run(model, start, 1))
    violations = row.drop_columns(["records", "violations"])
    for name, column in create_check_columns(1, random).items():
        violations = violations.append_column(name, column)
    return PendingRun(run_id, None, {"runs": row, "violations": violations})


def write_pass(folder: Path, models: int, start: datetime, random: np.random.Generator) -> float:
    """Add the runs of an hour, by the product. Returns the core seconds of the one compaction."""
    for number in range(models):
        create_pending(f"model-{number:03}", start, f"f{number:015x}", random).write(str(folder))
    began = time.process_time()
    compact(str(folder))
    return time.process_time() - began


def write_earlier_layout(folder: Path, models: int, random: np.random.Generator) -> int:
    """Three days of December as earlier releases left them: a file of checks for each run. Returns their number."""
    for number in range(EARLIER_HOURS * models):
        start = datetime(2025, 12, 29, tzinfo=timezone.utc) + number // models * HOUR
        rows = create_pending(f"model-{number % models:03}", start, "", random).rows["violations"]
        path = folder / "checks" / f"run_id={number:016x}" / "checks.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(encode_parquet(rows))
    return EARLIER_HOURS * models


def measure_question(violations: str, connection: Callable[[], duckdb.DuckDBPyConnection]) -> tuple[float, list[tuple]]:
    """Seconds on the clock, of which the median counts, and the answer."""
    seconds = []
    for _ in range(ROUNDS):
        opened = connection()
        began = time.monotonic()
        rows = opened.sql(QUESTION.format(violations=violations)).fetchall()
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds), rows


def main() -> None:
    models = MODELS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "results"
        runs = sum(write_month(folder, models, START.replace(month=month), random) for month in range(1, MONTHS + 1))
        core_seconds = write_pass(folder, models, datetime(2025, 12, 31, 23, tzinfo=timezone.utc), random)
        # What lies there, and how many runs can be read
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        counted = pc.sum(
            pa.array([pq.ParquetFile(path).metadata.num_rows for path in (folder / "runs_by_month").iterdir()])
        )
        print(
            f"{counted.as_py():,} runs of {models} models in {len(files)} files, {size / 1e6:.1f} MB; {runs:,} written"
        )
        # The question, beside a table in memory
        pattern = f"'{folder}/violations_by_month/*.parquet'"
        seconds, answer = measure_question(pattern, duckdb.connect)

        memory = duckdb.connect()
        memory.sql(f"CREATE TABLE violations AS FROM {pattern}")
        limit, expected = measure_question("violations", lambda: memory)
        assert answer == expected
        assert len(answer) == models
        print(f"violations by model last month: {1000 * seconds:.0f} ms; of a table in memory {1000 * limit:.0f} ms")
        work = f"violations by model last month, of {counted.as_py():,} runs"
        print(note(work, "", seconds, at_most=AT_MOST_SECONDS, unit="s"))

        print(f"adding {models} runs to the full files of a month: {core_seconds:.2f} core s")
        print(note(f"adding {models} runs to the tables of a month", "", core_seconds, at_most=AT_MOST_PASS))

        # The layout of before
        earlier = write_earlier_layout(folder, models, random)
        layout = f"read_parquet('{folder}/checks/*/*.parquet', hive_partitioning = true)"
        print(f"earlier layout, {earlier:,} runs: {measure_question(layout, duckdb.connect)[0]:.1f} s")


if __name__ == "__main__":
    main()
