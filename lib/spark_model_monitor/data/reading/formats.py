"""The values of `dataset_format`: formats that can be read, each a small frozen type.

`parse_dataset_format` reads every spelling: the JSON of the SDK, the guide and the API (C2), and our own short words.
Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spark_model_monitor.arguments import require_choice
from spark_model_monitor.data.records import ENDPOINT_INDEXES, INDEX_NAMES, OUTPUT_INDEXES
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.ledger import Version
    from spark_model_monitor.data.reading.scripts import Script
    from spark_model_monitor.data.records.windows import Window
    from spark_model_monitor.documents.column_roles import ColumnRoles

Members: TypeAlias = Mapping[str, Any]  # the members of a format's JSON object, by name in lower case

SHORT_WORDS: Mapping[str, str] = {
    "csv": '{"csv": {"header": true}}',
    "csv-without-header": '{"csv": {"header": false}}',
    "jsonl": '{"json": {"lines": true}}',
    "json": '{"json": {"lines": false}}',
    "parquet": '{"parquet": {}}',
    "capture": '{"sagemakerCaptureJson": {}}',
    "merged": '{"sagemakerMergeJson": {}}',
    "delta": '{"spark": {"format": "delta"}}',
    "query": '{"query": {}}',
    "kserve": '{"kserve": {}}',
    "databricks": '{"databricks": {}}',
    "azure-ml": '{"azure-ml": {}}',
    "vertex": '{"vertex": {}}',
}
"""Short words and the JSON texts that they stand for. `table:NAME` and the path of a mapping file are also understood."""

REQUEST_LOGS = ("kserve", "databricks", "azure-ml", "vertex")  # servers whose request logs `request_logs/` reads
MAPPING_SUFFIXES = (".yaml", ".yml")  # suffixes of a mapping file, which describes a log of any other kind

DATABASE = "adbc:"  # the prefix of a query's source

LIBRARIES = {"delta": "deltalake", "iceberg": "pyiceberg", "parquet": "pyarrow"}
"""The library that reads a table without Spark, by kind of table."""

_TABLE_AT_PATH = re.compile(r"(delta|iceberg|parquet)\.`(.+)`", re.IGNORECASE)

ADDRESS_OPTIONS = {
    "label": "ground_truth_attribute",
    "prediction": "inference_attribute",
    "probability": "probability_attribute",
}
"""The jobs' options that name the columns of `outcomes`. A run records them, so that its rows can be read again."""

_RECORDED = (
    "accept_exponents",
    "exclude_features_attribute",
    "flatten_json",
    "missing_values",
    "time_column",
    *ADDRESS_OPTIONS.values(),
)
"""Options in run.json that rows can be read again with. Exponents, times and names of outcomes don't affect reading."""

# A text between commas, which may have commas in double quotes; and a name in double quotes, perhaps before an equals sign
_BETWEEN_COMMAS = re.compile(r'(?:"[^"]*"|[^,"]|")+')
_QUOTED_NAME = re.compile(r'^"([^"]*)"(?=$|\s*=)')

# The allowed characters of each option of CSV, the default first
CSV_MARKS: Mapping[str, tuple[str, ...]] = {
    "separator": (",", ";", "\t", "|"),
    "decimal": (".", ","),
    "escape": ('"', "\\"),
}

_INDEXES = ("captureindexnames",)  # the allowed members of a capture's format

