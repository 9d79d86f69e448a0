"""Bias jobs against the real service's runs, and against smclarify, through what the job calls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from spark_model_monitor.monitors.bias.choices import NO_POSITIVE_PREDICTION, NO_THRESHOLD
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
EXPECTED = GOLDEN / "bias-oracle" / "synthetic" / "expected.json"
CASES = json.loads(EXPECTED.read_text())["cases"] if EXPECTED.exists() else []

WHOLE_PART = {"cont_no_threshold": NO_THRESHOLD}
"""smclarify raises for a whole part; ours says it in every metric (B2.1)."""


@pytest.fixture(scope="module")
def run(make_jobs, tmp_path_factory):
    """`run(job, *flags)` runs a bias job; it has to end well."""
    jobs = make_jobs(tmp_path_factory.mktemp("jobs"))

    def running(job, *flags):
        finished = jobs(job, "--analysis-type", "MODEL_BIAS", "--compat", "service", *flags)
        assert finished.status == 0, finished.said

    return running


def metrics_in(report, part, facet):
    """Value or error of each metric of each group."""
    return {
        group["value_or_threshold"]: {m["name"]: m.get("error") or m["value"] for m in group["metrics"]}
        for group in report[part]["facets"][facet]
    }


def approximately(metrics):
    return {
        name: pytest.approx(value, rel=1e-12, abs=1e-15) if isinstance(value, float) else value
        for name, value in metrics.items()
    }


def as_set(violations):
    return {tuple(sorted(violation.items())) for violation in violations}


@pytest.fixture(scope="module")
def adult(run, golden, tmp_path_factory):
    """The output of a baselining job over the data of the real one, and its exit message."""
    folder = tmp_path_factory.mktemp("adult")
    source = golden / "bias-oracle" / "adult"
    run(
        "baseline",
        *("--analysis-config", source / "analysis_config.json", "--dataset-source", source / "baseline.csv"),
        *("--output-path", folder / "baseline"),
    )
    return folder / "baseline"


def test_the_baseline_is_the_services(golden, adult):
    analysis = json.loads((adult / "analysis.json").read_text())
    real = json.loads((golden / "bias-oracle" / "adult" / "aws_baseline_analysis.json").read_text())

    for part in ("post_training_bias_metrics", "pre_training_bias_metrics"):
        assert analysis[part]["label_value_or_threshold"] == real[part]["label_value_or_threshold"]
        mine = metrics_in(analysis, part, "Sex")["0"]
        theirs = metrics_in(real, part, "Sex")["0"]
        assert mine == approximately(theirs)
        assert list(mine) == list(theirs)
    assert (adult / "message").read_text() == "Completed: Job completed successfully with no violations.\n"


def test_the_baseline_leaves_the_files_of_the_service(adult):
    names = {path.name for path in adult.iterdir()}

    assert {"analysis.json", "report.html", "report.ipynb", "report.pdf"} <= names
    assert "constraint_violations.json" not in names


def test_the_monitor_finds_the_violations_of_the_service(run, golden, adult, tmp_path):
    source = golden / "bias-oracle" / "adult"
    config = json.loads((source / "analysis_config.json").read_text())
    (tmp_path / "analysis_config.json").write_text(json.dumps(config))
    run(
        "monitor",
        *("--analysis-config", tmp_path / "analysis_config.json", "--dataset-source", source / "monitor.csv"),
        *("--baseline", adult, "--output-path", tmp_path / "report"),
    )

    document = json.loads((tmp_path / "report" / "constraint_violations.json").read_text())
    real = json.loads((source / "aws_constraint_violations.json").read_text())
    assert document["version"] == real["version"]
    assert as_set(document["violations"]) == as_set(real["violations"])
    message = (tmp_path / "report" / "message").read_text()
    assert message == "CompletedWithViolations: Job completed successfully with 8 violations.\n"


def test_the_real_merged_record_gives_the_violations_of_the_service(run, golden, tmp_path):
    """One record with 334 rows, in the container's layout: its paths, and variables alone."""
    case = golden / "bias-adult-batch-json"
    config = json.loads((case / "baseline" / "analysis_config.json").read_text())
    monitors = {key: config[key] for key in ("headers", "label_values_or_threshold", "facet", "group_variable")}
    (tmp_path / "analysis_config.json").write_text(json.dumps({**monitors, "label": "Target"}))
    run(
        "monitor",
        *("--analysis-config", tmp_path / "analysis_config.json", "--dataset-source", case / "run" / "merge"),
        *("--baseline-constraints", case / "baseline" / "analysis.json"),
        *("--set", "features_attribute=instances[*].features", "--ground-truth-attribute", "instances[*].label"),
        *("--inference-attribute", "SageMakerOutput.predictions[*].predicted_label"),
        *("--set", "publish_cloudwatch_metrics=Enabled", "--output-path", tmp_path / "report"),
    )

    document = json.loads((tmp_path / "report" / "constraint_violations.json").read_text())
    real = json.loads((case / "run" / "constraint_violations.json").read_text())
    assert as_set(document["violations"]) == as_set(real["violations"])
    lines = (tmp_path / "report" / "metrics" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, lines)}
    assert len(metrics) == 22
    assert metrics["bias_metric_TE"]["Value"] == pytest.approx(2.348543e108, rel=1e-6)
    assert {d["Name"]: d["Value"] for d in metrics["bias_metric_CI"]["Dimensions"]} == {
        "BiasStage": "Pre-training",
        "Label": "Target",
        "LabelValue": "1",
        "Facet": "Sex",
        "FacetValue": "0",
    }


