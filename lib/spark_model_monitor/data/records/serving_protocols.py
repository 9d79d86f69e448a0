"""Extracts the rows of a JSON payload whose model server's protocol defines where rows and, mostly, names are.

The known protocols are MLflow and Databricks (`dataframe_split`, `dataframe_records`), TensorFlow Serving, Vertex AI and
KServe v1 (`instances`, `predictions`, `examples`, next to settings of the request), KServe v2 and Triton (tensors with names
and shapes), Seldon (`ndarray` with names), Azure ML (`Inputs` and `Results`), SageMaker's algorithms and JumpStart, and tables
of pandas. Each of these payloads may be wrapped in objects of one member. Pure; runs on executors.

Sources: the documents of these servers' REST interfaces; the Open Inference Protocol, version 2.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence

import numpy as np

from spark_model_monitor.data.records.json_lines import JsonObject, JsonValue
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal

MEMBERS_OF_ROWS = ("instances", "predictions", "dataframe_records", "inputs", "outputs", "data", "examples", "jsonData")

SETTINGS = {
    "signature_name",
    "parameters",
    "params",
    "id",
    "model_name",
    "model_version",
    "model_version_id",
    "metadata",
    "meta",
    "modelName",
    "modelVersion",
    "deployedModelId",
    "model",
    "modelDisplayName",
    "modelVersionId",
    "GlobalParameters",
    "method",
    "client_request_id",
    "databricks_output",
    "explanations",
    "status",
}
"""Members next to the rows that concern the request or the model; they aren't features."""

# Members whose value may be a payload itself
NESTED_PAYLOADS = ("dataframe_split", "inputs", "input", "input_data", "data", "jsonData")

# If one of these members has the rows, all members without rows concern the request
MEMBERS_OF_ROWS_ALONE = {"instances", "dataframe_records", "dataframe_split"}

# Members of Seldon's payloads with bytes, and with a text
BYTES_MEMBER = "binData"
TEXT_MEMBER = "strData"

COLUMNS_BY_NAME = (
    "inputs",
    "outputs",
    "predictions",
    "data",
)  # members whose value may be an object with an array for each column

NAMES_BESIDE_ROWS = (
    ("ColumnNames", "Values"),
    ("columns", "data"),
    ("names", "ndarray"),
    ("fields", "values"),
    ("fields", "rows"),
    ("fields", "score"),
)
"""Pairs of members, with the names of columns and with the rows, in payloads of Azure ML, pandas, Seldon, watsonx and H2O."""

BESIDE_NAMES = {"index", "ColumnTypes"}  # members with arrays next to such a pair that aren't rows

MEMBERS_OF_RESULTS = ("result", "results")  # in answers of TensorFlow Serving's classify

WRAPPERS_OF_ROWS = ("Inputs", "Results")  # Azure ML: an object whose only member, of any name, is the array of rows

ONNX_TYPES = {1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 9: "BOOL", 10: "FP16"}

ONNX_TYPES |= {11: "FP64", 12: "UINT32", 13: "UINT64"}
"""The name of each type's number in ONNX's TensorProto."""

BINARY_TYPES = {
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "BOOL": "?",
}
"""numpy's types of the binary values after a payload's JSON. Source: Triton, "Binary Tensor Data Extension"."""

SIZE_OF_VALUES = "binary_data_size"  # the parameter with the number of a tensor's bytes
LENGTH_BYTES = 4  # bytes before each text that give its length


