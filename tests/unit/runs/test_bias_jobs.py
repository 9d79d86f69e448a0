"""Jobs of bias: what they leave, and what a merge of their runs is, by hand."""

import pytest

from spark_model_monitor import cli

from .local_jobs import LocalJobs

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
ASKING = {"predictor": {"label_headers": ["no", "yes"]}, "excluded_columns": ["predicted"]}
SCORING = (
    "def score(frame):\n    turn = frame.reset_index(drop=True).index // 2 % 10\n    return (turn < 6).astype(float)\n"
)
BIAS = "--analysis-type MODEL_BIAS --analysis-config analysis.json"


def build_table(women_accepted):
    """240 people; of every 10 women so many are predicted to buy, of every 10 men 6. All of them buy every other time."""
    lines = ["sex,age,region,bought,predicted"]
    for row in range(240):
        sex = ("F", "M")[row % 2]
        is_accepted = row // 2 % 10 < (women_accepted if sex == "F" else 6)
        region = ("north", "south")[row // 20 % 2]
        bought = ("no", "yes")[row // 2 % 2]
        lines.append(f"{sex},{18 + row % 61}.5,{region},{bought},{'yes' if is_accepted else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with a baseline, a window like it, and one that isn't."""
    jobs = LocalJobs(tmp_path_factory.mktemp("bias"))
    jobs.write("analysis.json", CONFIG)
    jobs.write("fair.csv", build_table(6))
    jobs.write("unfair.csv", build_table(2))
    jobs.run(f"baseline {BIAS} --dataset-source fair.csv --output-path baseline")
    for source in ("fair", "unfair"):
        jobs.run(f"monitor {BIAS} --dataset-source {source}.csv --baseline baseline --output-path {source}")
    return jobs


def test_a_model_that_is_asked_is_as_biased_as_the_predictions_in_the_data(jobs):
    jobs.write("buying.py", SCORING)
    without_predictions = {name: member for name, member in CONFIG.items() if name != "predicted_label"}
    jobs.write("asking.json", without_predictions | ASKING)

    asking = BIAS.replace("analysis.json", "asking.json")
    jobs.run(f"baseline {asking} --dataset-source fair.csv --model buying:score --output-path asked --no-report")

    assert jobs.read("asked/analysis.json") == jobs.read("baseline/analysis.json")


def test_a_window_like_the_baseline_has_an_empty_list_of_violations(jobs):
    message = (jobs.folder / "fair" / "message").read_text()

    assert message.startswith(
        "Completed: Job completed successfully with no violations. Cannot tell whether "
    )  # few rows
    assert jobs.read_violations("fair") == []
    assert jobs.read("fair/analysis.json") == jobs.read("baseline/analysis.json")


def test_violations_are_a_success_unless_they_are_to_fail(jobs):
    flags = "--fail-on-violations --set bias_ci=bootstrap --baseline baseline --output-path failed"
    jobs.run(f"monitor {BIAS} --dataset-source unfair.csv {flags}", status=4)
    violations = jobs.read_violations("failed")
    checks = jobs.read_checks("failed")["checks"]
    [dppl] = [check for check in checks if (check["feature"], check["metric"]) == ("sex", "DPPL")]

    assert ("sex", "F", "DPPL") in {(v["facet"], v["facet_value"], v["metric_name"]) for v in violations}
    assert (dppl["status"], dppl["n"], dppl["m"], dppl["facet_value"]) == ("violated", 120, 120, "F")
    assert dppl["observed"] == pytest.approx(0.4)
    assert "cannot tell" in {check["status"] for check in checks}
    assert '<div class="verdict bad"' in (jobs.folder / "failed" / "report.html").read_text()


def test_runs_of_several_hours_are_merged_without_reading_a_row(jobs, monkeypatch):
    monkeypatch.chdir(jobs.folder)

    assert cli.main(["merge-states", "unfair", "fair", "--output", "day"]) == 0
    [group] = jobs.read("day/analysis.json")["post_training_bias_metrics"]["facets"]["sex"]
    values = {metric["name"]: metric["value"] for metric in group["metrics"]}
    assert values["DPPL"] == pytest.approx(0.6 - (0.2 + 0.6) / 2)
    assert values["FT"] is None
