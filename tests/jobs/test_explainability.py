"""The explainability jobs: what they leave, their exit status and message, and what of a configuration they refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.running_jobs import JobsHere

from spark_model_monitor.sagemaker import DataConfig, ModelConfig, PDPConfig, SageMakerClarifyProcessor, SHAPConfig

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


def table(seed, rows=240):
    random = np.random.default_rng(seed)
    columns = {
        "age": random.integers(18, 80, rows),
        "income": random.integers(10, 90, rows),
        "visits": random.poisson(3, rows),
    }
    return pd.DataFrame({**columns, "bought": random.integers(0, 2, rows)})


def captured(row, number):
    encoded = {"observedContentType": "text/csv", "encoding": "CSV"}
    return json.dumps(
        {
            "captureData": {
                "endpointInput": {**encoded, "mode": "INPUT", "data": ",".join(map(str, row))},
                "endpointOutput": {**encoded, "mode": "OUTPUT", "data": "0.5"},
            },
            "eventMetadata": {"eventId": str(number), "inferenceTime": "2026-11-01T10:00:00Z"},
            "eventVersion": "0",
        }
    )


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """`jobs(job, *flags)` runs a job in a folder that all tests of this module share; the baseline is there."""
    folder = tmp_path_factory.mktemp("explainability")
    (folder / "analysis_config.json").write_text(json.dumps(CONFIG))
    (folder / "window_config.json").write_text(json.dumps(WINDOW))
    (folder / "scoring.py").write_text(SCORING)
    table(0).to_csv(folder / "train.csv", index=False)
    rows = table(1)[list(NAMES)].itertuples(index=False)
    (folder / "captures.jsonl").write_text("".join(captured(row, number) + "\n" for number, row in enumerate(rows)))

    def running(job, *flags, config="analysis_config.json", run=JobsHere(folder)):  # noqa: B008
        return run(job, "--analysis-type", "MODEL_EXPLAINABILITY", "--analysis-config", config, *flags)

    running.folder = folder
    finished = running(
        "baseline", "--dataset-source", "train.csv", "--model", "scoring:score", "--output-path", "baseline"
    )
    assert finished.status == 0, finished.said
    return running


def monitored(jobs, model, output, *flags, **how):
    where = ("--dataset-source", "captures.jsonl", "--baseline", "baseline", "--output-path", output, "--model", model)
    finished = jobs("monitor", *where, *flags, config="window_config.json", **how)
    return finished, jobs.folder / output


def test_the_baseline_has_the_services_files_and_values_by_hand(jobs):
    folder = jobs.folder / "baseline"

    explanations = json.loads((folder / "analysis.json").read_text())["explanations"]

    values = explanations["kernel_shap"]["buys"]
    rows = table(0)
    expected = {
        "age": (rows["age"] - 30).abs().mean() / 100,
        "income": 0.0,
        "visits": (rows["visits"] - 1).abs().mean() / 50,
    }
    assert values["global_shap_values"] == pytest.approx(expected, abs=1e-9)
    assert values["expected_value"] == pytest.approx(0.32)
    assert explanations["pdp"][0]["label_headers"] == ["buys"]
    assert (folder / "explanations_shap" / "baseline.csv").read_text() == "age,income,visits\n30,20,1\n"
    assert len((folder / "explanations_shap" / "out.csv").read_text().splitlines()) == 241
    assert {"report.html", "report.ipynb", "report.pdf", "run.json", "ledger.json"} <= {
        path.name for path in folder.iterdir()
    }


def test_captured_rows_like_the_baselines_have_an_empty_list_of_violations(jobs):
    finished, report = monitored(jobs, "scoring:score", "same")

    assert finished.status == 0, finished.said
    assert (report / "message").read_text() == "Completed: Job completed successfully with no violations.\n"
    assert json.loads((report / "constraint_violations.json").read_text())["violations"] == []
    assert json.loads((report / "checks.json").read_text())["checks"][0]["status"] == "passed"


def test_a_model_that_looks_at_another_feature_is_the_services_violation(jobs):
    finished, report = monitored(jobs, "scoring:other", "other", "--fail-on-violations")

    assert finished.status == 4, finished.said
    (violation,) = json.loads((report / "constraint_violations.json").read_text())["violations"]
    # the window ranks income, visits, age; only age and visits have gains
    rows = table(0)
    age = (rows["age"] - 30).abs().mean() / 100
    visits = (rows["visits"] - 1).abs().mean() / 50
    ndcg = (visits / math.log2(3) + age / 2) / (age + visits / math.log2(3))
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"
    words = violation["description"].split()
    assert words[:3] == ["Feature", "attribution", "drift"]
    assert float(words[3]) == pytest.approx(ndcg)


def test_the_changes_of_single_features_stand_in_the_checks_and_are_no_violations(jobs):
    finished, report = monitored(jobs, "scoring:other", "changes")

    assert finished.status == 0, finished.said
    written = json.loads((report / "checks.json").read_text())
    changed = [check for check in written["checks"] if check["check"] == "attribution_change_check"]
    assert {check["feature"]: check["status"] for check in changed} == {
        "age": "violated",
        "income": "violated",
        "visits": "passed",
    }
    assert written["budget"]["families"] == [{"family": "attributions", "level": 1 / 720, "tests": 3}]
    (violation,) = json.loads((report / "constraint_violations.json").read_text())["violations"]
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"


def test_data_quality_says_the_impact_of_what_it_finds_with_the_attributions_of_the_model(jobs):
    run = JobsHere(jobs.folder)
    source_flags = ("--dataset-format", "csv", "--dataset-source")
    moved = table(3).assign(age=lambda rows: rows["age"] + 20, income=lambda rows: rows["income"] + 60)
    moved.to_csv(jobs.folder / "moved.csv", index=False)
    assert run("baseline", *source_flags, "train.csv", "--output-path", "quality-baseline").status == 0
    flags = ("--baseline", "quality-baseline", "--attributions", "baseline", "--output-path", "quality")
    finished = run("monitor", *source_flags, "moved.csv", *flags)

    assert finished.status == 0, finished.said
    checks = json.loads((jobs.folder / "quality" / "checks.json").read_text())["checks"]
    drifts = {check["feature"]: check for check in checks if check["check"] == "baseline_drift_check"}
    values = json.loads((jobs.folder / "baseline" / "analysis.json").read_text())["explanations"]["kernel_shap"]["buys"]
    shares = pd.Series(values["global_shap_values"]) / sum(values["global_shap_values"].values())
    assert drifts["age"]["impact"] == pytest.approx(drifts["age"]["distance"] * shares["age"])
    assert drifts["income"]["status"] == "violated"
    assert drifts["income"]["impact"] == pytest.approx(0, abs=1e-12)  # the model does not look at it
    page = (jobs.folder / "quality" / "report.html").read_text()
    assert page.index(">age<") < page.index(">income<")


@pytest.mark.parametrize("flags", [("--compat", "service"), ("--attribution-ci", "none")])
def test_the_service_does_not_judge_single_features(jobs, flags):
    _, report = monitored(jobs, "scoring:other", "as-service", *flags)

    written = json.loads((report / "checks.json").read_text())
    assert [check["check"] for check in written["checks"]] == ["feature_attribution_drift_check"]
    assert "budget" not in written


def test_a_window_of_few_rows_is_judged_as_reported(jobs):
    small_file = jobs.folder / "few.jsonl"
    small_file.write_text("".join((jobs.folder / "captures.jsonl").read_text().splitlines(keepends=True)[:20]))
    statuses = {}
    for flags in ((), ("--attribution-min-rows", "20"), ("--compat", "service")):
        where = (
            "--dataset-source",
            "few.jsonl",
            "--baseline",
            "baseline",
            "--output-path",
            "few",
            "--model",
            "scoring:score",
        )
        finished = jobs("monitor", *where, *flags, config="window_config.json")
        assert finished.status == 0, finished.said
        statuses[flags[:1]] = json.loads((jobs.folder / "few" / "checks.json").read_text())["checks"][0]["status"]

    assert list(statuses.values()) == ["cannot tell", "passed", "passed"]


@pytest.mark.parametrize(
    ("flags", "config", "sentence"),
    [
        ((), CONFIG, "model is missing; write --model"),
        (("--model", "model.pkl"), CONFIG, "a pickle runs code when it is loaded"),
        (("--model", "model.h5"), CONFIG, "whose flavour is not recognised"),
        (("--model", "scoring:absent"), CONFIG, "has no function 'absent'"),
        (
            ("--model", "scoring:score"),
            {**CONFIG, "methods": {"shap": {"baseline": [[1, 2]]}}},
            "2 values, and there are 3 features",
        ),
        (("--model", "scoring:score"), {**CONFIG, "methods": {"shap": {"text_config": {}}}}, "texts are not explained"),
        (
            ("--model", "http://127.0.0.1:9/x"),
            {**CONFIG, "predictor": {"content_type": "application/json"}},
            "content_template",
        ),
    ],
)
def test_what_can_not_be_done_ends_with_2_and_one_sentence(jobs, tmp_path, flags, config, sentence):
    (jobs.folder / "model.pkl").write_bytes(b"")
    (tmp_path / "config.json").write_text(json.dumps(config))

    finished = jobs(
        "baseline", "--dataset-source", "train.csv", "--output-path", "no", *flags, config=str(tmp_path / "config.json")
    )

    assert finished.status == 2, finished.said
    assert sentence in finished.said


def test_a_model_of_xgboost_is_explained_by_itself(jobs):
    xgboost = pytest.importorskip("xgboost", reason="xgboost-cpu is not installed")
    rows = table(0)
    target = rows["age"] / 100 + rows["visits"] / 50
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(rows[list(NAMES)], target), 20)
    booster.save_model(jobs.folder / "model.json")

    finished = jobs("baseline", "--dataset-source", "train.csv", "--model", "model.json", "--output-path", "xgboost")

    assert finished.status == 0, finished.said
    values = json.loads((jobs.folder / "xgboost" / "analysis.json").read_text())["explanations"]["kernel_shap"]["buys"]
    local = pd.read_csv(jobs.folder / "xgboost" / "explanations_shap" / "out.csv")
    predicted = booster.predict(xgboost.DMatrix(rows[list(NAMES)]))
    np.testing.assert_allclose(local.sum(axis=1) + values["expected_value"], predicted, atol=1e-6)
    assert max(values["global_shap_values"], key=values["global_shap_values"].get) == "age"


def test_json_records_are_those_of_the_golden_run(jobs, golden):
    """The service's own configuration, data and model; its 14 global values within the noise of 100 samples."""
    case = golden / "shap-adult-batch-json"
    (jobs.folder / "adult.py").write_text(
        f"""
import json
from pathlib import Path
import numpy as np
MODEL = json.loads(Path({str(golden / "models" / "ll-adult.json")!r}).read_text())
def score(frame):
    return 1 / (1 + np.exp(-(frame.to_numpy() * np.array(MODEL["weights"])).sum(axis=1) - MODEL["bias"]))
"""
    )
    source = case / "validation-dataset.json"

    finished = jobs(
        *("baseline", "--dataset-source", source, "--model", "adult:score", "--output-path", "adult"),
        config=str(case / "analysis_config.json"),
    )

    assert finished.status == 0, finished.said
    explanation = json.loads((jobs.folder / "adult" / "analysis.json").read_text())["explanations"]["kernel_shap"][
        "label0"
    ]
    published = json.loads((case / "analysis.json").read_text())["explanations"]["kernel_shap"]
    (service,) = published.values()
    assert explanation["global_shap_values"] == pytest.approx(service["global_shap_values"], abs=1.5e-3)
    assert explanation["expected_value"] == pytest.approx(service["expected_value"], abs=1e-6)
    assert list(explanation["global_shap_values"]) == list(service["global_shap_values"])
    assert Path(jobs.folder / "adult" / "explanations_shap" / "out.csv").exists() is False


