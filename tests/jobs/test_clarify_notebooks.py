"""Notebooks with the calls of the service's public ones, executed to the last cell: bias with a model, SHAP, a schedule of
attributions; of CSV, JSON Lines and JSON.

What AWS does in them, and stands here in its place:

| call | stub |
|---|---|
| `sagemaker.Session()`, `get_execution_role()`, `boto3.Session().region_name` | constants in the first cell |
| `S3Uploader.upload`, `S3Downloader` | a folder stands in for S3 (`MODEL_MONITOR_S3_ROOT`) |
| `Model.create`, the shadow endpoint | a server of this machine, named by `MODEL_MONITOR_MODEL` |
| `model.deploy(data_capture_config=…)`, `predictor.predict` | captures that are written as an endpoint writes them |
| waiting for the hour | `list_executions()` runs what is due |

All other cells are the notebooks' own, but for the line that imports the classes.
"""

import csv
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from tests.servers import http_server, send_reply
from tests.unit.records.captured_lines import format_capture

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("Age", "Sex", "Hours")
ROWS = [[18 + 7 * row % 60, row % 2, 10 + 11 * row % 50] for row in range(160)]

STUBS = """
import json
role, region, bucket = "arn:aws:iam::000000000000:role/none", "eu-west-1", "bucket"
model_name = "DEMO-clarify-model"
from spark_model_monitor.sagemaker import *
"""

DATA = """
data_config = DataConfig(
    s3_data_input_path="s3://bucket/train{ending}",
    s3_output_path="s3://bucket/{kind}",
    label={label!r},
    {columns}
    dataset_type={type!r},
)
"""

MODEL = """
model_config = ModelConfig(
    model_name=model_name,
    instance_type="ml.c5.xlarge",
    instance_count=1,
    accept_type={type!r},
    content_type={type!r},
    {templates}
)
"""

BIAS = """
predictions_config = ModelPredictedLabelConfig({scores}probability_threshold=0.8)
bias_config = BiasConfig(
    label_values_or_threshold=[1], facet_name="Sex", facet_values_or_threshold=[0], group_name="Age"
)
processor = SageMakerClarifyProcessor(role=role, instance_count=1, instance_type="ml.c5.xlarge")
processor.run_bias(
    data_config=data_config,
    bias_config=bias_config,
    model_config=model_config,
    model_predicted_label_config=predictions_config,
    pre_training_methods="all",
    post_training_methods="all",
    logs=False,
)
"""

SHAP = """
shap_config = SHAPConfig(baseline={baseline}, num_samples=15, agg_method="mean_abs", save_local_shap_values=True)
processor.run_explainability(
    data_config=data_config, model_config=model_config, explainability_config=shap_config{model_scores}, logs=False
)
"""

MONITOR = """
shap_config = SHAPConfig(baseline={baseline}, num_samples=100, agg_method="mean_abs", save_local_shap_values=False)
monitor = ModelExplainabilityMonitor(role=role, max_runtime_in_seconds=3600)
monitor.suggest_baseline(
    data_config=data_config, model_config=model_config, explainability_config=shap_config{model_scores}
)
monitor.latest_baselining_job.wait(logs=False)
model_explainability_constraints = monitor.suggested_constraints()
"""

SCHEDULE = """
monitor.create_monitoring_schedule(
    output_s3_uri="s3://bucket/reports",
    endpoint_input=EndpointInput("churn", "/opt/ml/processing/input/endpoint"),
    monitor_schedule_name="attributions",
    schedule_cron_expression=CronExpressionGenerator.hourly(),
)
"""

LAST = """
execution = monitor.list_executions()[-1]
violations = monitor.latest_monitoring_constraint_violations()
print(json.dumps([execution.describe()["ExitMessage"], violations.body_dict["violations"]]))
"""

KINDS = {
    "CSV": {
        "ending": ".csv",
        "label": "Target",
        "columns": 'headers=["Target", "Age", "Sex", "Hours"],',
        "type": "text/csv",
        "templates": "",
        "scores": "",
        "baseline": "[[40, 1, 30]]",
        "model_scores": "",
    },
    "JSON Lines": {
        "ending": ".jsonl",
        "label": "label",
        "columns": 'headers=["Age", "Sex", "Hours", "Target"], features="features",',
        "type": "application/jsonlines",
        "templates": "content_template='{\"features\":$features}',",
        "scores": 'probability="score", ',
        "baseline": "[[40, 1, 30]]",
        "model_scores": ', model_scores="score"',
    },
    "JSON": {
        "ending": ".json",
        "label": "instances[*].label",
        "columns": 'headers=["Age", "Sex", "Hours", "Target"], features="instances[*].features",',
        "type": "application/json",
        "templates": "content_template='{\"instances\":$records}', record_template='{\"features\":$features}',",
        "scores": 'probability="predictions[*].score", ',
        "baseline": '{"instances": [{"features": [40, 1, 30]}]}',
        "model_scores": ', model_scores="predictions[*].score"',
    },
}


def score(row):
    return round(0.5 + (row[0] - 40) / 80 + 0.2 * (row[1] - 1), 6)


def label(row):
    return int(row[0] > 45)


