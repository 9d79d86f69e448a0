"""Real data sets have no hint that isn't true: their halves as baseline and window, by name and by position."""

from __future__ import annotations

import re

import pytest

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

MONITOR = DataQualityMonitor()

OF_HOUSING = {"'event_time' (11,716 of 11,716)": "_c1", "'zipcode' (1,318 of 11,716)": "_c2"}
"""The one column of dates in all of them, and the one of numbers with a word, `Unknown`, among them; and by position."""


@pytest.mark.parametrize("dataset_format", ["csv", "csv-without-header"])
@pytest.mark.parametrize(
    "case",
    [
        "dq-churn/input.csv",
        "dq-housing-full/input.csv",
        "mq-churn-binary/input.csv",
        "mq-weather-regression/input.csv",
        "bias-adult-batch-json/baseline/derived-with-predictions.csv",
        "../data/elec.csv",
    ],
)
def test_half_of_a_data_set_beside_the_other_half_has_no_hint(
    engine_name, golden, tmp_path, caplog, case, dataset_format
):
    # Its first half is the baseline
    header, *rows = (golden / case).read_text().splitlines()
    middle = len(rows) // 2
    titles = [header] * (dataset_format == "csv")
    first = tmp_path / "first.csv"
    second = tmp_path / "second.csv"
    for path, part in ((first, rows[:middle]), (second, rows[middle:])):
        lines = [*titles, *part]
        path.write_text("\n".join(lines) + "\n")
    baseline = run_baseline(str(first), MONITOR, dataset_format=dataset_format, engine=engine_name)

    findings = run_monitoring(str(second), MONITOR, baseline, dataset_format=dataset_format, engine=engine_name)

    # The baseline alone says what is true of both
    assert findings.hints == ()
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    named = OF_HOUSING if "housing" in case else {}
    if dataset_format == "csv-without-header":
        named = [re.sub("'.*'", f"'{position}'", columns) for columns, position in named.items()]
    assert len(warnings) == len(named), warnings
    assert all(any(columns in sentence for sentence in warnings) for columns in named)


def test_captures_that_have_drifted_have_changed_no_places(engine_name, golden):
    """60 violations by the service's count, and all columns in their places."""
    case = golden / "dq-churn"
    baseline = run_baseline(str(case / "input.csv"), MONITOR, engine=engine_name)

    captures = str(case / "run" / "capture.reconstructed.jsonl")
    findings = run_monitoring(captures, MONITOR, baseline, dataset_format="capture", engine=engine_name)

    assert findings.count > 0
    assert findings.current.ledger.to_json_dict()["columns_matched_by"] == "position"
    [hint] = findings.hints
    assert hint.hint == "delivered_twice"
    assert "about 6 times" in hint.description, "334 requests in a loop: 1,977 captures"
