"""JSON Lines as typed columns.

The schema is Spark's inference over all lines, one pass of its own: a key that only occurs in the last record is a feature,
too. Then every line has to be one object and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import types as T

from model_monitor.errors import BadInput
from model_monitor.reading.places import FILE, LINE
from model_monitor.reading.refusals import REASON, Refusal
from model_monitor.reading.text_lines import is_utf_8, without_globs

CORRUPT = "__corrupt"
OBJECT_AND_NULL = 2
"""Elements of the array that a good line becomes."""

OPTIONS = {"allowSingleQuotes": "false", "columnNameOfCorruptRecord": CORRUPT, "mode": "PERMISSIVE"}


def inferred_schema(spark: SparkSession, places: Sequence[str], *, lines: bool) -> T.StructType:
    """The features that occur anywhere at or below the places, in the order of their names. One Spark job.

    Raises BadInput if nothing there is a JSON object.
    """
    reader = (
        spark.read.options(**OPTIONS).option("recursiveFileLookup", "true").option("multiLine", str(not lines).lower())
    )
    schema = reader.json([without_globs(place) for place in places]).schema
    features = T.StructType([field for field in schema.fields if field.name != CORRUPT])
    if not features:
        raise BadInput(
            f"{places[0]}: no JSON object was found; --dataset-format jsonl wants one object a line, "
            'like {"age": 31, "plan": "basic"}, and json one object or array a file'
        )
    return features


def parsed_json(lines: DataFrame, schema: T.StructType) -> DataFrame:
    """`lines` with the schema's columns renamed c0, c1, … in front and the reason for refusing the line."""
    # In brackets and with a null behind it, because Spark parses the first value of a text and forgets what comes after it.
    array = F.from_json(F.concat(F.lit("["), F.col(LINE), F.lit(",null]")), T.ArrayType(schema), OPTIONS)
    barrier = F.inline(F.array(F.struct(array.alias("__objects"))))
    parsed = lines.select("*", barrier)
    objects = F.col("__objects")
    features = [objects[0].getField(field.name).alias(f"c{position}") for position, field in enumerate(schema.fields)]
    return parsed.select(*features, _reason(objects).alias(REASON), *lines.columns)


def _reason(objects: Column) -> Column:
    return (
        F.when(~is_utf_8(F.col(LINE)), Refusal.NOT_UTF_8)
        .when(F.size(objects) > OBJECT_AND_NULL, Refusal.SEVERAL_JSON_OBJECTS)
        .when((F.size(objects) != OBJECT_AND_NULL) | objects[0].isNull(), Refusal.NOT_A_JSON_OBJECT)
        .otherwise(0)
    )


def read_documents(spark: SparkSession, places: Sequence[str]) -> DataFrame:
    """The objects of whole-file JSON documents (an object or an array of objects each), one row each.

    Raises BadInput if a file is not JSON: a whole file's fault is not a row's.
    """
    schema = inferred_schema(spark, places, lines=False)
    reader = spark.read.options(**OPTIONS).option("recursiveFileLookup", "true").option("multiLine", "true")
    with_corrupt = T.StructType([*schema.fields, T.StructField(CORRUPT, T.StringType())])
    frame = reader.schema(with_corrupt).json([without_globs(place) for place in places])
    # all columns, because Spark refuses to parse for the corrupt record alone
    broken = (
        frame.where(F.col(CORRUPT).isNotNull()).select("*", F.col("_metadata.file_path").alias(FILE)).limit(1).collect()
    )
    if broken:
        raise BadInput(
            f"{broken[0][FILE]}: is not one JSON document (an object or an array of objects); is it JSON Lines?"
        )
    return frame.drop(CORRUPT)


def flattened(
    frame: DataFrame, names: tuple[str, ...], *, allow: bool, where: str
) -> tuple[DataFrame, tuple[str, ...]]:
    """`frame` with the members of nested objects as columns of their own, called `outer.inner`, if that is allowed.

    The frame's first columns are the features in order of `names`; others stay.
    Raises BadInput for a nested object if it isn't (contract.md section 11, row 18).
    """
    features: list[Column] = []
    flat_names: list[str] = []
    for name, field in zip(names, frame.schema.fields, strict=False):
        for column, path in _leaves(F.col(f"`{field.name}`"), field.dataType, name):
            features.append(column.alias(f"c{len(features)}"))
            flat_names.append(path)
    if len(features) == len(names) and tuple(flat_names) == names:
        return frame, names
    if not allow:
        nested = next(
            name
            for name, field in zip(names, frame.schema.fields, strict=False)
            if isinstance(field.dataType, T.StructType)
        )
        raise BadInput(
            f"{where}: feature {nested!r} is a nested object; write --flatten-json to make a feature of each of its "
            f"members ({nested}.…), or use a preprocessor script"
        )
    rest = [F.col(f"`{name}`") for name in frame.columns[len(names) :]]
    return frame.select(*features, *rest), tuple(flat_names)


def _leaves(value: Column, data_type: T.DataType, name: str) -> Iterator[tuple[Column, str]]:
    if isinstance(data_type, T.StructType):
        for field in data_type.fields:
            yield from _leaves(value.getField(field.name), field.dataType, f"{name}.{field.name}")
    else:
        yield value, name
