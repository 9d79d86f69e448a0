"""Preprocessing scripts over captured records, in the shapes that were published for the service."""

from __future__ import annotations

import textwrap

import pytest
from tests.spark.reading.test_captures import WINDOW, account, rows
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.errors import NoData, ScriptFailed
from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.fixture
def run(spark, tmp_path):
    """Reads the records through a script."""
    persisted = []

    def running(script, records, names=None, **options):
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        (tmp_path / "data").mkdir(exist_ok=True)
        lines = [record if isinstance(record, bytes) else encode_line(record) for record in records]
        (tmp_path / "data" / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        window = options.get("window")
        source = list_captures(SparkEngine(spark), str(tmp_path / "data"), window)
        loaded = read_script(str(tmp_path / "script.py"), SparkEngine(spark))
        dataset = read_captures(
            SparkEngine(spark), source, CaptureFormat(), ReadOptions(names, script=loaded, **options)
        )
        persisted.append(dataset)
        return dataset

    yield running
    for dataset in persisted:
        dataset.__exit__()


def test_the_guides_flattening_by_zero_padded_positions(run):
    dataset = run(
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
    assert rows(dataset) == [("0.25", "3", "4"), ("0.5", "1", "2")]


def test_the_guides_sampling_by_empty_lists(run):
    dataset = run(
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
    _, ledger, _ = account(dataset)

    assert dataset.names == ("b", "a")  # by name: the keys are the baseline's
    assert rows(dataset) == [("1", "2")]
    assert (ledger.read, ledger.kept, ledger.dropped_by_script) == (3, 1, 2)


def test_keys_of_which_some_are_the_baselines_keep_their_names_but_for_the_service(run):
    script = "def preprocess_handler(record): return {'a': 1, 'c': 2}"

    assert run(script, [captured()], names=["b", "a"]).names == ("a", "c")
    assert run(script, [captured()], names=["b", "a"], as_service=True).names == ("b", "a")
    assert run(script, [captured()], names=["x", "y"]).names == ("x", "y")


def test_the_form_of_2019_and_base64(run):
    dataset = run(
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
    assert rows(dataset) == [("1", "2"), ("3", "4")]


def test_a_script_that_returns_the_record_has_it_read_as_without_a_script(run):
    script = "def preprocess_handler(inference_record, logger):\n    logger.info(inference_record)\n    return inference_record\n"
    dataset = run(script, [captured("1,2\n3,4", "5\n6")], names=["p", "a", "b"])
    _, ledger, _ = account(dataset)

    assert rows(dataset) == [("5", "1", "2"), ("6", "3", "4")]
    assert (ledger.read, ledger.kept, ledger.kept_rows) == (1, 1, 2)


def test_several_rows_of_a_record_are_one_record_of_the_ledger(run):
    script = "def preprocess_handler(record): return [{'a': 1}, {'a': 2}, {'a': None}]\n"
    profile, ledger, _ = account(run(script, [captured(), captured()]))

    assert (profile.item_count, profile.feature("a").num_missing) == (6, 2)
    assert (ledger.read, ledger.kept, ledger.kept_rows) == (2, 2, 6)


def test_a_script_gets_only_records_of_the_window(run):
    script = "def preprocess_handler(record): return {'time': record.event_metadata.event_time}\n"
    records = [captured(), captured(time="2022-04-19T00:00:00Z"), b"{", captured(time="never")]
    dataset = run(script, records, window=WINDOW)
    _, ledger, _ = account(dataset)

    assert rows(dataset) == [("2022-04-18T00:10:00Z",)]
    assert (ledger.read, ledger.kept, ledger.outside_window) == (4, 1, 1)
    assert ledger.refused == {"not a JSON object": 1, "no readable inferenceTime": 1}


def test_a_record_that_the_script_fails_on_is_refused(run):
    script = "def preprocess_handler(record): return {'a': float(record.endpoint_input.data)}\n"
    _, ledger, _ = account(run(script, [captured("1"), captured("secret")]))

    assert (ledger.kept, ledger.refused) == (1, {"script error": 1})


def test_the_first_failing_record_fails_the_run_as_the_service_did(run):
    script = "def preprocess_handler(record): return {'a': float(record.endpoint_input.data)}\n"

    with pytest.raises(ScriptFailed, match="Exception while invoking preprocessor script. 1 of 2 records failed"):
        run(script, [captured("1"), captured("x")], as_service=True)


@pytest.mark.parametrize(
    ("script", "records", "reasons"),
    [
        pytest.param("return None", [captured(), captured()], "dropped by the preprocessor script: 2", id="dropped"),
        pytest.param("return [{}]", [captured()], "an empty row of the preprocessor script: 1", id="empty"),
        pytest.param("return {'a': 1}", [captured(time="2022-04-19T00:00:00Z")], "outside the window: 1", id="outside"),
        pytest.param("return {'a': 1}", [b"{"], "not a JSON object: 1", id="unreadable"),
    ],
)
def test_a_run_without_a_row_says_what_became_of_each_record(run, script, records, reasons):
    with pytest.raises(NoData, match=rf"no row is left of {len(records)} records \({reasons}\)"):
        run(f"def preprocess_handler(record): {script}\n", records, window=WINDOW)
