"""Vertex AI's request log, `request_response_logging`, as BigQuery exports it to Parquet or JSON. Runs on executors.

Payloads are repeated texts, each with one instance: "[1.0, 2.0]", or an object. The types of the columns are not
documented, so an array of texts, an array of values and a single text are accepted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from spark_model_monitor.data.records import CSV, JSON
from spark_model_monitor.data.request_logs.logged_events import (
    Document,
    EventRole,
    LoggedEvent,
    LoggedPayload,
    LogReader,
    LogValue,
    parse_moment,
    read_payload,
    read_text,
    register_reader,
)
from spark_model_monitor.documents import json_text

WRAPPERS = ({"element"}, {"item"}, {"v"})  # an element of a repeated column, as some exports write it


@register_reader("vertex", signatures=({"logging_time", "request_payload", "response_payload"},), event_type="")
def make_vertex_reader() -> LogReader:
    """Vertex AI's request log."""
    limitation = "Vertex samples what it logs: numbers of rows say nothing of the traffic"
    columns = ("logging_time", "request_id", "request_payload", "response_payload")
    return LogReader(read_vertex_row, limitation, columns=columns, time_columns=columns[:1])


def read_vertex_row(row: Document) -> LoggedEvent:
    """A row of the log."""
    return LoggedEvent(
        EventRole.EXCHANGE,
        read_text(row.get("request_id")),
        parse_moment(row.get("logging_time")),
        _join_instances(row["request_payload"], "instances"),
        _join_instances(row["response_payload"], "predictions"),
    )


def _join_instances(value: LogValue, member: str) -> LoggedPayload | None:
    """The elements of a repeated column as one payload. member: the member of a JSON payload that gets the elements."""
    if isinstance(value, Mapping) and isinstance(value.get("list"), list):
        value = value["list"]
    if not isinstance(value, list):
        return read_payload(value)
    if not value:
        return None
    texts = [_format_instance(instance) for instance in value]
    if all(map(json_text.is_json, texts)):
        return LoggedPayload(f'{{"{member}":[{",".join(texts)}]}}', JSON)
    return LoggedPayload("\n".join(texts), CSV)


def _format_instance(instance: LogValue) -> str:
    """An instance as JSON text, without the object in which an export wraps it."""
    if isinstance(instance, Mapping) and set(instance) in WRAPPERS:
        [instance] = instance.values()
    if isinstance(instance, str):
        return instance
    return json.dumps(instance, ensure_ascii=False)
