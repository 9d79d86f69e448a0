"""Deequ's input for a user's checks from our scan: for each analyzer the state that Deequ would have made, and its metrics.

Values count exactly as in Deequ, because a user who writes a Deequ check expects this: NaN is present, and the sum, mean and
maximum of a column with NaN are NaN. (In our own documents, NaN is missing.) A KLL sketch of any size is passed as bytes in one
call. Runs on the driver only.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.monitors.user_checks.check_evidence import (
    NeedsSecondScan,
    RowFraction,
    SketchedNumbers,
    explain_refused_second_scan,
    find_evidence,
    list_type_counts,
    list_weighted_values,
)
from spark_model_monitor.monitors.user_checks.check_plan import Analyzer, CheckPlan, Source, choose_source, quote_column
from spark_model_monitor.spark.deequ.jvm import Deequ
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.data_types import DataTypeCounts
from spark_model_monitor.statistics.states.distinct import DistinctRegisters
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructType

    from spark_model_monitor.statistics.states.kll import KllSketch


log = logging.getLogger(__name__)

COMPRESS_THRESHOLD = 10_000
"""QuantileSummaries.defaultCompressThreshold of Spark 3.5; stored in a digest, used only when values are added."""

_DIGEST_CLASS = "org.apache.spark.sql.catalyst.expressions.aggregate.ApproximatePercentile"


def make_kll_state(deequ: Deequ, sketch: KllSketch, minimum: float, maximum: float) -> JavaObject:
    """The sketch as Deequ's `KLLState`, a Java object.

    minimum, maximum: the exact extremes of the data, which the sketch itself doesn't have.
    """
    return deequ["analyzers.KLLState"].fromBytes(encode_kll_state(sketch, minimum, maximum))


def encode_kll_state(sketch: KllSketch, minimum: float, maximum: float) -> bytes:
    """The input of `KLLState.fromBytes`: big-endian, minimum and maximum first, then the sketch's compactors.

    Source: com.amazon.deequ.analyzers.KLLState.fromBytes and catalyst.KLLSketchSerializer of Deequ 2.1.0.
    """
    items = sum(len(level) for level in sketch.levels)
    parts = [
        struct.pack(">dd", minimum, maximum),
        # The sketch's size and shrinking factor, then the counts that the reader needs before the levels
        struct.pack(">idiii", sketch.k, sketch.c, len(sketch.levels), items, _compute_capacity(sketch)),
        struct.pack(">i", len(sketch.levels)),
    ]
    for level, compactions, offset in zip(sketch.levels, sketch.compactions, sketch.offsets, strict=True):
        parts += [struct.pack(">iii", compactions, offset, len(level)), level.astype(">f8").tobytes()]
    return b"".join(parts)


def make_quantile_state(deequ: Deequ, sketch: KllSketch, moments: Moments, relative_error: float) -> JavaObject:
    """The distribution of the values as the state of Deequ's ApproxQuantile: a digest from which Spark computes percentiles.

    The digest's samples are the sketch's items with their weights, so a quantile has the sketch's error in rank instead of the
    digest's error. Infinities and NaN are at the ends, in Spark's order.
    """
    # Minimum and maximum are exact, so that the quantiles 0 and 1 are exact, too
    values, cumulative = list_weighted_values(sketch, moments)
    digest = (
        deequ.find_class(_DIGEST_CLASS).serializer().deserialize(_encode_digest(values, cumulative, relative_error))
    )
    return deequ["analyzers.ApproxQuantileState"](digest)


def _encode_digest(values: Doubles, weights: Integers, relative_error: float) -> bytes:
    """The digest as bytes: samples of (value, weight, slack in rank).

    Source: ApproximatePercentile.PercentileDigestSerializer of Spark 3.5.
    """
    # With a slack of 0 in rank, Spark takes each sample as exact and adds no error of its own
    samples = np.zeros(len(values), dtype=[("value", ">f8"), ("g", ">i8"), ("delta", ">i8")])
    samples["value"] = values
    samples["g"] = weights
    head = struct.pack(">idqi", COMPRESS_THRESHOLD, relative_error, int(weights.sum()), len(values))
    return head + samples.tobytes()


def _compute_capacity(sketch: KllSketch) -> int:
    """The number of items in a sketch with this many levels before it compacts. Source: QuantileNonSample.capacity of Deequ."""
    return sum(2 * (int(np.ceil(sketch.k * sketch.c**height / 2)) + 1) for height in range(len(sketch.levels)))


COUNT_COLUMN = "com_amazon_deequ_dq_metrics_count"
"""The column of counts in a FrequenciesAndNumRows. Source: Analyzers.COUNT_COL of Deequ 2.1.0."""


@value_class
class DeequStates:
    """The results of one scan, and the Deequ that receives them.

    matches: for each predicate of the plan, the number of rows in which it was true.
    """

    spark: SparkSession
    deequ: Deequ
    profile: Profile
    matches: Mapping[str, int]

    def make_state(self, analyzer: Analyzer, column: str) -> JavaObject | None:
        """The Java state for an analyzer; None if Deequ's state would be empty, because there are no rows or only nulls.

        column: the name of the column in the analyzer's Java object.

        Raises NeedsSecondScan if values were dropped, or the sketch is less precise than requested.
        """
        evidence = find_evidence(analyzer, self.profile, self.matches)
        deequ = self.deequ
        if evidence is None:
            return None
        # Analyzers of all rows, or of a column's values of any type
        if isinstance(evidence, RowFraction):
            if analyzer.name == "Size":
                return deequ["analyzers.NumMatches"](evidence.matching)
            return deequ["analyzers.NumMatchesAndCount"](evidence.matching, evidence.rows, deequ.none)
        if isinstance(evidence, DistinctRegisters):
            return deequ["analyzers.ApproxCountDistinctState"](deequ.make_longs(evidence.words()))
        if isinstance(evidence, DataTypeCounts):
            return deequ["analyzers.DataTypeHistogram"](*list_type_counts(evidence))
        # Analyzers of numbers
        if isinstance(evidence, SketchedNumbers):
            moments = evidence.moments
            if analyzer.name == "KLLSketch":
                return make_kll_state(deequ, evidence.sketch, moments.minimum, moments.maximum)
            return make_quantile_state(deequ, evidence.sketch, moments, analyzer.relative_error or 0.0)
        if isinstance(evidence, Moments):
            return self._make_numeric_state(analyzer, evidence)
        return self._make_frequencies(evidence, column)

    def _make_numeric_state(self, analyzer: Analyzer, numbers: Moments) -> JavaObject:
        deequ = self.deequ
        match analyzer.name:
            case "Mean":
                return deequ["analyzers.MeanState"](numbers.sum, numbers.count)
            case "Sum":
                return deequ["analyzers.SumState"](numbers.sum)
            case "StandardDeviation":
                return deequ["analyzers.StandardDeviationState"](float(numbers.count), numbers.mean, numbers.m2)
            case "Minimum":
                return deequ["analyzers.MinState"](numbers.minimum, deequ.none)
            case "Maximum":
                return deequ["analyzers.MaxState"](numbers.maximum, deequ.none)
        raise ValueError(f"no state answers {analyzer.name}")

    def _make_frequencies(self, counts: Mapping[str, int], column: str) -> JavaObject:
        """The counts by value as Deequ's FrequenciesAndNumRows, over a small frame that is made on the driver."""
        from pyspark.sql.types import LongType, StringType, StructField, StructType

        schema = StructType([StructField(column, StringType()), StructField(COUNT_COLUMN, LongType())])
        # Deequ requires these counts as rows of Spark, even if they are few; one partition keeps the job small
        frame = self.spark.createDataFrame(list(counts.items()), schema).coalesce(1)
        return self.deequ["analyzers.FrequenciesAndNumRows"](frame._jdf, sum(counts.values()), self.deequ.none)


