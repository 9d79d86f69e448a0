"""Our states through Deequ's analyzers: the metrics are those of Deequ's own scan, and of the states' own formulas."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.deequ.deequ_evaluation import METRIC_FIELDS, evaluate
from spark_model_monitor.spark.deequ.jvm import Deequ, find_version_fault
from spark_model_monitor.spark.deequ.states import encode_kll_state, make_kll_state, make_quantile_state
from spark_model_monitor.spark.engine.spark import SparkPartitions
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctBuilder,
    FeatureProfile,
    KllBuilder,
    MomentsBuilder,
    Profile,
)
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.profile import FeatureMetrics, compute_metrics


def metrics_by_deequ_scan(spark, frame):
    """The same metrics by `AnalysisRunner.onData` of pydeequ; None for those that Deequ failed to compute."""
    from pydeequ import analyzers
    from pydeequ.analyzers import AnalysisRunner, AnalyzerContext

    runner = AnalysisRunner(spark).onData(frame)
    for column in frame.columns:
        for name in METRIC_FIELDS:
            runner = runner.addAnalyzer(getattr(analyzers, name)(column))
    values_by_column = {column: dict.fromkeys(METRIC_FIELDS.values()) for column in frame.columns}
    for metric in AnalyzerContext.successMetricsAsJson(spark, runner.run()):
        values_by_column[metric["instance"]][METRIC_FIELDS[metric["name"]]] = metric["value"]
    return {column: FeatureMetrics(**metrics) for column, metrics in values_by_column.items()}


def assert_same(actual, expected):
    assert list(actual) == list(expected)
    for name, metrics in actual.items():
        for field, value in asdict(metrics).items():
            expected_value = getattr(expected[name], field)
            assert value == (None if expected_value is None else pytest.approx(expected_value, rel=1e-12, abs=0)), (
                name,
                field,
            )


FINITE = st.floats(-1e150, 1e150, allow_subnormal=False)
WHOLE = st.integers(-(2**53), 2**53)


@pytest.mark.deequ
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.none() | FINITE, st.none() | WHOLE, st.none() | st.text("ab 1.", max_size=3)),
        min_size=1,
        max_size=40,
    ),
    partitions=st.integers(1, 3),
)
def test_metrics_are_those_of_a_scan_by_deequ(spark, rows, partitions):
    frame = spark.createDataFrame(rows, "amount double, count bigint, code string").repartition(partitions).cache()

    profile = scan(RowSource(SparkPartitions(frame), frame.columns, max_partition_count=partitions)).profile
    actual = evaluate(spark, profile)

    expected = metrics_by_deequ_scan(spark, frame)
    if profile.feature("code").is_numeric:  # Deequ's scan takes no text for a number, we do
        expected["code"] = compute_metrics(profile)["code"]
    assert_same(spread_aside(actual, expected), expected)
    frame.unpersist()


def spread_aside(actual, expected):
    """Where values cancel out, the spread is known to so many digits of the values only; the rest has to agree."""
    for name, metrics in actual.items():
        expected_metrics = expected[name]
        if metrics.standard_deviation is not None:
            scale = max(abs(metrics.minimum), abs(metrics.maximum))
            assert metrics.standard_deviation == pytest.approx(
                expected_metrics.standard_deviation, rel=1e-12, abs=1e-13 * scale
            )
            assert metrics.sum == pytest.approx(expected_metrics.sum, rel=1e-12, abs=1e-13 * scale)
            actual = {
                **actual,
                name: FeatureMetrics(
                    **{
                        **asdict(metrics),
                        "standard_deviation": expected_metrics.standard_deviation,
                        "sum": expected_metrics.sum,
                        "mean": expected_metrics.mean,
                    }
                ),
            }
    return actual


def make_profile(columns):
    features = []
    for name, values in columns.items():
        moments = MomentsBuilder()
        distinct = DistinctBuilder()
        moments.update(values, missing=3)
        distinct.update(xxhash64(values[~np.isnan(values)]))
        moments_state = moments.state()
        counts = DataTypeCounts(missing=moments_state.absent, fractional=moments_state.present)
        features.append(FeatureProfile.of(name, ColumnType.FRACTIONAL, [counts, moments_state, distinct.state()]))
    return Profile(features[0].data_types.total, tuple(features))


@pytest.mark.deequ
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_subnormal=True), max_size=30))
def test_the_twin_without_a_jvm_gives_the_same_metrics(spark, values):
    profile = make_profile({"x": np.array(values, dtype=np.float64)})

    assert_same(compute_metrics(profile), evaluate(spark, profile))


@pytest.mark.deequ
def test_columns_may_be_called_anything(spark):
    names = ["a.b", " a", "ключ", "Age", "age", "q`t", "c1", "", "x" * 300]
    profile = make_profile({name: np.arange(1.0, 4.0 + position) for position, name in enumerate(names)})

    assert [metrics.maximum for metrics in evaluate(spark, profile).values()] == [3.0 + number for number in range(9)]


@pytest.mark.deequ
@pytest.mark.parametrize(
    ("column", "ddl", "expected"),
    [
        pytest.param(
            [None, None], "double", FeatureMetrics(completeness=0.0, approx_count_distinct=0), id="only nulls"
        ),
        pytest.param([], "double", FeatureMetrics(), id="no rows"),
        pytest.param([], "string", FeatureMetrics(), id="no rows of text"),
        pytest.param([[1], None], "array<int>", FeatureMetrics(completeness=0.5), id="arrays"),
        pytest.param([{"a": 1}, None], "map<string,int>", FeatureMetrics(completeness=0.5), id="maps"),
        pytest.param(["1", "2"], "string", FeatureMetrics(1.0, 1.5, 3.0, 0.5, 1.0, 2.0, 2), id="numbers as text"),
        pytest.param([True, False], "boolean", FeatureMetrics(1.0, approx_count_distinct=2), id="booleans"),
        pytest.param([7, 7], "bigint", FeatureMetrics(1.0, 7.0, 14.0, 0.0, 7.0, 7.0, 1), id="constant"),
    ],
)
def test_columns_of_every_kind_have_an_outcome(spark, column, ddl, expected):
    frame = spark.createDataFrame([(cell,) for cell in column], f"x {ddl}")
    profile = scan(RowSource(SparkPartitions(frame), frame.columns, max_partition_count=2)).profile

    assert evaluate(spark, profile) == compute_metrics(profile) == {"x": expected}


@pytest.mark.deequ
def test_evaluating_starts_no_job_and_no_callback_server(spark, count_spark_jobs):
    with count_spark_jobs() as jobs:
        evaluate(spark, make_profile({"x": np.arange(3.0)}))

    assert jobs == []


@pytest.mark.deequ
def test_a_profile_without_features_has_no_metrics(spark):
    assert evaluate(spark, Profile()) == {}


@pytest.mark.deequ
@pytest.mark.parametrize("count", [0, 3, 100_000])
def test_a_sketch_handed_over_is_read_back_bit_by_bit(spark, count):
    values = np.random.default_rng(5).normal(size=count)
    builder = KllBuilder()
    builder.update(values)
    sketch = builder.state()

    state = make_kll_state(Deequ(spark), sketch, -9.5, 8.25)

    serializer = Deequ(spark)["analyzers.catalyst.KLLSketchSerializer"].serializer()
    assert (state.globalMin(), state.globalMax()) == (-9.5, 8.25)
    assert bytes(serializer.serialize(state.qSketch())) == encode_kll_state(sketch, -9.5, 8.25)[16:]


@pytest.mark.deequ
def test_a_sketch_handed_over_is_the_one_deequ_makes(spark):
    values = np.random.default_rng(6).normal(size=50_000)
    frame = spark.createDataFrame([(float(value),) for value in values], "x double").coalesce(1).cache()
    deequ = Deequ(spark)
    analyzer = deequ["analyzers.KLLSketch"]("x", deequ.none)
    provider = deequ["analyzers.InMemoryStateProvider"]()
    runner = deequ["analyzers.runners.KLLRunner"]
    runner.computeKLLSketchesInExtraPass(
        frame._jdf, deequ.make_sequence([analyzer]), deequ.none, deequ.make_option(provider)
    )

    profile = scan(RowSource(SparkPartitions(frame), frame.columns, max_partition_count=1)).profile
    moments = profile.feature("x").moments
    state = make_kll_state(Deequ(spark), profile.feature("x").kll, moments.minimum, moments.maximum)
    serializer = deequ["analyzers.catalyst.KLLSketchSerializer"].serializer()
    assert bytes(serializer.serialize(state.qSketch())) == bytes(
        serializer.serialize(provider.load(analyzer).get().qSketch())
    )
    frame.unpersist()


@pytest.mark.deequ
def test_quantiles_of_a_sketch_that_kept_everything_are_exact(spark):
    values = np.arange(1.0, 102.0)
    builder = KllBuilder()
    moments = MomentsBuilder()
    builder.update(values)
    moments.update(np.append(values, [np.inf, -np.inf]))
    deequ = Deequ(spark)

    state = make_quantile_state(deequ, builder.state(), moments.state(), 0.01)

    analyzer = deequ["analyzers.ApproxQuantile"]
    metrics = [
        analyzer("x", share, 0.01, deequ.none).computeMetricFrom(deequ.make_option(state)) for share in (0.0, 0.5, 1.0)
    ]
    assert [metric.value().get() for metric in metrics] == [-math.inf, 51.0, math.inf]


@pytest.mark.parametrize(
    ("deequ", "spark_version", "fault"),
    [
        pytest.param("2.1.0-spark-3.5", "3.5.9", None, id="fits"),
        pytest.param("2.1.3-spark-3.5", "3.5.1", None, id="newer"),
        pytest.param(
            "2.1.0-spark-3.5", "4.0.1", "is built for Spark 3.5, and this session runs Spark 4.0.1", id="Spark 4"
        ),
        pytest.param("2.0.15-spark-4.0", "4.0.2", None, id="of Spark 4"),
        pytest.param(None, "3.5.9", "has the version None, which is unknown here", id="says nothing"),
    ],
)
def test_a_deequ_that_does_not_fit_is_one_sentence_with_the_remedy(deequ, spark_version, fault):
    fault_found = find_version_fault(deequ, spark_version)

    if fault is None:
        assert fault_found is None
    else:
        assert fault in fault_found
        assert "start the job by ./spark-submit.sh" in fault_found


def test_a_session_without_a_jvm_is_refused():
    class Connected:
        @property
        def _jvm(self):
            raise AttributeError("[JVM_ATTRIBUTE_NOT_SUPPORTED]")

        version = "3.5.9"

    with pytest.raises(MissingDependency, match="a Spark Connect session has none"):
        evaluate(Connected(), Profile())
