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


def write_captures(frame, folder, hours, with_probability):
    """Captures of a model and their labels, spread over some hours of a day."""
    for number, row in enumerate(frame.itertuples()):
        hour = hours[number % len(hours)]
        reply = str(row.prediction)
        if with_probability:
            reply = str(0.1 + 0.8 * row.prediction)
        halves = {"endpointInput": f"{row.plan},{row.age}", "endpointOutput": reply}
        metadata = {"eventId": f"{folder.name}-{number}", "inferenceTime": f"2026-03-04T{hour}:10:00Z"}
        # A record, and a label of the same event
        record = {
            "captureData": {name: {"data": data, "encoding": "CSV"} for name, data in halves.items()},
            "eventMetadata": metadata,
            "eventVersion": "0",
        }
        label = {"groundTruthData": {"data": str(row.label), "encoding": "CSV"}, "eventMetadata": metadata}
        # Both in the folder of their hour
        for kind, line in (("captures", record), ("labels", label)):
            file = folder / kind / "2026/03/04" / hour / "a.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps(line) + "\n")


@pytest.mark.parametrize("with_probability", [False, True])
def test_the_segment_of_a_loss_is_found_in_merged_records(with_probability, make_jobs, tmp_path):
    jobs = make_jobs(tmp_path)
    write_captures(users(6_000, 1), tmp_path / "before", ("10", "11"), with_probability)
    write_captures(users(3_000, 2, in_business), tmp_path / "now", ("13",), with_probability)
    for name in ("before", "now"):
        labels = ("--ground-truth-source", f"{name}/labels")
        assert jobs("merge", f"{name}/captures", *labels, "--output-path", f"{name}/merged").status == 0
    address = ("--probability-attribute" if with_probability else "--inference-attribute", "0")
    kind = (*KIND, *address, "--dataset-format", "merged")

    assert jobs("baseline", "before/merged", *kind, "--output-path", "quality").status == 0
    finished = jobs("monitor", "now/merged", *kind, "--output-path", "found", "--baseline", "quality")

    assert finished.status == 0
    assert "unknown" not in finished.said
    checks = json.loads(Path(tmp_path, "found", "checks.json").read_text())["checks"]
    assert {check.get("segment") for check in checks if check["status"] == "violated"} == {"_c0=business"}
