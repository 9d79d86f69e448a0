"""Do healthy chunks of public data stay silent, and are the changes in them found? For packages that bring the data.

pip download --no-deps nannyml==0.13.1 popmon==1.4.12, unpack both, then python benchmarks/public_data.py FOLDER

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
    found = run_monitoring(rows, monitor, baseline, engine="local")  # type: ignore[arg-type]
    return {each.feature_name for each in found.violations.violations}


def gap(before: pd.Series, after: pd.Series) -> float:
    """The largest difference of cumulative shares of numbers, of shares of texts."""
    if before.dtype == object:
        shares = [side.value_counts(normalize=True) for side in (before, after)]
        return float(shares[0].sub(shares[1], fill_value=0).abs().max())
    values = pd.Index(before).union(pd.Index(after)).unique().sort_values()
    ranks = [side.sort_values().searchsorted(values, side="right") / len(side) for side in (before, after)]
    return float(abs(ranks[0] - ranks[1]).max())


def of_nannyml(folder: Path) -> Iterator[str]:
    data = folder / "nannyml" / "datasets" / "data"
    for name, file, size in SETS:
        sides = [pd.read_csv(data / f"{file}_{part}.csv") for part in ("reference", "analysis")]
        columns = [each for each in sides[1].columns if each in sides[0].columns and each not in NO_FEATURES]
        reference, analysis = (side[columns] for side in sides)
        chunks = [analysis[start : start + size] for start in range(0, 10 * size, size)]
        late = pd.concat(chunks[5:])
        truth = {each for each in columns if gap(reference[each].dropna(), late[each].dropna()) >= 0.02}
        for kind, rows in ((kind, rows) for kind in ("clustered", "independent") for rows in (size, 500)):
            monitor = DataQualityMonitor(settings=MonitoringSettings(rows=kind))
            baseline = run_baseline(reference, monitor, engine="local")
            found = [violated(monitor, baseline, chunk[:rows]) for chunk in chunks]
            healthy = sum(map(len, found[:5])) + sum(len(each - truth) for each in found[5:])
            seen = sum(len(each & truth) for each in found[5:])
            all_ = 5 * len(truth)
            yield f"{name}, {rows:,} rows, {kind}: {seen} of {all_} changes found, {healthy} alarms of what didn't change"


def of_popmon(folder: Path) -> Iterator[str]:
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
    found = {number: violated(monitor, baseline, features[week == number]) for number in range(20, 52)}
    columns = sorted(set().union(*found.values()))
    for name in columns:
        yield f"flights: {name} alarms in weeks {_spans(number for number in found if name in found[number])}"
    first = min((number for number in found if "AIRLINE" in found[number]), default=None)
    yield f"flights: AIRLINE first alarms in week {first}; from the last days of week 25 on US Airways is gone"
    missing = features.copy()
    some = missing.sample(frac=0.05, random_state=1).index
    missing.loc[some, "AIR_TIME"] = None
    seen = sum("AIR_TIME" in violated(monitor, baseline, missing[week == number]) for number in found)
    yield f"flights: 5 points more of AIR_TIME are missing: found in {seen} of {len(found)} weeks"
    shuffled = features.sample(frac=1, random_state=2).set_index(features.index)
    baseline = run_baseline(shuffled[week < 20], monitor, engine="local")
    alarms = sum(bool(violated(monitor, baseline, shuffled[week == number])) for number in found)
    yield f"flights, rows shuffled: {alarms} of {len(found)} weeks alarm"


def _spans(weeks: Iterable[int]) -> str:
    return " ".join(map(str, weeks))


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    logging.disable(logging.WARNING)
    for line in (*of_nannyml(Path(sys.argv[1])), *of_popmon(Path(sys.argv[1]))):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
