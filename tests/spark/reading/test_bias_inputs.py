"""What the bias monitor reads on Spark gives what it gives without."""

from __future__ import annotations

import pytest
from tests.unit.reading.test_bias_inputs import KINDS, analyse, write_apart

from spark_model_monitor.spark.engine.spark import SparkEngine

THRESHOLD = "probabilities above the threshold"


@pytest.mark.parametrize(
    "kind", [THRESHOLD, "JSON Lines by paths", "documents of many rows", "merged records of JSON", "joined"]
)
def test_both_engines_read_the_same_rows(spark, tmp_path, kind):
    folder = tmp_path / "data"
    folder.mkdir()
    if kind == "joined":
        flags = ()
        members = write_apart(folder, key="id")
    else:
        write, flags, members, _ = KINDS[kind]
        write(folder)

    [(report, ledger), (expected_report, expected_ledger)] = [
        analyse(folder, *flags, **engine, **members) for engine in ({"engine": SparkEngine(spark)}, {})
    ]

    assert report == expected_report
    assert (ledger.read, ledger.kept_rows) == (expected_ledger.read, expected_ledger.kept_rows)