def extract_protocol_rows(payload: JsonObject) -> list[JsonValue] | None:
    """The rows, which are objects, arrays or values; None for a payload of no known protocol.

    Raises ValueError for a contradiction, such as names that don't fit the rows; RecordRefused if the JSON lacks the values.
    """
    # The members that aren't settings show the protocol
    members = dict(payload)
    names_of_rows = members.keys() - SETTINGS
    with_rows = {name for name in names_of_rows if _has_rows(members[name])}
    if len(with_rows) == 1 and with_rows <= MEMBERS_OF_ROWS_ALONE:
        names_of_rows = with_rows
    for names, rows in NAMES_BESIDE_ROWS:
        if {names, rows} == with_rows - BESIDE_NAMES and type(members[names]) is type(members[rows]) is list:
            return _name_cells(members[names], members[rows])
    if names_of_rows == {"type", "value"} and isinstance(members["value"], JsonObject):
        return extract_protocol_rows(members["value"])
    for name in names_of_rows & {"inputs", "outputs"}:
        if isinstance(members[name], JsonObject) and _are_onnx_tensors(members[name]):
            return _combine_columns({column: _read_onnx_tensor(dict(tensor)) for column, tensor in members[name]})
    if names_of_rows == {"scores", "classes"} and _are_names(members["classes"], members["scores"]):
        return [_name_scores("scores", members["classes"], members["scores"])]
    if names_of_rows == {"probabilities", "labels", "predicted_label"}:
        return _name_probabilities(members)
    if names_of_rows == {"features"} and isinstance(members["features"], JsonObject):
        values = dict(members["features"]).get("values")
        return [values] if type(values) is list else None
    if names_of_rows == {"examples", "context"} and type(members["examples"]) is list:
        return _add_context(members["examples"], members["context"])
    if names_of_rows == {"schema", "data"} and isinstance(members["schema"], JsonObject):
        return _name_cells(_read_schema(members["schema"]), _list_rows(members["data"]))
    if names_of_rows == {"ndarray"} and type(members["ndarray"]) is list:
        return _name_cells(None, members["ndarray"])
    if names_of_rows in ({"names", "tensor"}, {"tensor"}) and isinstance(members["tensor"], JsonObject):
        tensor = dict(members["tensor"])
        return _name_cells(members.get("names"), _reshape(tensor.get("values"), tensor.get("shape")))
    if names_of_rows in ({"names", "tftensor"}, {"tftensor"}) and isinstance(members["tftensor"], JsonObject):
        return _name_cells(members.get("names"), _read_tensorflow_tensor(dict(members["tftensor"])))
    if names_of_rows and all(_is_column_by_index(members[name]) for name in names_of_rows):
        return _combine_columns({name: [value for _, value in members[name]] for name in names_of_rows})
    if names_of_rows == {"inputs", "outputs"} and not _are_tensors(members["outputs"]):
        names_of_rows = {"inputs"}  # `outputs` only names the requested outputs
    if names_of_rows == {BYTES_MEMBER}:
        raise RecordRefused(Refusal.BYTES_OF_SELDON)
    # In most protocols one member has the rows
    if len(names_of_rows) != 1:
        return None
    [name] = names_of_rows
    value = members[name]
    if isinstance(value, JsonObject):
        return _extract_nested_rows(name, value)
    if name in MEMBERS_OF_RESULTS and type(value) is list and value and all(map(_are_label_scores, value)):
        return [JsonObject((label, score) for label, score in pairs) for pairs in value]
    if name not in MEMBERS_OF_ROWS or not isinstance(value, list):
        return None
    if _are_tensors(value):
        return _combine_tensors([dict(item) for item in value])
    return value


def _has_rows(value: JsonValue) -> bool:
    """Whether a member is an array, or an object that contains one."""
    inner_values = [value]
    if isinstance(value, JsonObject):
        inner_values = [inner for _, inner in value]
    return any(type(inner) is list for inner in inner_values)


def _read_schema(schema: JsonObject) -> JsonValue:
    """The names of the inputs in the schema of SageMaker's Spark ML container."""
    return [dict(column).get("name") for column in dict(schema).get("input", ())]


def _list_rows(rows: JsonValue) -> JsonValue:
    """The rows as arrays of cells; a single row may lack the outer array."""
    if type(rows) is list and rows and type(rows[0]) is not list:
        return [rows]
    return rows


def _read_tensorflow_tensor(tensor: dict[str, JsonValue]) -> list[JsonValue]:
    """The rows of a TensorProto in JSON. Raises RecordRefused if its values are bytes."""
    [values] = [value for name, value in tensor.items() if name.endswith("Val")] or [None]
    if values is None:
        raise RecordRefused(Refusal.BYTES_OF_SELDON)
    sizes = dict(tensor.get("tensorShape", JsonObject())).get("dim", ())
    return _reshape(values, [dict(size)["size"] for size in sizes])


