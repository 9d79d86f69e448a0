"""Jobs of explainability: the service's files, values by hand, and verdicts on a model that looks elsewhere."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from tests.unit.records.captured_lines import format_capture

from .local_jobs import LocalJobs

NAMES = ("age", "income", "visits")
CONFIG = {
    "dataset_type": "text/csv",
    "label": "bought",
    "predictor": {"label_headers": ["buys"]},
    "methods": {
        "shap": {"baseline": [[30, 20, 1]], "seed": 1, "save_local_shap_values": True},
        "pdp": {"grid_resolution": 3, "features": ["visits"]},
    },
}
WINDOW = {
    "headers": [*NAMES, "bought"],
    "label": "bought",
    "predictor": {"label_headers": ["buys"]},
    "methods": {"shap": {}},
}
SCORING = """
def score(frame):
    return frame["age"] / 100 + frame["visits"] / 50


def other(frame):
    return frame["income"] / 10 + frame["visits"] / 50
"""
EXPLAIN = "--analysis-type MODEL_EXPLAINABILITY --analysis-config"
MONITOR = f"monitor {EXPLAIN} window.json --baseline baseline --dataset-source"
VIOLATED = "feature_attribution_drift_check"


def draw_table(seed, rows=240):
    random = np.random.default_rng(seed)
    columns = {
        "age": random.integers(18, 80, rows),
        "income": random.integers(10, 90, rows),
        "visits": random.poisson(3, rows),
    }
    return pd.DataFrame({**columns, "bought": random.integers(0, 2, rows)})


TRAINED = draw_table(0)
GAINS = {
    "age": (TRAINED["age"] - 30).abs().mean() / 100,
    "income": 0.0,
    "visits": (TRAINED["visits"] - 1).abs().mean() / 50,
}
"""By hand: how far the mean row moves each term of `score`."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with a baseline, captures of rows like its own, and what a model that looks elsewhere came to."""
    jobs = LocalJobs(tmp_path_factory.mktemp("explainability"))
    jobs.write("analysis.json", CONFIG)
    jobs.write("window.json", WINDOW)
    jobs.write("scoring.py", SCORING)
    jobs.write("train.csv", TRAINED.to_csv(index=False))
    rows = draw_table(1)[list(NAMES)].itertuples(index=False)
    time = "2026-11-01T10:00:00Z"
    lines = [format_capture(",".join(map(str, row)), "0.5", str(number), time) for number, row in enumerate(rows)]
    jobs.write("captures.jsonl", "".join(lines))
    jobs.write("few.jsonl", "".join(lines[:20]))
    words = "--dataset-source train.csv --model scoring:score --output-path baseline"
    jobs.run(f"baseline {EXPLAIN} analysis.json {words}")
    return jobs


def read_attributions(jobs, folder):
    [values] = jobs.read(f"{folder}/analysis.json")["explanations"]["kernel_shap"].values()
    return values


def test_the_baseline_has_the_services_files_and_values_by_hand(jobs):
    folder = jobs.folder / "baseline"
    values = read_attributions(jobs, "baseline")

    assert values["global_shap_values"] == pytest.approx(GAINS, abs=1e-9)
    assert values["expected_value"] == pytest.approx(0.32)
    assert jobs.read("baseline/analysis.json")["explanations"]["pdp"][0]["label_headers"] == ["buys"]
    assert (folder / "explanations_shap" / "baseline.csv").read_text() == "age,income,visits\n30,20,1\n"
    assert len((folder / "explanations_shap" / "out.csv").read_text().splitlines()) == 241
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "report.ipynb", "report.pdf", "run.json", "ledger.json"} <= names


def test_captured_rows_like_the_baselines_have_an_empty_list_of_violations(jobs):
    jobs.run(f"{MONITOR} captures.jsonl --model scoring:score --output-path same --no-report")

    message = (jobs.folder / "same" / "message").read_text()
    assert message == "Completed: Job completed successfully with no violations.\n"
    assert jobs.read_violations("same") == []
    assert jobs.read_checks("same")["checks"][0]["status"] == "passed"


