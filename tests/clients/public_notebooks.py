"""Public notebooks of the SDK, run here: which of their cells run, and what stops the others.

    python -m tests.clients.public_notebooks CHECKOUTS [PART-OF-A-PATH …]

CHECKOUTS has a folder for each repository, as OWNER/NAME/…, with the notebooks of `NOTEBOOKS` that are there; the others are left
out. The interpreter needs the SDK (`sagemaker<3`), moto's server, nbclient, ipykernel and s3fs beside this package, and the
command `aws`.

What stands in for the account, and nothing else does: moto's server for S3, roles, models and endpoints (`AWS_ENDPOINT_URL`);
a server of this machine that answers `invoke_endpoint` with a score for each row and captures it, as an endpoint does;
`public_transforms.py`, which asks that server for batch transforms; files, training jobs and models of notebooks that come before
(`public_account.py`). The lines that import the SDK, in modules beside the notebook too, are changed as by `spark-model-monitor
import-notebook`. A cell that needs more of an account (training, Studio, pipelines) is counted as the account's by what it is
stopped by.

Each cell runs, whatever became of the one before it, so that the first break doesn't hide the others.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from uuid import uuid4

import boto3
import nbformat
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from tests.clients.public_account import REGION, fill
from tests.servers import HttpServer

import spark_model_monitor.sagemaker as ours
from spark_model_monitor.integrations.imports.notebook import apply_changes, find_changes, import_notebook
from spark_model_monitor.reports.outputs.printable import format_table
from spark_model_monitor.sagemaker.api_client import is_answered

OFFERED = frozenset(ours.__all__)
EXAMPLES = "aws/amazon-sagemaker-examples"
PACKT = "PacktPublishing"
NOTEBOOKS = (
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_introduction/sm-model_monitor_introduction.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_model_quality_monitoring/sm-model_monitor_model_quality_monitoring.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_bias_and_explainability_monitoring/"
    "sm-model_monitor_bias_and_explainability_monitoring.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-clarify_model_bias_monitor_for_endpoint/sm-clarify_model_bias_monitor_for_endpoint.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-clarify_model_bias_monitor_for_endpoint_json/"
    "sm-clarify_model_bias_monitor_for_endpoint_json.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_byoc_llm_monitor/sm-model_monitor_byoc_llm_monitor.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_json/SageMaker-Monitoring-Feature-Attribution-Drift-for-Endpoint.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_jsonlines/SageMaker-Monitoring-Feature-Attribution-Drift-for-Endpoint.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_outputs.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_jsonlines_format.ipynb",
    f"{EXAMPLES}/archived/explainability_with_pdp.ipynb",
    f"{EXAMPLES}/archived/monitoring_data_quality_of_models/monitoring_data_quality_of_models.ipynb",
    f"{EXAMPLES}/archived/getting_started/xgboost_customer_churn_studio.ipynb",
    f"{EXAMPLES}/ml_ops/sm-pipelines_clarify_model_monitor_integration/sm-pipelines_clarify_model_monitor_integration.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_batch_transform_data_quality_on_schedule/"
    "sm-model_monitor_batch_transform_data_quality_on_schedule.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-model_monitor_batch_transform_model_quality_on_schedule/"
    "sm-model_monitor_batch_transform_model_quality_on_schedule.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-clarify_model_bias_monitor_batch_transform/"
    "sm-clarify_model_bias_monitor_batch_transform.ipynb",
    f"{EXAMPLES}/deploy_and_monitor/sm-clarify_model_bias_monitor_batch_transform_json/"
    "sm-clarify_model_bias_monitor_batch_transform_json.ipynb",
    f"{EXAMPLES}/archived/SageMaker-Monitoring-Bias-Drift-for-Batch-Transform-JSON-Lines.ipynb",
    f"{EXAMPLES}/archived/SageMaker-Monitoring-Bias-Drift-for-Batch-Transform.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability/SageMaker-Monitoring-Feature-Attribution-Drift-for-Batch-Transform.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_json/"
    "SageMaker-Monitoring-Feature-Attribution-Drift-for-Batch-Transform.ipynb",
    f"{EXAMPLES}/archived/bias_detection_with_predicted_label_and_facet_datasets.ipynb",
    f"{EXAMPLES}/archived/fairness_and_explainability_json_format/fairness_and_explainability_json_format.ipynb",
    "nsakki55/code-for-blogpost/sagemaker_model_monitoring/model_monitoring.ipynb",
    "xdt-ai/sagemaker-model-monitor-lab/lab_7.ipynb",
    "yamamanx/sagemaker-clarify-tutorial/ClarifyDemo.ipynb",
    "rjEks/sagemaker-model-monitor/notebooks/Model_Monitor_ExtendedLogging.ipynb",
    "aws-samples/amazon-sagemaker-model-monitor-using-bring-your-own-model/01_create_baselines.ipynb",
    "aws-samples/amazon-sagemaker-clarify-with-sklearn/SageMaker-Clarify-w-SKlearn.ipynb",
    "aws-samples/reinvent2019-aim362-sagemaker-debugger-model-monitor/02_deploy_and_monitor/deploy_and_monitor.ipynb",
    "aws-samples/amazon-sagemaker-immersion-day/model-monitoring/SageMaker-ModelMonitoring.ipynb",
    "AIMLTOP/amazon-sagemaker-immersion-day/SageMaker-ModelMonitoring-DataQuality.ipynb",
    f"{PACKT}/Amazon-SageMaker-Best-Practices/Chapter11/bias_drift_monitoring/WeatherPredictionBiasDrift.ipynb",
    f"{PACKT}/Amazon-SageMaker-Best-Practices/Chapter11/feature_attribution_drift_monitoring/"
    "WeatherPredictionFeatureAttributionDrift.ipynb",
    f"{PACKT}/Amazon-SageMaker-Best-Practices/Chapter11/data_drift_monitoring/WeatherPredictionDataDriftModelMonitoring.ipynb",
    f"{PACKT}/Learn-Amazon-SageMaker-second-edition/Chapter 10/bias_detection/Bias Detection.ipynb",
    f"{PACKT}/Getting-Started-with-Amazon-SageMaker-Studio/chapter06/01-ml_fairness_clarify.ipynb",
    f"{PACKT}/Machine-Learning-with-Amazon-SageMaker-Cookbook/Chapter07/"
    "07 - Baselining and scheduled monitoring with SageMaker Model Monitor.ipynb",
    "marckarp/model-monitor-batch-transform/SageMaker-ModelMonitoring-Batch-Transform.ipynb",
    "aws-samples/amazon-sagemaker-mlops-workshop/labs/04_model_monitor/04_model_monitor.ipynb",
    "aws-samples/amazon-sagemaker-from-idea-to-production/06-monitoring.ipynb",  # at 08b9376b; later ones have another name
    "aws-samples/amazon-sagemaker-data-quality-monitor-custom-preprocessing/Data_Quality_Custom_Preprocess_Churn.ipynb",
    "aws/sagemaker-python-sdk/v3-examples/ml-ops-examples/v3-sagemaker-clarify.ipynb",
)

CELL_SECONDS = int(os.environ.get("CELL_SECONDS", "240"))  # a busy machine needs more
LONGEST_SLEEP = 0.01  # seconds that a cell's own sleep takes here: notebooks wait for what is at once here

SETUP = """
import time as _time
_slept = _time.sleep
_time.sleep = lambda seconds: _slept(min(seconds, {longest}))
import os as _os
import sagemaker.session as _session
_session.sts_regional_endpoint = lambda region: _os.environ["AWS_ENDPOINT_URL"]  # the SDK asks STS by an address of its own
exec(open({transforms!r}).read(), {{}})
import pandas as _pandas
_pandas.io.json.json_normalize = _pandas.json_normalize  # as version 1 has it
_set_option = _pandas.set_option
_pandas.set_option = lambda *words: _set_option(*(None if word == -1 else word for word in words))
globals().update({variables!r})
"""
TRANSFORMS = Path(__file__).with_name("public_transforms.py")

OF_AN_ACCOUNT = re.compile(
    r"ClientError|NoCredentials|NotImplementedError: The \w+ action|BotoCoreError|EndpointConnectionError|No module named|"
    r"UnexpectedStatusException|pip|conda|is not defined|WaiterError|ParamValidationError|NoRegionError|FileNotFoundError|"
    r"image_uris|ValueError: (Could not|Must setup)|400 Client Error|Unsupported|docker|"
    r"module 'pandas|module 'numpy|must be a nonnegative integer|no such bucket|NoSuchBucket|from 'sagemaker\.|URLError|"
    r"PackageNotFoundError|ConnectionClosedError|Install s3fs"
)
"""What stops a cell that asks an account for more than the stand-in has, or that needs one that was stopped so."""

OF_WHAT_IS_NOT_THERE = re.compile(r"NoSuchKey|no such file or directory|there is no (schedule|baselining job) yet")
"""Sentences of ours that are right where a cell before was stopped by others: what it would have made is missing."""
OURS = re.compile(r"spark_model_monitor|Monitor\w*'|Clarify|Execution'|Baselining|Constraint|S3Downloader|S3Uploader")
"""What a word of ours in an error without a frame of ours looks like."""

INSTALLS = re.compile(r"^[!%] ?(?:\{sys\.executable\} -m )?(?:pip|conda)\b(?:.*\\\n)*.*$", re.MULTILINE)
"""Lines that would change the interpreter that all notebooks share."""


@dataclass(frozen=True)
class Cell:
    """What became of a cell: "ran", "account", or "ours" with the error's last line."""

    number: int
    outcome: str
    said: str = ""