def _are_onnx_tensors(tensors: JsonObject) -> bool:
    """Whether the members are named tensors in the form of the ONNX Runtime server."""
    values = [value for _, value in tensors]
    return bool(values) and all(
        isinstance(value, JsonObject) and {"dims", "dataType"} <= dict(value).keys() for value in values
    )


def _read_onnx_tensor(tensor: dict[str, JsonValue]) -> list[JsonValue]:
    """The rows of ONNX's TensorProto in JSON, whose values are an array or base64."""
    [values] = [value for name, value in tensor.items() if name.endswith("Data")]
    if isinstance(values, str):
        values = _read_binary_values(base64.b64decode(values), ONNX_TYPES[tensor["dataType"]])
    return _reshape(values, tensor["dims"])


def _extract_nested_rows(name: str, payload: JsonObject) -> list[JsonValue] | None:
    rows = extract_protocol_rows(payload)
    if name in NESTED_PAYLOADS and rows is not None:
        return rows
    if name == "jsonData":
        return [payload]
    if name in COLUMNS_BY_NAME:
        # TensorFlow Serving's column format has an array for each column
        columns = {column: value for column, value in payload if type(value) is list}
        if columns and len(columns) == len(payload):
            return _combine_columns(columns)
    if name in WRAPPERS_OF_ROWS and rows is None and len(payload) == 1:
        [(_, value)] = payload
        rows = value if type(value) is list else None
    # Under any other name, an array of values may be a feature, but an array of arrays holds rows
    has_columns = any(_is_column_by_index(value) for _, value in payload)
    if rows and (has_columns or all(isinstance(row, list) for row in rows)):
        return rows
    return None


def _are_label_scores(value: JsonValue) -> bool:
    """Whether a value is an array of pairs of a label and its score."""
    if type(value) is not list or not value:
        return False
    return all(type(pair) is list and len(pair) == 2 and isinstance(pair[0], str) for pair in value)


def _are_names(names: JsonValue, values: JsonValue) -> bool:
    """Whether the names are different texts, one for each value."""
    if type(names) is not list or type(values) is not list or len(names) != len(values):
        return False
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names) > 0


def _name_scores(outer: str, classes: JsonValue, scores: JsonValue) -> JsonObject:
    """One row of scores, named by class."""
    return JsonObject((f"{outer}.{name}", score) for name, score in zip(classes, scores, strict=True))


def _name_probabilities(members: dict[str, JsonValue]) -> list[JsonValue]:
    """The rows of a verbose answer of JumpStart: probabilities by label, and the label of each row."""
    rows = _list_rows(members["probabilities"])
    labels = members["predicted_label"]
    labels = labels if type(labels) is list else [labels]
    if type(rows) is not list or type(labels) is not list or len(rows) != len(labels):
        raise ValueError("probabilities and labels are of different numbers of rows")
    # Labels may be numbers
    names = [label if isinstance(label, str) else json.dumps(label) for label in members["labels"]]
    if not all(_are_names(names, row) for row in rows):
        raise ValueError("a row has another number of probabilities than there are labels")
    return [
        JsonObject([*_name_scores("probabilities", names, row), ("predicted_label", label)])
        for row, label in zip(rows, labels, strict=True)
    ]


def _is_column_by_index(value: JsonValue) -> bool:
    """Whether a value is a column as pandas writes it: an object of values by row number."""
    if not isinstance(value, JsonObject) or not value:
        return False
    return [name for name, _ in value] == [str(index) for index in range(len(value))]


def _add_context(examples: list[JsonValue], context: JsonValue) -> list[JsonValue]:
    """TensorFlow Serving's examples, each with the features of the common context."""
    if not all(isinstance(features, JsonObject) for features in (context, *examples)):
        raise ValueError("examples, or what they have in common, are no objects")
    return [JsonObject([*context, *example]) for example in examples]


def _name_cells(names: JsonValue, rows: JsonValue) -> list[JsonValue]:
    """Arrays as objects with these names; unchanged if there are no names."""
    if type(rows) is not list:
        raise ValueError("rows are no array")
    if names is None or names == []:
        return rows
    if type(names) is not list or not all(isinstance(name, str) for name in names):
        raise ValueError("names are no array of texts")
    rows = [row if type(row) is list else [row] for row in rows]
    if any(len(row) != len(names) for row in rows):
        raise ValueError("a row has another number of cells than there are names")
    return [JsonObject(zip(names, row, strict=True)) for row in rows]


