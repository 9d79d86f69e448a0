"""Do healthy chunks of public data stay silent, and are the changes in them found? For packages that bring the data.

Unpack the wheels that README.md downloads, then python benchmarks/public_data.py FOLDER

Car loan, car price and credit card of NannyML: the reference as a baseline, the analysis in ten chunks, whole and their first 500
rows; the first five are of the same population, the others are not. Flights of popmon by week: weeks 0 to 19 are a baseline, and
from July on US Airways has none. No Spark. A change is in a column if its shares, or its distribution, differ by 0.02 between the
reference and all late chunks together.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring

SETS = (
    ("car loan", "synthetic_car_loan", 5_000),
    ("car price", "regression_synthetic", 6_000),
    ("credit card", "mc", 6_000),
)
NO_FEATURES = ["id", "timestamp", "identifier", "work_home_actual", "repaid", "y_true", "y_pred", "period", "partition"]


def violated(monitor: DataQualityMonitor, baseline: object, rows: pd.DataFrame) -> set[str]:
    evaluation = run_monitoring(rows, monitor, baseline, engine="local")  # type: ignore[arg-type]
    return {violation.feature_name for violation in evaluation.violations.violations}


def gap(before: pd.Series, after: pd.Series) -> float:
    """The largest difference of cumulative shares of numbers, of shares of texts."""
    if before.dtype == object:
        shares = [sample.value_counts(normalize=True) for sample in (before, after)]
        return float(shares[0].sub(shares[1], fill_value=0).abs().max())
    values = pd.Index(before).union(pd.Index(after)).unique().sort_values()
    ranks = [sample.sort_values().searchsorted(values, side="right") / len(sample) for sample in (before, after)]
    return float(abs(ranks[0] - ranks[1]).max())


def judge_nannyml(folder: Path) -> Iterator[str]:
    data = folder / "nannyml" / "datasets" / "data"
    for name, file, size in SETS:
        tables = [pd.read_csv(data / f"{file}_{part}.csv") for part in ("reference", "analysis")]
        columns = [column for column in tables[1].columns if column in tables[0].columns and column not in NO_FEATURES]
        reference, analysis = (table[columns] for table in tables)
        chunks = [analysis[start : start + size] for start in range(0, 10 * size, size)]
        late = pd.concat(chunks[5:])
        truth = {column for column in columns if gap(reference[column].dropna(), late[column].dropna()) >= 0.02}
        for kind, rows in ((kind, rows) for kind in ("clustered", "independent") for rows in (size, 500)):
            monitor = DataQualityMonitor(settings=MonitoringSettings(rows=kind))
            baseline = run_baseline(reference, monitor, engine="local")
            violations = [violated(monitor, baseline, chunk[:rows]) for chunk in chunks]
            healthy = sum(map(len, violations[:5])) + sum(len(drifted - truth) for drifted in violations[5:])
            drifts = sum(len(drifted & truth) for drifted in violations[5:])
            planted = 5 * len(truth)
            yield f"{name}, {rows:,} rows, {kind}: {drifts} of {planted} changes found, {healthy} alarms of what didn't change"


def judge_popmon(folder: Path) -> Iterator[str]:
    data = folder / "popmon" / "test_data"
    flights = pd.concat(
        [
            pd.read_csv(data / f"flight_delays{part}.csv.gz", index_col=0, parse_dates=["DATE"])
            for part in ("_reference", "")
        ]
    )
    flights = flights.sort_values("DATE", kind="stable")
    week = (flights["DATE"] - pd.Timestamp("2015-01-01")).dt.days // 7
    features = flights.drop(columns=["DATE"])
    monitor = DataQualityMonitor()
    baseline = run_baseline(features[week < 20], monitor, engine="local")
    violations = {number: violated(monitor, baseline, features[week == number]) for number in range(20, 52)}
    columns = sorted(set().union(*violations.values()))
    for name in columns:
        yield f"flights: {name} alarms in weeks {_spans(number for number in violations if name in violations[number])}"
    first = min((number for number in violations if "AIRLINE" in violations[number]), default=None)
    yield f"flights: AIRLINE first alarms in week {first}; from the last days of week 25 on US Airways is gone"
    missing = features.copy()
    some = missing.sample(frac=0.05, random_state=1).index
    missing.loc[some, "AIR_TIME"] = None
    drifts = sum("AIR_TIME" in violated(monitor, baseline, missing[week == number]) for number in violations)
    yield f"flights: 5 points more of AIR_TIME are missing: found in {drifts} of {len(violations)} weeks"
    shuffled = features.sample(frac=1, random_state=2).set_index(features.index)
    baseline = run_baseline(shuffled[week < 20], monitor, engine="local")
    alarms = sum(bool(violated(monitor, baseline, shuffled[week == number])) for number in violations)
    yield f"flights, rows shuffled: {alarms} of {len(violations)} weeks alarm"


def _spans(weeks: Iterable[int]) -> str:
    return " ".join(map(str, weeks))


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    logging.disable(logging.WARNING)
    for line in (*judge_nannyml(Path(sys.argv[1])), *judge_popmon(Path(sys.argv[1]))):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
