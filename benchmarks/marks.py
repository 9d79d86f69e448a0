"""The marks that the local engine is held to, each with its limit, beside a peer in turns: core seconds, in some three minutes.

python benchmarks/marks.py
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import columns
from attributions import OF_SHAP, SHAP_ENVIRONMENT, TREE_ROWS, models, tree_explainer
from attributions import explain_trees as of_sums
from data_sets import mixed_csv, mixed_parquet, texts_csv, texts_parquet
from engines import OF_DUCKDB, OF_DUCKDB_ELSE, OF_POLARS, POLARS, SCRIPT, dataframes_python, profile_locally
from performance import note
from profile_captures import INPUTS, baseline_table, captures
from side_by_side import Contestant, Took, own_process, race
from without_jvm import OF_DUCKDB as CAPTURES_OF_DUCKDB
from without_jvm import SUMMARIZE, command, python

from merge import OF_DUCKDB as MERGE_OF_DUCKDB
from merge import captures as merged_captures
from merge import labels, locally

ROUNDS = 5
ROWS = 1_000_000
CAPTURES = 100_000
MERGED = (20_000, 500_000)
OF_COUNTS = 0.7
"""Core seconds at most of texts in Parquet, as a share of DuckDB's that counts the same."""


def show(
    mark: str, peer: str, limit: float, ours: Callable[[], Took | None], theirs: Callable[[], Took | None]
) -> None:
    """Time both in turns, and print the mark with what came out."""
    contestants = Contestant("ours", ours, rounds=ROUNDS), Contestant(peer, theirs, rounds=ROUNDS)
    race(contestants)
    mine, other_seconds = (contestant.core_seconds for contestant in contestants)
    verdict = note(mark, peer, mine, other_seconds, limit)
    print(
        f"| {mark:44} | {peer:28} | {limit:5.2f} | {mine:6.2f} | {other_seconds:6.2f} | "
        f"{mine / other_seconds:5.2f} | {verdict:7} |",
        flush=True,
    )


def measure_tables() -> None:
    peer_python = dataframes_python()
    if peer_python is None:
        print("without DuckDB: README.md says how to make its environment")
        return
    summarize = ("duckdb", "DuckDB 2.0, SUMMARIZE")
    counts = ("texts", "DuckDB 2.0, the same counts")
    tables = (
        ("1 M x 13 mixed, Parquet", mixed_parquet(ROWS), OF_DUCKDB, summarize),
        ("1 M x 13 mixed, Parquet", mixed_parquet(ROWS), OF_POLARS, ("polars", POLARS)),
        ("1 M x 13 mixed, CSV", mixed_csv(ROWS), OF_DUCKDB_ELSE, summarize),
        ("1 M ids, URLs, texts, Parquet", texts_parquet(ROWS), OF_COUNTS, counts),
        ("1 M ids, URLs, texts, CSV", texts_csv(ROWS), OF_DUCKDB_ELSE, counts),
    )
    for mark, folder, limit, (title, peer) in tables:
        profile_locally(folder)
        run = partial(own_process, [str(peer_python), str(SCRIPT), title, str(folder)])
        show(mark, peer, limit, partial(profile_locally, folder), run)
    for records in MERGED:
        words = [str(peer_python), str(SCRIPT), "merge", str(merged_captures(records)), str(labels(records))]
        show(
            f"{records:,} captures merged with labels",
            "DuckDB 2.0, join and write",
            MERGE_OF_DUCKDB,
            partial(locally, records),
            partial(own_process, words),
        )


def measure_captures(folder: Path) -> None:
    data = captures(CAPTURES)
    baseline = folder / "baseline"
    own_process(command("baseline", baseline_table(), "--output-path", baseline))
    flags = (data, "--dataset-format", "capture", "--baseline", baseline, "--output-path", folder / "report")
    show(
        "100,000 captures to a verdict, a command",
        "DuckDB 1.4, read_json, counts",
        CAPTURES_OF_DUCKDB,
        partial(own_process, command("monitor", *flags)),
        partial(own_process, python(SUMMARIZE, data, INPUTS)),
    )


def measure_trees() -> None:
    peer = SHAP_ENVIRONMENT / "bin" / "python"
    if not peer.is_file():
        print("without shap: README.md says how to make its environment")
        return
    for baselines, rows in TREE_ROWS.items():
        show(
            f"sums of 100 trees, {rows:,} rows beside {baselines}",
            "shap 0.51, TreeExplainer",
            OF_SHAP,
            of_sums(models(), baselines, rows),
            tree_explainer(peer, models(), baselines, rows),
        )


def main() -> None:
    print(f"| {'mark':44} | {'peer':28} | limit |   ours |   peer | ratio | verdict |")
    print(f"| {'-' * 44} | {'-' * 28} | ----: | -----: | -----: | ----: | ------- |")
    measure_tables()
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        measure_captures(Path(name))
    measure_trees()
    columns.main()  # and frames, and the command's start


if __name__ == "__main__":
    main()
