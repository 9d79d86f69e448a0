"""The law of rounding: data whose statistics are constant up to rounding never list_alarms, however many rows there are and
however they are split.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_model_monitor import DataQualityMonitor
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.profiling.scan_plan import ScanPlan
from spark_model_monitor.documents.monitoring_settings import Rows
from spark_model_monitor.monitors.data_quality.baseline.documents import DEFAULT_SETTINGS
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS
from spark_model_monitor.monitors.data_quality.checks.facts import FACTS
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS

pytestmark = pytest.mark.long

ROWS = (700, 1_000, 1_500, 4_097, 65_536, 100_000)
SPLITS = (1, 2, 7, 33)
BEGAN = 1_772_000_000  # seconds since 1970
FEW_ROWS = 5_000  # of tables with long vectors

# counts of whole values, in a column that grows; dates of births
NOT_OF_CONSTANT_DATA = {"new_values_check", "date_period_check"}


def codes(pattern, numbers):
    """Texts of one shape: the numbers with leading zeros, put into a pattern."""
    before, after = pattern.split("#")
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 6, "0")
    return pc.binary_join_element_wise(before, digits, after, "")


@lru_cache(None)
def table(seed):
    """Columns whose statistics are constant, by name. The rows are those of the largest table."""
    random = np.random.default_rng(seed)
    rows = max(ROWS)

    def numbers(value):
        return pa.array(np.full(rows, value))

    def vectors(values):
        return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(values)), np.shape(values)[1]).cast(
            pa.list_(pa.float64())
        )

    came = BEGAN + np.sort(random.integers(0, 86_400, rows))
    amounts = random.uniform(1, 1_000, rows)
    directions = random.normal(size=(rows, 3))
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    days = BEGAN + 86_400 * random.integers(0, 28, rows)
    days = pa.array(days, pa.timestamp("s"))
    days = pc.strftime(days, "%Y-%m-%d")
    return {
        "came": pa.array(came),
        "five minutes old": pa.array(came - 300),
        "a tenth": numbers(0.1),
        "a third": numbers(1 / 3),
        "large with a fraction": numbers(1e15 + 0.3),
        "tiny": numbers(1e-300),
        "huge": numbers(1.7e308),
        "negative": numbers(-2.7),
        "single precision": numbers(np.float32(0.1)),
        "whole": numbers(7),
        "zero": numbers(0.0),
        "a tenth and rounding": pa.array((amounts + 0.1) - amounts),
        "two numbers": pa.array(np.where(np.arange(rows) % 2, 0.1, 0.3)),
        "a tenth as text": pa.array(["0.1"] * rows),
        "days of a month": days,
        "codes": codes("A#", random.integers(0, 10**6, rows)),
        "codes of other letters": codes("ä#ö", random.integers(0, 10**6, rows)),
        "long texts": codes("x" * 270 + "#", random.integers(0, 10**6, rows)),
        "sentences": codes("order number #, please", random.integers(0, 10**6, rows)),
        "one text": pa.array(["constant"] * rows),
        "empty texts": pa.array([""] * rows),
        "constant vectors": vectors(np.tile([0.1, 1 / 3, 1e15 + 0.3, -7.0], (rows, 1))),
        "vectors of one number": vectors(np.full((rows, 1), 0.1)),
        "unit vectors": vectors(directions / lengths),
        "long vectors": vectors(np.tile(np.arange(40) / 10, (FEW_ROWS, 1))),
    }


@lru_cache(None)
def scan_columns(rows, split, *, is_baseline):
    """The scan of a table's first rows in some partitions."""
    columns = table(1 if is_baseline else 2)
    names = [name for name in columns if len(columns[name]) >= rows]
    cells = [columns[name].slice(0, rows) for name in names]
    batch = pa.RecordBatch.from_arrays(cells, names=[f"c{position}" for position in range(len(names))])
    ends = np.linspace(0, rows, split + 1).astype(int).tolist()
    parts = [[batch.slice(start, end - start)] for start, end in pairwise(ends)]
    # Each part is a partition with states of its own
    source = LocalEngine(processes=1).make_partitions(batch.schema, parts)
    run_rows = 8 if is_baseline else 128
    rows = RowSource(source, names, max_partition_count=split)
    return scan(rows, ScanPlan(run_rows=run_rows, time_position=names.index("came")))