class Endpoint:
    """Answers `invoke_endpoint` with a score a row, and captures what is asked and answered on S3."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.split("/")[2]
        body = handler.server.requests[-1][2].decode()
        kind = handler.headers.get("Content-Type", "text/csv")
        reply = self._scores(body, kind)
        members = {
            "inferenceId": handler.headers.get("X-Amzn-SageMaker-Inference-Id"),
            "customAttributes": handler.headers.get_all("X-Amzn-SageMaker-Custom-Attributes"),
        }
        self._capture(name, kind, body, reply, {name: value for name, value in members.items() if value is not None})
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(reply.encode())))
        handler.end_headers()
        handler.wfile.write(reply.encode())

    def _scores(self, body: str, kind: str) -> str:
        def score(row: str) -> float:
            return round(sum(map(ord, row)) % 97 / 97, 4)

        if kind == "application/jsonlines":
            lines = [
                {"score": score(line), "predicted_label": int(score(line) > 0.5)} for line in body.splitlines() if line
            ]
            return "\n".join(map(json.dumps, lines))
        if kind == "application/json":
            members = json.loads(body)
            if isinstance(members, list):  # a record as TensorFlow's server reads it
                return json.dumps({"predictions": [[score(body)]]})
            if "instances" not in members:
                return json.dumps([score(body)])
            rows = [json.dumps(row) for row in members["instances"]]
            return json.dumps(
                {"predictions": [{"score": score(r), "predicted_label": int(score(r) > 0.5)} for r in rows]}
            )
        return "\n".join(str(score(line)) for line in body.splitlines() if line)

    def _capture(self, name: str, kind: str, read: str, reply: str, named: dict[str, str | list[str]]) -> None:
        client = boto3.client("s3")
        try:
            described = boto3.client("sagemaker").describe_endpoint(EndpointName=name)
        except ClientError:  # of a cell that was stopped before
            return
        config = boto3.client("sagemaker").describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        captured = config.get("DataCaptureConfig") or {}
        if "DestinationS3Uri" not in captured:
            return
        now = datetime.now(timezone.utc)
        encoding = "CSV" if kind == "text/csv" else "JSON"
        halves = {
            "endpointInput": {"observedContentType": kind, "mode": "INPUT", "data": read.strip(), "encoding": encoding},
            "endpointOutput": {"observedContentType": kind, "mode": "OUTPUT", "data": reply, "encoding": encoding},
        }
        event = {"eventId": str(uuid4()), "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}", **named}
        line = json.dumps({"captureData": halves, "eventMetadata": event, "eventVersion": "0"})
        bucket, _, prefix = captured["DestinationS3Uri"].removeprefix("s3://").partition("/")
        key = f"{prefix.rstrip('/')}/{name}/AllTraffic/{now:%Y/%m/%d/%H}/{now:%M-%S}-{uuid4()}.jsonl"
        client.put_object(Bucket=bucket, Key=key, Body=f"{line}\n".encode())


@contextmanager
def account(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which AWS is this machine."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(f"{url}/moto-api/reset", b"")  # of the notebook before, which one process remembers
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "MODEL_MONITOR_HOME": str(folder / "home"),
        "MODEL_MONITOR_ENGINE": "local",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }
    os.environ.update(environment)
    server = HttpServer(Endpoint().answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield environment | {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
            "MODEL_MONITOR_MODEL": f"{server.url}/endpoints/model/invocations",  # what the shadow endpoint would answer
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(Path(ours.__file__).parents[2]), os.environ.get("PYTHONPATH")])
            ),
        }
    finally:
        server.shutdown()
        moto.stop()


def run(path: Path) -> list[Cell]:
    """Each code cell's outcome."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    changes = list(find_changes(notebook, OFFERED, is_answered))
    book = nbformat.from_dict(apply_changes(notebook, changes))
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs = []
        cell.execution_count = None
    with tempfile.TemporaryDirectory() as folder, account(Path(folder)) as environment:
        variables = fill(str(path))
        checkout = Path(folder, "checkout")
        shutil.copytree(path.parent, checkout)
        for module in checkout.rglob("*.py"):
            import_notebook(str(module), str(module), OFFERED, io.StringIO(), is_answered)
        client = NotebookClient(
            book,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            interrupt_on_timeout=True,
            resources={"metadata": {"path": str(checkout)}},
        )
        cells_run = []
        with client.setup_kernel(env={**os.environ, **environment}):
            setup = nbformat.v4.new_code_cell(
                SETUP.format(longest=LONGEST_SLEEP, transforms=str(TRANSFORMS), variables=variables)
            )
            book.cells.append(setup)
            client.allow_errors = True
            client.execute_cell(setup, len(book.cells) - 1)
            for number, cell in enumerate(code):
                is_hampered = any(before.outcome == "account" for before in cells_run)
                cells_run.append(_run_cell(client, book, number, cell, is_hampered))
        return cells_run


