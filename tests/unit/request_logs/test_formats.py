"""`--dataset-format` of request logs: words, mapping files, and which of them are detected."""

import json

import pytest
from tests.request_log_samples import LOGS

from spark_model_monitor import read_data
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.reading.formats import CaptureFormat, parse_dataset_format
from spark_model_monitor.data.request_logs import find_log_reader
from spark_model_monitor.data.request_logs.logged_events import format_moment, parse_moment
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput

ONLY_IF_GIVEN = {"bentoml", "seldon", "gateway", "kserve-batches"}


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
    assert detect_format(LocalEngine(), str(log.write(tmp_path))) == log.request_log


FAULTS = """
has neither request nor response | id: a
request is .*no JMESPath | id: a; request: '[['; response: c
has 'answer', which is unknown | id: a; request: b; response: c; answer: d
names is | id: a; request: b; response: c; names: [1]
id is | id: [a]; request: b; response: c
is no mapping | - id
stands twice | id: a; id: b
"""
"""What is said of a mapping file, and its lines."""


@pytest.mark.parametrize("fault", FAULTS.strip().splitlines())
def test_a_mapping_file_that_says_something_else_is_refused(tmp_path, fault):
    sentence, content = fault.split(" | ")
    path = tmp_path / "captures.yaml"
    path.write_text(content.replace("; ", "\n"))

    with pytest.raises((BadConfiguration, BadDocument), match=sentence) as raised:
        find_log_reader(str(path))
    assert str(path) in str(raised.value)


def test_a_mapping_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "captures.yaml"

    with pytest.raises(BadInput, match=str(path)):
        find_log_reader(str(path))


def test_a_path_that_is_not_there_is_no_name_of_a_table(tmp_path):
    path = f"{tmp_path}/main.serving.churn_payload"
    sentence = "there is no such file or directory"
    with pytest.raises(BadInput, match=sentence):
        read_data(path, "databricks", engine="local")


TIMES = """
2023-04-05T07:39:53.501752Z "2023-04-05T07:39:53.501752983Z"
2023-04-05T07:39:53Z "2023-04-05t07:39:53z"
2023-04-05T07:39:53Z "2023-04-05 07:39:53 UTC"
2023-04-05T07:39:53Z "2023-04-05T09:39:53+02:00"
2023-04-05T07:39:53Z 1680680393
2023-04-05T07:39:53.500000Z 1680680393.5
2023-04-05T07:39:53Z 1680680393000
2023-04-05T07:39:53Z "1680680393000"
2023-04-05T07:39:53Z 1680680393000000
2023-04-05T07:39:53Z 1680680393000000000
"""
"""Times as captures have them, and as logs do."""

NO_TIMES = 'null "" "yesterday" "2023-13-05T07:39:53.5Z" true -1 NaN Infinity 1e30 [] {}'


@pytest.mark.parametrize("pair", TIMES.strip().splitlines())
def test_times_are_read_however_a_log_writes_them(pair):
    text, value = pair.split(" ", maxsplit=1)
    moment = parse_moment(json.loads(value))

    assert format_moment(moment) == text


@pytest.mark.parametrize("text", NO_TIMES.split())
def test_what_is_no_time_is_none(text):
    # As Python reads it
    value = json.loads(text)

    assert parse_moment(value) is None
