"""Preprocessing scripts over lines and captured records, in the shapes that were published for the service."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone

import pytest
from tests.unit.reading.read_data_sets import ENGINE, read_account, sort_rows
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ParquetFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, NoData, ScriptFailed
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))


def write_script(folder, script, lines):
    (folder / "script.py").write_text(textwrap.dedent(script))
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a.txt").write_bytes(b"\n".join(lines) + b"\n")
    return read_script(str(folder / "script.py"), ENGINE)


@pytest.fixture
def baseline(tmp_path):
    """Runs a script over lines of text."""

    def run_script(script, lines, dataset_format=CsvFormat(header=True), max_quarantined_share=0.01, **options):  # noqa: B008
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        options = ReadOptions(script=write_script(tmp_path, script, encoded), **options)
        listing = list_dataset(ENGINE, str(tmp_path / "data"))
        with read_dataset(ENGINE, listing, dataset_format, options) as dataset:
            return run_baseline(dataset, DataQualityMonitor(), max_quarantined_share=max_quarantined_share)

    return run_script


@pytest.fixture
def read(tmp_path):
    """Reads captured records through a script."""

    def read_captured(script, records, names=None, **options):
        lines = list(map(encode_line, records))
        options = ReadOptions(names, script=write_script(tmp_path, script, lines), **options)
        source = list_captures(ENGINE, str(tmp_path / "data"), options.window)
        return read_captures(ENGINE, source, CaptureFormat(), options)

    return read_captured


def test_a_handler_gets_every_raw_line_and_its_keys_become_features_in_lexicographic_order(baseline):
    findings = baseline(
        """
        def preprocess_handler(line, logger):
            logger.info("a line")
            if line.startswith("age"):
                return None if "plan" in line else []
            age, plan = line.split(",")
            return [{"plan": plan, 1: int(age)}, {1: int(age) + 0.5, "plan": float("nan")}]
        """,
        ["age,plan", "1,basic", "2,gold", "age"],
    )

    assert [feature.name for feature in findings.statistics.features] == ["1", "plan"]
    assert findings.profile.feature("1").moments.sum == 1 + 1.5 + 2 + 2.5
    assert findings.profile.feature("plan").num_missing == 2
    records = (findings.ledger.read, findings.ledger.kept, findings.ledger.kept_rows, findings.ledger.dropped_by_script)
    assert records == (4, 2, 4, 2)


FAILS_ON_3 = """
    def preprocess_handler(line):
        if line == "3":
            raise KeyError("secret value of " + line)
        return {"number": line}
    """


def test_a_failing_record_is_refused_and_its_values_are_not_reported(baseline, caplog):
    findings = baseline(FAILS_ON_3, [*map(str, range(200)), "Zürich".encode("latin-1")], max_quarantined_share=0.1)

    assert findings.ledger.refused == {"script error": 1, "not UTF-8": 1}
    assert (findings.ledger.read, findings.ledger.kept) == (201, 199)
    assert "KeyError (line 4 of script.py)" in caplog.text
    assert "secret" not in caplog.text


def test_failing_records_fail_the_run_where_they_are_too_many_and_the_first_of_them_as_the_service_did(baseline):
    with pytest.raises(ScriptFailed, match=r"1 of 4 records were refused .script error: 1.") as raised:
        baseline(FAILS_ON_3, ["1", "2", "3", "4"])
    assert raised.value.exit_status == 1
    sentence = "Exception while invoking preprocessor script. 1 of 200 records failed: .*KeyError .line 4 of script.py."
    with pytest.raises(ScriptFailed, match=sentence):
        baseline(FAILS_ON_3, [str(number) for number in range(200)], as_service=True)


def test_what_is_no_flat_dict_is_refused_and_scripts_get_lines_of_text_only(baseline):
    with pytest.raises(ScriptFailed, match="returned a dict that holds a list"):
        baseline("def preprocess_handler(line): return {'a': [1, 2]}", ["1"])
    with pytest.raises(BadConfiguration, match="scripts get the lines of CSV and JSON Lines files"):
        baseline("def preprocess_handler(line): return {}", ["1"], ParquetFormat())


def test_the_guides_flattening_by_zero_padded_positions(read):
    dataset = read(
        """
        def preprocess_handler(inference_record):
            input_data = inference_record.endpoint_input.data
            output_data = inference_record.endpoint_output.data.rstrip("\\n")
            data = output_data + "," + input_data
            return {str(i).zfill(20): d for i, d in enumerate(data.split(","))}
        """,
        [captured("1,2", "0.5\n"), captured("3,4", "0.25\n")],
        names=["p", "a", "b"],
    )

    assert dataset.names == ("p", "a", "b")  # by position: the keys sort as the columns stand
    assert sort_rows(dataset) == [("0.25", "3", "4"), ("0.5", "1", "2")]


def test_the_guides_sampling_by_empty_lists(read):
    dataset = read(
        """
        import json
        def preprocess_handler(inference_record, logger):
            logger.info("one record")
            if inference_record.event_metadata.event_id != "keep":
                return []
            return json.loads(inference_record.endpoint_input.data)
        """,
        [captured('{"b": 1, "a": 2}', "", encoding="JSON", eventId="keep"), captured(), captured()],
        names=["b", "a"],
    )
    _, ledger, _ = read_account(dataset)

    assert dataset.names == ("b", "a")  # by name: the keys are the baseline's
    assert sort_rows(dataset) == [("1", "2")]
    assert (ledger.read, ledger.kept, ledger.dropped_by_script) == (3, 1, 2)


def test_keys_of_which_some_are_the_baselines_keep_their_names_but_for_the_service(read):
    script = "def preprocess_handler(record): return {'a': 1, 'c': 2}"

    assert read(script, [captured()], names=["b", "a"]).names == ("a", "c")
    assert read(script, [captured()], names=["b", "a"], as_service=True).names == ("b", "a")
    assert read(script, [captured()], names=["x", "y"]).names == ("x", "y")


def test_the_form_of_2019_and_base64(read):
    dataset = read(
        """
        import base64
        def preprocess_handler(inference_record):
            event_data = inference_record.event_data
            payload = event_data.endpointInput
            text = base64.b64decode(payload.data).decode() if payload.encoding == "BASE64" else payload.data
            return {"feature" + str(i): v for i, v in enumerate(text.split(","))}
        """,
        [captured("MSwy", "NQ==", encoding="BASE64"), captured("3,4")],
    )

    assert dataset.names == ("feature0", "feature1")
    assert sort_rows(dataset) == [("1", "2"), ("3", "4")]


CSV_RECORD = captured("1,2", "0.5\n")
JSON_RECORD = captured('{"a": 1, "b": 2}', '{"p": 0.5}', encoding="JSON")
PUBLIC_PATTERNS = {
    "members of both JSON halves": (
        """
        import json
        def preprocess_handler(record):
            row = json.loads(record.endpoint_input.data)
            row["class"] = json.loads(record.endpoint_output.data)["p"]
            return row
        """,
        [JSON_RECORD],
        {"a": "1", "b": "2", "class": "0.5"},
    ),
    "the input by short positions, with a logger that may be absent": (
        """
        def preprocess_handler(record, logger=None):
            logger.info(f"input {record.endpoint_input.data}")
            return {str(i).zfill(2): cell for i, cell in enumerate(record.endpoint_input.data.split(","))}
        """,
        [CSV_RECORD],
        {"00": "1", "01": "2"},
    ),
    "a frame of a payload with a header": (
        """
        from io import StringIO
        import pandas as pd
        def preprocess_handler(record, logger):
            frame = pd.read_csv(StringIO(record.endpoint_input.data))[["a", "b"]]
            logger.info(frame.shape)
            return frame.to_dict(orient="records")
        """,
        [captured("b,a\n2,1", "0.5")],
        {"a": "1", "b": "2"},
    ),
    "arrays within answers": (
        """
        import json
        def preprocess_handler(record):
            values = json.loads(record.endpoint_input.data)
            answer = json.loads(record.endpoint_output.data)["predictions"][0][0]
            return {**{f"feature{i}": value for i, value in enumerate(values)}, "prediction0": answer}
        """,
        [captured("[1, 2]", '{"predictions": [[0.5]]}', encoding="JSON")],
        {"feature0": "1", "feature1": "2", "prediction0": "0.5"},
    ),
    "traffic of tests, by a custom attribute": (
        """
        import json
        def preprocess_handler(record):
            attributes = record.event_metadata.custom_attribute
            if json.loads(attributes[0])["testIndicator"] == "true" if attributes is not None else True:
                return []
            if record.endpoint_input.encoding == "CSV":
                return {f"_c{i}": cell for i, cell in enumerate(record.endpoint_input.data.split(","))}
            raise ValueError(record.endpoint_input.encoding)
        """,
        [
            CSV_RECORD,
            *(captured("1,2", customAttributes=[f'{{"testIndicator": "{flag}"}}']) for flag in ("true", "false")),
        ],
        {"_c0": "1", "_c1": "2"},
    ),
    "missing numbers where a payload can't be read": (
        """
        import math
        def read_attribute(part, *names):
            return next((getattr(part, name) for name in names if getattr(part, name, None) is not None), "")
        def preprocess_handler(record, logger=None):
            content_type = read_attribute(record.endpoint_input, "content_type", "observedContentType")
            try:
                cells = [float(cell) for cell in record.endpoint_input.data.split(",")]
            except ValueError:
                cells = [math.nan, math.nan]
            return {"a": cells[0], "b": cells[1], "csv": "csv" in content_type.lower()}
        """,
        [captured("x,y", "0.5")],
        {"a": None, "b": None, "csv": "true"},
    ),
    "numbers of one kind each, and one answer of a list": (
        """
        import json
        def preprocess_handler(record):
            cells = record.endpoint_input.data.split(",")
            row = {}
            for i, name in enumerate("ab"):
                row[name] = float(cells[i]) if cells[i].find(".") >= 0 else int(cells[i])
            return {**row, "Target": int(json.loads(record.endpoint_output.data)[0])}
        """,
        [captured("1,2.5", "[1]")],
        {"Target": "1", "a": "1", "b": "2.5"},
    ),
    "the label and the answer, if they are there": (
        """
        def preprocess_handler(inference_record):
            row = {}
            if hasattr(inference_record, "endpoint_output"):
                row["endpointOutput_prediction"] = float(inference_record.endpoint_output.data.strip())
            label = inference_record.ground_truth
            row["groundTruthData_0"] = float(label.data.strip()) if label is not None else None
            return row
        """,
        [CSV_RECORD],
        {"endpointOutput_prediction": "0.5", "groundTruthData_0": None},
    ),
}
"""What published scripts do, in words of ours, on records, and the row that comes of them."""


@pytest.mark.parametrize(
    ("script", "records", "row"), PUBLIC_PATTERNS.values(), ids=[name.replace(" ", "-") for name in PUBLIC_PATTERNS]
)
def test_a_pattern_of_public_scripts_runs(read, script, records, row):
    dataset = read(script, records)
    _, ledger, _ = read_account(dataset)

    assert dict(zip(dataset.names, *sort_rows(dataset), strict=True)) == row
    assert ledger.refused == {}


def test_a_script_that_returns_the_record_has_it_read_as_without_a_script(read):
    script = "def preprocess_handler(inference_record, logger):\n    logger.info(inference_record)\n    return inference_record\n"
    dataset = read(script, [captured("1,2\n3,4", "5\n6")], names=["p", "a", "b"])
    _, ledger, _ = read_account(dataset)

    assert sort_rows(dataset) == [("5", "1", "2"), ("6", "3", "4")]
    assert (ledger.read, ledger.kept, ledger.kept_rows) == (1, 1, 2)


def test_a_script_gets_only_records_of_the_window(read):
    script = "def preprocess_handler(record): return {'time': record.event_metadata.event_time}\n"
    records = [captured(), captured(time="2022-04-19T00:00:00Z"), b"{", captured(time="never")]
    dataset = read(script, records, window=WINDOW)
    _, ledger, _ = read_account(dataset)

    assert sort_rows(dataset) == [("2022-04-18T00:10:00Z",)]
    assert (ledger.read, ledger.kept, ledger.outside_window) == (4, 1, 1)
    assert ledger.refused == {"not a JSON object": 1, "no readable inferenceTime": 1}


@pytest.mark.parametrize(
    ("script", "records", "reasons"),
    [
        pytest.param("return None", [captured(), captured()], "dropped by the preprocessor script: 2", id="dropped"),
        pytest.param("return [{}]", [captured()], "an empty row of the preprocessor script: 1", id="empty"),
        pytest.param("return {'a': 1}", [captured(time="2022-04-19T00:00:00Z")], "outside the window: 1", id="outside"),
        pytest.param("return {'a': 1}", [b"{"], "not a JSON object: 1", id="unreadable"),
    ],
)
def test_a_run_without_a_row_says_what_became_of_each_record(read, script, records, reasons):
    with pytest.raises(NoData, match=rf"no row is left of {len(records)} records \({reasons}\)"):
        read(f"def preprocess_handler(record): {script}\n", records, window=WINDOW)
