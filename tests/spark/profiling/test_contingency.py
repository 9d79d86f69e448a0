"""The contingency scan: what Spark counts is what plain Python counts, in one job, whatever the partitions."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from pyspark.sql import types as T

from spark_model_monitor.data.profiling import contingency_scan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.bias.bias_scan import scan_contingency
from spark_model_monitor.spark.engine.spark import SparkPartitions
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, Interval, Segmentation, ValuedColumn
from spark_model_monitor.statistics.user_choices import ValueKind

from ...unit.bias.counting import counted

pytestmark = pytest.mark.nightly

ROWS = [
    {
        "sex": ["F", "M", "X", None][row % 4],
        "age": [None, "NaN", "41", "040", "39.5", "1e2", "True", "old"][row % 8],
        "flag": [True, False, None][row % 3],
        "score": [0.5, float("nan"), 1.5, None][row % 4],
        "count": [1, 2, None, 7][row % 4],
        "y": ["yes", "no", None][row % 3],
        "p": ["yes", "no"][row % 2],
        "region": [None, "north", "south"][row % 3],
    }
    for row in range(120)
]
TYPES = {"flag": T.BooleanType(), "score": T.DoubleType(), "count": T.LongType()}


def make_frame(spark, rows, types=TYPES):
    schema = T.StructType([T.StructField(name, types.get(name, T.StringType())) for name in rows[0]])
    return spark.createDataFrame([tuple(row.values()) for row in rows], schema)


def make_plan(*facets, untyped=True, **members):
    values = ("yes",)
    return ContingencyPlan(
        facets, ValuedColumn("y", values), ValuedColumn("p", values), "region", untyped_texts=untyped, **members
    )


FACETS = {
    "one text": ValuedColumn("sex", ("F",)),
    "several texts": ValuedColumn("sex", ("F", "X")),
    "each text": ValuedColumn("sex"),
    "a threshold among all sorts of texts": ValuedColumn("age", (40,)),
    "an integer however it is written": ValuedColumn("age", ("40",)),
    "the truth of a text": ValuedColumn("age", (True,)),
    "each of all sorts of texts": ValuedColumn("age"),
    "a boolean": ValuedColumn("flag", (False,)),
    "each boolean": ValuedColumn("flag"),
    "doubles without a threshold": ValuedColumn("score"),
    "a threshold of doubles": ValuedColumn("score", (1,)),
    "a threshold of integers": ValuedColumn("count", (1.5,)),
    "values of integers": ValuedColumn("count", (1, "7")),
    "each integer": ValuedColumn("count"),
}


@pytest.mark.parametrize("untyped", [True, False], ids=["untyped texts", "texts"])
@pytest.mark.parametrize("facet", FACETS.values(), ids=FACETS)
def test_spark_counts_what_python_counts(spark, facet, untyped):
    plan = make_plan(facet, untyped=untyped)

    state, rows = scan_contingency(Dataset.of(make_frame(spark, ROWS)), plan)

    expected = counted(ROWS, plan)
    assert state.tables == tuple(map(dict, expected.tables))
    assert [facts.kinds for facts in state.metadata] == [dict(facts.kinds) for facts in expected.metadata]
    assert [(facts.minimum, facts.maximum) for facts in state.metadata] == [
        (facts.minimum, facts.maximum) for facts in expected.metadata
    ]
    assert rows.kept == 120


@pytest.mark.parametrize("partitions", [1, 7])
def test_all_facets_are_counted_together_whatever_the_partitions(spark, count_spark_jobs, partitions):
    segments = Segmentation("ages", "age", ((Interval(40, 41, True, True),), ("old",)), ("a", "b", "rest"))
    plan = make_plan(*FACETS.values(), segmentations=(segments,))
    dataset = Dataset.of(make_frame(spark, ROWS).repartition(partitions))

    with count_spark_jobs() as of_one:
        contingency_scan.count_rows(dataset.table, dataset.names, make_plan(ValuedColumn("sex", ("F",))))
    with count_spark_jobs() as of_all:
        state, _ = contingency_scan.count_rows(dataset.table, dataset.names, plan)

    # adaptive execution tells the stages of one aggregation as several jobs
    assert len(of_all) == len(of_one)
    assert state.tables == tuple(map(dict, counted(ROWS, plan).tables))


def test_distinct_values_are_counted_only_where_they_decide(spark, count_spark_jobs):
    rows = [{"a": row % 2, "b": row % 2, "y": "yes", "p": "no", "region": "north"} for row in range(100)]
    wide = [{**row, "a": row["a"] * 1000} for row in rows]
    types = {"a": T.LongType(), "b": T.IntegerType()}
    plan = make_plan(ValuedColumn("a", (0,)), ValuedColumn("b", (0,)), untyped=False)

    settled, _ = scan_contingency(Dataset.of(make_frame(spark, rows, types)), plan)
    hanging, _ = scan_contingency(Dataset.of(make_frame(spark, wide, types)), plan)

    assert [(facts.at_least, facts.at_most) for facts in settled.metadata[:2]] == [(1, None), (1, None)]
    assert [(facts.at_least, facts.at_most) for facts in hanging.metadata[:2]] == [(2, 2), (1, None)]


def test_other_types_are_categories_by_their_text(spark):
    rows = [
        {"day": datetime.date(2026, 1, 1 + row % 2), "price": Decimal("1.50"), "y": "yes", "p": "no", "region": None}
        for row in range(10)
    ]
    types = {"day": T.DateType(), "price": T.DecimalType(10, 2)}
    plan = make_plan(
        ValuedColumn("day", ("2026-01-01",)), ValuedColumn("price", (1,)), ValuedColumn("day"), untyped=False
    )

    state, _ = scan_contingency(Dataset.of(make_frame(spark, rows, types)), plan)

    assert sorted(state.tables[0].values()) == [5, 5]
    assert [cell[0] for cell in state.tables[1]] == [4]  # above 1, and not 1
    assert {cell[0] for cell in state.tables[2]} == {"2026-01-01", "2026-01-02"}


def test_refused_rows_are_counted_apart_and_in_no_table(spark):
    rows = [
        {"c0": "F", "c1": "yes", "c2": "yes", "c3": "north", REASON: row % 3, CELLS: int(row % 3 == 0)}
        for row in range(9)
    ]
    frame = spark.createDataFrame(
        [tuple(row.values()) for row in rows], f"c0 string, c1 string, c2 string, c3 string, {REASON} int, {CELLS} int"
    )
    plan = make_plan(ValuedColumn("sex", ("F",)))
    dataset = Dataset(SparkPartitions(frame), ("sex", "y", "p", "region"), refusable=True, record_cells=1)

    state, counts = scan_contingency(dataset, plan)

    assert state.rows == counts.kept == 3
    assert counts.refused[:2] == (3, 3)
    assert counts.widths == ((1, 3),)


def test_more_columns_than_one_number_holds(spark):
    names = [f"f{number}" for number in range(12)]
    rows = [
        {**{name: str((row >> number) % 2) for number, name in enumerate(names)}, "y": "yes", "p": "no", "region": "n"}
        for row in range(64)
    ]
    plan = make_plan(*[ValuedColumn(name, (1,), ValueKind.CATEGORICAL) for name in names])

    state, _ = scan_contingency(Dataset.of(make_frame(spark, rows, {})), plan)

    assert state.tables == tuple(map(dict, counted(rows, plan).tables))


def test_too_many_kinds_of_rows_are_a_sentence(spark, monkeypatch):
    monkeypatch.setattr(contingency_scan, "MAX_ROW_KINDS", 50)
    rows = [{"sex": "F", "y": "yes", "p": "no", "region": str(row)} for row in range(60)]

    with pytest.raises(
        BadInput, match="more than 50 kinds of rows.*group_variable 'region' has too many different values"
    ):
        scan_contingency(Dataset.of(make_frame(spark, rows, {})), make_plan(ValuedColumn("sex", ("F",))))
