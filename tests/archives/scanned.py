"""What the archive in this folder is of: few rows, chosen so that every number can be told by hand; and their scans."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from spark_model_monitor.documents.analysis_config import AnalysisConfig, FacetConfig
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.statistics.states import RequestsBuilder, State
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEATURES = (
    "age int, amount double, price decimal(6,2), code string, city string, note string, member boolean, day date, "
    "seen timestamp, embedding array<double>, tags map<string,string>, nothing string"
)
"""A column of every type that the scan tells apart."""

ARCHIVE = Path(__file__).parent / "0.1.0"
"""What the first release writes, and every later one has to read."""

PROFILE_BYTES = "profile.state"
"""The profile in one piece: a profile's Parquet file has the states alone, without the envelopes around them."""

LONG = "ä" * 300

VECTOR = [1.0, nan, None]

DAY = date(2026, 1, 31)
SEEN = datetime(2026, 1, 31, 5)

ROWS = [
    (30, 1.5, Decimal("9.99"), "1", "Ulm", "a", True, DAY, SEEN, VECTOR, {"a": "b"}, None),
    (40, 2.5, Decimal("0.01"), "2.5", "Köln", "a", False, DAY, SEEN, [1.0], {}, None),
    (None, nan, None, None, None, None, None, None, None, None, None, None),
    (20, inf, Decimal("-5.00"), "1", "Ulm", LONG, True, DAY, SEEN, [], {}, None),
    (50, None, Decimal("5.00"), "4", "Bonn", LONG, True, DAY, SEEN, [], {}, None),
    (60, 3.5, Decimal("1.00"), "1", "Ulm", "12", True, DAY, SEEN, [2.0, 3.0], {}, None),
    (10, 4.5, Decimal("1.00"), "1.5", "Köln", "1e3", False, DAY, SEEN, [2.0], {}, None),
    (70, 8.0, Decimal("1.00"), "0", "Bonn", "true", False, DAY, SEEN, [2.0], {}, None),
]

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
SCORED = [("1", "1", 0.75)] * 3 + [("0", "1", 0.625)] + [("1", "0", 0.25)] * 2 + [("0", "0", 0.125)] * 4
"""Label, prediction, probability: 3 true positives, 1 false one, 2 missed, 4 true negatives."""

REGRESSION = OutcomePlan(ProblemType.REGRESSION)
ESTIMATED = [(10.0, 11.0), (20.0, 18.0), (30.0, 33.0), (40.0, 40.0)]
"""Label, prediction: off by 1, 2, 3 and 0."""

PEOPLE = [("F", "yes", "yes")] * 2 + [("F", "no", "no")] * 3 + [("M", "yes", "yes")] * 4 + [("M", "no", "yes")]
"""Sex, label, predicted label."""

BIAS = BiasMeasures(
    AnalysisConfig(
        label="label",
        label_values_or_threshold=("yes",),
        facet=(FacetConfig(name_or_index="sex", value_or_threshold=("F",)),),
    ),
    "label",
    "predicted",
)


def scan_states(spark: SparkSession, **options: object) -> dict[str, State]:
    """The state of a run of every kind, by the file's name in the archive. options: of the data-quality monitor."""
    features = spark.createDataFrame(ROWS, FEATURES).coalesce(1)
    scored = spark.createDataFrame(SCORED, "label string, prediction string, probability double").coalesce(1)
    estimated = spark.createDataFrame(ESTIMATED, "label double, prediction double").coalesce(1)
    people = spark.createDataFrame(PEOPLE, "sex string, label string, predicted string")
    return {
        "profile": run_baseline(features, DataQualityMonitor(**options)).state,
        "outcomes-binary": run_baseline(scored, ModelQualityMonitor(BINARY)).state,
        "outcomes-regression": run_baseline(estimated, ModelQualityMonitor(REGRESSION)).state,
        "contingency": run_baseline(people, BiasMonitor(BIAS)).state,
        "requests": _requests(),
    }


def _requests() -> State:
    builder = RequestsBuilder()
    builder.update(pa.array([200, 200, 503]), pa.array([10.0, 20.0, 90.0]), pa.array(np.full(3, 50.0)))
    return builder.state()
