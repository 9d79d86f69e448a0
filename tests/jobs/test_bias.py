"""The bias jobs: what they leave, their exit status and message for each outcome."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.running_jobs import JobProcesses, JobsHere

from spark_model_monitor.sagemaker import BiasConfig, DataConfig, ModelBiasMonitor

ROOT = Path(__file__).resolve().parents[2]

CONFIG = {
    "dataset_type": "text/csv",
    "label": "bought",
    "predicted_label": "predicted",
    "label_values_or_threshold": ["yes"],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["F"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "group_variable": "region",
}


def table(women_accepted):
    """240 people; of every 10 women so many are predicted to buy, of every 10 men 6. All of them buy every other time."""
    lines = ["sex,age,region,bought,predicted"]
    for row in range(240):
        sex = ("F", "M")[row % 2]
        turn = row // 2 % 10
        accepted = turn < (women_accepted if sex == "F" else 6)
        region = ("north", "south")[row // 20 % 2]
        bought = "yes" if row // 2 % 2 else "no"
        lines.append(f"{sex},{18 + row % 61}.5,{region},{bought},{'yes' if accepted else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """`jobs(job, *flags)` runs a bias job in a folder that all tests of this module share; the baseline is there."""
    folder = tmp_path_factory.mktemp("bias")
    (folder / "analysis_config.json").write_text(json.dumps(CONFIG))
    (folder / "fair.csv").write_text(table(6))
    (folder / "unfair.csv").write_text(table(2))

    def running(job, *flags, config="analysis_config.json", run=JobsHere(folder)):  # noqa: B008
        return run(job, "--analysis-type", "MODEL_BIAS", "--analysis-config", config, *flags)

    running.folder = folder
    finished = running("baseline", "--dataset-source", "fair.csv", "--output-path", "baseline")
    assert finished.status == 0, finished.said
    return running


def monitored(jobs, source, output, *flags, **how):
    where = ("--dataset-source", source, "--baseline", "baseline", "--output-path", output)
    finished = jobs("monitor", *where, *flags, **how)
    return finished, jobs.folder / output


def test_a_model_that_is_asked_is_as_biased_as_the_predictions_in_the_data(jobs):
    scoring = "def score(frame):\n    turn = frame.reset_index(drop=True).index // 2 % 10\n    return (turn < 6).astype(float)\n"
    (jobs.folder / "buying.py").write_text(scoring)
    labels = {"predictor": {"label_headers": ["no", "yes"]}, "excluded_columns": ["predicted"]}
    asking = {name: member for name, member in CONFIG.items() if name != "predicted_label"} | labels
    (jobs.folder / "asking.json").write_text(json.dumps(asking))
    flags = ("--dataset-source", "fair.csv", "--model", "buying:score", "--output-path", "asked")

    finished = jobs("baseline", *flags, config="asking.json")

    assert finished.status == 0, finished.said
    named = json.loads((jobs.folder / "baseline" / "analysis.json").read_text())
    assert json.loads((jobs.folder / "asked" / "analysis.json").read_text()) == named


def test_a_window_like_the_baseline_has_an_empty_list_of_violations(jobs):
    finished, report = monitored(jobs, "fair.csv", "same")

    assert finished.status == 0, finished.said
    message = (report / "message").read_text()
    assert message.startswith(
        "Completed: Job completed successfully with no violations. Cannot tell whether "
    )  # few rows
    assert json.loads((report / "constraint_violations.json").read_text())["violations"] == []
    assert (report / "analysis.json").read_bytes() == (jobs.folder / "baseline" / "analysis.json").read_bytes()


def test_violations_are_a_success_unless_they_are_to_fail(jobs):
    flags = ("--fail-on-violations", "--bias-ci", "bootstrap")
    finished, report = monitored(jobs, "unfair.csv", "other", *flags, run=JobProcesses(jobs.folder))

    assert finished.status == 4, finished.said
    violations = json.loads((report / "constraint_violations.json").read_text())["violations"]
    assert ("sex", "F", "DPPL") in {(v["facet"], v["facet_value"], v["metric_name"]) for v in violations}
    checks = json.loads((report / "checks.json").read_text())["checks"]
    [dppl] = [check for check in checks if (check["feature"], check["metric"]) == ("sex", "DPPL")]
    assert (dppl["status"], dppl["n"], dppl["m"], dppl["facet_value"]) == ("violated", 120, 120, "F")
    assert dppl["observed"] == pytest.approx(0.4)
    assert "cannot tell" in {check["status"] for check in checks}
    assert '<div class="verdict bad"' in (report / "report.html").read_text()


def test_runs_of_several_hours_are_merged_without_reading_a_row(jobs):
    monitored(jobs, "unfair.csv", "hour-1")
    monitored(jobs, "fair.csv", "hour-2")
    command = [str(ROOT / ".venv" / "bin" / "python"), "-m", "spark_model_monitor", "merge-states"]
    merged = subprocess.run(
        [*command, "hour-1", "hour-2", "--output", "day"],
        cwd=jobs.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert merged.returncode == 0, merged.stderr
    report = json.loads((jobs.folder / "day" / "analysis.json").read_text())
    [group] = report["post_training_bias_metrics"]["facets"]["sex"]
    values = {metric["name"]: metric["value"] for metric in group["metrics"]}
    assert values["DPPL"] == pytest.approx(0.6 - (0.2 + 0.6) / 2)
    assert values["FT"] is None


@pytest.mark.parametrize(
    ("changes", "flags", "status", "sentence"),
    [
        pytest.param({"lable": "y"}, [], 2, "lable is unknown; did you mean label?", id="an unknown member"),
        pytest.param(
            {"facet": [{"name_or_index": "sx"}]}, [], 2, "did you mean 'sex'?", id="a facet that is not there"
        ),
        pytest.param({"group_variable": 9}, [], 2, "so an index is at most 4", id="an index out of range"),
        pytest.param(
            {"label_values_or_threshold": []}, [], 2, "label_values_or_threshold is missing", id="no positive"
        ),
        pytest.param(
            {"predicted_label": None, "methods": {"post_training_bias": {"methods": "all"}}},
            [],
            2,
            "needs the model's predictions",
            id="no predictions",
        ),
        pytest.param({"headers": ["a", "b"]}, [], 2, "headers has 2 names", id="headers of another number"),
        pytest.param({}, ["--dataset-source", "nowhere.csv"], 255, "there is no such file", id="no data"),
    ],
)
def test_a_failure_is_one_sentence_and_its_exit_status(jobs, changes, flags, status, sentence):
    config = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    (jobs.folder / "changed.json").write_text(json.dumps(config))
    finished = jobs(
        "baseline", "--dataset-source", "fair.csv", "--output-path", "failed", *flags, config="changed.json"
    )

    assert finished.status == status, finished.said
    assert sentence in finished.said
    assert "Traceback" not in finished.said
    assert (jobs.folder / "failed" / "message").read_text().startswith("Error: ")


def test_the_sdks_monitor_makes_a_baseline(jobs, monkeypatch):
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(jobs.folder / "home"))
    data = DataConfig(
        str(jobs.folder / "fair.csv"), str(jobs.folder / "by-sdk"), label="bought", predicted_label="predicted"
    )
    monitor = ModelBiasMonitor()
    monitor.suggest_baseline(data, BiasConfig(["yes"], "sex", ["F"]), None, wait=True)

    facet = monitor.suggested_constraints().body_dict["post_training_bias_metrics"]["facets"]["sex"][0]
    assert facet["value_or_threshold"] == "F"
    assert [metric["name"] for metric in facet["metrics"]][:3] == ["AD", "CDDPL", "DAR"]
