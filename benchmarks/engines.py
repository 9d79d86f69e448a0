"""How long does a run take without a JVM? Eight rows to a verdict; 1 M rows beside our engine of Spark, DuckDB and polars,
from Parquet and from CSV, and of texts that hardly repeat.

python benchmarks/engines.py [--quick]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from data_sets import mixed_csv, mixed_parquet, size_bytes, texts_csv, texts_parquet
from ours import whole_profile
from performance import note
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, Took, is_quick_run, own_process, race, report

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

ROOT = Path(__file__).resolve().parent.parent
PYTHON_VARIABLE = "MODEL_MONITOR_DATAFRAMES_PYTHON"
ENVIRONMENT = ROOT / ".venv-dataframes"
SCRIPT = Path(__file__).with_name("dataframes_describe.py")

FEW_ROWS = 8
ROWS = 1_000_000
ROUNDS = 5
POLARS = "polars 2.1's describe, n_unique"
COMMAND_SECONDS = 1.0
VERDICT_SECONDS = 0.3
PAGE_SECONDS = 0.8
"""From eight rows in a file to a verdict: as a command, in a warm Python without its page, and with it."""

OF_DUCKDB = 0.8
OF_POLARS = 0.8
"""Core seconds at most, as a share of DuckDB's and of polars', of rows of Parquet that are mostly numbers."""

OF_DUCKDB_ELSE = 1.0
"""The same of CSV, and of texts that hardly repeat."""


def eight_rows(folder: Path) -> Path:
    """A file of a few rows and columns."""
    random = np.random.default_rng(1)
    ages = random.integers(18, 90, FEW_ROWS)
    plans = random.choice(["basic", "plus"], FEW_ROWS)
    path = folder / "rows.csv"
    pd.DataFrame({"age": ages, "charge": random.random(FEW_ROWS).round(2), "plan": plans}).to_csv(path, index=False)
    return path


def command_seconds(folder: Path) -> tuple[float, float]:
    """Seconds on the clock, and of processor cores, of a monitoring job of eight rows."""
    source = eight_rows(folder)
    words = [sys.executable, "-m", "spark_model_monitor"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    flags = [str(source), "--output-path"]
    baseline = str(folder / "baseline")
    output = str(folder / "report")
    subprocess.run([*words, "baseline", *flags, baseline], env=environment, check=True, capture_output=True)
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        before = os.times()
        subprocess.run(
            [*words, "monitor", *flags, output, "--baseline", baseline],
            env=environment,
            check=True,
            capture_output=True,
        )
        after = os.times()
        cores = after.children_user + after.children_system - before.children_user - before.children_system
        took.append((time.perf_counter() - began, cores))
    seconds, core_seconds = zip(*took, strict=True)
    return statistics.median(seconds), statistics.median(core_seconds)


def warm_seconds(folder: Path, *, with_page: bool) -> float:
    """Seconds from a file of eight rows to the violations beside a baseline, in a Python that has done it before."""
    source = str(eight_rows(folder))
    monitor = DataQualityMonitor()
    baseline = run_baseline(source, monitor, engine="local")
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        findings = run_monitoring(source, monitor, baseline, engine="local")
        assert not findings.violations.violations
        if with_page:
            findings.report()
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def profile_locally(folder: Path) -> Took:
    """A whole baseline: read, scanned, constraints suggested, all files written. Its processes have ended then."""
    began = time.perf_counter()
    before = sum(os.times()[:4])
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as output:
        run_baseline(str(folder), DataQualityMonitor(), engine="local").write(output)
    return Took(time.perf_counter() - began, sum(os.times()[:4]) - before)


def dataframes_python() -> Path | None:
    """The Python that has DuckDB and polars, None if there is none."""
    chosen = Path(os.environ.get(PYTHON_VARIABLE) or ENVIRONMENT / "bin" / "python")
    return chosen if chosen.is_file() else None


def compare_few_rows() -> None:
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        seconds, core_seconds = command_seconds(Path(name))
        lines = [
            ("as a command", seconds, COMMAND_SECONDS),
            ("in a warm Python", warm_seconds(Path(name), with_page=False), VERDICT_SECONDS),
            ("in a warm Python, with its page", warm_seconds(Path(name), with_page=True), PAGE_SECONDS),
        ]
    print(f"\n{FEW_ROWS} rows of CSV to a verdict, median of {ROUNDS}\n")
    for title, took, limit in lines:
        verdict = note(f"{FEW_ROWS} rows of CSV to a verdict, {title}", "", took, at_most=limit, unit="s")
        print(f"{title}: {took:.2f} s, wanted at most {limit}: {verdict}")
    print(f"the command took {core_seconds:.2f} core s", flush=True)


def compare_many_rows(title: str, folder: Path, of_duckdb: float, of_polars: float | None = None) -> None:
    """what: is in the rows. The rest: core seconds at most, as shares of the peers'."""
    file_format = folder.name.rsplit("-", 1)[1]
    ours = Contestant(
        "ours: local engine, documents and states written", partial(profile_locally, folder), rounds=ROUNDS
    )
    peers = []
    python = dataframes_python()
    if python is None:
        print(f"without DuckDB and polars: {ENVIRONMENT} is absent, README.md says how to make it", file=sys.stderr)
    for name, peer, at_most in (
        ("duckdb", "DuckDB 2.0's SUMMARIZE", of_duckdb),
        ("polars", POLARS, of_polars),
        ("pandas", "pandas 3.1's describe, nunique", None),
    ):
        run = partial(own_process, [str(python), str(SCRIPT), name, str(folder)])
        if python is not None:
            peers.append(Contestant(peer, run, rounds=ROUNDS, at_most=at_most))
    profile_locally(folder)
    race([ours, *peers])
    with benchmark_session() as spark:
        for _ in range(ROUNDS):
            whole_profile(spark, folder, file_format)
        of_spark = Contestant(
            "ours: engine of Spark, warm", partial(whole_profile, spark, folder, file_format), 1.0, rounds=ROUNDS
        )
        race([of_spark])
    report(f"{title}, {file_format}, {size_bytes(folder) / 1e6:,.0f} MB", ours, [of_spark, *peers])


def main() -> None:
    share = QUICK_SHARE if is_quick_run(__doc__) else 1
    compare_few_rows()
    rows = ROWS // share
    mixed = f"{rows:,} rows x (10 doubles + 3 texts)"
    texts = f"{rows:,} rows x (id, URL, remark)"
    compare_many_rows(mixed, mixed_parquet(rows), OF_DUCKDB, OF_POLARS)
    compare_many_rows(mixed, mixed_csv(rows), OF_DUCKDB_ELSE)
    compare_many_rows(texts, texts_parquet(rows), OF_DUCKDB_ELSE)
    compare_many_rows(texts, texts_csv(rows), OF_DUCKDB_ELSE)


if __name__ == "__main__":
    main()
