"""A run on captures without a JVM: how their columns are held against a baseline's."""

import json

import pandas as pd
import pytest

from spark_model_monitor import CaptureFormat, DataQualityMonitor, run_baseline, run_monitoring


@pytest.fixture
def captures(tmp_path):
    """Records of two inputs and one output, each half of them without quotes."""
    halves = [({"endpointInput": f"{number},{number % 7}", "endpointOutput": f"{number % 2}"}) for number in range(60)]
    lines = [
        {
            "captureData": {name: {"data": data, "encoding": "CSV"} for name, data in payloads.items()},
            "eventMetadata": {},
        }
        for payloads in halves
    ]
    (tmp_path / "captures.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return str(tmp_path / "captures.jsonl")


def monitor_captures(captures, names, capture_format):
    frame = pd.DataFrame({name: [float(number) for number in range(60)] for name in names})
    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
    return run_monitoring(captures, baseline.monitor, baseline, dataset_format=capture_format, engine="local")


def test_outputs_beside_a_baseline_of_inputs_are_answers_that_it_lacks(captures):
    findings = monitor_captures(captures, ["age", "day"], CaptureFormat())

    [hint] = findings.hints
    assert (hint.hint, hint.features) == ("column_roles", ("prediction",))
    assert "Extra columns" not in set(findings.to_pandas().query("status == 'violated'").feature)


@pytest.mark.parametrize(
    ("names", "halves"),
    [
        pytest.param(["answer", "age", "day"], CaptureFormat(), id="all columns"),
        pytest.param(["age", "day"], CaptureFormat(("endpointInput",)), id="inputs alone"),
        pytest.param(["age"], CaptureFormat(), id="fewer columns than inputs"),
        pytest.param(["a", "b", "c", "d"], CaptureFormat(), id="more columns than captured"),
        pytest.param(["age"], CaptureFormat(("endpointInput",)), id="inputs that the baseline has not"),
    ],
)
def test_other_columns_are_no_answers_that_the_baseline_lacks(captures, names, halves):
    assert [
        hint.features for hint in monitor_captures(captures, names, halves).hints if hint.hint == "column_roles"
    ] == []
