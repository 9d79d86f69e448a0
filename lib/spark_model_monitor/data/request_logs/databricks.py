"""Reads Databricks' inference tables: the current tables of AI Gateway, and the legacy tables. Runs on executors.

Both have the JSON of a request and of its answer as texts; a batch of instances is one row. A row doesn't become a capture
if the request failed or was too long to be logged.

Sources: the tables' DDL, with its columns' comments; docs.databricks.com, "Inference tables for monitoring and debugging".
"""

from __future__ import annotations

from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.request_logs.logged_events import (
    Document,
    EventRole,
    LoggedEvent,
    LogReader,
    parse_moment,
    read_number,
    read_payload,
    read_status,
    read_text,
    register_reader,
)

COLUMNS = ("databricks_request_id", "client_request_id", "status_code", "sampling_fraction", "request", "response")
CURRENT_COLUMNS = ("request_time", "execution_duration_ms", "logging_error_codes")
LEGACY_COLUMNS = ("timestamp_ms", "execution_time_ms")


@register_reader("databricks", signatures=({"databricks_request_id", "request", "response"},), event_type="")
def make_databricks_reader() -> LogReader:
    """Databricks' inference tables."""
    limitation = (
        "an inference table that is sampled has a part of the requests: numbers of rows say nothing of the traffic"
    )
    columns = (*COLUMNS, *CURRENT_COLUMNS, *LEGACY_COLUMNS)
    return LogReader(read_databricks_row, limitation, columns=columns, time_columns=("request_time", "timestamp_ms"))


def read_databricks_row(row: Document) -> LoggedEvent:
    """A row of an inference table."""
    time = parse_moment(row.get("request_time"))
    latency_ms = read_number(row.get("execution_duration_ms"))
    if "request_time" not in row:
        time = parse_moment(row.get("timestamp_ms"))
        latency_ms = read_number(row.get("execution_time_ms"))
    fraction = read_number(row.get("sampling_fraction"))
    return LoggedEvent(
        EventRole.EXCHANGE,
        read_text(row["databricks_request_id"]),
        time,
        read_payload(row["request"]),
        read_payload(row["response"]),
        read_text(row.get("client_request_id")),
        read_status(row.get("status_code")),
        latency_ms,
        None if fraction is None else 100 * fraction,
        Refusal.PAYLOAD_TOO_LARGE if row.get("logging_error_codes") else None,
    )
