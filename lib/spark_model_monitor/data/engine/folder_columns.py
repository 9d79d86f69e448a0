"""Columns that folders such as `day=2026-01-01` give to the files below them, with the types that Spark infers.

Source: PartitioningUtils of Spark 3.5. Used by: the local engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from typing import TypeAlias
from urllib.parse import unquote

import pyarrow as pa

from spark_model_monitor.errors import NeedsSpark

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
Value: TypeAlias = int | float | str | date | None

WHOLE_NUMBER = re.compile(r"[-+]?\d{1,18}", re.ASCII)
FRACTION = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SPARK_ONLY_VALUE = re.compile(r"[-+]?\d{19,}|[-+]?\d+[eE][-+]?\d+|NaN|[-+]?Infinity|\d{4}-\d{2}-\d{2}[ T].*", re.ASCII)
"""Decimals, numbers that aren't finite, and times. Only Spark reads these from names of folders."""


def parse_folder_values(path: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the values that folders such as `day=2026-01-01` give to the rows below them."""
    for folder in path.split("/")[:-1]:
        name, equals, text = folder.lstrip("=").partition("=")
        if name and equals:
            yield name, text


def read_folder_columns(
    paths: Sequence[str], base_paths: Sequence[str]
) -> tuple[list[pa.Field], dict[str, dict[str, Value]]]:
    """The columns that folders give to files, and by path each file's values. base_paths: the paths that the user named; only
    folders below them count.

    Raises NeedsSpark if files are below folders with different columns, or if only Spark infers a value's type.
    """
    # The values of the folders below the named paths
    texts_by_path = {}
    for path in paths:
        base_path = max((base_path for base_path in base_paths if path.startswith(base_path)), key=len, default="")
        texts_by_path[path] = dict(parse_folder_values(path.removeprefix(base_path)))
    names = [*next(iter(texts_by_path.values()))]
    for path, texts in texts_by_path.items():
        if [*texts] != names:
            raise NeedsSpark(f"{path}: a file below other folders than {paths[0]}")
    # A column's type holds all its values
    fields = []
    values_by_path: dict[str, dict[str, Value]] = {path: {} for path in paths}
    for name in names:
        column = [_unquote_value(texts[name]) for texts in texts_by_path.values()]
        values, data_type = _infer_values(column, f"{base_paths[0]}: the column {name!r} of folders")
        fields.append(pa.field(unquote(name), data_type))
        for path, value in zip(paths, values, strict=True):
            values_by_path[path][unquote(name)] = value
    return fields, values_by_path


def has_spark_only_values(paths: Sequence[str]) -> bool:
    """Whether the name of a folder has a value whose type only Spark infers."""
    folders = chain.from_iterable(map(parse_folder_values, paths))
    return any(SPARK_ONLY_VALUE.fullmatch(unquote(text)) for _, text in folders)


def _unquote_value(text: str) -> str | None:
    if text == NO_VALUE:
        return None
    return unquote(text)


def _infer_values(texts: Sequence[str | None], where: str) -> tuple[list[Value], pa.DataType]:
    """The values of a column, and the type that holds all of them."""
    present_texts = [text for text in texts if text is not None]
    if any(SPARK_ONLY_VALUE.fullmatch(text) for text in present_texts):
        raise NeedsSpark(f"{where}, with a decimal, a time, or a number that isn't finite,")
    data_type = _infer_type(present_texts)
    # Convert each text to a value of the type
    values: list[Value] = []
    for text in texts:
        if text is None or data_type == pa.string():
            values.append(text)
        elif data_type == pa.date32():
            values.append(date.fromisoformat(text))
        elif data_type == pa.float64():
            values.append(float(text))
        else:
            values.append(int(text))
    return values, data_type


def _infer_type(texts: Sequence[str]) -> pa.DataType:
    """The type of a column's texts: a type of numbers or days if all texts are such, otherwise text. texts: none is missing."""
    if not texts:
        return pa.string()
    # The narrowest type, as in Spark
    if all(WHOLE_NUMBER.fullmatch(text) for text in texts):
        largest = max(abs(int(text)) for text in texts)
        if largest < 2**31:
            return pa.int32()
        return pa.int64()
    if all(WHOLE_NUMBER.fullmatch(text) or FRACTION.fullmatch(text) for text in texts):
        return pa.float64()
    if all(map(_is_day, texts)):
        return pa.date32()
    return pa.string()


def _is_day(text: str) -> bool:
    if not DAY.fullmatch(text):
        return False
    # The pattern also matches days that don't exist, such as the 30th of February, which are texts
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