def write_rows(kind, rows, labelled):
    """Rows as the notebooks' data sets and requests have them."""
    if kind == "CSV":
        return "".join(",".join(map(str, [label(row), *row] if labelled else row)) + "\n" for row in rows)
    records = [{"features": row} | ({"label": label(row)} if labelled else {}) for row in rows]
    if kind == "JSON":
        return json.dumps({"instances": records})
    return "".join(json.dumps(record) + "\n" for record in records)


def answer_rows(kind, body):
    if kind == "CSV":
        rows = [list(map(float, row)) for row in csv.reader(body.splitlines())]
        return "".join(f"{score(row)}\n" for row in rows)
    if kind == "JSON":
        rows = [record["features"] for record in json.loads(body)["instances"]]
        return json.dumps({"predictions": [{"score": score(row)} for row in rows]})
    return "".join(json.dumps({"score": score(json.loads(line)["features"])}) + "\n" for line in body.splitlines())


def serve_endpoint(kind):
    def answer(handler):
        send_reply(handler, answer_rows(kind, handler.server.requests[-1][2].decode()))

    return http_server(answer)


def write_captures(kind, folder):
    """The last hour, this one and the next: everybody is 40, so hours and sex are all that is left to rank by.

    The notebook's process looks at its own clock, and may do so in the next hour.
    """
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    encoding = kind.removesuffix(" Lines")
    for hour in (now - timedelta(hours=1), now, now + timedelta(hours=1)):
        hour_folder = folder / "s3" / "bucket" / "captures" / "churn" / "AllTraffic" / f"{hour:%Y/%m/%d/%H}"
        hour_folder.mkdir(parents=True)
        with (hour_folder / "part.jsonl").open("w") as lines:
            for number, row in enumerate(ROWS):
                of_row = [40, *row[1:]]
                request = write_rows(kind, [of_row], labelled=False).strip()
                answer = str(score(of_row))
                time = hour + timedelta(minutes=30)
                lines.write(format_capture(request, answer, f"{hour:%H}-{number}", time, encoding=encoding))


@pytest.fixture(scope="module", params=KINDS)
def executed(request, tmp_path_factory):
    """The folder that stands in for S3, what the last cell printed, and the kind."""
    kind = request.param
    facts = KINDS[request.param]
    folder = tmp_path_factory.mktemp("clarify")
    bucket = folder / "s3" / "bucket"
    bucket.mkdir(parents=True)
    (bucket / f"train{facts['ending']}").write_text(write_rows(kind, ROWS, labelled=True))
    write_captures(kind, folder)
    cells = [STUBS]
    for name, calls in (("bias", [BIAS]), ("shap", [SHAP]), ("monitoring", [MONITOR, SCHEDULE, LAST])):
        cells += [
            _filled(DATA, facts | {"kind": name}),
            _filled(MODEL, facts),
            *(_filled(call, facts) for call in calls),
        ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with serve_endpoint(kind) as server:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "lib"), os.environ.get("PYTHONPATH", "")])),
            "MODEL_MONITOR_HOME": str(folder / "home"),
            "MODEL_MONITOR_S3_ROOT": str(folder / "s3"),
            "MODEL_MONITOR_MODEL": f"{server.url}/invocations",
            "MODEL_MONITOR_ENGINE": "local",
            "sagemaker_endpoint_datacapture_prefix": "s3://bucket/captures",
        }
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
        client.execute(env=environment)
    printed = "".join(output.get("text", "") for output in notebook.cells[-1].outputs if output.get("name") == "stdout")
    return bucket, json.loads(printed.splitlines()[-1]), kind


def _filled(text, facts):
    for name, fact in facts.items():
        text = text.replace(f"{{{name}!r}}", repr(fact)).replace(f"{{{name}}}", fact)
    return text


def test_bias_of_the_model_is_that_of_its_scores_above_the_threshold(executed):
    bucket, *_ = executed
    predicted = np.array([score(row) > 0.8 for row in ROWS])
    women = np.array([row[1] == 0 for row in ROWS])

    report = json.loads((bucket / "bias" / "analysis.json").read_text())

    [group] = report["post_training_bias_metrics"]["facets"]["Sex"]
    values = {metric["name"]: metric["value"] for metric in group["metrics"]}
    assert values["DPPL"] == pytest.approx(predicted[~women].mean() - predicted[women].mean())


def test_attributions_are_those_of_the_models_own_formula(executed):
    bucket, *_ = executed
    rows = np.array(ROWS)
    by_hand = {"Age": np.abs(rows[:, 0] - 40).mean() / 80, "Sex": 0.2 * np.abs(rows[:, 1] - 1).mean(), "Hours": 0}

    report = json.loads((bucket / "shap" / "analysis.json").read_text())

    [values] = report["explanations"]["kernel_shap"].values()
    assert values["global_shap_values"] == pytest.approx(by_hand, abs=1e-5)
    assert values["expected_value"] == pytest.approx(0.5)
    assert len((bucket / "shap" / "explanations_shap" / "out.csv").read_text().splitlines()) == len(ROWS) + 1


def test_the_schedule_runs_and_says_that_another_feature_moves_the_model(executed):
    _, (message, violations), _ = executed

    assert message.startswith("CompletedWithViolations: Job completed successfully with 1 violations")
    assert [violation["constraint_check_type"] for violation in violations] == ["feature_attribution_drift_check"]
