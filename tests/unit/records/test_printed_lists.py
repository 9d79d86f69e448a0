"""An answer that a program printed as a list is read as its numbers."""

from __future__ import annotations

import pytest
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor import CaptureFormat, DataQualityMonitor, run_baseline
from spark_model_monitor.data.records.csv_rows import read_printed_list


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
    answers = [str([index / 100, 1 - index / 100]) for index in range(50)]
    lines = [encode_line(captured(f"{index},7", answer)) for index, answer in enumerate(answers)]
    (tmp_path / "00.jsonl").write_bytes(b"\n".join(lines))
    baseline = run_baseline(str(tmp_path), DataQualityMonitor(), dataset_format=CaptureFormat())
    features = baseline.profile.features
    assert [feature.inferred_type for feature in features] == ["Fractional", "Fractional", "Integral", "Integral"]
    assert features[0].moments.maximum == 0.49


def test_an_answer_of_more_digits_than_python_reads_is_no_json(tmp_path, caplog):
    answers = [*map(str, range(200)), "7" * 5_000]
    lines = [encode_line(captured('{"age": 7}', answer, encoding="JSON")) for answer in answers]
    (tmp_path / "00.jsonl").write_bytes(b"\n".join(lines))

    baseline = run_baseline(str(tmp_path), DataQualityMonitor(), dataset_format=CaptureFormat())

    assert "refused 1 of 201 records (captured data is not JSON objects: 1)" in caplog.text
    assert baseline.profile.item_count == 200
