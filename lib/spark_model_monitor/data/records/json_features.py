"""Decodes JSON objects into typed columns, with the reason for refusing a record. Pure; runs on executors.

Two passes: the first infers the features, with Spark's types; the second decodes the records. A record with a member of
another shape than in most records (an object instead of a number) is refused, and does not affect the features.
Source: JsonInferSchema and JacksonParser of Spark 3.5.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records.decoded_rows import MAX_COLUMNS
from spark_model_monitor.data.records.json_lines import JsonMembers, JsonValue, parse_flat_objects, read_records
from spark_model_monitor.data.records.locations import FILE_KEY
from spark_model_monitor.data.records.missing_values import replace_missing_values
from spark_model_monitor.data.records.record_faults import describe_fault
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.json_text import format_java_double
from spark_model_monitor.errors import BadInput
from spark_model_monitor.value_class import value_class

LONG = "long"
DIGITS = "digits"
DOUBLE = "double"
TEXT = "text"
BOOLEAN = "boolean"
NOTHING = None
"""Kinds of values; null has none. An array's kind is a tuple of its elements' kind, an object's kind a dict by name."""

Kind: TypeAlias = Any
Path: TypeAlias = tuple[str, ...]

DIGITS_TYPE = pa.decimal128(38, 0)  # integers of more than 64 bits
ARROW = {LONG: pa.int64(), DIGITS: DIGITS_TYPE, DOUBLE: pa.float64(), TEXT: pa.string(), BOOLEAN: pa.bool_()}
NUMBERS = (LONG, DIGITS, DOUBLE)  # from narrow to wide

NAMES_AS_VALUES = (
    'if these are called by values, such as ids, write them as values, {"id": …, "value": …}, '
    "or use a preprocessor script"
)

MAX_RARE_RECORDS = 3
MAX_RARE_SHARE = 0.01
MAX_RARE_MEMBERS = 100
"""A member is rare if at most MAX_RARE_RECORDS records, and at most MAX_RARE_SHARE of all, have it. Rare members are
features, unless there are more than MAX_RARE_MEMBERS of them: then the records that have them are refused."""

MAX_LAYOUTS = 1_000  # layouts that are distinguished; records of further layouts are counted together

# What a partition infers: pickled layouts, the error of a file, and the fault of the first line if no line is an object
INFERRED = pa.schema([("layouts", pa.binary()), ("fault", pa.string()), ("without_objects", pa.string())])

Layout: TypeAlias = tuple[tuple[str, bool], ...]  # the members that are objects or arrays; True for objects
NESTED = (dict, list)  # types of values that contain values
NESTED_KINDS = (tuple, dict)  # types of the kinds of such values

TIMES = (pa.timestamp("s"), pa.timestamp("ns"))  # types that Arrow infers for some texts; they are read as texts
KINDS = {pa.int64(): LONG, pa.float64(): DOUBLE, pa.bool_(): BOOLEAN, pa.null(): NOTHING}
KINDS |= dict.fromkeys((pa.string(), *TIMES), TEXT)
LONG_LIMIT = 2.0**63  # the first number that doesn't fit into a 64-bit integer


