"""The metrics of real data sets against Deequ's own scan of them, without the service's documents between."""

from __future__ import annotations

import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CsvFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.spark.deequ.deequ_evaluation import METRIC_FIELDS, evaluate
from spark_model_monitor.spark.engine.spark import SparkEngine, SparkPartitions


def by_deequ(spark, frame, names):
    """These metrics of each column by `AnalysisRunner.onData` of pydeequ."""
    from pydeequ import analyzers
    from pydeequ.analyzers import AnalysisRunner, AnalyzerContext

    runner = AnalysisRunner(spark).onData(frame)
    for column in frame.columns:
        for name in names:
            runner = runner.addAnalyzer(getattr(analyzers, name)(column))
    metrics = AnalyzerContext.successMetricsAsJson(spark, runner.run())
    return {(metric["instance"], METRIC_FIELDS[metric["name"]]): metric["value"] for metric in metrics}


@pytest.mark.parametrize("case", [defer_to_night("dq-housing-full"), "dq-churn"])
def test_metrics_are_those_of_a_scan_by_deequ(spark, golden, case):
    """Deequ counts distinct cells as the file has them, and computes with the numbers that Spark makes of them."""
    path = str(golden / case / "input.csv")
    dataset = read_dataset(SparkEngine(spark), list_dataset(SparkEngine(spark), path), CsvFormat(header=True))
    scan_findings = scan(
        RowSource(
            SparkPartitions(dataset.frame),
            dataset.names,
            max_partition_count=2,
        ),
        ScanPlan(rows=RowPlan(reasons=len(Refusal))),
    ).profile
    cells = spark.read.csv(path, header=True).cache()
    numeric = [feature.name for feature in scan_findings.features if feature.is_numeric]
    numbers = cells.select([cells[f"`{name}`"].cast("double") for name in numeric])

    expected = by_deequ(spark, cells, ["Completeness", "ApproxCountDistinct"])
    expected |= by_deequ(spark, numbers, ["Mean", "Sum", "StandardDeviation", "Minimum", "Maximum"])

    cells.unpersist()
    assert len(expected) == 2 * len(scan_findings.features) + 5 * len(numeric)
    metrics = evaluate(spark, scan_findings)
    for (name, field), value in expected.items():
        exactly = field in ("completeness", "approx_count_distinct")
        if exactly:
            expected_value = value
        else:
            expected_value = pytest.approx(value, rel=1e-12, abs=0)
        assert getattr(metrics[name], field) == expected_value, (name, field)