# The allowed members of a format, and the function that reads them
FormatReader: TypeAlias = "tuple[tuple[str, ...], Callable[[Members], DatasetFormat]]"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """Comma-separated text, or a spreadsheet's variant of it, whose numbers have a decimal comma.

    Parameters
    ----------
    header : bool, default False
        Whether the first line of each file has the names; otherwise the names are `_c0`, `_c1`, ….
    separator : {",", ";", "\\t", "|"}
        Character between cells.
    decimal : {".", ","}
        Character before the fraction of a number.
    output_columns_position : {"START", "END"}
        Position of a capture's output columns: before or after the input columns.
    escape : {'"', "\\\\"}
        Character before a quote within quotes: another quote, or a backslash, as Spark writes it.

    Examples
    --------
    >>> from spark_model_monitor import CsvFormat
    >>> CsvFormat(header=True).header
    True
    """

    header: bool = False
    output_columns_position: Literal["START", "END"] = "START"
    separator: str = ","
    decimal: str = "."
    escape: str = '"'

    def __post_init__(self) -> None:
        require_choice("output_columns_position", self.output_columns_position, ("START", "END"))
        require_choice("decimal", self.decimal, (".", ","))
        require_choice("escape", self.escape, ('"', "\\"))
        if len(self.separator) != 1:
            raise BadConfiguration(f"separator is {self.separator!r}; it has to be one character")


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """JSON objects.

    Parameters
    ----------
    lines : bool, default True
        One object per line; otherwise one document (an array or an object) per file.

    Examples
    --------
    >>> from spark_model_monitor import JsonFormat
    >>> JsonFormat().lines
    True
    """

    lines: bool = True


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Parquet files.

    Examples
    --------
    >>> from spark_model_monitor import ParquetFormat
    >>> ParquetFormat()
    ParquetFormat()
    """


@dataclass(frozen=True, slots=True)
class CaptureFormat:
    """Captured requests and replies of an endpoint.

    Parameters
    ----------
    index_names : tuple of str, default ("endpointInput", "endpointOutput")
        The halves of a record that become columns.
    request_log : str, optional
        The server whose request log is read as captures (`"kserve"`, `"databricks"`, `"azure-ml"`, `"vertex"`), or the path
        of a mapping file.

    Examples
    --------
    >>> from spark_model_monitor import CaptureFormat
    >>> CaptureFormat().index_names
    ('endpointInput', 'endpointOutput')
    """

    index_names: tuple[str, ...] = ENDPOINT_INDEXES
    request_log: str | None = None


@dataclass(frozen=True, slots=True)
class MergedFormat:
    """Captures merged with their ground truth.

    Parameters
    ----------
    index_names : tuple of str, default ("endpointOutput", "batchTransformOutput")
        The halves of a record that become columns.

    Examples
    --------
    >>> from spark_model_monitor import MergedFormat
    >>> MergedFormat().index_names
    ('endpointOutput', 'batchTransformOutput')
    """

    index_names: tuple[str, ...] = OUTPUT_INDEXES


@value_class
class TableFormat:
    """A table of Spark's catalog; it has no paths."""

    name: str


@dataclass(frozen=True, slots=True)
class SparkFormat:
    """Files that a Spark reader opens.

    Parameters
    ----------
    reader : str
        The reader's name, as Spark's reader takes it.
    options : mapping of str to str
        The reader's options.

    Examples
    --------
    >>> from spark_model_monitor import SparkFormat
    >>> SparkFormat("csv", {"sep": ";", "header": "true"}).reader
    'csv'
    """

    reader: str
    options: Mapping[str, str] = field(default_factory=dict)


@value_class
class QueryFormat:
    """The rows of a query to a database."""


def parse_table_path(table: str) -> tuple[str, str] | None:
    """Kind and path of a table such as delta.`/data/orders`; None for a table of a catalog."""
    match = _TABLE_AT_PATH.fullmatch(table)
    if match:
        return match[1].lower(), match[2]
    return None


DELTA = SparkFormat("delta")  # a table at a path, which Spark's catalog turns into a name


def is_table_at_path(dataset_format: DatasetFormat | None) -> bool:
    """Whether the format names a table by the path of its files."""
    if isinstance(dataset_format, TableFormat):
        return parse_table_path(dataset_format.name) is not None
    return dataset_format == DELTA


DatasetFormat: TypeAlias = (
    CsvFormat | JsonFormat | ParquetFormat | CaptureFormat | MergedFormat | TableFormat | SparkFormat | QueryFormat
)


