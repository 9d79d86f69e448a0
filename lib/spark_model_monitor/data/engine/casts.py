"""Casts Arrow cells in the same way as Spark casts its own: types, texts and numbers."""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.documents.json_text import PLAIN_LIMIT, PLAIN_MINIMUM, format_scientific
from spark_model_monitor.errors import BadInput, NeedsSpark
from spark_model_monitor.statistics import Doubles

TRAILING_ZEROS = r"\.?0+$"  # the zeros at the end of a time's text

SPARK_TYPES = {
    *("bool", "int8", "int16", "int32", "int64", "float", "double", "string", "binary"),
    *("date32[day]", "timestamp[us]"),
}
"""Types that Spark has, by name, except decimals and nested types."""

WIDER_TYPES = {
    "halffloat": pa.float32(),
    "uint8": pa.int16(),
    "uint16": pa.int32(),
    "uint32": pa.int64(),
    "uint64": pa.decimal128(20, 0),
    "date64[ms]": pa.date32(),
}
"""For types that Spark lacks: wider types that can hold their values."""

# For types that Spark lacks: the type in which their values are read
CAST_TYPES = {
    **WIDER_TYPES,
    "null": pa.int32(),  # a column in a Parquet file that has only nulls
    **dict.fromkeys(("string_view", "large_string"), pa.string()),
    **dict.fromkeys(("binary_view", "large_binary"), pa.binary()),
}

UNREADABLE = {
    "time32": "its text, or a number of seconds",
    "time64": "its text, or a number of seconds",
    "month_day_nano_interval": "a number",
    "decimal256": "a decimal of at most 38 digits, or a double",
    "dense_union": "a struct",
    "sparse_union": "a struct",
    "run_end_encoded": "its plain values",
}
"""By the beginning of a type's name: what to write instead of types that neither engine reads."""

MAX_DECIMAL_DIGITS = 38
INTEGERS_AS_DECIMAL = pa.decimal128(19, 0)  # the decimal type that holds all 64-bit integers


def is_number(data_type: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type))


def format_texts(cells: pa.Array) -> pa.StringArray:
    """Cells as texts: times in UTC, doubles as Java writes them, decimals with all digits of their type."""
    types = pa.types
    if types.is_floating(cells.type):
        # Each distinct double is formatted once
        encoded = cells.dictionary_encode()
        texts = pa.array(map(_format_float, np.asarray(encoded.dictionary)), pa.string())
        return texts.take(encoded.indices)
    if types.is_timestamp(cells.type):
        # Spark writes times with microseconds, without zeros at the end
        texts = pc.cast(pc.cast(cells, pa.timestamp("us")), pa.string())
        return _add_sign(pc.replace_substring_regex(texts, TRAILING_ZEROS, ""))
    if types.is_date(cells.type):
        return _add_sign(pc.cast(cells, pa.string()))
    if is_number(cells.type) or types.is_string(cells.type) or types.is_boolean(cells.type):
        return pc.cast(cells, pa.string())
    raise NeedsSpark(f"a column of {cells.type}, whose texts are wanted,")


def convert_decimals(cells: pa.Array) -> pa.Array:
    """Decimals as doubles, correctly rounded as in Java; other numbers unchanged."""
    if pa.types.is_decimal(cells.type):
        return pc.cast(pc.cast(cells, pa.string()), pa.float64())
    return cells


def convert_to_doubles(cells: pa.Array) -> Doubles:
    """Numbers as doubles; a missing number is NaN. Integers above 2^53 are rounded to the nearest double."""
    doubles = cells.cast(pa.float64(), safe=False)
    return np.asarray(doubles.fill_null(np.nan) if doubles.null_count else doubles)


def parse_doubles(cells: pa.Array) -> pa.Array:
    """Cells as doubles; a text that isn't a number becomes null."""
    if not pa.types.is_string(cells.type):
        return pc.cast(convert_decimals(cells), pa.float64())
    encoded = cells.dictionary_encode()
    return pa.array(map(_parse_double, encoded.dictionary.to_pylist()), pa.float64()).take(encoded.indices)


def _parse_double(text: str) -> float | None:
    """The double in a text, parsed as in Java; None if the text isn't a number."""
    # Java strips control characters and blanks, and accepts suffixes such as `d` and `f`
    stripped = text.strip("".join(map(chr, range(33))))
    if stripped[-1:] in tuple("dDfF") and stripped[-2:-1] in tuple("0123456789."):
        stripped = stripped[:-1]
    try:
        # Python also accepts `1_000` and digits of other scripts, but Java doesn't
        if "_" in stripped or not stripped.isascii():
            return None
        return float(stripped)
    except ValueError:
        return None


