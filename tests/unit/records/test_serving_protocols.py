"""Payloads of model servers: one table of their forms, each of which gives the same columns with and without a flag."""

from __future__ import annotations

import json

import pytest
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.records.decoding import Reading, RowLayout, decode
from spark_model_monitor.data.records.refusals import REMEDIES, Refusal
from spark_model_monitor.data.records.serving_protocols import read_binary_tensors

NAMED = [["1", "2"], ["3", "4"]]

TENSOR_A = {"name": "a", "shape": [2], "datatype": "FP32", "data": [1, 3]}
TENSOR_B = {"name": "b", "shape": [2, 1], "datatype": "FP32", "data": [[2], [4]]}
SPLIT = {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}
RECORDS = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]

IN_AZURE = {"WebServiceInput0": RECORDS}
OUT_OF_AZURE = {"WebServiceOutput0": RECORDS}
BY_COLUMN_NAMES = {"ColumnNames": ["a", "b"], "Values": NAMED}
OF_TENSORFLOW = {"signature_name": "s", "instances": RECORDS}

SPARK_ML_SCHEMA = {"input": [{"name": "a", "type": "double"}, {"name": "b", "type": "double"}]}

# Of ONNX Runtime's server: numbers as an array, or as bytes in base64, here 2 and 4 of 64 bits
ONNX_A = {"dims": ["2", "1"], "dataType": 1, "floatData": [1, 3]}
ONNX_B = {"dims": ["2"], "dataType": 7, "rawData": "AgAAAAAAAAAEAAAAAAAAAA=="}

