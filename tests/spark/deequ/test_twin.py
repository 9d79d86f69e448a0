"""Checks on the engine without a JVM are judged as Deequ judges them on the same data."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.monitors.user_checks.check_loading import DATA_TYPES

OF_A_COLUMN = ("Completeness", "Mean", "Sum", "StandardDeviation", "Minimum", "Maximum", "ApproxCountDistinct")
OF_COUNTS = ("Uniqueness", "Distinctness", "CountDistinct", "Entropy", "Histogram", "UniqueValueRatio")
QUANTILES = (0, 0.3, 0.5, 0.997, 1)


def table():
    """Columns of every type that a precondition asks for, with nulls, NaN, an infinity, and names that are paths to Deequ."""
    return pa.table(
        {
            "number": [1.5, 2.0, None, math.nan, -math.inf, 7.25],
            "amount": [0.1, 0.2, 0.3, None, 1e300, 0.1],
            "text": ["a", "b", None, "NullValue", "a", "é"],
            "digits": ["1", "2.5", None, "1", "3", "2"],
            "flag": [True, False, None, True, True, True],
            "vector": [[1.0, 2.0], None, [3.0, 4.0], [0.0, 1.0], [0.0, 1.0], None],
            "nested": [{"a": 1}, None, {"a": 2}, {"a": 3}, {"a": 1}, None],
            "a.b": [1, 2, 3, 4, 4, 9],
            "a.c": pa.array([None] * 6, pa.float64()),
            "day": pa.array([1, 2, None, 1, 1, 1], pa.date32()),
        }
    )


def make_checks(columns):
    """Every analyzer that states answer, of every column; no number meets what is asked, so that each message has it."""
    entries = [{"analyzer": "Size"}]
    for column in columns:
        entries += [{"analyzer": name, "column": column} for name in OF_A_COLUMN]
        entries += [{"analyzer": "DataType", "column": column, "type": name} for name in DATA_TYPES]
        entries += [{"analyzer": "ApproxQuantile", "column": column, "quantile": share} for share in QUANTILES]
    for column in ("number", "text", "nested", "a.c"):
        # of no values UniqueValueRatio fails by an error of Spark's, which says nothing
        names = OF_COUNTS[:-1] if column == "a.c" else OF_COUNTS
        entries += [{"analyzer": name, "column": column} for name in names]
    return [{**entry, "assertion": "== 0.123"} for entry in entries]


def results_by(engine, data, path, **session):
    """What became of the checks. Deequ lists the numeric types in another order, with another address, in every process."""
    results = run_baseline(data, DataQualityMonitor(), engine=engine, checks=str(path), **session).checks.constraints
    return [
        replace(result, constraint_message=re.sub(r"one of \(.*?\),", "one of (),", result.constraint_message))
        for result in results
    ]


@pytest.mark.deequ
def test_both_engines_judge_every_analyzer_of_states_alike(spark, tmp_path):
    path = tmp_path / "checks.json"
    path.write_text(json.dumps(make_checks(table().column_names)), encoding="utf-8")

    twin = results_by("local", table(), path)
    deequ = results_by("spark", table(), path, spark=spark)

    assert len(twin) == len(deequ) == 1 + 10 * 17 + 23
    for mine, deequs in zip(twin, deequ, strict=True):
        if mine.constraint.startswith("Entropy(") and mine.metric is not None:  # a sum in the order of Spark's groups
            assert mine.metric == pytest.approx(deequs.metric, rel=1e-15)
            mine, deequs = (replace(constraint, metric=None, constraint_message="") for constraint in (mine, deequs))
        assert repr(mine) == repr(deequs)  # NaN is NaN there


@pytest.mark.deequ
def test_both_engines_read_the_same_quantiles_from_a_sketch(spark, tmp_path):
    data = pa.table({"number": np.random.default_rng(5).normal(size=60_000)})  # of weights up to 16
    path = tmp_path / "checks.json"
    shares = np.linspace(0.012, 0.988, 60).tolist()
    entries = [
        {"analyzer": "ApproxQuantile", "column": "number", "quantile": share, "assertion": "> 9"} for share in shares
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")

    assert results_by("local", data, path) == results_by("spark", data, path, spark=spark)