def replace_nan(cells: pa.Array) -> pa.Array:
    """Numbers with NaN replaced by null."""
    if pa.types.is_floating(cells.type):
        return pc.if_else(pc.is_nan(cells), None, cells)
    return cells


def _add_sign(texts: pa.StringArray) -> pa.StringArray:
    """Texts of times with a plus sign before years of five digits, as in Spark."""
    return pc.replace_substring_regex(texts, r"^(\d{5,})", r"+\1")


def _format_float(value: np.floating) -> str:
    """The text of a float. value: has 32 or 64 bits, which give different digits."""
    if not np.isfinite(value):
        if np.isnan(value):
            return "NaN"
        if value > 0:
            return "Infinity"
        return "-Infinity"
    # Java writes all other numbers with an exponent
    is_plain = value == 0 or PLAIN_MINIMUM <= abs(float(value)) < PLAIN_LIMIT
    if is_plain:
        return str(value)
    return format_scientific(str(value))


def map_to_spark_type(data_type: pa.DataType, where: str) -> pa.DataType:
    """The Spark type for values of this Arrow type. Raises BadInput if there is none."""
    types = pa.types
    if types.is_dictionary(data_type):
        return map_to_spark_type(data_type.value_type, where)
    if is_uuid(data_type):
        return pa.string()
    # Spark reads the stored value of an extension type, such as the months of a period
    if isinstance(data_type, pa.BaseExtensionType):
        return map_to_spark_type(data_type.storage_type, where)
    if types.is_fixed_size_binary(data_type):
        return pa.binary()
    if types.is_duration(data_type):
        return pa.int64()
    if (
        str(data_type) in SPARK_TYPES
        or types.is_decimal128(data_type)
        or types.is_map(data_type)
        or types.is_struct(data_type)
    ):
        return data_type
    if str(data_type) in CAST_TYPES:
        return CAST_TYPES[str(data_type)]
    if types.is_timestamp(data_type):
        return pa.timestamp("us", data_type.tz)
    if types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type):
        values = data_type.value_type
        if is_uuid(values):
            values = values.storage_type
        return pa.list_(map_to_spark_type(values, where))
    for type_prefix, remedy in UNREADABLE.items():
        if str(data_type).startswith(type_prefix):
            remedy += ", or leave it out by --exclude-features-attribute"
            raise BadInput(f"{where} holds {data_type}, which neither engine reads; write {remedy}")
    raise NeedsSpark(f"{where}: a column of {data_type}")


def is_uuid(data_type: pa.DataType) -> bool:
    """Whether values of this Arrow type are UUIDs."""
    return str(data_type) == "extension<arrow.uuid>"


def format_uuids(cells: pa.Array) -> pa.StringArray:
    """UUIDs as texts with hyphens, as CSV and databases write them."""
    return pa.array((value and str(value) for value in cells.to_pylist()), pa.string())


def find_common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both Spark types; None if there is none. If one type has fractions, values are rounded to
    doubles.
    """
    types = pa.types
    if first == second or types.is_null(second):
        return first
    if types.is_null(first):
        return second
    if types.is_list(first) and types.is_list(second):
        values = find_common_type(first.value_type, second.value_type)
        if values is None:
            return None
        return pa.list_(values)
    if not is_number(first) or not is_number(second):
        return None
    # Integers above 2**53 are rounded, as in Spark
    if types.is_floating(first) or types.is_floating(second):
        return pa.float64()
    if types.is_integer(first) and types.is_integer(second):
        return max(first, second, key=attrgetter("bit_width"))
    return _find_common_decimal(first, second)


def _find_common_decimal(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    # An integer type counts as a decimal type without a fraction
    decimals = [data_type if pa.types.is_decimal(data_type) else INTEGERS_AS_DECIMAL for data_type in (first, second)]
    scale = max(decimal.scale for decimal in decimals)
    digits = scale + max(decimal.precision - decimal.scale for decimal in decimals)
    if digits <= MAX_DECIMAL_DIGITS:
        return pa.decimal128(digits, scale)
    return None


def cast_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch, cast to a schema's types by position. Truncates times to microseconds; type null empties a column."""
    columns = [_cast_column(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast_column(column: pa.Array, data_type: pa.DataType) -> pa.Array:
    if pa.types.is_null(data_type):
        return pa.nulls(len(column))
    if column.type == data_type:
        return column
    if is_uuid(column.type):
        return format_uuids(column)
    return pc.cast(column, data_type, safe=False)