def test_a_model_that_looks_at_another_feature_is_the_services_violation_and_single_features_stand_in_the_checks(jobs):
    jobs.run(
        f"{MONITOR} captures.jsonl --model scoring:other --output-path other --no-report --fail-on-violations", status=4
    )
    [violation] = jobs.read_violations("other")
    document = jobs.read_checks("other")

    # The window ranks income, visits, age; only age and visits have gains
    age = GAINS["age"]
    visits = GAINS["visits"]
    ndcg = (visits / math.log2(3) + age / 2) / (age + visits / math.log2(3))
    words = violation["description"].split()
    assert violation["constraint_check_type"] == VIOLATED
    assert words[:3] == ["Feature", "attribution", "drift"]
    assert float(words[3]) == pytest.approx(ndcg)
    changes = [check for check in document["checks"] if check["check"] == "attribution_change_check"]
    assert {check["feature"]: check["status"] for check in changes} == {
        "age": "violated",
        "income": "violated",
        "visits": "passed",
    }
    assert document["budget"]["families"] == [{"family": "attributions", "level": 1 / 720, "tests": 3}]


def test_data_quality_says_the_impact_of_what_it_finds_with_the_attributions_of_the_model(jobs):
    rows = draw_table(3)
    moved = rows.assign(age=rows["age"] + 20, income=rows["income"] + 60)
    jobs.write("moved.csv", moved.to_csv(index=False))

    jobs.run("baseline --dataset-source train.csv --output-path quality-baseline")
    jobs.run(
        "monitor --dataset-source moved.csv --baseline quality-baseline --attributions baseline --output-path quality"
    )
    checks = jobs.read_checks("quality")["checks"]
    drifts = {check["feature"]: check for check in checks if check["check"] == "baseline_drift_check"}
    page = (jobs.folder / "quality" / "report.html").read_text()

    change = max(drifts["age"]["distance"], drifts["age"]["effect"])
    assert drifts["age"]["impact"] == pytest.approx(change * GAINS["age"] / sum(GAINS.values()))
    assert drifts["income"]["status"] == "violated"
    assert drifts["income"]["impact"] == pytest.approx(0, abs=1e-12)  # the model does not look at it
    assert page.index(">age<") < page.index(">income<")


@pytest.mark.parametrize("flags", ["--compat service", "--set attribution_ci=none"])
def test_the_service_does_not_judge_single_features(jobs, flags):
    jobs.run(f"{MONITOR} captures.jsonl --model scoring:other --output-path as-service --no-report {flags}")
    document = jobs.read_checks("as-service")

    assert [check["check"] for check in document["checks"]] == [VIOLATED]
    assert "budget" not in document


@pytest.mark.parametrize(
    ("flags", "status"),
    [("", "cannot tell"), ("--set attribution_min_rows=20", "passed"), ("--compat service", "passed")],
)
def test_a_window_of_few_rows_is_judged_as_reported(jobs, flags, status):
    jobs.run(f"{MONITOR} few.jsonl --model scoring:score --output-path few --no-report {flags}")

    assert jobs.read_checks("few")["checks"][0]["status"] == status


def test_json_records_are_those_of_the_golden_run(jobs, golden):
    """The service's own configuration, data and model; its 14 global values within the noise of 100 samples."""
    case = golden / "shap-adult-batch-json"
    model = json.loads((golden / "models" / "ll-adult.json").read_text())
    jobs.write(
        "adult.py",
        "import numpy as np\n\n\ndef score(frame):\n"
        f"    return 1 / (1 + np.exp(-(frame.to_numpy() * np.array({model['weights']})).sum(axis=1) - {model['bias']}))\n",
    )

    words = f"--dataset-source {case}/validation-dataset.json --model adult:score --output-path adult"
    jobs.run(f"baseline {EXPLAIN} {case}/analysis_config.json {words}")
    values = read_attributions(jobs, "adult")

    [published] = json.loads((case / "analysis.json").read_text())["explanations"]["kernel_shap"].values()
    assert values["global_shap_values"] == pytest.approx(published["global_shap_values"], abs=1.5e-3)
    assert values["expected_value"] == pytest.approx(published["expected_value"], abs=1e-6)
    assert list(values["global_shap_values"]) == list(published["global_shap_values"])
    assert not (jobs.folder / "adult" / "explanations_shap" / "out.csv").exists()