FORMS_WITH_NAMES = {
    "ONNX": {"inputs": {"a": ONNX_A, "b": ONNX_B}, "outputFilter": ["y"]},
    "Spark ML": {"schema": SPARK_ML_SCHEMA, "data": [[1, 2], [3, 4]]},
    "MLflow split": {"dataframe_split": SPLIT},
    "MLflow split with params": {"dataframe_split": SPLIT, "params": {"k": 1}},
    "MLflow split within inputs": {"inputs": {"dataframe_split": SPLIT}},
    "pandas split": SPLIT,
    "Azure": {"input_data": SPLIT},
    "MLflow records": {"dataframe_records": RECORDS},
    "TensorFlow": {"signature_name": "serving_default", "instances": RECORDS},
    "TensorFlow beside what no server knows": {"tenant": "a", "instances": RECORDS},
    "MLflow split beside what no server knows": {"tenant": "a", "dataframe_split": SPLIT},
    "MLflow records beside what no server knows": {"tenant": "a", "dataframe_records": RECORDS},
    "TensorFlow columns": {"signature_name": "serving_default", "inputs": {"a": [1, 3], "b": [[2], [4]]}},
    "Vertex": {"instances": RECORDS, "parameters": {"k": 1}},
    "KServe v2": {"id": "7", "inputs": [TENSOR_A, TENSOR_B], "outputs": [{"name": "y"}]},
    "KServe v2 answer": {"model_name": "m", "model_version": "1", "outputs": [TENSOR_A, TENSOR_B]},
    "Seldon": {"data": {"names": ["a", "b"], "ndarray": [[1, 2], [3, 4]]}, "meta": {}},
    "Seldon tensor": {"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}},
    "TensorFlow examples": {"signature_name": "classify", "examples": RECORDS},
    "Azure ML": {"Inputs": IN_AZURE, "GlobalParameters": {}},
    "Azure AutoML": {"Inputs": {"data": RECORDS}, "GlobalParameters": {"method": "predict"}},
    "Azure AutoML, flat": {"data": RECORDS, "method": "predict"},
    "Azure ML answer": {"Results": OUT_OF_AZURE},
    "Azure ML Studio": {"Inputs": {"input1": BY_COLUMN_NAMES}, "GlobalParameters": {}},
    "wrapped": {"payload": {"instances": RECORDS}},
    "wrapped twice": {"body": {"payload": OF_TENSORFLOW}},
    "wrapped split": {"request": {"dataframe_split": SPLIT}},
    "columns": {"a": [1, 3], "b": [2, 4]},
    "records": RECORDS,
    "records as a text": json.dumps(RECORDS),
}

FORMS_WITHOUT_NAMES = {
    "TensorFlow": {"signature_name": "serving_default", "instances": [[1, 2], [3, 4]]},
    "KServe v1": {"instances": [[1, 2], [3, 4]]},
    "Vertex": {"instances": [[1, 2], [3, 4]], "parameters": {"k": 1}},
    "Vertex answer": {"predictions": [[1, 2], [3, 4]], "deployedModelId": "5", "modelVersionId": "1"},
    "MLflow tensor": {"inputs": [[1, 2], [3, 4]]},
    "Seldon": {"data": {"ndarray": [[1, 2], [3, 4]]}},
    "wrapped": {"payload": {"instances": [[1, 2], [3, 4]]}},
    "Azure ML": {"Inputs": {"input1": [[1, 2], [3, 4]]}, "GlobalParameters": {}},
    "features": {"instances": [{"features": [1, 2]}, {"features": [3, 4]}]},
}


def decode_request(payload, **options):
    text = json.dumps(payload)
    line = encode_line(captured(text, None, encoding="JSON"))
    reading = Reading(("endpointInput",), encoding="JSON", **options)
    return decode(line, reading)


@pytest.mark.parametrize("flatten_json", [False, True])
@pytest.mark.parametrize("form", FORMS_WITH_NAMES)
def test_named_columns_are_read(form, flatten_json):
    payload = FORMS_WITH_NAMES[form]
    record = decode_request(payload, flatten_json=flatten_json)
    cells = [list(row) for row in record.rows]

    assert record.reason is None
    assert cells == NAMED
    assert record.keys == ("a", "b")


@pytest.mark.parametrize("flatten_json", [False, True])
@pytest.mark.parametrize("form", FORMS_WITHOUT_NAMES)
def test_arrays_of_rows_are_columns(form, flatten_json):
    payload = FORMS_WITHOUT_NAMES[form]
    record = decode_request(payload, flatten_json=flatten_json)
    cells = [list(row) for row in record.rows]

    assert record.reason is None
    assert cells == NAMED


@pytest.mark.parametrize("data", [[1, 2], [[1, 2]]])
def test_a_single_row_of_spark_ml_may_stand_without_its_array(data):
    record = decode_request({"schema": SPARK_ML_SCHEMA, "data": data})

    assert (record.keys, record.rows) == (("a", "b"), (("1", "2"),))


def test_what_examples_have_in_common_is_in_each_row():
    payload = {"signature_name": "s"}
    payload["context"] = {"a": 1}
    payload["examples"] = [{"b": 2}, {"b": 4}]
    record = decode_request(payload)
    first_row, second_row = record.rows

    assert record.keys == ("a", "b")
    assert first_row == ("1", "2")
    assert second_row == ("1", "4")


def test_a_wide_tensor_has_a_column_for_each_position():
    tensor = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}
    record = decode_request({"inputs": [tensor, TENSOR_A]})

    assert record.keys == ("x.0", "x.1", "x.2", "a")
    assert [list(row) for row in record.rows] == [["1", "2", "3", "1"], ["4", "5", "6", "3"]]


def test_plain_nested_objects_need_no_flag():
    record = decode_request({"person": {"age": 41, "home": {"city": "Ulm"}}, "amount": 2.5})

    assert record.keys == ("person.age", "person.home.city", "amount")
    assert record.rows == (("41", "Ulm", "2.5"),)


def test_the_service_reads_flat_objects_alone():
    assert decode_request({"a": {"b": 1}}, exact_keys=True).reason is Refusal.NESTED_JSON
    assert decode_request({"dataframe_split": SPLIT}, exact_keys=True).reason is Refusal.NESTED_JSON