class CheckMetrics:
    """The metrics of one run of a plan. After `compute`, `context` is Deequ's AnalyzerContext with all of them.

    aliases: the names in Deequ for columns whose own names it would misread (`choose_plain_names`).
    """

    def __init__(self, states: DeequStates, plan: CheckPlan, aliases: dict[str, str]) -> None:
        self._states = states
        self._deequ = states.deequ
        self._plan = plan
        self._aliases = aliases
        self._sources: dict[str, Source] = {}
        self.context = self._deequ["analyzers.runners.AnalyzerContext"].empty()

    def compute(self, required: Sequence[tuple[Analyzer, JavaObject]], frame: DataFrame | None) -> None:
        """Compute the metric of every analyzer. required: for each analyzer, its description and its Java object.

        frame: the data with the user's column names; needed for a second scan only. Each grouping analyzer starts a small Spark
        job over its counts by value; a second scan starts Deequ's own jobs.
        """
        states = self._deequ["analyzers.InMemoryStateProvider"]()
        answered_analyzers = []
        rescanned_analyzers = []
        for analyzer, java in required:
            source = choose_source(analyzer)
            self._sources[java.toString()] = source
            # The plan knows some analyzers that need a second scan; others turn out only when their state is made
            if source is Source.SECOND_SCAN:
                rescanned_analyzers.append(java)
                continue
            try:
                state = self._states.make_state(analyzer, self._name_in_deequ(analyzer))
            except NeedsSecondScan as reason:
                self._sources[java.toString()] = Source.SECOND_SCAN
                # If a second scan is refused, only this analyzer fails, and its constraint says why
                if self._plan.second_scan_allowed:
                    rescanned_analyzers.append(java)
                else:
                    self._add_failure(java, explain_refused_second_scan(reason))
                continue
            answered_analyzers.append(java)
            if state is not None:
                states.persist(java, state)
        # One call passes all states, without a scan of the data
        schema = _build_schema(self._states.profile, self._aliases)
        self._merge_context(self._deequ.aggregate_states(schema, answered_analyzers, states))
        for java in answered_analyzers:
            if self.context.metric(java).isEmpty():  # it had no state, which Deequ's own scan calls an empty state
                self._add_metric(java, java.computeMetricFrom(self._deequ.none))
        # All these analyzers share one scan, because each scan by Deequ reads all data
        if rescanned_analyzers:
            self._scan_again(rescanned_analyzers, frame)

    def of(self, java: JavaObject) -> JavaObject:
        """Deequ's metric of an analyzer. Metric and analyzer are Java objects."""
        return self.context.metric(java).get()

    def describe_source(self, java: JavaObject) -> str:
        """The origin of an analyzer's metric, in words."""
        return self._sources[java.toString()].value

    def _name_in_deequ(self, analyzer: Analyzer) -> str:
        column = "".join(analyzer.columns[:1])
        return self._aliases.get(column, column)

    def _scan_again(self, analyzers: Sequence[JavaObject], frame: DataFrame | None) -> None:
        """Compute the analyzers by a scan of Deequ's own. If Spark refuses it, only these analyzers fail."""
        import pyspark.sql.functions as F
        from pyspark.errors import PySparkException

        if frame is None:
            raise ValueError("the plan needs a second scan, so it has to be run with the frame")
        log.info("second scan of the data for %s", ", ".join(java.toString() for java in analyzers))
        # The analyzers use plain names, so the frame needs columns with these names as well
        if self._aliases:
            frame = frame.select(
                "*", *[F.col(quote_column(name)).alias(alias) for name, alias in self._aliases.items()]
            )
        runner = self._deequ["analyzers.runners.AnalysisRunner"].onData(frame._jdf)
        try:
            self._merge_context(runner.addAnalyzers(self._deequ.make_sequence(analyzers)).run())
        except PySparkException as error:
            for java in analyzers:
                self._add_failure(java, str(error).strip().splitlines()[0])

    def _add_failure(self, java: JavaObject, reason: str) -> None:
        failure = self._deequ["analyzers.runners.MetricCalculationPreconditionException"](reason)
        self._add_metric(java, java.toFailureMetric(failure))

    def _add_metric(self, java: JavaObject, metric: JavaObject) -> None:
        pairs = self._deequ.find_class("java.util.HashMap")()
        pairs.put(java, metric)
        scala_map = self._deequ.find_class("org.apache.spark.api.python.PythonUtils").toScalaMap(pairs)
        self._merge_context(self._deequ["analyzers.runners.AnalyzerContext"](scala_map))

    def _merge_context(self, context: JavaObject) -> None:
        self.context = getattr(self.context, "$plus$plus")(context)


def _build_schema(profile: Profile, aliases: dict[str, str]) -> StructType:
    """The profile's columns, with types that tell Deequ's preconditions which columns are numeric and which are nested."""
    from pyspark.sql.types import StructField, StructType

    return StructType(
        [
            StructField(name, _map_to_spark_type(feature))
            for feature in profile.features
            for name in filter(None, [feature.name, aliases.get(feature.name)])
        ]
    )


def _map_to_spark_type(feature: FeatureProfile) -> DataType:
    from pyspark.sql import types as T

    numeric = (ColumnType.INTEGRAL, ColumnType.FRACTIONAL)
    # Deequ asks only whether a column is numeric, so any numeric type works
    if feature.is_numeric or feature.column_type in numeric:
        return T.DoubleType()
    types: dict[ColumnType, DataType] = {
        ColumnType.BOOLEAN: T.BooleanType(),
        ColumnType.DATE: T.DateType(),
        ColumnType.TIMESTAMP: T.TimestampType(),
        ColumnType.VECTOR: T.ArrayType(T.DoubleType()),
        ColumnType.NESTED: T.ArrayType(T.StringType()),
    }
    return types.get(feature.column_type, T.StringType())
