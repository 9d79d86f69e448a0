"""The rows of a JSON payload of a model server whose protocol says where they are, and mostly how columns are called.

Known are MLflow (`dataframe_split`, `dataframe_records`), TensorFlow Serving, Vertex AI and KServe v1 (`instances`,
`predictions`, `examples`, beside settings of the request), KServe v2 and Triton (tensors with names and shapes), Seldon
(`ndarray` with names) and Azure ML (`Inputs` and `Results`). Any of them may be wrapped in objects of one member. Pure; runs on
executors.

Sources: the documents of these servers' REST interfaces; the Open Inference Protocol, version 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from spark_model_monitor.data.records.json_lines import JsonObject, JsonValue

MEMBERS_OF_ROWS = ("instances", "predictions", "dataframe_records", "inputs", "outputs", "data", "examples")

SETTINGS = frozenset(
    {"signature_name", "parameters", "params", "id", "model_name", "model_version", "metadata", "meta"}
    | {"deployedModelId", "model", "modelDisplayName", "modelVersionId", "model_version_id"}
    | {"GlobalParameters", "method", "client_request_id", "databricks_output"}
)
"""Members beside the rows, about the request or the model: they are no features."""

NESTED_PAYLOADS = (
    "dataframe_split",
    "inputs",
    "input",
    "input_data",
    "data",
)  # members that may be a payload themselves

WRAPPERS_OF_ROWS = ("Inputs", "Results")  # of Azure ML: an object with an array of rows, by whatever name


def extract_protocol_rows(payload: JsonObject) -> list[JsonValue] | None:
    """The rows, which are objects, arrays or values; None for a payload of no known protocol.

    Raises ValueError if it contradicts itself, such as names beside rows of another length.
    """
    # What is beside settings says which protocol it is
    members = dict(payload)
    names_of_rows = members.keys() - SETTINGS
    if names_of_rows == {"ColumnNames", "Values"}:
        return _name_cells(members["ColumnNames"], members["Values"])
    if names_of_rows == {"examples", "context"} and type(members["examples"]) is list:
        return _add_context(members["examples"], members["context"])
    # pandas' split: names and rows side by side
    if names_of_rows - {"index"} == {"columns", "data"} and type(members["columns"]) is type(members["data"]) is list:
        return _name_cells(members["columns"], members["data"])
    if names_of_rows in ({"names", "ndarray"}, {"ndarray"}) and type(members["ndarray"]) is list:
        return _name_cells(members.get("names"), members["ndarray"])
    if names_of_rows in ({"names", "tensor"}, {"tensor"}) and isinstance(members["tensor"], JsonObject):
        tensor = dict(members["tensor"])
        return _name_cells(members.get("names"), _reshape(tensor.get("values"), tensor.get("shape")))
    if names_of_rows == {"inputs", "outputs"} and not _are_tensors(members["outputs"]):
        names_of_rows = {"inputs"}  # the other one names what is asked for
    # One member with rows, as most protocols have it
    if len(names_of_rows) != 1:
        return None
    [name] = names_of_rows
    value = members[name]
    if isinstance(value, JsonObject):
        return _extract_nested_rows(name, value)
    if name not in MEMBERS_OF_ROWS or not isinstance(value, list):
        return None
    if _are_tensors(value):
        return _combine_tensors([dict(item) for item in value])
    return value


def _extract_nested_rows(name: str, payload: JsonObject) -> list[JsonValue] | None:
    rows = extract_protocol_rows(payload)
    if name in NESTED_PAYLOADS and rows is not None:
        return rows
    if name == "inputs":
        # Columns by name, as TensorFlow Serving takes them
        columns = {column: value for column, value in payload if type(value) is list}
        if columns and len(columns) == len(payload):
            return _combine_columns(columns)
    if name in WRAPPERS_OF_ROWS and rows is None and len(payload) == 1:
        [(_, value)] = payload
        rows = value if type(value) is list else None
    # Within a member of any other name, an array of values may be a feature; one of rows is none
    if not rows or not all(isinstance(row, list) for row in rows):
        return None
    return rows


def _add_context(examples: list[JsonValue], context: JsonValue) -> list[JsonValue]:
    """TensorFlow Serving's examples, each with the features that all have in common."""
    if not all(isinstance(features, JsonObject) for features in (context, *examples)):
        raise ValueError("examples, or what they have in common, are no objects")
    return [JsonObject([*context, *example]) for example in examples]


def _name_cells(names: JsonValue, rows: JsonValue) -> list[JsonValue]:
    """Arrays as objects with these names; as they are without names."""
    if type(rows) is not list:
        raise ValueError("rows are no array")
    if names is None:
        return rows
    if type(names) is not list or not all(isinstance(name, str) for name in names):
        raise ValueError("names are no array of texts")
    if not all(type(row) is list and len(row) == len(names) for row in rows):
        raise ValueError("a row has another number of cells than there are names")
    return [JsonObject(zip(names, row, strict=True)) for row in rows]


def _are_tensors(values: JsonValue) -> bool:
    """Whether these are named tensors of the Open Inference Protocol."""
    if type(values) is not list or not values:
        return False
    for value in values:
        if isinstance(value, JsonObject):
            members = dict(value)
        else:
            members = {}
        if not isinstance(members.get("name"), str) or type(members.get("data")) is not list or "shape" not in members:
            return False
    return True


def _combine_tensors(tensors: Sequence[dict[str, JsonValue]]) -> list[JsonValue]:
    columns = {tensor["name"]: _reshape(tensor["data"], tensor["shape"]) for tensor in tensors}
    if len(columns) < len(tensors):
        raise ValueError("two tensors have one name")
    return _combine_columns(columns)


def _reshape(data: JsonValue, shape: JsonValue) -> list[JsonValue]:
    """Values of a tensor, flat or nested, by its first dimension: one value each, or an array of them."""
    if type(data) is not list or type(shape) is not list or not shape:
        raise ValueError("a tensor has no values, or no shape")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("a shape has other values than sizes")
    values = _flatten(data)
    width = math.prod(shape[1:])
    if len(values) != shape[0] * width:
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
    """Rows of columns by name: a column of arrays has a name for each position, `x.0`, `x.1`, …."""
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