@pytest.mark.parametrize(
    ("opened", "keys", "cells"),
    [
        ({"x"}, ("id", "x.0", "x.1", "tags"), ("7", "1.5", None, '["u"]')),
        (set(), ("id", "x", "tags"), ("7", "[1.5,null]", '["u"]')),
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_arrays_within_a_row_are_columns_or_texts(opened, keys, cells, depth):
    array = [1.5, None]
    for _ in range(depth):
        array = [array]
    payload = {"id": 7, "x": array, "tags": ["u"]}
    keys = tuple(key.replace("x.", "x." + "0." * depth) for key in keys)
    brackets = "[" * depth
    cells = tuple(cell and cell.replace("[1.5,null]", f"{brackets}[1.5,null]" + "]" * depth) for cell in cells)
    paths = frozenset(path + ".0" * level for path in opened for level in range(depth + 1))
    record = decode_request(payload, flatten_json=True, layout=RowLayout(flattened_arrays=paths))

    assert decode_request(payload).reason is Refusal.NESTED_JSON
    assert record.keys == keys
    assert record.rows == (cells,)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"id": 7, "basket": [{"price": 1}, {"price": 2}]}, id="beside another member"),
        pytest.param({"order": {"basket": [{"price": 1}], "number": 3}, "x": 1}, id="within an object"),
        pytest.param([{"basket": [{"price": 1}], "x": 2}], id="in a row of several"),
    ],
)
def test_rows_within_a_row_are_not_sent_to_a_flag_that_does_not_open_them(payload):
    reason = decode_request(payload).reason
    flattened = decode_request(payload, flatten_json=True)

    assert reason is Refusal.ROWS_WITHIN_ROWS
    assert "flatten_json" not in REMEDIES[reason]
    assert flattened.reason is None


def shaped(*sizes):
    tensor = dict(TENSOR_A)
    tensor["shape"] = list(sizes)
    return tensor


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, id="more cells than names"),
        pytest.param({"dataframe_split": {"columns": [1, 2], "data": [[1, 2]]}}, id="names are numbers"),
        pytest.param({"inputs": [shaped(3)]}, id="another shape"),
        pytest.param({"inputs": [shaped(10**30, 10**30)]}, id="a huge shape"),
        pytest.param({"inputs": [shaped("two")]}, id="a shape of texts"),
        pytest.param({"inputs": [TENSOR_A, TENSOR_A]}, id="one name twice"),
        pytest.param({"inputs": [shaped(1, 2), TENSOR_B]}, id="different numbers of rows"),
        pytest.param({"examples": [1, 2], "context": {"a": 1}}, id="examples are numbers"),
        pytest.param({"inputs": {"a": [1, 2], "b": [3]}}, id="columns of different lengths"),
    ],
)
@pytest.mark.parametrize("flatten_json", [False, True])
def test_a_payload_that_contradicts_itself_is_refused(payload, flatten_json):
    assert decode_request(payload, flatten_json=flatten_json).reason is Refusal.PAYLOAD_NOT_JSON


@pytest.mark.parametrize(
    ("payload", "keys"),
    [
        ({"order": {"Inputs": 3}}, ("order.Inputs",)),
        ({"examples": "a text", "context": {"a": 1}}, ("examples", "context.a")),
        ({"Inputs": {"a": 1}, "GlobalParameters": {}}, ("Inputs.a",)),
        ({"inputs": "a text", "parameters": {"k": 1}}, ("inputs", "parameters.k")),
        ({"data": {"a": 1}, "id": 5}, ("data.a", "id")),
        ({"columns": 3, "data": 4}, ("columns", "data")),
        ({"model": "m", "metadata": {"a": 1}}, ("model", "metadata.a")),
    ],
)
def test_members_that_are_only_called_so_are_features(payload, keys):
    assert decode_request(payload).keys == keys


def test_values_behind_the_json_are_those_of_each_tensor_in_turn():
    texts = b"\x02\0\0\0ab\x01\0\0\0c"
    tensors = [
        {"datatype": "BYTES", "parameters": {"binary_data_size": 11}},
        {"datatype": "INT16", "parameters": {"binary_data_size": 4}},
        {"datatype": "FP32", "data": [5]},
    ]
    written = json.dumps({"inputs": tensors}).encode()

    payload = json.loads(read_binary_tensors(written + texts + b"\x01\0\xff\xff") or "")

    assert [tensor["data"] for tensor in payload["inputs"]] == [["ab", "c"], [1, -1], [5]]
    assert read_binary_tensors(written + texts) is None
    assert read_binary_tensors(b'{"inputs": []}') is None
