"""A baseline's rows are read again by the names that its own run had for labels and predictions."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.unit.model_quality.test_causes import in_business, users

KIND = ("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification")
NAMES = ("--inference-attribute", "prediction", "--ground-truth-attribute", "label")
OTHER_NAMES = ("--inference-attribute", "answer", "--ground-truth-attribute", "truth")


@pytest.mark.parametrize("names", [NAMES, OTHER_NAMES])
def test_the_segment_of_a_loss_is_found_whatever_the_window_calls_its_outcomes(names, make_jobs, tmp_path):
    jobs = make_jobs(tmp_path)
    # The same columns, the outcomes perhaps under other names
    users(6_000, 1).to_csv(tmp_path / "before.csv", index=False)
    columns = {"prediction": names[1], "label": names[3]}
    users(3_000, 2, in_business).rename(columns=columns).to_csv(tmp_path / "now.csv", index=False)
    csv = ("--dataset-format", "csv", "--dataset-source")

    assert jobs("baseline", *KIND, *NAMES, *csv, "before.csv", "--output-path", "quality").status == 0
    finished = jobs("monitor", *KIND, *names, *csv, "now.csv", "--output-path", "now", "--baseline", "quality")

    assert finished.status == 0
    assert "unknown" not in finished.said
    checks = json.loads(Path(tmp_path, "now", "checks.json").read_text())["checks"]
    assert {check.get("segment") for check in checks if check["status"] == "violated"} == {"plan=business"}


def test_the_segment_of_a_change_is_found_if_the_baseline_names_the_column_of_its_times(make_jobs, tmp_path):
    jobs = make_jobs(tmp_path)
    before = users(6_000, 1)[["plan", "guessed"]]
    now = users(3_000, 2, in_business)[["plan", "guessed"]]
    # Rows at any minute of one day, in order
    for name, frame, day in (("before.csv", before, "2026-03-04"), ("now.csv", now, "2026-03-05")):
        minutes = np.sort(np.random.default_rng(5).integers(0, 1_440, len(frame)))
        frame.insert(0, "at", [f"{day}T{minute // 60:02}:{minute % 60:02}:00Z" for minute in minutes])
        frame.to_csv(tmp_path / name, index=False)

    assert jobs("baseline", "before.csv", "--output-path", "made", "--time-column", "at").status == 0
    finished = jobs("monitor", "now.csv", "--output-path", "now", "--baseline", "made")

    assert "read again" not in finished.said
    checks = json.loads(Path(tmp_path, "now", "checks.json").read_text())["checks"]
    assert {check["segment"] for check in checks if check["status"] == "violated"} == {"plan=business"}
