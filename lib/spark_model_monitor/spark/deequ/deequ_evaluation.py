"""Deequ on the driver: passes all states of a profile to Deequ in one call, and reads Deequ's metrics of them."""

from __future__ import annotations

import json
import logging
import math
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.spark.deequ.jvm import Deequ, find_fitting_deequ
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.profile import FeatureMetrics

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType


log = logging.getLogger(__name__)

_JAVA_SOURCE = """
package spark_model_monitor;

import com.amazon.deequ.analyzers.*;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import scala.Option;

public class StatesInBulk {
  /** Persists the states in `content` and gives their analyzers, in its order. */
  public List persist(byte[] content, InMemoryStateProvider states) {
    Option none = Option.apply(null);
    ByteBuffer numbers = ByteBuffer.wrap(content);
    List analyzers = new ArrayList();
    while (numbers.hasRemaining()) {
      char kind = (char) numbers.get();
      String column = "c" + numbers.getInt();
      Analyzer analyzer;
      State state;
      switch (kind) {
        case 'C':
          analyzer = new Completeness(column, none, none);
          state = new NumMatchesAndCount(numbers.getLong(), numbers.getLong(), none);
          break;
        case 'A':
          long[] words = new long[numbers.getInt()];
          for (int word = 0; word < words.length; word++) words[word] = numbers.getLong();
          analyzer = new ApproxCountDistinct(column, none);
          state = new ApproxCountDistinctState(words);
          break;
        case 'M':
          analyzer = new Mean(column, none);
          state = new MeanState(numbers.getDouble(), numbers.getLong());
          break;
        case 'S':
          analyzer = new Sum(column, none);
          state = new SumState(numbers.getDouble());
          break;
        case 'D':
          analyzer = new StandardDeviation(column, none);
          state = new StandardDeviationState(numbers.getDouble(), numbers.getDouble(), numbers.getDouble());
          break;
        case '<':
          analyzer = new Minimum(column, none, none);
          state = new MinState(numbers.getDouble(), none);
          break;
        case '>':
          analyzer = new Maximum(column, none, none);
          state = new MaxState(numbers.getDouble(), none);
          break;
        default:
          throw new IllegalArgumentException("no state is of kind " + kind);
      }
      states.persist(analyzer, state);
      analyzers.add(analyzer);
    }
    return analyzers;
  }
}
"""


def persist_states(deequ: Deequ, profile: Profile, states: JavaObject) -> JavaObject:
    """Put the profile's states into `states`; returns a Java list of Deequ's analyzers, one for each metric that has a state.

    states: the InMemoryStateProvider that receives the states. Deequ gets features named by position: c0, c1, ….
    """
    content = b"".join(
        state_bytes
        for position, feature in enumerate(profile.features)
        for state_bytes in _encode_states(position, feature)
    )
    return deequ.get_compiled("spark_model_monitor.StatesInBulk", _JAVA_SOURCE).persist(content, states)


def _encode_states(position: int, feature: FeatureProfile) -> Iterator[bytes]:
    """The entries of `persist`'s input for a feature, one for each state.

    Numbers that aren't finite are left out, because Deequ's JSON can't express them.
    """

    def encode_state(kind: bytes, struct_format: str, *numbers: float) -> bytes:
        # Big-endian, because Java's DataInputStream reads it: the kind's letter, the position, the numbers
        return struct.pack(f">ci{struct_format}", kind, position, *numbers)

    # Deequ has no completeness without rows: its division by 0 would give NaN
    rows = feature.num_present + feature.num_missing
    if rows:
        yield encode_state(b"C", "qq", feature.num_present, rows)
    if feature.distinct is not None:
        words = feature.distinct.words()
        yield encode_state(b"A", f"i{len(words)}q", len(words), *words)
    moments = feature.moments
    # Texts that look like numbers have moments, too, but Deequ doesn't compute moments of texts
    if moments is None or not feature.is_numeric or not moments.count:
        return
    if math.isfinite(moments.sum):
        yield encode_state(b"M", "dq", moments.sum, moments.count)
        yield encode_state(b"S", "d", moments.sum)
    # m2, the sum of squared deviations, may overflow even if the sum doesn't
    if math.isfinite(moments.mean) and math.isfinite(moments.m2):
        yield encode_state(b"D", "ddd", moments.count, moments.mean, moments.m2)
    yield encode_state(b"<", "d", moments.minimum)
    yield encode_state(b">", "d", moments.maximum)


METRIC_FIELDS = {
    "Completeness": "completeness",
    "Mean": "mean",
    "Sum": "sum",
    "StandardDeviation": "standard_deviation",
    "Minimum": "minimum",
    "Maximum": "maximum",
    "ApproxCountDistinct": "approx_count_distinct",
}
"""By Deequ's name of a metric: the field of `FeatureMetrics` with its value."""

assert set(METRIC_FIELDS.values()) == {field.name for field in fields(FeatureMetrics)}


def evaluated(dataset: Dataset, profile: Profile) -> Mapping[str, FeatureMetrics]:
    """By name: Deequ's metrics of every feature, computed in the session of the data set."""
    return evaluate(dataset.engine.spark, profile)


def evaluate(spark: SparkSession, profile: Profile) -> dict[str, FeatureMetrics]:
    """By name, in the profile's order: Deequ's metrics of every feature.

    Deequ gets features named by position (c0, c1, …), so their names may have any characters. Starts no Spark job.

    Raises MissingDependency if Deequ's JAR or pydeequ is missing or doesn't fit.
    """
    start_time = time.monotonic()
    deequ = Deequ(spark)
    states = deequ["analyzers.InMemoryStateProvider"]()
    # One call into the JVM passes all states; with a call for each state, wide data would need thousands of calls
    analyzers = persist_states(deequ, profile, states)
    context = deequ.aggregate_states(_build_schema(profile), analyzers, states)
    metrics = _read_metrics_by_position(deequ, context)
    log.info(
        f"Deequ {find_fitting_deequ(spark)} evaluated {len(analyzers)} metrics of "
        f"{len(profile.features)} features from our states and sketches, which equal its own, "
        f"{time.monotonic() - start_time:.1f} s"
    )
    return {
        feature.name: FeatureMetrics(**metrics.get(position, {})) for position, feature in enumerate(profile.features)
    }


def _build_schema(profile: Profile) -> StructType:
    """The schema that Deequ's preconditions require: all columns exist, and columns with moments are numeric."""
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    return StructType(
        [
            StructField(f"c{position}", DoubleType() if feature.is_numeric else StringType())
            for position, feature in enumerate(profile.features)
        ]
    )


def _read_metrics_by_position(deequ: Deequ, context: JavaObject) -> dict[int, dict[str, Json]]:
    """By position of a feature: the fields of its FeatureMetrics."""
    # All metrics are read as one JSON text, because reading each metric would need several calls into the JVM
    text = deequ["analyzers.runners.AnalyzerContext"].successMetricsAsJson(context, deequ.make_sequence([]))
    metrics: dict[int, dict[str, Json]] = {}
    for metric in json.loads(text):
        name = METRIC_FIELDS[metric["name"]]
        value = metric["value"]
        # The member `instance` is the letter c and the feature's position
        metrics.setdefault(int(metric["instance"][1:]), {})[name] = (
            int(value) if name == "approx_count_distinct" else value
        )
    return metrics