def test_german_credit_has_the_metrics_of_the_service_but_for_its_older_js(run, golden, tmp_path):
    """The file's first line is data: it is not the headers (G21 on JS)."""
    case = golden / "clarify-german-credit"
    config = json.loads((case / "analysis_config.json").read_text())
    del config["predictor"], config["methods"]["post_training_bias"]
    (tmp_path / "analysis_config.json").write_text(json.dumps(config))
    run(
        "baseline",
        *("--analysis-config", tmp_path / "analysis_config.json"),
        *("--dataset-source", case / "train_data.derived.csv", "--output-path", tmp_path / "report"),
    )

    analysis = json.loads((tmp_path / "report" / "analysis.json").read_text())
    real = json.loads((case / "analysis.json").read_text())
    assert list(analysis) == ["version", "pre_training_bias_metrics"]
    for facet in ("ForeignWorker", "Age"):
        mine = metrics_in(analysis, "pre_training_bias_metrics", facet)
        theirs = metrics_in(real, "pre_training_bias_metrics", facet)
        assert set(mine) == set(theirs)
        for value, metrics in theirs.items():
            del metrics["JS"], mine[value]["JS"]
            assert mine[value] == approximately(metrics)


def analysed(engine, folder, case, source):
    """What the baselining job makes of a case's table."""
    config = {key: value for key, value in case["config"].items() if key != "feature_columns" and value is not None}
    table = source / case["csv"]
    data = folder / "data.csv"
    kind = "text/csv"
    if case["read_as_strings"]:
        data = folder / "data.parquet"
        kind = "application/x-parquet"
        pd.read_csv(table, dtype=str).to_parquet(data)
    else:
        shutil.copy(table, data)
    model_columns = {config["label"], config["predicted_label"], *case["config"]["feature_columns"]}
    excluded_columns = [name for name in pd.read_csv(table, nrows=0).columns if name not in model_columns]
    methods = {part: {"methods": "all"} for part in ("pre_training_bias", "post_training_bias")}
    full_config = {**config, "dataset_type": kind, "methods": methods, "excluded_columns": excluded_columns}
    (folder / "analysis_config.json").write_text(json.dumps(full_config))
    flags = ["--analysis-type", "MODEL_BIAS", "--analysis-config", str(folder / "analysis_config.json")]
    flags += ["--dataset-source", str(data), "--output-path", str(folder / "out")]
    job_config = build_config("baseline", read_sources(flags, {}), in_container=False)
    monitor = create_monitor(job_config)
    with read_source(engine, job_config) as dataset:
        return run_baseline(dataset, monitor).constraints.body_dict


@pytest.mark.usefixtures("golden")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_job_gives_the_metrics_of_smclarify(engine, tmp_path, case):
    """Entries are matched by value: without an order in the data, ours are sorted by it (B2.1)."""
    analysis = analysed(engine, tmp_path, case, EXPECTED.parent)

    for part in ("pre_training", "post_training"):
        mine = metrics_in(analysis, f"{part}_bias_metrics", case["config"]["facet"][0]["name_or_index"])
        expected = case["expected"][part]
        if isinstance(expected, dict):
            text = WHOLE_PART.get(case["name"], NO_POSITIVE_PREDICTION)
            assert {error for metrics in mine.values() for error in metrics.values()} == {text}
            continue
        theirs = {
            group["value_or_threshold"]: {m["name"]: m.get("error") or m["value"] for m in group["metrics"]}
            for group in expected
        }
        assert {value: dict(metrics) for value, metrics in mine.items()} == {
            value: approximately(metrics) for value, metrics in theirs.items()
        }