@dataclass(slots=True)
class MemberValues:
    """The values of one member.

    plain, arrays, objects: the number of values of each shape.
    kind: the kind of the plain values.
    inner: the elements of the arrays.
    members: the members of the objects, by name.
    """

    plain: int = 0
    arrays: int = 0
    objects: int = 0
    kind: Kind = NOTHING
    inner: MemberValues | None = None
    members: dict[str, MemberValues] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of records that have the member."""
        return self.plain + self.arrays + self.objects

    def add_value(self, value: JsonValue) -> None:
        """Count a value, and what it contains."""
        if isinstance(value, dict):
            self.objects += 1
            for name, member in value.items():
                if name not in self.members:
                    self.members[name] = MemberValues()
                self.members[name].add_value(member)
        elif isinstance(value, list):
            self.arrays += 1
            self.inner = self.inner or MemberValues()
            for inner in value:
                self.inner.add_value(inner)
        elif (kind := _find_kind(value)) is not NOTHING:
            self.plain += 1
            self.kind = _merge_kinds(self.kind, kind)

    def __add__(self, further_values: MemberValues) -> MemberValues:
        """The values of both operands. The sum over partitions doesn't depend on their order."""
        members = dict(self.members)
        for name, member in further_values.members.items():
            members[name] = members.get(name, MemberValues()) + member
        inner = self.inner or further_values.inner
        if self.inner and further_values.inner:
            inner = self.inner + further_values.inner
        return MemberValues(
            self.plain + further_values.plain,
            self.arrays + further_values.arrays,
            self.objects + further_values.objects,
            _merge_kinds(self.kind, further_values.kind),
            inner,
            members,
        )

    def choose_kind(self, *, may_be_object: bool = True, flatten: bool = True) -> Kind:
        """The kind of most values; for ties, the plain values' kind. Members that are objects without members are left out.

        flatten: whether objects may contain objects.
        """
        # The most frequent shape decides; records with another shape are refused later
        objects = self.objects if may_be_object else 0
        if self.plain >= max(self.arrays, objects):
            return self.kind
        if self.arrays >= objects:
            return (self.inner.choose_kind() if self.inner else NOTHING,)
        members = {name: member.choose_kind(may_be_object=flatten) for name, member in self.members.items()}
        return {name: kind for name, kind in members.items() if kind not in ({}, ({},))}


