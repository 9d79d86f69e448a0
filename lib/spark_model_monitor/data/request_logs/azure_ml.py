"""Reads the log of Azure ML's data collector: collected inputs and outputs, requests and responses. Runs on executors.

Each line of a file is a CloudEvent. Binary payloads and payloads above 256 KB are kept elsewhere: `data` is their address.

Source: Azure Machine Learning, "Collect production data from models deployed for real-time inferencing".
"""

from __future__ import annotations

from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.request_logs.logged_events import (
    Document,
    LoggedEvent,
    LogReader,
    read_cloud_event,
    read_text,
    register_reader,
)


@register_reader(
    "azure-ml", signatures=({"specversion", "correlationid", "data", "type"},), event_type="azureml.inference."
)
def make_azure_ml_reader() -> LogReader:
    """Azure ML's data collector."""
    limitation = "the data collector may be told to sample: numbers of records say nothing of the traffic then"
    return LogReader(read_collected_event, limitation, has_separate_halves=True)


def read_collected_event(event: Document) -> LoggedEvent:
    """A collected event. Both halves share the correlation id, but each has an id of its own."""
    key = read_text(event.get("correlationid")) or read_text(event.get("xrequestid"))
    is_elsewhere = str(event.get("datainblob")).lower() == "true"
    return read_cloud_event(event, key, Refusal.PAYLOAD_ELSEWHERE if is_elsewhere else None)