def _run_cell(
    client: NotebookClient, book: nbformat.NotebookNode, number: int, cell: nbformat.NotebookNode, is_hampered: bool
) -> Cell:
    text = "".join(cell["source"])
    cell["source"] = INSTALLS.sub("pass", text)
    replies = []  # the kernel's own word: the SDK prints errors by rich, as text that is no error to a notebook's reader
    client.on_cell_executed = lambda cell, cell_index, execute_reply: replies.append(execute_reply["content"])
    try:
        client.execute_cell(cell, book.cells.index(cell))
    except CellTimeoutError:
        return Cell(number, "ours", f"went on for {CELL_SECONDS} s")
    if not replies or replies[-1]["status"] == "ok":  # an empty cell is not asked about
        return Cell(number, "ran")
    failure_text = re.sub(r"\s+", " ", f"{replies[-1].get('ename')}: {replies[-1].get('evalue')}")[:300]
    trace = "\n".join(replies[-1].get("traceback", ()))
    is_valid_name = (
        "spark_model_monitor" in trace and "site-packages/sagemaker/" not in trace.split("spark_model_monitor")[-1]
    )
    if is_hampered:
        is_valid_name = (is_valid_name or bool(OURS.search(failure_text))) and not OF_WHAT_IS_NOT_THERE.search(
            failure_text
        )
    else:
        is_valid_name = is_valid_name or not OF_AN_ACCOUNT.search(failure_text)
    return Cell(number, "ours" if is_valid_name else "account", failure_text)


def main(checkouts: str, *parts: str) -> int:
    """Print the table, and a line for each cell that did not run."""
    rows = []
    for name in NOTEBOOKS:
        path = Path(checkouts) / name
        if not path.exists() or (parts and not any(part in name for part in parts)):
            continue
        cells = run(path)
        counts = [sum(cell.outcome == kind for cell in cells) for kind in ("ran", "account", "ours")]
        rows.append([path.stem, str(len(cells)), *map(str, counts)])
        for cell in cells:
            if cell.outcome != "ran":
                print(f"{path.stem} [{cell.number}] {cell.outcome}: {cell.said}", flush=True)
        print(format_table(["notebook", "cells", "ran", "stopped by others", "ours"], rows[-1:], width=200), flush=True)
    print(format_table(["notebook", "cells", "ran", "stopped by others", "ours"], rows, width=200))
    return int(any(row[-1] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