def infer_members(whole_files: bool, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The members of a partition's records by layout, or the error of a whole file.

    batches: lines, or files with their locations.
    """
    layouts: dict[Layout, MemberValues] = {}
    fault = None
    without_objects = None
    try:
        for batch in batches:
            # Flat records are parsed to columns in one call of Arrow
            flat_members = None
            if not whole_files:
                flat_members = _count_flat_members(parse_flat_objects(batch.column(0)))
            if flat_members is not None:
                layouts[()] = layouts.get((), MemberValues()) + flat_members
                continue
            # Nested records are parsed one by one; beyond MAX_LAYOUTS, new layouts are counted together
            for value, reason in read_records(batch, whole_files):
                if reason:
                    continue
                layout = _find_layout(value)
                if layout not in layouts and len(layouts) >= MAX_LAYOUTS:
                    layout = ()
                layouts.setdefault(layout, MemberValues()).add_value(value)
            layouts = _limit_layouts(layouts)
            # Remember what is wrong with the first line, in case no line is an object
            if not layouts and not whole_files and without_objects is None and batch.num_rows:
                without_objects = describe_fault(bytes(batch.column(0)[0].as_buffer()).decode(errors="replace"))
    except BadInput as error:  # Spark would wrap the exception
        layouts = {}
        fault = str(error)
    inferred = {"layouts": pickle.dumps(layouts), "fault": fault, "without_objects": without_objects}
    yield pa.RecordBatch.from_pylist([inferred], INFERRED)


def _find_layout(record: JsonMembers) -> Layout:
    return tuple((name, type(member) is dict) for name, member in record.items() if type(member) in NESTED)


def _count_flat_members(records: pa.Table | None) -> MemberValues | None:
    """The members of flat records; None if records are nested, or a number may be an integer of more than 64 bits."""
    members: dict[str, MemberValues] = {}
    if records is None or len(records.column_names) > MAX_COLUMNS:
        return None
    for name, cells in zip(records.column_names, records.columns, strict=True):
        if cells.type not in KINDS:
            return None
        num_present = len(cells) - cells.null_count
        kind = KINDS[cells.type]
        # An empty text is missing, as in Spark
        if cells.type == pa.string():
            num_present -= pc.sum(pc.equal(cells, "")).as_py() or 0
        # Arrow reads integers of more than 64 bits as doubles
        elif kind == DOUBLE and pc.any(pc.greater_equal(pc.abs(cells), LONG_LIMIT)).as_py():
            return None
        members[name] = MemberValues(plain=num_present, kind=kind if num_present else NOTHING)
    return MemberValues(objects=len(records), members=members)


def _limit_layouts(layouts: dict[Layout, MemberValues]) -> dict[Layout, MemberValues]:
    """The layouts, merged into one if they have many names. Raises BadInput for too many names."""
    if sum(map(_count_names, layouts.values())) <= MAX_COLUMNS:
        return layouts
    # The same name counts once per layout; merged, it counts only once
    all_values = reduce(MemberValues.__add__, layouts.values())
    if _count_names(all_values) > MAX_COLUMNS:
        raise BadInput(f"the records have more than {MAX_COLUMNS:,} different members; {NAMES_AS_VALUES}")
    return {(): all_values}


def _count_names(values: MemberValues) -> int:
    return len(values.members) + sum(_count_names(member) for member in values.members.values() if member.members)


@value_class
class Features:
    """The features of a data set of JSON objects.

    columns: the features by path, with kinds, in the order of Spark's columns.
    excluded_members: members that aren't features; records that have them are refused.
    rare: the names of features that few records have.
    counts_of_few: the features that fewer than half of the records have, with the number of these records.
    """

    columns: tuple[tuple[Path, Kind], ...]
    excluded_members: tuple[str, ...]
    rare: tuple[str, ...] = ()
    counts_of_few: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features: the members' paths, joined by dots."""
        return tuple(".".join(path) for path, _ in self.columns)

    @property
    def fields(self) -> list[pa.Field]:
        """The features as Arrow fields c0, c1, …."""
        return [pa.field(f"c{position}", choose_arrow_type(kind)) for position, (_, kind) in enumerate(self.columns)]


def choose_features(
    batches: Sequence[pa.RecordBatch], where: str, *, flatten: bool, opened: Collection[str] = ()
) -> Features:
    """The features of all partitions. flatten: whether members of objects are features. opened: objects that are always opened.

    Raises BadInput if there is no object, or if most records have an object as a feature without flattening (C11.18).
    """
    layouts, faults = _read_layouts(batches)
    root = reduce(MemberValues.__add__, layouts.values(), MemberValues())
    # If most records have an object there, refusing them would refuse the data, so the user has to choose flattening
    for name, values in sorted(root.members.items()):
        if not flatten and name not in opened and 2 * values.objects > root.objects:
            raise BadInput(
                f"{where}: feature {name!r} is a nested object; write --flatten-json to make a feature of each of its "
                f"members ({name}.…), or use a preprocessor script"
            )

    def choose_kinds(members: Mapping[str, MemberValues]) -> dict[str, Kind]:
        return {
            name: values.choose_kind(may_be_object=flatten or name in opened, flatten=flatten)
            for name, values in members.items()
        }

    kinds = choose_kinds(root.members)
    # Records with another layout are refused, so members that only these records have don't become features
    members = reduce(MemberValues.__add__, _select_fitting(layouts, kinds), MemberValues()).members
    # Very many rare members are mistakes, such as ids used as names
    rare_count = min(MAX_RARE_RECORDS, MAX_RARE_SHARE * root.objects)
    rare = {name for name, values in members.items() if values.count <= rare_count}
    if len(rare) > MAX_RARE_MEMBERS:
        members = {name: values for name, values in members.items() if name not in rare}
    features = {name: kind for name, kind in choose_kinds(members).items() if kind not in ({}, ({},))}
    if not features:
        raise _make_no_features_error(where, len(rare), faults)
    columns = _name_columns(features, where)
    # With few records, 1 % is less than one record; a feature of a single record is rare nevertheless
    rare_count = max(rare_count, int(root.objects > MAX_RARE_RECORDS))
    counts = {name: find_member(members, path).count for name, (path, _) in columns.items()}
    rare_names = tuple(name for name, count in counts.items() if count <= rare_count)
    counts_of_few = {name: count for name, count in counts.items() if 2 * count < root.objects}
    return Features(tuple(columns.values()), tuple(kinds.keys() - members.keys()), rare_names, counts_of_few)


def _read_layouts(batches: Sequence[pa.RecordBatch]) -> tuple[dict[Layout, MemberValues], list[str]]:
    """The members by layout of all partitions, and the faults of the first lines of partitions without objects."""
    layouts: dict[Layout, MemberValues] = {}
    faults = []
    for inferred in chain.from_iterable(batch.to_pylist() for batch in batches):
        # Errors of executors arrive as texts, since Spark would wrap exceptions
        if inferred["fault"] is not None:
            raise BadInput(inferred["fault"])
        if inferred["without_objects"]:
            faults.append(inferred["without_objects"])
        for layout, values in pickle.loads(inferred["layouts"]).items():
            layouts[layout] = layouts.get(layout, MemberValues()) + values
    return _limit_layouts(layouts), faults


def _make_no_features_error(where: str, rare_members: int, faults: Sequence[str]) -> BadInput:
    if rare_members > MAX_RARE_MEMBERS:
        return BadInput(f"{where}: each of {rare_members:,} members is in few records; {NAMES_AS_VALUES}")
    if faults:
        return BadInput(f"{where}: no line is a JSON object; in the first, {faults[0]}")
    return BadInput(
        f"{where}: no JSON object was found; --dataset-format jsonl wants one object a line, "
        'like {"age": 31, "plan": "basic"}, and json one object or array a file'
    )


def _name_columns(features: Mapping[str, Kind], where: str) -> dict[str, tuple[Path, Kind]]:
    """The path and kind of each column by its name. Raises BadInput if two columns would have one name."""
    columns: dict[str, tuple[Path, Kind]] = {}
    for path, kind in _iterate_leaves(features):
        name = ".".join(path)
        if name in columns:
            raise BadInput(
                f"{where}: a member {name!r} and a member of an object have one name; rename one of them, or write "
                "--no-flatten-json"
            )
        columns[name] = (path, kind)
    return columns


def _select_fitting(layouts: Mapping[Layout, MemberValues], kinds: Mapping[str, Kind]) -> Iterator[MemberValues]:
    """The values of the layouts that have objects and arrays where most records have them."""
    for layout, values in layouts.items():
        if all(isinstance(kinds[name], dict if is_object else tuple) for name, is_object in layout):
            yield values


def find_member(members: Mapping[str, MemberValues], path: Path) -> MemberValues:
    """The values of the member at a path."""
    member = members[path[0]]
    for name in path[1:]:
        member = member.members[name]
    return member


def _iterate_leaves(features: Mapping[str, Kind], path: Path = ()) -> Iterator[tuple[Path, Kind]]:
    """Every member that is not an object, with its path and kind."""
    for name in sorted(features, key=lambda name: name.encode("utf-16-be", "surrogatepass")):
        kind = features[name]
        if isinstance(kind, dict):
            yield from _iterate_leaves(kind, (*path, name))
        else:
            yield (*path, name), kind


def choose_arrow_type(kind: Kind) -> pa.DataType:
    """The type of a column. For arrays of arrays or objects, only the presence of elements matters."""
    if isinstance(kind, tuple):
        return pa.list_(pa.bool_() if isinstance(kind[0], NESTED_KINDS) else choose_arrow_type(kind[0]))
    return ARROW.get(kind, pa.string())


def decode_records(
    features: Features,
    schema: pa.Schema,
    whole_files: bool,
    batches: Iterable[pa.RecordBatch],
    missing_values: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """The records as columns, followed by the reason for refusing a record, and its location (FILE_KEY for whole files).

    missing_values: texts that stand for a missing value.
    """
    flat_schema = None
    if whole_files:
        batches = _split_batches(batches)
    else:
        flat_schema = _make_flat_schema(features)
    for batch in batches:
        table = None
        # Flat records by columns, in one call of Arrow
        if flat_schema is not None:
            table = parse_flat_objects(batch.column(0), flat_schema)
        if table is not None:
            reasons = pa.array(np.zeros(len(table), np.int32))
            cells = [replace_missing_values(column.combine_chunks(), missing_values) for column in table.columns]
            yield pa.RecordBatch.from_arrays([*cells, reasons, *batch.columns], schema=schema)
            continue
        # Nested records are parsed one by one, and then converted member by member
        records = list(read_records(batch, whole_files))
        objects = [value for value, _ in records]
        reasons = np.array([reason for _, reason in records], np.int32)
        # A value of another kind than the column refuses its record
        cells = []
        for (path, kind), member in zip(features.columns, schema, strict=False):
            values, misshaped_rows = _get_values(objects, path)
            column, misfits = _build_column(values, kind, member.type)
            cells.append(replace_missing_values(column, missing_values))
            reasons[[*misshaped_rows, *misfits]] = Refusal.ANOTHER_SHAPE
        # Records with excluded members are refused, too
        excluded_names = frozenset(features.excluded_members)
        if excluded_names:
            for row, record in enumerate(objects):
                excess_names = excluded_names.intersection(record)  # not `&`: it looks up each excluded name
                if any(record[name] is not None for name in excess_names):
                    reasons[row] = Refusal.ANOTHER_SHAPE
        locations = batch.columns
        if whole_files:
            locations = [pa.repeat(batch.column(FILE_KEY)[0], len(records))]
        yield pa.RecordBatch.from_arrays([*cells, pa.array(reasons), *locations], schema=schema)


def _split_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the batches, each as a batch."""
    for batch in batches:
        for row in range(batch.num_rows):
            yield batch.slice(row, 1)


def _make_flat_schema(features: Features) -> pa.Schema | None:
    """A schema of the features, named by member; None if some features are not plain members."""
    if all(len(path) == 1 and kind in (LONG, DOUBLE, BOOLEAN, TEXT, NOTHING) for path, kind in features.columns):
        return pa.schema([(path[0], choose_arrow_type(kind)) for path, kind in features.columns])
    return None


def _get_values(objects: Sequence[JsonMembers], path: Path) -> tuple[list[JsonValue], list[int]]:
    """The member of each record at a path, and the records in which a part of that path is not an object."""
    values: list[Any] = [value.get(path[0]) for value in objects]
    misshaped_rows: list[int] = []
    for name in path[1:]:
        misshaped_rows += [row for row, value in enumerate(values) if value is not None and type(value) is not dict]
        values = [value.get(name) if type(value) is dict else None for value in values]
    return values, misshaped_rows


def _build_column(values: list[JsonValue], kind: Kind, data_type: pa.DataType) -> tuple[pa.Array, list[int]]:
    """The values as an Arrow array, and the indices of values of another kind."""
    # Most columns have values of their kind only, and can be converted at once
    if kind in (LONG, DOUBLE, BOOLEAN):
        try:
            return pa.array(values, data_type), []
        except (pa.ArrowException, TypeError, OverflowError):
            pass
    misfits = [row for row, value in enumerate(values) if not _fits(value, kind)]
    for row in misfits:
        values[row] = None
    return pa.array([_convert_value(value, kind) for value in values], data_type), misfits


def _fits(value: JsonValue, kind: Kind) -> bool:
    """Whether a column of this kind can hold a value. Any plain column can hold an empty text, which counts as null."""
    if value is None:
        return True
    if isinstance(kind, tuple):
        return type(value) is list and all(_fits(inner, kind[0]) for inner in value)
    if isinstance(kind, dict) or type(value) in NESTED:
        return isinstance(kind, dict) and type(value) is dict
    return kind in (TEXT, NOTHING) or _merge_kinds(kind, _find_kind(value)) == kind


def _convert_value(value: JsonValue, kind: Kind) -> JsonValue:
    if value is None:
        return None
    if isinstance(kind, tuple):
        if isinstance(kind[0], NESTED_KINDS):
            return [None if inner is None else True for inner in value]
        return [_convert_value(inner, kind[0]) for inner in value]
    if kind in (TEXT, NOTHING):
        # Half a surrogate pair becomes a question mark, as in Spark
        if isinstance(value, str):
            return value.encode(errors="replace")
        return _format_value(value)
    if value == "":
        return None
    if kind == DOUBLE:
        return _convert_to_double(value)
    if kind == DIGITS:
        return Decimal(value)
    return value


def _convert_to_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _format_value(value: JsonValue) -> str:
    """A number or boolean as Spark writes it into a feature that also has texts."""
    if isinstance(value, int):
        return str(value).lower()
    return format_java_double(value)


def _find_kind(value: JsonValue) -> Kind:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return LONG
        if abs(value) < 10**38:
            return DIGITS
        return DOUBLE
    if isinstance(value, float):
        return DOUBLE
    # Spark's schema inference takes an empty text as null
    if value:
        return TEXT
    return NOTHING


def _merge_kinds(kind: Kind, other_kind: Kind) -> Kind:
    if kind == other_kind or other_kind is NOTHING:
        return kind
    if kind is NOTHING:
        return other_kind
    if kind in NUMBERS and other_kind in NUMBERS:
        return max(kind, other_kind, key=NUMBERS.index)
    return TEXT
