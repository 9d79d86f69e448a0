"""An answer that a program printed as a list is read as its numbers."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor import CaptureFormat, DataQualityMonitor, run_baseline
from spark_model_monitor.data.records.decoding import read_printed_list


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("[0.28, 0.71]", ["0.28,0.71"], id="list"),
        pytest.param("[0.28,-1e-05]\n", ["0.28,-1e-05"], id="exponent"),
        pytest.param("[[0.28, 0.71]]", ["0.28,0.71"], id="batch of one"),
        pytest.param("[[1, 2], [3, 4]]", ["1,2", "3,4"], id="batch"),
        pytest.param("[1, 2]\n[3, 4]", ["1,2", "3,4"], id="lines"),
        pytest.param("(0.28, 0.71)", ["0.28,0.71"], id="tuple"),
        pytest.param("[0.28 0.71]", ["0.28,0.71"], id="numpy"),
        pytest.param("[[0.1 0.9]\n [0.2 0.8]]", ["0.1,0.9", "0.2,0.8"], id="matrix of numpy"),
        pytest.param("array([0.28, 0.71], dtype=float32)", ["0.28,0.71"], id="repr of numpy"),
        pytest.param("[np.float64(0.28), np.float64(0.71)]", ["0.28,0.71"], id="numbers of numpy"),
        pytest.param("tensor([[0.28, 0.71]])", ["0.28,0.71"], id="PyTorch"),
        pytest.param("[0.5]", ["0.5"], id="one number"),
        pytest.param("(12.5)", None, id="minus in parentheses"),
        pytest.param("[a, b]", None, id="texts"),
        pytest.param("[1, 2], 3", None, id="a list and a number"),
        pytest.param("0.28,0.71", None, id="CSV"),
        pytest.param("[]", None, id="empty"),
    ],
)
def test_a_printed_list_has_its_rows(text, rows):
    assert read_printed_list(text) == rows


def test_answers_printed_as_lists_are_numbers(tmp_path):
    def make_half(text, mode):
        return {"observedContentType": "text/csv", "mode": mode, "data": text, "encoding": "CSV"}

    documents = []
    for index in range(50):
        answer = str([index / 100, 1 - index / 100])
        halves = {"endpointInput": make_half(f"{index},7", "INPUT"), "endpointOutput": make_half(answer, "OUTPUT")}
        metadata = {"eventId": f"{index}", "inferenceTime": "2024-03-04T20:00:00Z"}
        documents.append({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"})
    (tmp_path / "00.jsonl").write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    baseline = run_baseline(str(tmp_path), DataQualityMonitor(), dataset_format=CaptureFormat())
    features = baseline.profile.features
    assert [feature.inferred_type for feature in features] == ["Fractional", "Fractional", "Integral", "Integral"]
    assert features[0].moments.maximum == 0.49
