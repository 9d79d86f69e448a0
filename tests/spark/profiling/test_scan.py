"""The scan: its states don't depend on how the data is cut, and it is one job whatever the width."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pyspark.sql.functions as F
import pytest
from pyspark.ml.linalg import Vectors
from tests.spark_lines import explain_plan

from spark_model_monitor.data.profiling.partition import MAX_BLOCK_ROWS
from spark_model_monitor.data.profiling.scan import ASSUMED_PARTITIONS, RowSource, choose_adder_count, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.spark.engine.spark import SparkPartitions, collect_batches
from spark_model_monitor.statistics.states import DataTypeCounts, RowRepeats


def scan_profile(frame, *, accept_exponents=True, **options):
    dataset = Dataset.of(frame)
    source = RowSource(SparkPartitions(dataset.frame), dataset.names, **options)
    return scan(source, ScanPlan(accept_exponents=accept_exponents)).profile


@pytest.fixture
def mixed(spark):
    rng = np.random.default_rng(5)
    rows = 3_000
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(size=rows),
            "calls": rng.integers(0, 9, rows),
            "plan": rng.choice(["basic", "gold"], rows),
            "id": [f"customer-{number}" for number in range(rows)],
        }
    )
    return spark.createDataFrame(frame)


@pytest.mark.parametrize("partitions", [1, 7])
def test_exact_states_do_not_depend_on_the_partitioning(mixed, partitions):
    profile = scan_profile(mixed.repartition(partitions))

    assert profile.item_count == 3_000
    assert profile.feature("calls").data_types == DataTypeCounts(integral=3_000)
    assert profile.feature("plan").exact_domain == {
        row["plan"]: row["count"] for row in mixed.groupBy("plan").count().collect()
    }
    assert profile.feature("id").distinct.estimate() == mixed.select(F.approx_count_distinct("id", 0.05)).first()[0]
    assert profile.feature("amount").moments.mean == pytest.approx(mixed.select(F.mean("amount")).first()[0], rel=1e-12)


@pytest.mark.usefixtures("sorts_that_spill")
@pytest.mark.parametrize(("at_most", "tasks"), [(None, 1), (500, 4), (10_000, 9)])
def test_states_added_on_executors_are_the_bytes_that_the_driver_adds(spark, at_most, tasks):
    """9 columns x 9 partitions, with more numbers than a sketch keeps, so that the order of adding shows."""
    columns = [f"xxhash64(id, {number}) / 1e9 as x{number}" for number in range(9)]
    frame = spark.range(0, 9_000, 1, 9).selectExpr(*columns)
    on_the_driver = scan_profile(frame, max_partition_count=9)

    on_executors = scan_profile(frame, max_partition_count=at_most)

    assert choose_adder_count(9, at_most or ASSUMED_PARTITIONS) == tasks
    assert on_executors.to_bytes() == on_the_driver.to_bytes()


def test_arrow_batches_of_any_size_give_the_same_bytes(spark):
    """Of a partition that is two blocks and a rest."""
    columns = ["xxhash64(id) / 1e9 as amount", "id % 9 as calls", "if(id % 3 = 0, 'gold', string(id)) as code"]
    frame = spark.range(0, 2 * MAX_BLOCK_ROWS + 5_000, 1, 1).selectExpr(*columns)
    serialized = set()
    before = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    try:
        for rows in (100, 1_000, 10_000):
            spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows)
            serialized.add(scan_profile(frame).to_bytes())
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", before)

    assert len(serialized) == 1


@pytest.mark.parametrize("columns", [3, 120])
def test_a_scan_is_one_job_whatever_the_width(spark, count_spark_jobs, tmp_path, columns):
    values = np.random.default_rng(1).normal(size=(200, columns))
    pd.DataFrame(values, columns=[f"x{number}" for number in range(columns)]).to_parquet(tmp_path / "wide.parquet")
    schema = ", ".join(f"x{number} double" for number in range(columns))  # else Connect looks at the file in each plan
    frame = spark.read.schema(schema).parquet(str(tmp_path))

    with count_spark_jobs() as jobs:
        scan_profile(frame, max_partition_count=1)

    assert len(jobs) == 1


def test_states_added_on_executors_take_one_job_more_at_most(mixed, count_spark_jobs):
    with count_spark_jobs() as jobs:
        scan_profile(mixed, max_partition_count=None)

    assert len(jobs) <= 2


@pytest.mark.parametrize("groups", [3, 9])
def test_columns_read_in_groups_have_the_bytes_that_they_have_together(mixed, groups):
    """Among them a group that is one column, and more groups than columns. Whole rows no group has."""
    in_two = mixed.repartition(2).cache()
    joint_profile = without_whole_rows(scan_profile(in_two, max_partition_count=2))

    assert scan_profile(in_two, column_groups=groups, max_partition_count=2).to_bytes() == joint_profile.to_bytes()


def without_whole_rows(profile):
    """The same without what the columns say together."""
    features_without_rows = [
        replace(feature, states={kind: state for kind, state in feature.states.items() if kind != RowRepeats.KIND})
        for feature in profile.features
    ]
    return replace(profile, features=tuple(features_without_rows))


def test_rows_and_predicates_are_counted_once_however_many_groups_there_are(spark):
    rows = [(1, 0.5, "a", 0), (5, None, "b", 0), (9, 1.5, "c", 1), (None, 2.5, "d", 0)]
    frame = spark.createDataFrame(rows, f"c0 int, c1 double, c2 string, {REASON} int").repartition(2)
    above = {"above 3": F.col("c0") > 3}

    names = ["age", "share", "plan"]
    source = RowSource(SparkPartitions(frame), names, predicates=above, column_groups=3)
    scan_findings = scan(source, ScanPlan(rows=RowPlan(reasons=1)))

    assert (scan_findings.rows.kept, scan_findings.rows.refused, scan_findings.matches) == (3, (1,), {"above 3": 1})
    assert [feature.num_present for feature in scan_findings.profile.features] == [2, 2, 3]


def test_each_group_reads_its_own_columns_and_all_of_them_are_one_job(spark, count_spark_jobs, tmp_path, monkeypatch):
    columns = {f"x{number}": np.arange(5.0) for number in range(6)}
    pd.DataFrame(columns).to_parquet(tmp_path / "wide.parquet")
    frame = spark.read.schema(", ".join(f"{name} double" for name in columns)).parquet(str(tmp_path))
    plans = []

    def looked_at(states):
        plans.append(explain_plan(states))
        return collect_batches(states)

    monkeypatch.setattr("spark_model_monitor.spark.engine.spark.collect_batches", looked_at)
    with count_spark_jobs() as jobs:
        scan_profile(frame, column_groups=3, max_partition_count=1)

    assert len(jobs) == 1
    assert re.findall(r"ReadSchema: struct<(.*)>", plans[0]) == [
        "x0:double,x1:double",
        "x2:double,x3:double",
        "x4:double,x5:double",
    ]


def test_an_empty_frame_has_a_profile_of_no_rows(spark):
    profile = scan_profile(spark.createDataFrame([], "amount double, plan string"))

    assert profile.item_count == 0
    assert [feature.name for feature in profile.features] == ["amount", "plan"]
    assert [feature.num_present for feature in profile.features] == [0, 0]


def test_every_type_has_an_outcome(spark):
    schema = (
        "double double, float float, long long, short short, decimal decimal(38,2), id decimal(38,0), flag boolean, "
        "day date, moment timestamp, nothing string, list array<double>, object struct<a:int>, map map<string,int>, raw binary"
    )
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    numbers = (1.5, 2.5, 2**60, 3, Decimal("1.25"), Decimal(10**30))
    other_values = (True, moment.date(), moment, None, [1.0, None, math.nan], (1,), {"a": 1}, b"x")
    rows = [
        (*numbers, *other_values),
        (math.nan, None, 2**60 + 1, 4, None, Decimal(1), None, None, None, None, [], None, None, None),
    ]
    profile = scan_profile(spark.createDataFrame(rows, schema))
    types = {feature.name: feature.inferred_type for feature in profile.features}

    assert types == {
        "double": "Fractional",
        "float": "Fractional",
        "long": "Integral",
        "short": "Integral",
        "decimal": "Fractional",
        "id": "Integral",
        "flag": "String",
        "day": "String",
        "moment": "String",
        "nothing": "Unknown",
        "list": "Unknown",
        "object": "Unknown",
        "map": "Unknown",
        "raw": "Unknown",
    }
    assert {feature.name: feature.num_missing for feature in profile.features} == {
        "double": 1,  # NaN is missing
        "float": 1,
        "long": 0,
        "short": 0,
        "decimal": 1,
        "id": 0,
        "flag": 1,
        "day": 1,
        "moment": 1,
        "nothing": 2,
        "list": 0,
        "object": 1,
        "map": 1,
        "raw": 1,
    }
    assert profile.feature("long").distinct.estimate() == 2  # as doubles they are one value
    assert profile.feature("flag").exact_domain == {"true": 1}
    assert profile.feature("day").exact_domain == {"2026-01-02": 1}
    lists = profile.feature("list").vectors
    assert (lists.elements, lists.null_elements, lists.nan_elements, lists.shortest, lists.longest) == (3, 1, 1, 0, 3)


def test_ml_vectors_are_vectors(spark):
    frame = spark.createDataFrame([(Vectors.dense([1.0, math.nan]),), (Vectors.sparse(3, [1], [2.0]),)], ["embedding"])
    vectors = scan_profile(frame).feature("embedding").vectors

    assert (vectors.vectors, vectors.elements, vectors.nan_elements, vectors.longest) == (2, 5, 1, 3)


def test_of_vectors_of_numbers_the_norms_are_gathered(spark):
    rows = [([3.0, 4.0], ["a"]), ([0.0, None], ["b"]), ([1.0, math.nan], None), (None, None)]
    frame = spark.createDataFrame(rows, "numbers array<double>, texts array<string>")
    profile = scan_profile(frame)

    # A vector that lacks an element has no norm, whether it is null or NaN
    norms = profile.feature("numbers").moments
    assert (norms.count, norms.mean, norms.maximum, norms.nan, norms.missing) == (1, 5.0, 5.0, 2, 1)
    assert profile.feature("texts").moments.present == 0


def test_any_column_name_is_a_name(spark):
    names = ["a.b", " a", "ключ", "a`b", "Day Mins", "count", "partition", "v0", "age", "Age"]
    frame = spark.range(1).selectExpr(*[f"{number} as c{number}" for number in range(10)]).toDF(*names)

    assert [feature.moments.sum for feature in scan_profile(frame).features] == [*range(10)]


def test_huge_cells_are_counted_and_never_moved(spark):
    frame = spark.range(60).select(F.expr("repeat('x', 2000000 + cast(id % 2 as int))").alias("document"))
    feature = scan_profile(frame).feature("document")

    assert feature.inferred_type == "String"
    assert sorted(feature.exact_domain.values()) == [30, 30]
    assert all(len(key) < 300 for key in feature.exact_domain)


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: np.where(rng.random(500) < 0.01, np.inf, rng.lognormal(size=500)), id="doubles"),
        pytest.param(lambda rng: rng.lognormal(size=500).astype(np.float32), id="floats"),
        pytest.param(lambda rng: rng.integers(-9, 9, 500), id="longs"),
        pytest.param(lambda rng: rng.integers(-9, 9, 500).astype(np.int32), id="integers"),
        pytest.param(lambda rng: rng.choice(["basic", "gold", "x" * 300], 500), id="texts"),
    ],
)
def test_columns_that_travel_in_lists_have_the_states_of_columns_of_their_own(spark, tmp_path, draw):
    """Above 50 columns of a type; some with missing cells, and a column of another type among them."""
    rng = np.random.default_rng(8)
    columns = {f"x{number}": pa.array(draw(rng), mask=rng.random(500) < 0.1 * (number % 3)) for number in range(60)}
    columns["x30"] = pa.array(rng.random(500) < 0.5)
    pa.parquet.write_table(pa.table(columns), tmp_path / "wide.parquet")
    frame = spark.read.parquet(str(tmp_path))

    some = [without_whole_rows(scan_profile(frame.select(*names))) for names in (("x0", "x1"), ("x30", "x59"))]
    alone = [feature for profile in some for feature in profile.features]

    joint_profile = without_whole_rows(scan_profile(frame))
    assert [joint_profile.feature(feature.name).states for feature in alone] == [feature.states for feature in alone]
    assert joint_profile.feature("x59").data_types.missing > 0
