"""Comparisons made by hand: columns of cells, as a scan would give them, beside constraints suggested from others."""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.baseline.documents import suggest_constraints
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.baseline_comparison import WindowComparison
from spark_model_monitor.monitors.data_quality.budget import calibrate
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataType,
    DataTypeCounts,
    Ends,
    FeatureProfile,
    FrequenciesBuilder,
    KllBuilder,
    MomentsBuilder,
    Profile,
    TextLengths,
    TextShapes,
)
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers


def text_feature(name, cells, *, limit=4096):
    """A column of texts and None, as a CSV has them. limit: of the distinct values that are counted exactly."""
    return FeatureProfile.of(name, ColumnType.TEXT, text_states(tuple(cells), limit))


@lru_cache(maxsize=64)
def text_states(cells, limit):
    """The states of a column of texts; columns of the same cells have the same."""
    texts = pa.array(cells, pa.string())
    moments = MomentsBuilder()
    kll = KllBuilder()
    frequencies = FrequenciesBuilder(limit)
    present = texts.drop_null()
    kll.update(moments.update(parse_numbers(present), missing=texts.null_count))
    counted = present.value_counts()
    frequencies.update(counted.field("values"), counted.field("counts").to_numpy())
    free = present.filter(pa.array(classify(present) == DataType.TEXT))
    shapes = TextShapes.of(free, np.zeros(len(free), bool), np.ones(len(free), np.int64))
    of_lengths = TextLengths.of(present), shapes
    return DataTypeCounts.of(texts), moments.state(), kll.state(), frequencies.state(), *of_lengths


def number_feature(name, values, *, integral=False):
    """A numeric column, None and NaN missing, as a Parquet file has them."""
    present = [value for value in values if value is not None]
    moments = MomentsBuilder()
    kll = KllBuilder()
    finite = moments.update(np.array(present, dtype=np.float64), missing=len(values) - len(present))
    kll.update(finite)
    state = moments.state()
    ends = Ends.of(finite)
    counts = {"integral" if integral else "fractional": state.present}
    types = DataTypeCounts(missing=state.absent, **counts)
    return FeatureProfile.of(
        name, ColumnType.INTEGRAL if integral else ColumnType.FRACTIONAL, [types, state, kll.state(), ends]
    )


def make_profile(*features):
    rows = max((feature.data_types.total for feature in features), default=0)
    return Profile(rows, features)


def texts(**columns):
    """The profile of a CSV with these columns."""
    return make_profile(*[text_feature(name, cells) for name, cells in columns.items()])


def compare_profiles(baseline, current, *, config=None, features=None, distributions=None, **options):
    """`current` beside `baseline` and the constraints suggested from it.

    config: members of `monitoring_config` that replace the suggested ones. features: members that replace a feature's own,
    by name; None takes a member out. distributions: the baseline's distributions, if not those of its states.
    """
    plain = suggest_constraints(baseline, MonitoringSettings(verdicts="none")).plain()
    plain["monitoring_config"] |= config or {}
    for feature in plain["features"]:
        feature |= (features or {}).get(feature["name"], {})
        for member in [member for member, value in feature.items() if value is None]:
            del feature[member]
    constraints = Constraints.model_validate(plain)
    return compare(
        constraints, current, create_distributions(baseline) if distributions is None else distributions, **options
    )


def compare(constraints, current, distributions=None, *, suggested_limits=None, profile=None, **options):
    """`current` beside a baseline of these constraints, distributions, limits that it suggested, and states."""
    baseline = QualityBaseline(constraints, distributions or {}, suggested_limits or {}, profile)
    comparison = WindowComparison(baseline, current, **options)
    comparison.calibration = calibrate(comparison)
    return comparison


def collect_outcomes(comparison):
    """Every outcome by (feature, check)."""
    return {(outcome.feature, outcome.check): outcome for outcome in check_all(comparison)}
