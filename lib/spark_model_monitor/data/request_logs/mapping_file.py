"""Reads a mapping file, `captures.yaml`, whose JMESPaths say where any log has its ids, times, requests and answers.

    id: trace_id
    time: timestamp
    request: request.body
    response: response.body

Further members: `names` (the names of the columns of a request of arrays: a list, or a path), `status`, `latency_ms`,
`client_id`. A record with only one of both payloads waits for another record with the same id. Driver, and executors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from spark_model_monitor.data.records import JSON
from spark_model_monitor.data.records.captured_payloads import parse_json_rows
from spark_model_monitor.data.records.decoding import drop_tensor_name
from spark_model_monitor.data.records.outcome_payloads import compile_path
from spark_model_monitor.data.records.refusals import RecordRefused
from spark_model_monitor.data.request_logs.logged_events import (
    Document,
    EventRole,
    LoggedEvent,
    LoggedPayload,
    LogReader,
    LogValue,
    parse_moment,
    read_number,
    read_payload,
    read_status,
    read_text,
)
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.storage import read_file

PAYLOADS = ("request", "response")  # a mapping needs at least one of these members
MEMBERS = ("id", *PAYLOADS, "time", "names", "status", "latency_ms", "client_id")

LogMapping = Mapping[str, "str | list[str]"]


def read_mapping(path: str) -> LogReader:
    """The reader of a log that a file describes.

    Raises BadInput if the file can't be read, BadDocument if it isn't YAML, BadConfiguration if its content is wrong.
    """
    from spark_model_monitor.documents.rules_file import convert_yaml_to_json

    mapping = json.loads(convert_yaml_to_json(read_file(path), path))
    if not isinstance(mapping, dict):
        raise BadConfiguration(f"{path}: is no mapping; write a line each for id, request and response")
    for name, address in mapping.items():
        if name not in MEMBERS:
            raise BadConfiguration(f"{path}: has {name!r}, which is unknown; write some of: {', '.join(MEMBERS)}")
        is_list = name == "names" and isinstance(address, list) and all(isinstance(text, str) for text in address)
        if not is_list and (not isinstance(address, str) or compile_path(address) is None):
            raise BadConfiguration(
                f"{path}: {name} is {address!r}, which is no JMESPath; write one, such as request.body"
            )
    if "id" not in mapping:
        raise BadConfiguration(f"{path}: has no id; write where a record has it, as JMESPath")
    if mapping.keys().isdisjoint(PAYLOADS):
        raise BadConfiguration(f"{path}: has neither request nor response; write where a record has one, as JMESPath")
    limitation = "a mapping file's log is read as it is: whether it is sampled, or lacks what failed, isn't known"
    reader = LogReader(partial(read_mapped_record, mapping), limitation, has_separate_halves=True)
    if "response" not in mapping:
        return reader.select_half(EventRole.REQUEST)
    if "request" not in mapping:
        return reader.select_half(EventRole.ANSWER)
    return reader


def read_mapped_record(mapping: LogMapping, record: Document) -> LoggedEvent:
    """A record of the log. Raises ValueError if it has neither a request nor an answer."""
    # A record has both payloads, one of them, or only the status of a failed request
    request = read_payload(_find_value(mapping, "request", record))
    answer = read_payload(_find_value(mapping, "response", record))
    status = read_status(_find_value(mapping, "status", record))
    if request is None and answer is None and status is None:
        raise ValueError("a record has neither a request nor an answer")
    role = EventRole.EXCHANGE
    if request is None and answer is not None:
        role = EventRole.ANSWER
    elif request is not None and answer is None:
        role = EventRole.REQUEST
    return LoggedEvent(
        role,
        read_text(_find_value(mapping, "id", record)),
        parse_moment(_find_value(mapping, "time", record)),
        _add_names(request, _find_value(mapping, "names", record)),
        answer,
        read_text(_find_value(mapping, "client_id", record)),
        status,
        read_number(_find_value(mapping, "latency_ms", record)),
    )


def _find_value(mapping: LogMapping, name: str, record: Document) -> LogValue:
    """The record's value at the path of a member of the mapping; None without such a member."""
    address = mapping.get(name)
    if not isinstance(address, str):
        return address
    from jmespath.exceptions import JMESPathError

    try:
        value: LogValue = compile_path(address).search(record)
    except JMESPathError as fault:  # a function that doesn't accept the value there
        raise ValueError("a path doesn't fit the record") from fault
    return value


def _add_names(request: LoggedPayload | None, names: LogValue) -> LoggedPayload | None:
    """A request of arrays, with the names of its columns added; any other request unchanged."""
    if request is None or not isinstance(names, list) or request.encoding != JSON:
        return request
    try:
        rows = parse_json_rows(request.text, with_arrays=True, opens_members=True)
    except RecordRefused:  # reading the capture will refuse it, too
        return request
    # The positions in a single tensor don't count as names
    cells_of_rows = [drop_tensor_name(list(row)) for row in rows if row]
    if any(name for cells in cells_of_rows for name, _ in cells):
        return request
    values_of_rows = [[value for _, value in cells] for cells in cells_of_rows]
    return read_payload({"names": names, "ndarray": values_of_rows})