class BaselineValues:
    """Compares cells with the values of a baseline's columns. In this class nothing is known of them, so all cells fit."""

    __slots__ = ()

    def measure_misfit(self, name: str, cells: Sequence[str | None]) -> float:
        """How far cells are from the values of a column, from 0 (alike) to 1; 0 if that is unknown."""
        return 0.0

    def match_answers(self, name: str, cells: Sequence[str | None], *, are_in_place: bool) -> bool:
        """Whether a column may have held these answers of a model. are_in_place: whether they stand in this column's position."""
        return True


UNKNOWN_VALUES = BaselineValues()


@value_class
class ReadOptions:
    """Options for reading a data set, besides its format; the same for jobs and for Python.

    names: the baseline's feature names, which later data gets; None without a baseline.
    window: the times to include, of captured records and of a batch transform's outputs; None for all.
    lenient_window: whether to take all records of the window's own hour folders, regardless of their times (C11.16).
    sample: the fraction of captured events to take, the same events in every run; None for all.
    target_model: the model of a multi-model endpoint whose events to take, `-` for events without a model; None for all.
    manifest_root: the folder that contains the files that a batch transform's manifests name; None: no file is a manifest.
    script: a preprocessor, run on every line, or on every captured record in the window and the sample.
    as_service: whether to read as the service does: one partition in file order, Spark's own escape character, BASE64
    by scripts only, and failure on the first script error.
    flatten_json: whether members of nested objects are separate features, named `outer.inner`; None: unless as the service.
    roles: the roles of captured columns, if an earlier window fixed them.
    values: compares cells with the values of the baseline's columns.
    opened: JSON objects whose members are features in any case.
    allow_mixed_encodings: whether CSV and JSON may be mixed in one window or one captured record.
    query, time_column: for a database: the query that returns the rows, and the column by which a window selects rows.
    staging: a folder that all machines of a cluster see, for captures that are made from a request log.
    as_of: the version of a table to read, by default the newest.
    since: read only the rows appended to a table after this version.
    left_out: Parquet columns that need not be readable, by name or 0-based index; they are removed afterwards.
    missing_values: texts of CSV, JSON and captures that stand for a missing value.
    """

    names: tuple[str, ...] | None = None
    window: Window | None = None
    lenient_window: bool = False
    sample: float | None = None
    target_model: str | None = None
    manifest_root: str | None = None
    script: Script | None = None
    as_service: bool = False
    flatten_json: bool | None = None
    roles: ColumnRoles | None = None
    values: BaselineValues = UNKNOWN_VALUES
    opened: tuple[str, ...] = ()
    allow_mixed_encodings: bool = False
    as_of: Version | None = None
    since: Version | None = None
    left_out: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()
    staging: str | None = None
    query: str | None = None
    time_column: str | None = None

    @property
    def flattens_json(self) -> bool:
        """Whether members of nested objects are separate features."""
        if self.flatten_json is None:
            return not self.as_service
        return self.flatten_json

    @classmethod
    def recorded(cls, read_by: Mapping[str, str], names: tuple[str, ...] | None) -> ReadOptions:
        """The options of a run, from what its run.json records. names: the columns' names, without those that the run left out.

        Raises BadInput for an option with which rows can't be read again.
        """
        from spark_model_monitor.documents.column_roles import ColumnRoles  # rarely needed

        unknown_options = sorted(read_by.keys() - {"dataset_format", *_RECORDED})
        if unknown_options:
            raise BadInput(f"the rows were read with {unknown_options[0]}, with which they are not read again")
        # If the run left out columns, `names` lacks them, so names don't fit the files' columns by position
        left_out = split_names(read_by.get("exclude_features_attribute", ""))
        return cls(
            names=None if left_out else names,
            flatten_json=read_by.get("flatten_json") != "false",
            left_out=left_out,
            missing_values=split_names(read_by.get("missing_values", "")),
            # The names are those of the rows, so there are no roles to find, nor to warn of
            roles=ColumnRoles(),
        )


DEFAULT_OPTIONS = ReadOptions()


