"""The flip test: scikit-learn's own neighbours, whatever the partitions, and what it can't be made of."""

from __future__ import annotations

import numpy as np
import pyspark.sql.functions as F
import pytest
from sklearn.neighbors import KNeighborsClassifier

from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.monitors.bias import flip_test as flips
from spark_model_monitor.monitors.bias.bias_metrics import FlipTest
from spark_model_monitor.monitors.bias.flip_test import KeyFilter, SensitiveGroup, flip_test
from spark_model_monitor.spark.engine.spark import SparkPartitions
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn

ROWS = 400
RNG = np.random.default_rng(5)
X = RNG.normal(size=(ROWS, 3)).round(6)
FACET = RNG.integers(0, 3, size=ROWS)
POSITIVE = (X[:, 0] + 0.4 * FACET + RNG.normal(size=ROWS) > 0.3).astype(int)


@pytest.fixture(scope="module")
def frame(spark):
    rows = [(*map(float, x), int(facet), int(p)) for x, facet, p in zip(X, FACET, POSITIVE, strict=True)]
    return spark.createDataFrame(rows, "c0 double, c1 double, c2 double, c3 int, c4 int").coalesce(1)


def group(value, features=("a", "b", "c")):
    size = int((value == FACET).sum())
    return SensitiveGroup(KeyFilter(ValuedColumn("facet"), (str(value),)), features, size, ROWS - size)


def count_flips(frame, *groups, rows=ROWS, untyped=False):
    names = ("a", "b", "c", "facet", "p")
    facet = ValuedColumn("facet")
    label = ValuedColumn("p")
    plan = ContingencyPlan((facet,), label, label, untyped_texts=untyped, flip_rows=rows)
    return flip_test(SparkPartitions(frame), names, plan, KeyFilter(label, ("1",)), groups)


def expected(value, features=(0, 1, 2)):
    """By scikit-learn over the whole data set, as smclarify does it."""
    mine = value == FACET
    columns = list(features)
    knn = KNeighborsClassifier(n_neighbors=5).fit(X[~mine][:, columns], POSITIVE[~mine])
    decided = knn.predict(X[mine][:, columns])
    neighbour_outcomes = POSITIVE[mine]
    changed = [
        int(((neighbour_outcomes == 1) & (decided == 0)).sum()),
        int(((neighbour_outcomes == 0) & (decided == 1)).sum()),
    ]
    return FlipTest(*changed, int(mine.sum()), int((~mine).sum()), int((~mine).sum()))


@pytest.mark.parametrize("partitions", [1, 5])
def test_all_groups_are_tested_as_scikit_learn_would(frame, partitions):
    flips = count_flips(frame.repartition(partitions), group(0), group(1), group(2))

    assert list(flips) == [expected(0), expected(1), expected(2)]


def test_groups_may_have_features_of_their_own(frame):
    assert list(count_flips(frame, group(0, ("a",)), group(1, ("b", "c")))) == [expected(0, [0]), expected(1, [1, 2])]


def test_two_jobs_are_enough_for_all_groups(frame, count_spark_jobs):
    with count_spark_jobs() as jobs:
        count_flips(frame, group(0), group(1), group(2))

    assert len(jobs) <= 3  # the sum over the groups has a shuffle


def test_texts_of_numbers_are_numbers_where_texts_are_untyped(frame):
    texts = frame.select(
        *[F.col(name).cast("string") if name in ("c0", "c1", "c2") else name for name in frame.columns]
    )

    assert list(count_flips(texts, group(0), untyped=True)) == [expected(0)]
    assert count_flips(texts, group(0)) == "FlipTest does not support non-numeric columns"


@pytest.mark.parametrize(
    ("cell", "fault"),
    [("'x'", "FlipTest does not support non-numeric columns"), ("null", "FlipTest does not support missing values")],
)
def test_what_is_no_number_is_reported(frame, cell, fault):
    texts = frame.withColumn("c1", F.expr(f"case when c3 = 2 and c0 > 1 then {cell} else cast(c1 as string) end"))

    assert count_flips(texts, group(0), untyped=True) == fault


def test_refused_rows_are_not_looked_at(frame):
    refused = frame.select("*", F.when(F.col("c3") == 2, 1).otherwise(0).alias(REASON))
    with_text = refused.withColumn("c1", F.when(F.col("c3") == 2, "x").otherwise(F.col("c1").cast("string")))

    [flip_test] = count_flips(with_text, group(0), untyped=True)

    assert flip_test.neighbours == int((FACET == 1).sum())


def test_above_the_limit_the_same_sample_is_looked_at_in_every_run(frame):
    [first] = count_flips(frame, group(0), rows=60)
    [second] = count_flips(frame.repartition(4), group(0), rows=60)

    assert first == second
    assert 30 < first.neighbours < 100
    assert 30 < first.tested < 100


def test_without_scikit_learn_the_test_is_left_out(frame, monkeypatch):
    monkeypatch.setattr(flips.importlib.util, "find_spec", lambda name: None)

    assert count_flips(frame, group(0)) == "FlipTest needs scikit-learn; install spark-model-monitor[bias]"
