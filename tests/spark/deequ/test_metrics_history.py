"""What Deequ's own metrics repository wrote is history: every number in it, by the date of its data set."""

import pytest
from tests.spark_lines import IS_REMOTE

from spark_model_monitor.reports.history_page.history import read_run_history

MIDNIGHT = 1_767_225_600_000  # 2026-01-01
DAY = 86_400_000


@pytest.mark.deequ
@pytest.mark.skipif(IS_REMOTE, reason="Deequ needs a JVM here")
def test_the_file_of_deequs_metrics_repository_is_history(spark, tmp_path):
    from pydeequ import analyzers
    from pydeequ.repository import FileSystemMetricsRepository, ResultKey

    # Two days' metrics of every kind, saved by Deequ
    path = str(tmp_path / "metrics.json")
    repository = FileSystemMetricsRepository(spark, path)
    rows = [(1.0, "a"), (2.5, None), (None, "b"), (float("nan"), "b")]
    for day, num_rows in enumerate((2, 4)):
        frame = spark.createDataFrame(rows[:num_rows], "amount double, code string")
        runner = analyzers.AnalysisRunner(spark).onData(frame)
        for analyzer in (
            analyzers.Size(),
            analyzers.Completeness("code"),
            analyzers.Mean("amount", "code = 'a'"),
            analyzers.Maximum("amount"),
            analyzers.ApproxQuantile("amount", 0.25),
            analyzers.ApproxQuantiles("amount", [0.5]),
            analyzers.PatternMatch("code", "[ac]"),
            analyzers.Histogram("code"),
            analyzers.KLLSketch("amount", analyzers.KLLParameters(spark, 64, 0.64, 4)),
        ):
            runner = runner.addAnalyzer(analyzer)
        key = ResultKey(spark, MIDNIGHT + day * DAY, {"table": "orders"})
        runner.useRepository(repository).saveOrAppendResult(key).run()

    history = read_run_history([path])

    # The metrics that are numbers
    (series,) = history.series
    first, last = series.runs[0], series.runs[1]
    assert history.labels == ("2026-01-01 00:00", "2026-01-02 00:00")
    assert (series.model, first.identity.rows, last.identity.rows) == ("table=orders", 2, 4)
    assert {name: first.get_number("value", name) for name in first.names} == {
        "Size": 2,
        "code (Completeness)": 0.5,
        "amount (Mean where code = 'a')": 1.0,
        "amount (Maximum)": 2.5,
        "amount (ApproxQuantile-0.25)": 1.0,
        "amount (ApproxQuantiles 0.5)": 1.0,
        "code (PatternMatch [ac])": 0.5,
    }
    assert last.get_number("value", "code (Completeness)") == 0.75
    assert last.get_number("value", "amount (Maximum)") is None  # Deequ's is NaN