def split_names(text: str) -> tuple[str, ...]:
    """The words between commas; a name with a comma is in double quotes, as in `"amount, EUR",age`."""
    words = (word.strip() for word in split_at_commas(text))
    return tuple(remove_quotes(word) for word in words if word)


def split_at_commas(text: str) -> list[str]:
    """The texts between commas, with their quotes; commas in double quotes don't separate."""
    # Without quotes, every comma separates
    if '"' in text:
        return _BETWEEN_COMMAS.findall(text)
    return text.split(",")


def remove_quotes(word: str) -> str:
    """A word without the double quotes around its name."""
    return _QUOTED_NAME.sub(r"\1", word)


def add_quotes(name: str) -> str:
    """A name as `split_names` reads it."""
    return f'"{name}"' if "," in name else name


def parse_dataset_format(text: str) -> DatasetFormat:
    """The format that `text` denotes: a short word, `table:NAME` or a JSON object with one member.

    Member names are compared ignoring case, and a boolean may be a text or a one-element list.

    Raises BadConfiguration; its text begins after the variable's name ("is 'cvs', …").
    Source: C2, C11.26.
    """
    word = text.strip()
    # A table's name keeps its case, other words have none
    if word.lower().startswith("table:"):
        name = word[len("table:") :].strip()
        if not name:
            raise BadConfiguration("is 'table:' without a name; write table:NAME, such as table:sales.orders")
        return TableFormat(name)
    if word.lower().endswith(MAPPING_SUFFIXES):
        return CaptureFormat(request_log=word)
    try:
        document = json.loads(SHORT_WORDS.get(word.lower(), word))
    except (ValueError, RecursionError) as error:
        raise BadConfiguration(f"is {text!r}, which is neither a known word nor JSON; {_describe_choices()}") from error
    if not isinstance(document, dict) or len(document) != 1:
        raise BadConfiguration(
            f"is {text!r}; it has to be a JSON object with exactly one member; {_describe_choices()}"
        )
    [(name, members)] = document.items()
    if members is None:
        members = {}
    if not isinstance(members, dict):
        raise BadConfiguration(f'is {text!r}; the member {name!r} has to hold an object, as in {{"{name}": {{}}}}')
    format_name = next((reader_name for reader_name in _READERS if reader_name.lower() == name.lower()), name)
    if format_name in _READERS:
        allowed_members, read = _READERS[format_name]
    elif name.lower().endswith(MAPPING_SUFFIXES):
        allowed_members, read = _make_capture_reader(name, name)
    else:
        raise BadConfiguration(f"is {text!r}, whose member {name!r} is no format; {_describe_choices()}")
    # Members are compared in lower case, as the service does
    members = {str(key).lower(): value for key, value in members.items()}
    if unknown_members := [key for key in members if key not in allowed_members]:
        allowed = "it holds nothing"
        if allowed_members:
            allowed = f"it may hold {', '.join(allowed_members)}"
        raise BadConfiguration(f"has {format_name}.{unknown_members[0]}, which is unknown; {allowed}")
    return read(members)


def _read_csv_format(members: Members) -> DatasetFormat:
    # START and END are accepted in any case
    position = str(members.get("output_columns_position", "START")).upper()
    if position not in ("START", "END"):
        raise BadConfiguration(f"has csv.output_columns_position {position!r}; write START or END")
    marks = {name: members.get(name, allowed[0]) for name, allowed in CSV_MARKS.items()}
    for name, allowed in CSV_MARKS.items():
        if marks[name] not in allowed:
            raise BadConfiguration(f"has csv.{name} {marks[name]!r}; write one of {json.dumps(allowed)}")
    header = _read_boolean("csv.header", members.get("header", False))
    return CsvFormat(header, "END" if position == "END" else "START", **marks)


