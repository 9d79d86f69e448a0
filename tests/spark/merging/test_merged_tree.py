"""A merge's output as the data of the next job: its records, their coverage, and nothing else of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.spark.merging.records import START, captured, label, write_captures, write_labels

from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.reading.ledger import Coverage
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.spark.engine.spark import SparkEngine


def window(hour: int) -> Window:
    begin: datetime = START + timedelta(hours=hour)
    return Window(begin, begin + timedelta(hours=1))


@pytest.mark.parametrize(
    ("analysis", "parts", "coverage"),
    [
        pytest.param(None, 2, Coverage(captures=5, labelled=2), id="all of it"),
        pytest.param(window(0), 2, Coverage(captures=2, labelled=1), id="an hour, and the records of the next one"),
        pytest.param(window(1), 1, Coverage(captures=1, labelled=1), id="an hour before one without a label"),
    ],
)
def test_only_records_are_listed_and_the_coverage_is_that_of_the_window(
    spark, merge, tmp_path, analysis, parts, coverage
):
    write_captures(tmp_path, 0, [captured(1), captured(2), "{cut"])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_captures(tmp_path, 2, [captured(4, hour=2), captured(5, hour=2)])
    write_labels(tmp_path, 1, [label("event-1"), label("event-3")])
    merge(0, 2, late_hours=24, max_quarantined_share=0.5)
    (tmp_path / "merged" / "message").write_text("Completed\n")  # as a job leaves it
    listing = list_captures(SparkEngine(spark), str(tmp_path / "merged"), analysis)

    assert (
        sum(file.path.rsplit("/", 1)[-1].startswith("part-") for file in listing.files) == len(listing.files) == parts
    )
    assert listing.coverage == coverage