def _are_tensors(values: JsonValue) -> bool:
    """Whether the values are named tensors of the Open Inference Protocol."""
    if type(values) is not list or not values:
        return False
    for value in values:
        if not isinstance(value, JsonObject):
            return False
        members = dict(value)
        if not isinstance(members.get("name"), str) or "shape" not in members:
            return False
        if "datatype" in members and _read_values(members) is None:
            raise RecordRefused(Refusal.TENSORS_WITHOUT_VALUES)
        if type(_read_values(members)) is not list:
            return False
    return True


def _read_values(tensor: dict[str, JsonValue]) -> JsonValue:
    """A tensor's values: `data`, or in the JSON of gRPC the only array of `contents`."""
    contents = tensor.get("contents")
    if isinstance(contents, JsonObject) and len(contents) == 1:
        [(_, values)] = contents
        return values
    return tensor.get("data")


def read_binary_tensors(content: bytes) -> str | None:
    """The JSON of a payload, completed with the tensors' values, which follow it as bytes; None for other content."""
    if not content.startswith(b"{") or SIZE_OF_VALUES.encode() not in content:
        return None
    # Decode as latin-1, where a character is one byte, so that the JSON's end is a byte position
    _, position = json.JSONDecoder().raw_decode(content.decode("latin-1"))
    payload = json.loads(content[:position])
    for tensor in payload.get("inputs") or payload.get("outputs") or ():
        size = tensor.get("parameters", {}).get(SIZE_OF_VALUES)
        if size is not None:
            tensor["data"] = _read_binary_values(content[position : position + size], tensor["datatype"])
            position += size
    if position != len(content):
        return None
    return json.dumps(payload)


def _read_binary_values(content: bytes, datatype: str) -> list[JsonValue]:
    if datatype != "BYTES":
        values: list[JsonValue] = np.frombuffer(content, BINARY_TYPES[datatype]).tolist()
        return values
    texts = []
    position = 0
    while position < len(content):
        start = position + LENGTH_BYTES
        position = start + int.from_bytes(content[position:start], "little")
        texts.append(content[start:position].decode())
    return texts


def _combine_tensors(tensors: Sequence[dict[str, JsonValue]]) -> list[JsonValue]:
    columns = {tensor["name"]: _reshape(_read_values(tensor), tensor["shape"]) for tensor in tensors}
    if len(columns) < len(tensors):
        raise ValueError("two tensors have one name")
    return _combine_columns(columns)


def _reshape(data: JsonValue, shape: JsonValue) -> list[JsonValue]:
    """The rows of a tensor's flat or nested values along its first dimension; each row is a value or an array of values."""
    if type(data) is not list or type(shape) is not list or not shape:
        raise ValueError("a tensor has no values, or no shape")
    # In the JSON of gRPC, sizes are texts
    sizes = [int(size) if isinstance(size, str) else size for size in shape]
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("a shape has other values than sizes")
    values = _flatten(data)
    width = math.prod(sizes[1:])
    if len(values) != sizes[0] * width:
        raise ValueError("a tensor has another number of values than its shape says")
    if width == 1:
        return values
    if width:
        return [values[start : start + width] for start in range(0, len(values), width)]
    return []


def _flatten(values: list[JsonValue]) -> list[JsonValue]:
    if not any(type(value) is list for value in values):
        return values
    inner_values = (_flatten(value) if type(value) is list else [value] for value in values)
    return [value for inner in inner_values for value in inner]


def _combine_columns(columns: dict[str, list[JsonValue]]) -> list[JsonValue]:
    """The rows of named columns. A column `x` of arrays becomes one column for each position, `x.0`, `x.1`, …."""
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError("columns have different numbers of rows")
    rows: list[JsonValue] = [JsonObject() for _ in next(iter(columns.values()))]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            if type(value) is list and len(value) == 1:
                row.append((name, value[0]))
            elif type(value) is list:
                row.extend((f"{name}.{position}", inner) for position, inner in enumerate(value))
            else:
                row.append((name, value))
    return rows
