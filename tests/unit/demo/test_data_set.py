"""The example's files on a disk: the same on every rerun, and never mixed with others."""

import json
import os

import pandas as pd
import pytest

from spark_model_monitor.errors import BadConfiguration, OutputFailed
from spark_model_monitor.integrations.demo.traffic import Traffic, write_data_set

TRAFFIC = Traffic(hours=2, per_hour=20)


def test_a_rerun_leaves_every_file_as_it_was(tmp_path):
    write_data_set(tmp_path, rows=50, traffic=TRAFFIC)
    for path in tmp_path.rglob("*"):
        os.utime(path, (1e9, 1e9))
    first = _content(tmp_path)
    write_data_set(tmp_path, rows=50, traffic=TRAFFIC)

    assert _content(tmp_path) == first
    assert {path.stat().st_mtime for path in tmp_path.rglob("*")} == {1e9}


def test_a_damaged_file_is_mended(tmp_path):
    write_data_set(tmp_path, rows=50, traffic=TRAFFIC)
    first = _content(tmp_path)
    (tmp_path / "baseline.csv").write_text("churned\n")
    write_data_set(tmp_path, rows=50, traffic=TRAFFIC)

    assert _content(tmp_path) == first


def test_the_directory_holds_a_baseline_captures_labels_and_the_fault(tmp_path):
    write_data_set(tmp_path / "new" / "directory", rows=50, traffic=TRAFFIC)

    names = _content(tmp_path / "new" / "directory").keys()
    assert len(pd.read_csv(tmp_path / "new" / "directory" / "baseline.csv")) == 50
    assert {name.split("/")[0] for name in names} == {
        *("baseline.csv", "validation.csv", "captures", "ground-truth", "fault.json", "analysis_config.json")
    }
    assert any(name.startswith("captures/churn/AllTraffic/2024/03/04/01/") for name in names)
    assert "ground-truth/2024/03/04/01/labels.jsonl" in names
    assert json.loads((tmp_path / "new" / "directory" / "fault.json").read_text())["traffic"]["captures"] == 40


def test_the_validation_set_has_the_models_answers_to_the_baselines_customers(tmp_path):
    write_data_set(tmp_path, rows=50, traffic=TRAFFIC)
    baseline, validation = (pd.read_csv(tmp_path / name) for name in ("baseline.csv", "validation.csv"))

    assert validation["churned"].tolist() == baseline["churned"].tolist()
    assert validation["probability"].tolist() == baseline["churn_probability"].tolist()
    assert validation["prediction"].tolist() == [int(score > 0.5) for score in baseline["churn_probability"]]


def test_captures_of_another_traffic_are_not_mixed_with_these(tmp_path):
    write_data_set(tmp_path, rows=50, traffic=Traffic(hours=3, per_hour=20))
    before = _content(tmp_path)

    with pytest.raises(BadConfiguration, match=r"captures/churn/.*\.jsonl is no file of this data set.*--output"):
        write_data_set(tmp_path, rows=50, traffic=TRAFFIC)
    assert _content(tmp_path) == before


def test_a_directory_that_is_a_file_is_said_so(tmp_path):
    (tmp_path / "taken").write_text("")

    with pytest.raises(
        OutputFailed, match=r"taken can't be written \(.+\); give a directory of your own with --output"
    ):
        write_data_set(tmp_path / "taken", rows=50, traffic=TRAFFIC)


def _content(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }
