"""Request logs of model servers: samples of their sources, with the addresses, and some made by the schemas that these name.

A log has its files, the rows of its captures (the output's columns first), and the records that are none, by reason.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

WAITING = "a request without its answer yet, or an answer without its request"
ELSEWHERE = "a payload that the log keeps elsewhere (datainblob)"
TOO_LARGE = "a payload that the log left out for its size"

Rows = list[tuple[str | None, ...]]
Json = Any  # whatever a log has
Record = dict[str, Json]


@dataclass(frozen=True)
class SampleLog:
    """A log. failed: records of requests that failed."""

    name: str
    request_log: str
    files: Mapping[str, bytes]
    rows: Rows
    not_in_log: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0

    def write(self, folder: Path) -> Path:
        """The folder with the log."""
        for name, content in self.files.items():
            path = folder / self.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.name

    @property
    def word(self) -> str:
        """`--dataset-format`, where the working directory is above the log."""
        return self.request_log


def write_lines(*documents: Json) -> bytes:
    """JSON Lines; what is bytes stands there as it is."""
    lines = []
    for document in documents:
        if isinstance(document, bytes):
            lines.append(document)
        else:
            lines.append(json.dumps(document).encode() + b"\n")
    return b"".join(lines)


def write_parquet(rows: list[Record], schema: pa.Schema | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


# KServe. https://kserve.github.io/website/docs/model-serving/predictive-inference/logger/basic-logger and
# …/knative-eventing-logger: two events as its message dumper prints them, here in CloudEvents' JSON format
KSERVE_EVENT = json.loads("""{"specversion": "1.0",
"source": "http://localhost:9081/",
"id": "689b15e7-84a1-4e89-9805-20809efc216d",
"component": "predictor",
"endpoint": "",
"inferenceservicename": "sklearn-iris",
"knativearrivaltime": "2023-04-05T07:39:53.507202247Z",
"namespace": "default",
"traceparent": "00-7cebb2ae49d33626845711ad585c850c-78b57bf5baf7151f-00"}""")
KSERVE_ANSWER = {
    **KSERVE_EVENT,
    "type": "org.kubeflow.serving.inference.response",
    "time": "2023-04-05T07:39:53.505997782Z",
    "datacontenttype": "application/json",
    "data": {"predictions": [1, 1]},
}
KSERVE_REQUEST = {
    **KSERVE_EVENT,
    "type": "org.kubeflow.serving.inference.request",
    "time": "2023-04-05T07:39:53.501752983Z",
    "datacontenttype": "application/x-www-form-urlencoded",
    "data": {"instances": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]},
}
IRIS_ROWS: Rows = [("1", "6.8", "2.8", "4.8", "1.4"), ("1", "6.0", "3.4", "4.5", "1.6")]


def make_event(kind: str, number: int, data: Json, second: int = 0) -> Record:
    """An event of KServe, made."""
    attributes = {"specversion": "1.0", "source": "http://localhost:9081/", "id": f"event-{number}"}
    time = f"2026-01-31T22:{number:02}:{second:02}.25Z"
    return {**attributes, "type": f"org.kubeflow.serving.inference.{kind}", "time": time, "data": data}


def make_blob(kind: str, identifier: str, body: Json) -> Record:
    """A record of KServe's blob store. https://github.com/kserve/kserve/blob/master/pkg/logger/types/types.go, as
    marshaller/json.go writes it."""
    return {
        "Url": None,
        "Bytes": base64.b64encode(json.dumps(body).encode()).decode(),
        "ContentType": "application/json",
        "ReqType": f"org.kubeflow.serving.inference.{kind}",
        "Id": identifier,
        "SourceUri": None,
        "InferenceService": "inference",
        "Namespace": "ns",
        "Component": "predictor",
        "Endpoint": "",
        "Metadata": {"X-Request-Id": ["7"]},
        "Annotations": None,
        "CertName": "",
        "TlsSkipVerify": False,
    }


def make_blob_row(kind: str, identifier: str, body: Json) -> Record:
    """The same in Parquet, by marshaller/parquet.go."""
    return {
        "url": "http://sink",
        "bytes": json.dumps(body).encode(),
        "content_type": "application/json",
        "req_type": f"org.kubeflow.serving.inference.{kind}",
        "id": identifier,
        "inference_service": "inference",
        "tls_skip_verify": False,
    }


V2_REQUEST = json.loads("""{"inputs": [{"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [40, 50]},
{"name": "plan", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "b"]}],
"parameters": {"content_type": "pd"}}""")
V2_ANSWER = json.loads("""{"model_name": "churn",
"outputs": [{"name": "score", "shape": [2], "datatype": "FP64", "data": [0.5, 0.25]}]}""")
V2_ROWS: Rows = [("0.5", "40", "a"), ("0.25", "50", "b")]

KSERVE = (
    SampleLog("kserve-source", "kserve", {"events.jsonl": write_lines(KSERVE_ANSWER, KSERVE_REQUEST)}, IRIS_ROWS),
    SampleLog(
        "kserve-batches",
        "kserve",
        {
            "a.json": json.dumps(
                [make_event("request", 1, V2_REQUEST), make_event("response", 1, V2_ANSWER)], indent=2
            ).encode(),
            "b.json": json.dumps(make_event("request", 2, V2_REQUEST), indent=2).encode(),
            "c.json": json.dumps(
                {
                    **make_event("response", 2, None),
                    "data_base64": base64.b64encode(json.dumps(V2_ANSWER).encode()).decode(),
                },
                indent=2,
            ).encode(),
        },
        V2_ROWS * 2,
    ),
    SampleLog(
        "kserve-damaged",
        "kserve",
        {
            "events.jsonl": write_lines(
                make_event("request", 1, {"instances": [[1, 2]]}),
                b'{"specversion": "1.0", "id": "event-1", "type": "org.kubef\n',
                {**make_event("request", 2, {"instances": [[1, 2]]}), "id": None},
                {"specversion": "1.0", "type": "org.kubeflow.serving.inference.outlier", "id": "event-1", "data": {}},
                b'{"id": "\xff"}\n',
                make_event("response", 1, {"predictions": [0]}),
                make_event("response", 3, {"predictions": [0]}),
                make_event("request", 4, {"instances": [[1, 2]]}),
                make_event("response", 4, {"predictions": [0, 1]}, second=1),
            )
        },
        [("0", "1", "2")],
        {WAITING: 1},
        {
            "not UTF-8": 1,
            "not a JSON object": 1,
            "not a captured record": 1,
            "no id to join by": 1,
            "wrong number of cells": 1,
        },
    ),
    SampleLog(
        "kserve-blobs",
        "kserve",
        {
            "ns/inference/predictor/0123-request.json": json.dumps([make_blob("request", "0123", V2_REQUEST)]).encode(),
            "ns/inference/predictor/0123-response.json": json.dumps(
                [make_blob("response", "0123", V2_ANSWER)]
            ).encode(),
            "ns/inference/predictor/1234-request.json": json.dumps([make_blob("request", "1234", V2_REQUEST)]).encode(),
        },
        V2_ROWS,
        {WAITING: 1},
    ),
    SampleLog(
        "kserve-parquet",
        "kserve",
        {
            "0123-request.parquet": write_parquet([make_blob_row("request", "0123", V2_REQUEST)]),
            "0123-response.parquet": write_parquet([make_blob_row("response", "0123", V2_ANSWER)]),
            "damaged-request.parquet": b"PAR1 and no more",
        },
        V2_ROWS,
        {},
        {"unreadable": 1},
    ),
)

# Databricks. https://pypi.org/project/skyulf, its tests of serving payloads: rows "of a documented custom-model inference table"
DATABRICKS_SCHEMA = pa.schema(
    [
        ("databricks_request_id", pa.string()),
        ("request_time", pa.timestamp("us", "UTC")),
        ("status_code", pa.int32()),
        ("sampling_fraction", pa.float64()),
        ("execution_duration_ms", pa.int64()),
        ("request", pa.string()),
        ("response", pa.string()),
        ("served_entity_id", pa.string()),
        ("logging_error_codes", pa.list_(pa.string())),
    ]
)
DATABRICKS_TIME = datetime(2026, 10, 6, tzinfo=timezone.utc)


def make_inference_row(
    identifier: str, rows: list[Json] | None, predictions: list[Json] | None, **members: Json
) -> Record:
    """A row of the current table."""
    row = {
        "databricks_request_id": identifier,
        "request_time": DATABRICKS_TIME,
        "status_code": 200,
        "sampling_fraction": 1.0,
        "execution_duration_ms": 12,
        "request": rows and json.dumps({"dataframe_records": rows}),
        "response": predictions and json.dumps({"predictions": predictions}),
        "served_entity_id": "entity-1",
        "logging_error_codes": [],
    }
    return {**row, **members}


def make_legacy_row(identifier: str, status: int, request: Json, response: Json) -> Record:
    """A row of the legacy table: docs.databricks.com, "Inference tables for monitoring and debugging models"."""
    return {
        "databricks_request_id": identifier,
        "client_request_id": f"client-{identifier}",
        "date": DATABRICKS_TIME.date(),
        "timestamp_ms": 1_791_244_800_000,
        "status_code": status,
        "sampling_fraction": 0.5,
        "execution_time_ms": 7,
        "request": request,
        "response": json.dumps(response),
    }


SPLIT_REQUEST = {
    "client_request_id": "7",
    "dataframe_split": {"columns": ["x", "name"], "data": [[1.5, "a"], [2, None]]},
}
SPLIT_TEXT = json.dumps(SPLIT_REQUEST)
LEGACY_ANSWER = {"predictions": [4, 5], "databricks_output": {"trace": None, "databricks_request_id": "r"}}

DATABRICKS = (
    SampleLog(
        "databricks-source",
        "databricks",
        {
            "part.parquet": write_parquet(
                [
                    make_inference_row(
                        "request-1",
                        [{"x": "1.25", "name": None}, {"x": 2, "name": "b"}],
                        [{"out_prediction": 4.0}, {"out_prediction": 5.0}],
                    ),
                    make_inference_row("bad", None, None, status_code=500),
                    make_inference_row(
                        "large", [{"x": 1, "name": "a"}], None, logging_error_codes=["MAX_RESPONSE_SIZE_EXCEEDED"]
                    ),
                ],
                DATABRICKS_SCHEMA,
            )
        },
        [("4.0", "1.25", None), ("5.0", "2", "b")],
        {TOO_LARGE: 1},
        failed=1,
    ),
    SampleLog(
        "databricks-legacy",
        "databricks",
        {
            "part.parquet": write_parquet(
                [
                    make_legacy_row("r", 200, SPLIT_TEXT, LEGACY_ANSWER),
                    make_legacy_row("s", 404, SPLIT_TEXT, {"error": "no"}),
                ]
            )
        },
        [("4", "1.5", "a"), ("5", "2", None)],
        failed=1,
    ),
    SampleLog(
        "databricks-damaged",
        "databricks",
        {
            "part.parquet": write_parquet(
                [
                    make_legacy_row("r", 200, SPLIT_TEXT, LEGACY_ANSWER),
                    make_legacy_row("s", 200, '{"dataframe_split": {"colum', LEGACY_ANSWER),
                    make_legacy_row("t", 200, SPLIT_TEXT, {"predictions": [4]}),
                ]
            )
        },
        [("4", "1.5", "a"), ("5", "2", None)],
        {},
        {"captured data is not JSON objects": 1, "input and output with different numbers of rows": 1},
    ),
)

# Azure ML; its subscriptions are cut. https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/machine-learning/how-to-collect-production-data.md
AZURE_REQUEST = json.loads("""{"specversion": "1.0",
"id": "19790b87-a63c-4295-9a67-febb2d8fbce0",
"source": "/subscriptions…/onlineEndpoints/localdev-endpoint/deployments/localdev",
"type": "azureml.inference.request",
"datacontenttype": "application/json",
"time": "2022-05-25T08:59:48Z",
"data": {"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]},
"path": "/score",
"method": "POST",
"contentrange": "bytes 0-59/*",
"correlationid": "f6e806c9-1a9a-446b-baa2-901373162105",
"xrequestid": "f6e806c9-1a9a-446b-baa2-901373162105"}""")
AZURE_ANSWER = json.loads("""{"specversion": "1.0",
"id": "bbd80e51-8855-455f-a719-970023f41e7d",
"source": "/subscriptions…/onlineEndpoints/localdev-endpoint/deployments/localdev",
"type": "azureml.inference.response",
"datacontenttype": "application/json",
"time": "2022-05-25T08:59:48Z",
"data": [11055.977245525679, 4503.079536107787],
"contentrange": "bytes 0-38/39",
"correlationid": "f6e806c9-1a9a-446b-baa2-901373162105",
"xrequestid": "f6e806c9-1a9a-446b-baa2-901373162105"}""")
AZURE_BLOB = json.loads("""{"specversion": "1.0",
"id": "ba993308-f630-4fe2-833f-481b2e4d169a",
"source": "/subscriptions…/onlineEndpoints/ep",
"type": "azureml.inference.request",
"datacontenttype": "text/plain",
"time": "2022-02-28T08:41:07Z",
"data": "https://masterws0373607518.blob.core.windows.net/modeldata/mdc/ba993308-f630-4fe2-833f-481b2e4d169a",
"path": "/score?size=1",
"method": "POST",
"contentrange": "bytes 0-80770/80771",
"datainblob": "true",
"correlationid": "made-1"}""")
AZURE_INPUTS = json.loads("""{"specversion": "1.0",
"id": "725aa8af-0834-415c-aaf5-c76d0c08f694",
"source": "/subscriptions…/onlineEndpoints/localdev-endpoint/deployments/localdev",
"type": "azureml.inference.inputs",
"datacontenttype": "application/json",
"time": "2022-12-01T08:51:30Z",
"data": [{"label": "DRUG", "pattern": "aspirin"},
{"label": "DRUG", "pattern": "trazodone"},
{"label": "DRUG", "pattern": "citalopram"}],
"correlationid": "3711655d-b04c-4aa2-a6c4-6a90cbfcb73f",
"xrequestid": "3711655d-b04c-4aa2-a6c4-6a90cbfcb73f",
"modelversion": "default",
"collectdatatype": "pandas.core.frame.DataFrame",
"agent": "monitoring-sdk/0.1.2",
"contentrange": "bytes 0-116/117"}""")
AZURE_OUTPUTS = {
    **AZURE_INPUTS,
    "id": "made-2",
    "type": "azureml.inference.model_outputs",
    "data": [{"0": 1}, {"0": 0}, {"0": 1}],
}
AZURE_ROWS: Rows = [("1", "DRUG", "aspirin"), ("0", "DRUG", "trazodone"), ("1", "DRUG", "citalopram")]

AZURE = (
    SampleLog(
        "azure-source",
        "azure-ml",
        {
            "ep/dp/request/2022/05/25/08/i.jsonl": write_lines(AZURE_REQUEST, AZURE_BLOB),
            "ep/dp/response/2022/05/25/08/i.jsonl": write_lines(AZURE_ANSWER),
        },
        [
            ("11055.977245525679", *map(str, range(1, 11))),
            ("4503.079536107787", *map(str, range(10, 0, -1))),
        ],
        {ELSEWHERE: 1},
    ),
    SampleLog(
        "azure-collections",
        "azure-ml",
        {
            "ep/dp/model_inputs/2022/12/01/08/i.jsonl": write_lines(AZURE_INPUTS),
            "ep/dp/model_outputs/2022/12/01/08/i.jsonl": write_lines(AZURE_OUTPUTS),
        },
        AZURE_ROWS,
    ),
    SampleLog(
        "azure-damaged",
        "azure-ml",
        {
            "ep/dp/model_inputs/2022/12/01/08/i.jsonl": write_lines(
                AZURE_INPUTS, {**AZURE_INPUTS, "correlationid": "other"}
            ),
            "ep/dp/model_outputs/2022/12/01/08/i.jsonl": write_lines(
                AZURE_OUTPUTS,
                {**AZURE_OUTPUTS, "correlationid": "", "xrequestid": None},
                b'[{"specversion": "1.0", \n',
                b"7\n",
            ),
        },
        AZURE_ROWS,
        {WAITING: 1},
        {"no id to join by": 1, "not a JSON object": 2},
    ),
)

# Vertex AI: columns as akto's BigQueryConfig names them, an instance's text as in a query of another public pipeline, "SPLIT(
# TRIM(payload, '[]'), ',') … UNNEST(request_payload) AS payload" (https://cloud.google.com/vertex-ai/docs/predictions/online-logging)
VERTEX_ROW = {
    "endpoint": "8241378",
    "deployed_model_id": "77",
    "logging_time": datetime(2026, 3, 3, 22, 10, tzinfo=timezone.utc),
    "request_id": 4_611_686_018,
    "request_payload": ["[1.0, 2.0]", "[3.0, 4.5]"],
    "response_payload": ["0.25", "0.75"],
}
VERTEX_ROWS: Rows = [("0.25", "1.0", "2.0"), ("0.75", "3.0", "4.5")]
VERTEX_JSON = {**VERTEX_ROW, "logging_time": "2026-03-03 22:10:00.5 UTC"}

VERTEX = (
    SampleLog("vertex-source", "vertex", {"part.parquet": write_parquet([VERTEX_ROW])}, VERTEX_ROWS),
    SampleLog(
        "vertex-json",
        "vertex",
        {
            "part.json": write_lines(
                VERTEX_JSON,
                {
                    **VERTEX_JSON,
                    "request_payload": '{"instances": [[5, 6]]}',
                    "response_payload": '{"predictions": [1]}',
                },
                {**VERTEX_JSON, "request_payload": [{"element": "[7, 8]"}], "response_payload": ["2"]},
            )
        },
        [*VERTEX_ROWS, ("1", "5", "6"), ("2", "7", "8")],
    ),
    SampleLog(
        "vertex-damaged",
        "vertex",
        {
            "part.json": write_lines(
                VERTEX_JSON,
                {**VERTEX_JSON, "response_payload": ["{"]},
                {"logging_time": "2026-03-03 22:10:00 UTC"},
                b"{\n",
            )
        },
        VERTEX_ROWS,
        {},
        {"input and output of different encodings": 1, "not a captured record": 1, "not a JSON object": 1},
    ),
)

# Mapping files. https://docs.bentoml.com, "Model monitoring and data collection": a line of its default monitor
BENTOML = json.loads("""{"sepal length": 4.9,
"sepal width": 3.0,
"pred": 2,
"timestamp": "2022-11-02T12:22:11.234567",
"request_id": "14876359820567"}""")
# https://docs.seldon.ai, "Payload logging": a request's document, by the names of its Elasticsearch index
SELDON = json.loads("""{"RequestId": "8h",
"@timestamp": "2026-03-03T22:10:00Z",
"request": {"payload": {"data": {"names": ["a", "b"], "ndarray": [[1, 2]]}}},
"response": {"payload": {"data": {"names": ["p"], "ndarray": [[0.5]]}}}}""")
MAPPINGS = {
    "bentoml.yaml": b"""id: request_id
time: timestamp
request: '{"sepal length": "sepal length", "sepal width": "sepal width"}'
response: '{prediction: pred}'
""",
    "seldon.yaml": b"""id: RequestId
time: '"@timestamp"'
request: request.payload
response: response.payload
""",
    "gateway.yaml": b"""id: trace
time: at
request: body.features
response: reply
names: [age, plan]
status: code
latency_ms: took
client_id: headers.id
""",
}
GATEWAY = json.loads("""{"trace": "1",
"at": 1772575800,
"code": 200,
"took": 3.5,
"headers": {"id": "mine"}}""")

MAPPED = (
    SampleLog("bentoml", "bentoml.yaml", {"monitor.log": write_lines(BENTOML)}, [("2", "4.9", "3.0")]),
    SampleLog("seldon", "seldon.yaml", {"part.jsonl": write_lines(SELDON)}, [("0.5", "1", "2")]),
    SampleLog(
        "gateway",
        "gateway.yaml",
        {
            "part.jsonl": write_lines(
                {**GATEWAY, "body": {"features": [[40, "a"]]}, "reply": [0.5]},
                {**GATEWAY, "trace": "2", "body": {"features": [50, "b"]}},
                {**GATEWAY, "trace": "2", "reply": [0.25]},
                {**GATEWAY, "trace": "3", "code": 503},
                {**GATEWAY, "trace": "4", "body": {"features": [50, "b", "more"]}, "reply": [0.25]},
                {"at": 7},
            )
        },
        [("0.5", "40", "a"), ("0.25", "50", "b")],
        {},
        {"captured data is not JSON objects": 1, "not a captured record": 1},
        failed=1,
    ),
)

LOGS = (*KSERVE, *DATABRICKS, *AZURE, *VERTEX, *MAPPED)