def create_reference(monitor, baseline):
    """What later data is compared with."""
    constraints = monitor.constraints(baseline.profile)
    reference = monitor.stored_baseline(constraints, None, baseline.profile, constraints)
    return reference.with_block_variation(monitor.variation(baseline.profile, baseline.runs))


def select_columns(scanned_data, columns_of):
    """The scan with the columns that another one has, too."""
    names = {feature.name for feature in columns_of.profile.features}
    features = scanned_data.profile.features
    indices = [index for index, feature in enumerate(features) if feature.name in names]
    profile = replace(scanned_data.profile, features=tuple(features[index] for index in indices))
    return replace(scanned_data, profile=profile, runs=[scanned_data.runs[index] for index in indices])


def check_window(monitor, baseline, window, earlier=()):
    baseline = select_columns(baseline, window)
    window = select_columns(window, baseline)
    reference = create_reference(monitor, baseline)
    if earlier:
        profiles = [select_columns(earlier_window, baseline).profile for earlier_window in earlier]
        reference = with_earlier_windows(reference, profiles)
    sample = Sample(window.profile, monitor.metrics(window.profile), runs=window.runs)
    return monitor.judge(sample, reference).results


def with_earlier_windows(quality_baseline: QualityBaseline, profiles):
    """The baseline with what earlier windows left."""
    left: dict[str, list] = {}
    for profile in profiles:
        for reference, name, statistics in quality_baseline.raw_statistics(profile, ()):
            if reference == BASELINE:
                left.setdefault(name, []).append([statistics[member] for member in FIELDS])
    past = {
        name: dict(zip(FIELDS, np.array(windows, float).T, strict=True))
        for name, windows in left.items()
        if len(windows) == len(profiles)
    }
    return quality_baseline.with_history({}, {BASELINE: past})


def list_alarms(check_results):
    return [
        (check_result.feature, check_result.check, check_result.description)
        for check_result in check_results
        if check_result.is_violation
    ]


MONITORS = {
    rows.value: DataQualityMonitor(
        replace(DEFAULT_SETTINGS, rows=rows, non_negative_check=rows is Rows.INDEPENDENT), time_column="came"
    )
    for rows in (Rows.CLUSTERED, Rows.INDEPENDENT)
}


@pytest.mark.parametrize("monitor", MONITORS.values(), ids=MONITORS)
@pytest.mark.parametrize(("index", "rows"), [*enumerate(ROWS)], ids=map(str, ROWS))
@pytest.mark.nightly
def test_constant_data_never_alarms(index, rows, monitor):
    """Windows of every size and split, beside baselines of other sizes and splits."""
    first, *later_parts = SPLITS[index % 2 :: 2]
    for split, size, of_baseline in ((first, ROWS[index - 1], *later_parts), (*later_parts, ROWS[index - 2], first)):
        baseline = scan_columns(size, of_baseline, is_baseline=True)
        window = scan_columns(rows, split, is_baseline=False)
        assert list_alarms(check_window(monitor, baseline, window)) == []


@pytest.mark.nightly
def test_constant_data_never_alarms_beside_earlier_windows():
    baseline = scan_columns(4_097, 1, is_baseline=True)
    earlier = [scan_columns(rows, split, is_baseline=False) for rows, split in product(ROWS[:4], SPLITS)]

    for rows, split in ((700, 33), (4_097, 2)):
        window = scan_columns(rows, split, is_baseline=False)
        assert list_alarms(check_window(MONITORS["clustered"], baseline, window, earlier)) == []


def test_the_law_is_of_every_check_and_guard():
    baseline = scan_columns(1_000, 1, is_baseline=True)
    window = scan_columns(700, 2, is_baseline=False)
    check_results = [
        check_result for monitor in MONITORS.values() for check_result in check_window(monitor, baseline, window)
    ]

    registered = {check.name for registry in (FEATURE_CHECKS, DATA_SET_CHECKS, FACTS) for check in registry.values()}
    assert registered - {check_result.check for check_result in check_results} == NOT_OF_CONSTANT_DATA