def test_the_notebooks_call_runs_a_job_of_its_own(jobs, monkeypatch, tmp_path):
    monkeypatch.chdir(jobs.folder)
    monkeypatch.setenv("MODEL_MONITOR_HOME", str(tmp_path))
    data = DataConfig(
        "train.csv", str(tmp_path / "results"), label="bought", headers=[*NAMES, "bought"], dataset_type="text/csv"
    )
    shap = SHAPConfig(baseline=[[30, 20, 1]], num_samples=100, agg_method="mean_abs")

    job = SageMakerClarifyProcessor("role", 1, "ml.m5.xlarge").run_explainability(
        data,
        ModelConfig(model_name="scoring:score", instance_type="ml.m5.xlarge", instance_count=1),
        [shap, PDPConfig(["age"], 4)],
    )

    assert job.describe()["ProcessingJobStatus"] == "Completed"
    explanations = json.loads((tmp_path / "results" / "analysis.json").read_text())["explanations"]
    by_hand = json.loads((jobs.folder / "baseline" / "analysis.json").read_text())["explanations"]["kernel_shap"][
        "buys"
    ]
    assert explanations["kernel_shap"]["label0"] == by_hand
    assert [dependence["feature_name"] for dependence in explanations["pdp"]] == ["age"]
    assert (tmp_path / "results" / "explanations_shap" / "out.csv").exists()
