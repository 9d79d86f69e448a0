"""Reads the log of KServe's inference logger: CloudEvents that a sink writes, and objects of its blob store. On executors.

    {"specversion": "1.0", "type": "org.kubeflow.serving.inference.request", "id": "…", "time": "…", "data": {"instances": …}}
    [{"Id": "…", "ReqType": "org.kubeflow.serving.inference.response", "Bytes": "eyJwcm…", "ContentType": "…", …}]

Sources: kserve/kserve, pkg/logger (worker.go, store.go, types/types.go, marshaller/json.go, marshaller/parquet.go).
"""

from __future__ import annotations

import base64

from spark_model_monitor.data.request_logs.logged_events import (
    Document,
    LoggedEvent,
    LogReader,
    make_half_event,
    read_cloud_event,
    read_payload,
    read_role,
    read_text,
    register_reader,
)

GO_NAMES = ("Id", "ReqType", "Bytes", "ContentType")  # names of members in JSON
COLUMN_NAMES = ("id", "req_type", "bytes", "content_type")  # the same members' names in Parquet


@register_reader(
    "kserve",
    signatures=({"Id", "ReqType", "Bytes"}, {"id", "req_type", "bytes"}),
    event_type="org.kubeflow.serving.inference.",
)
def make_kserve_reader() -> LogReader:
    """KServe's inference logger."""
    limitation = "events have their time; objects of KServe's blob store have none: that of their last change is taken"
    return LogReader(read_kserve_event, limitation, has_separate_halves=True, uses_file_times=True)


def read_kserve_event(document: Document) -> LoggedEvent:
    """An event, or a record of an object in the blob store."""
    names = GO_NAMES if "ReqType" in document else COLUMN_NAMES
    id_name, type_name, body_name, content_name = names
    if type_name not in document:
        return read_cloud_event(document, read_text(document.get("id")))
    body = document.get(body_name)
    if isinstance(body, str) and names is GO_NAMES:
        body = base64.b64decode(body)
    elif isinstance(body, str):
        body = body.encode(errors="surrogateescape")
    payload = read_payload(body, document.get(content_name))
    return make_half_event(read_role(document[type_name]), read_text(document.get(id_name)), None, payload)