def format_csv_option(csv_format: CsvFormat) -> str:
    """The `--dataset-format` value for a CSV format, as a short word if there is one."""
    base_format = CsvFormat(header=csv_format.header)
    if csv_format == base_format:
        if csv_format.header:
            return "csv"
        return "csv-without-header"
    members: dict[str, str | bool] = {"header": csv_format.header}
    # Write only the members that differ from the default, so that messages stay short
    if (csv_format.separator, csv_format.decimal) != (base_format.separator, base_format.decimal):
        members.update(separator=csv_format.separator, decimal=csv_format.decimal)
    if csv_format.escape != base_format.escape:
        members["escape"] = csv_format.escape
    return json.dumps({"csv": members})


def _read_json_format(members: Members) -> DatasetFormat:
    return JsonFormat(_read_boolean("json.lines", members.get("lines", members.get("line", True))))


def _read_spark_format(members: Members) -> DatasetFormat:
    reader = members.get("format")
    options = members.get("options", {})
    if not isinstance(reader, str) or not reader:
        raise BadConfiguration('has no spark.format; write {"spark": {"format": "orc", "options": {}}}')
    if not isinstance(options, dict):
        raise BadConfiguration(f'has spark.options {options!r}; write an object, such as {{"mergeSchema": "true"}}')
    # Spark's readers expect booleans as `true` and `false`
    texts = {str(key): str(value).lower() if isinstance(value, bool) else str(value) for key, value in options.items()}
    return SparkFormat(reader, texts)


def _make_capture_reader(name: str, request_log: str | None) -> FormatReader:
    return _INDEXES, lambda members: CaptureFormat(_read_index_names(members, ENDPOINT_INDEXES, name), request_log)


_READERS: Mapping[str, FormatReader] = {
    "csv": (("header", "output_columns_position", *CSV_MARKS), _read_csv_format),
    "json": (("lines", "line"), _read_json_format),
    "parquet": ((), lambda members: ParquetFormat()),
    "sagemakerCaptureJson": _make_capture_reader("sagemakerCaptureJson", None),
    "sagemakerMergeJson": (
        _INDEXES,
        lambda members: MergedFormat(_read_index_names(members, OUTPUT_INDEXES, "sagemakerMergeJson")),
    ),
    "spark": (("format", "options"), _read_spark_format),
    "query": ((), lambda members: QueryFormat()),
    **{server: _make_capture_reader(server, server) for server in REQUEST_LOGS},
}
"""By member name: the allowed members, and the function that reads them."""


def _read_index_names(members: Members, default: tuple[str, ...], format_name: str) -> tuple[str, ...]:
    index_names = members.get("captureindexnames")
    if index_names is None:
        return default
    names_by_lower_case = {index.lower(): index for index in INDEX_NAMES}
    index_names = [index_names] if isinstance(index_names, str) else index_names
    if (
        not isinstance(index_names, list)
        or not index_names
        or not all(str(index).lower() in names_by_lower_case for index in index_names)
    ):
        raise BadConfiguration(
            f"has {format_name}.captureIndexNames {index_names!r}; write a list of some of: {', '.join(INDEX_NAMES)}"
        )
    return tuple(dict.fromkeys(names_by_lower_case[str(index).lower()] for index in index_names))


def _read_boolean(member: str, value: Json) -> bool:
    # The service's guide has an example with {"lines": [true]}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise BadConfiguration(f"has {member} {value!r}; write true or false")
    return text == "true"


def _describe_choices() -> str:
    return f'write one of: {", ".join(SHORT_WORDS)}, table:NAME, MAPPING.yaml, or {{"spark": {{"format": …, "options": …}}}}'


def find_request_log(dataset_format: DatasetFormat | None) -> str | None:
    """The server, or the mapping file, whose log is read as captures; None for other data."""
    if isinstance(dataset_format, CaptureFormat):
        return dataset_format.request_log
    return None


def parse_format(dataset_format: str | DatasetFormat) -> DatasetFormat:
    """A format, given as such or as text: a short word or JSON, as `--dataset-format` takes it.

    Raises BadConfiguration for a text that is not a format.
    """
    if not isinstance(dataset_format, str):
        return dataset_format
    try:
        return parse_dataset_format(dataset_format)
    except BadConfiguration as fault:
        raise BadConfiguration(f"dataset_format {fault}") from fault
