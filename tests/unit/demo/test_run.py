"""The demo command around its two jobs; the jobs themselves are started for real in tests/jobs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from spark_model_monitor import cli
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.demo.demo_run import MONITORED_HOUR, run_demo
from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic

STATISTICS = """{
  "version" : 0.0,
  "dataset" : { "item_count" : 40 },
  "features" : [ {
    "name" : "day_minutes",
    "inferred_type" : "Fractional",
    "numerical_statistics" : {
      "common" : { "num_present" : 30, "num_missing" : 10 },
      "mean" : 180.25, "sum" : 5407.5, "std_dev" : 52.0, "min" : 0.0, "max" : 372.9,
      "approximate_num_distinct_values" : 29, "completeness" : 0.75
    }
  }, {
    "name" : "plan",
    "inferred_type" : "String",
    "string_statistics" : {
      "common" : { "num_present" : 40, "num_missing" : 0 },
      "distinct_count" : 5.0, "completeness" : 1.0
    }
  } ]
}"""


CHECKS = """{
  "version" : 0.0,
  "checks" : [ {
    "feature" : "day_minutes", "check" : "baseline_drift_check", "status" : "violated", "observed" : 0.5, "threshold" : 0.1
  } ]
}"""


def write_attributions(folder: Path, **values: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    label_values = {"score": {"global_shap_values": values, "expected_value": 0.2}}
    (folder / "analysis.json").write_text(json.dumps({"version": "1.0", "explanations": {"kernel_shap": label_values}}))


def no_day(output, baseline, attributed, traffic):
    """Stands for monitoring the day; tests/jobs does it."""
    assert (attributed / "analysis.json").is_file()
    write_attributions(output / "explained/2024/03/04/20", plan=0.25, day_minutes=0.5)
    metadata = {"version": 0.0, "problem_type": "BinaryClassification", "item_count": 40, "confidence": 0.95}
    accuracy = {"name": "accuracy", "value": 0.75, "interval": [0.5, 0.875], "method": "simulation", "n": 40}
    for name, document in (
        ("quality/metrics", {**metadata, "metrics": [{**accuracy, "value": 0.8}]}),
        (
            "estimated/estimated_quality",
            {**metadata, "calibration": {"rows": 100, "error": 0.0, "left": 0.0}, "metrics": [accuracy]},
        ),
    ):
        (output / name).parent.mkdir(exist_ok=True)
        (output / f"{name}.json").write_text(json.dumps(document))
    return output / "history.html"


class Jobs:
    """Stands for submitted jobs: notes their flags, writes small documents; the job `failing` ends with `status`."""

    def __init__(self, failing: str = "", status: int = 255) -> None:
        self.failing = failing
        self.status = status
        self.flags: dict[str, dict[str, str]] = {}

    def __call__(self, job, flags):
        flag_values = dict(zip(flags[::2], flags[1::2], strict=True))
        folder = Path(flag_values["--output-path"])
        self.flags[folder.name] = flag_values
        if folder.name == self.failing:
            return self.status
        if folder.name == "attributions":
            write_attributions(folder, plan=0.25, day_minutes=0.125)
            return 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "statistics.json").write_text(STATISTICS if job == "baseline" else STATISTICS.replace("180.25", "90"))
        if job == "monitor":
            (folder / "checks.json").write_text(CHECKS)
        return 0


@pytest.mark.long
def test_the_jobs_get_the_generated_files_as_a_user_would_name_them(tmp_path):
    jobs = Jobs()

    assert run_demo(tmp_path, 40, out=io.StringIO(), start_job=jobs, watch=no_day) == 0
    assert list(jobs.flags) == ["baseline", "monitoring", "attributions"]
    assert jobs.flags["baseline"] == {
        "--dataset-source": str(tmp_path / "baseline.csv"),
        "--dataset-format": "csv",
        "--output-path": str(tmp_path / "baseline"),
        "--predictions": "churned,churn_probability",
    }
    assert jobs.flags["attributions"] == {
        "--analysis-type": "MODEL_EXPLAINABILITY",
        "--analysis-config": str(tmp_path / "analysis_config.json"),
        "--model": "spark_model_monitor.integrations.demo.churn:score",
        "--engine": "local",
        "--dataset-source": str(tmp_path / "baseline.csv"),
        "--dataset-format": "csv",
        "--output-path": str(tmp_path / "attributions"),
    }
    assert jobs.flags["monitoring"] == {
        "--dataset-source": str(tmp_path / "captures"),
        "--dataset-format": "capture",
        "--baseline": str(tmp_path / "baseline"),
        "--start-time": "2024-03-04T20:00:00Z",
        "--end-time": "2024-03-04T21:00:00Z",
        "--output-path": str(tmp_path / "monitoring"),
        "--keep-examples": "5",
    }
    assert len((tmp_path / "baseline.csv").read_text().splitlines()) == 41


def test_the_monitored_hour_lies_behind_the_planted_fault():
    assert FAULT.first_hour < MONITORED_HOUR < Traffic().hours


@pytest.mark.long
def test_the_last_lines_say_what_is_wrong_with_the_hour_and_what_moved_the_predictions(tmp_path):
    out = io.StringIO()

    run_demo(tmp_path, 40, out=out, start_job=Jobs(), watch=no_day)

    assert out.getvalue().splitlines()[-3:] == [
        "Before its labels come, the accuracy of that hour is estimated: 0.75, from 0.50 to 0.88, "
        "after 0.80 in the validation set.",
        "1 of 1 feature changed: day_minutes violates baseline drift, 0.5 where the baseline asks for 0.1. "
        "Next: check day_minutes at its source.",
        "What moved the predictions there, on average: day_minutes by 0.500 (in the baseline by 0.125), "
        "plan by 0.250 (in the baseline by 0.250).",
    ]


@pytest.mark.long
def test_the_report_has_a_table_of_the_features_and_the_places_of_the_files(tmp_path):
    out = io.StringIO()

    run_demo(tmp_path, 40, out=out, start_job=Jobs(), watch=no_day)

    table = out.getvalue().partition("40 rows, 2 features\n\n")[2]
    assert table.splitlines()[:4] == [
        "feature      type        completeness  distinct   mean  std  min    max",
        "-----------  ----------  ------------  --------  -----  ---  ---  -----",
        "day_minutes  Fractional          0.75        29  180.2   52    0  372.9",
        "plan         String                 1         5      -    -    -      -",
    ]
    for name in (
        "baseline.csv",
        "baseline/statistics.json",
        "baseline/constraints.json",
        "captures",
        "monitoring/constraint_violations.json",
        "monitoring/checks.json",
        "attributions/report.html",
        "fault.json",
    ):
        assert f"{tmp_path / name} " in table


@pytest.mark.long
def test_a_rerun_says_and_leaves_the_same(tmp_path):
    tables = []
    for _ in range(2):
        out = io.StringIO()
        assert run_demo(tmp_path, 40, out=out, start_job=Jobs(), watch=no_day) == 0
        tables.append(out.getvalue().partition("40 rows")[2])

    assert tables[0] == tables[1]


@pytest.mark.long
@pytest.mark.parametrize(
    ("folder", "job"), [("baseline", "baseline"), ("monitoring", "monitor"), ("attributions", "baseline")]
)
def test_a_job_that_fails_gives_the_demo_its_exit_status_and_no_table(folder, job, tmp_path, capsys):
    out = io.StringIO()
    jobs = Jobs(failing=folder)

    assert run_demo(tmp_path, 40, out=out, start_job=jobs, watch=no_day) == 255
    assert f"The job {job} ended with exit status 255" in capsys.readouterr().err
    assert list(jobs.flags)[-1] == folder
    assert "features" not in out.getvalue()


def test_no_rows_are_refused_before_anything_is_written(tmp_path):
    jobs = Jobs()

    with pytest.raises(BadConfiguration, match="--rows is 0; a baseline needs at least 1 row"):
        run_demo(tmp_path / "demo", 0, out=io.StringIO(), start_job=jobs, watch=no_day)
    assert not (tmp_path / "demo").exists()
    assert not jobs.flags


@pytest.mark.parametrize("rows", ["many", "1.5"])
def test_rows_that_are_no_whole_number_are_refused(rows, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", "--rows", rows])

    assert ended.value.code == 2
    assert f"argument --rows: invalid int value: '{rows}'" in capsys.readouterr().err
