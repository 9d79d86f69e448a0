"""`--dataset-format` of request logs: words, mapping files, and which of them are detected."""

from __future__ import annotations

import pytest
from tests.unit.request_logs.samples import LOGS, MAPPED

from spark_model_monitor.data.engine.local import LocalEngine
from spark_model_monitor.data.reading.formats import CaptureFormat, parse_dataset_format
from spark_model_monitor.data.reading.headers import format_word_of
from spark_model_monitor.data.request_logs import log_reader
from spark_model_monitor.data.request_logs.logged_events import moment_text, parse_moment
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput

ONLY_IF_GIVEN = {*(log.name for log in MAPPED), "kserve-batches"}


@pytest.mark.parametrize("word", ["kserve", "databricks", "azure-ml", "vertex", "logs/captures.yaml"])
def test_a_log_is_a_kind_of_captures(word):
    half = f'{{"{word}": {{"captureIndexNames": ["endpointInput"]}}}}'

    assert parse_dataset_format(word) == CaptureFormat(request_log=word)
    assert parse_dataset_format(half) == CaptureFormat(("endpointInput",), word)


def test_an_unknown_server_is_refused_with_the_words_that_there_are():
    with pytest.raises(BadConfiguration, match=r"kserve, databricks, azure-ml, vertex, table:NAME, MAPPING\.yaml"):
        parse_dataset_format("triton")


@pytest.mark.parametrize("log", [log for log in LOGS if log.name not in ONLY_IF_GIVEN], ids=lambda log: log.name)
def test_logs_of_servers_are_detected(log, tmp_path):
    assert format_word_of(LocalEngine(), str(log.write(tmp_path))) == log.request_log


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        ("id: a\nrequest: b\n", BadConfiguration, "has no response"),
        ("id: a\nrequest: '[['\nresponse: c\n", BadConfiguration, "request is .*no JMESPath"),
        ("id: a\nrequest: b\nresponse: c\nanswer: d\n", BadConfiguration, "has 'answer', which is unknown"),
        ("id: a\nrequest: b\nresponse: c\nnames: [1]\n", BadConfiguration, "names is"),
        ("id: [a]\nrequest: b\nresponse: c\n", BadConfiguration, "id is"),
        ("- id\n", BadConfiguration, "is no mapping"),
        ("id: a\nid: b\n", BadDocument, "stands twice"),
        (None, BadInput, "captures.yaml"),
    ],
)
def test_a_mapping_file_that_says_something_else_is_refused(tmp_path, content, error, sentence):
    path = tmp_path / "captures.yaml"
    if content is not None:
        path.write_text(content)

    with pytest.raises(error, match=sentence) as raised:
        log_reader(str(path))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2023-04-05T07:39:53.501752983Z", "2023-04-05T07:39:53.501752Z"),
        ("2023-04-05t07:39:53z", "2023-04-05T07:39:53Z"),
        ("2023-04-05 07:39:53 UTC", "2023-04-05T07:39:53Z"),
        ("2023-04-05T09:39:53+02:00", "2023-04-05T07:39:53Z"),
        (1_680_680_393, "2023-04-05T07:39:53Z"),
        (1_680_680_393.5, "2023-04-05T07:39:53.500000Z"),
        (1_680_680_393_000, "2023-04-05T07:39:53Z"),
        ("1680680393000", "2023-04-05T07:39:53Z"),
        (1_680_680_393_000_000, "2023-04-05T07:39:53Z"),
        (1_680_680_393_000_000_000, "2023-04-05T07:39:53Z"),
    ],
)
def test_times_are_read_however_a_log_writes_them(value, text):
    assert moment_text(parse_moment(value)) == text


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", True, -1, float("nan"), float("inf"), 10**30, "9" * 400, [], {}]
)
def test_what_is_no_time_is_none(value):
    assert parse_moment(value) is None
