"""The one pass over outcomes: one Spark job, the same states however the rows lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.spark_lines import explain_plan
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor.data.profiling import outcome_scan as scanning
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.reading.outcome_tables import build_reading, outcomes, read_line_outcomes
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.outcome_records import LineDecoder
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

PLAN = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
MONITOR = ModelQualityMonitor(PLAN)


def table(rows=2_000):
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 100, rows) / 100
    return pd.DataFrame({"label": (rng.random(rows) < scores).astype(int), "probability": scores})


def test_it_is_one_spark_job(spark, count_spark_jobs):
    frame = spark.createDataFrame(table()).coalesce(2)
    data = replace(outcomes(frame, PLAN), max_partition_count=2)
    with count_spark_jobs() as jobs:
        scan_findings = MONITOR.scan(PLAN, data, None)

    assert scan_findings.state.item_count == 2_000
    assert len(jobs) == 1


@pytest.mark.parametrize(("partitions", "digits"), [(2, 2), (12, 1)])  # 12, of eleven scores: some are empty
def test_counts_do_not_depend_on_the_partitioning(spark, partitions, digits):
    frame = spark.createDataFrame(table().round({"probability": digits}))
    whole_scan = MONITOR.scan(PLAN, outcomes(frame.coalesce(1), PLAN), None).state
    partitioned = MONITOR.scan(PLAN, outcomes(frame.repartition(partitions, "probability"), PLAN), None).state

    assert partitioned.confusion == whole_scan.confusion
    assert partitioned.scores.to_bytes() == whole_scan.scores.to_bytes()


def test_executors_add_the_states_as_the_driver_does(spark, tmp_path, monkeypatch):
    hour = tmp_path / "2022" / "04" / "18" / "00"
    hour.mkdir(parents=True)
    for file in range(3):
        lines = [
            encode_line(merged(str(number % 2), str(number / 500), eventId=number)) for number in range(file, 500, 3)
        ]
        (hour / f"part-{file}.jsonl").write_text("\n".join(lines) + "\n")
    decoder = LineDecoder(build_reading(PLAN, None, None, "0", Reading(("endpointOutput",))))
    source = list_captures(SparkEngine(spark), str(tmp_path))
    driver_scan = ModelQualityMonitor(PLAN).scan(
        PLAN, read_line_outcomes(SparkEngine(spark), source, decoder, partition_bytes=1 << 25), None
    )
    monkeypatch.setattr(scanning, "MAX_DRIVER_PARTITIONS", 0)
    executor_scan = ModelQualityMonitor(PLAN).scan(
        PLAN, read_line_outcomes(SparkEngine(spark), source, decoder, partition_bytes=1 << 25), None
    )

    assert driver_scan.state.to_bytes() == executor_scan.state.to_bytes()
    assert driver_scan.rows == executor_scan.rows


def test_the_scan_asks_for_no_place_of_a_line(spark, tmp_path):
    (tmp_path / "merged.jsonl").write_text(encode_line(merged("1", "0.5")) + "\n")
    decoder = LineDecoder(build_reading(PLAN, None, None, "0", Reading(("endpointOutput",))))
    dataset = read_line_outcomes(SparkEngine(spark), list_captures(SparkEngine(spark), str(tmp_path)), decoder)
    scanned_plan, frame_plan = (explain_plan(frame) for frame in (dataset.raw.frame, dataset.frame))

    assert "_metadata" not in scanned_plan
    assert "_metadata" in frame_plan
