"""Data contracts of the Open Data Contract Standard (ODCS), the files `*.odcs.yaml` of `--expectations`, as rules in DQDL.

    parse_contract(content, "orders.odcs.yaml", skip_unsupported=False)

Rules of the contract's schema and its quality rules about single rows and counts are translated and evaluated as DQDL. SQL,
rules of vendors, relationships and nested properties are reported as unsupported. Service levels aren't about rows and are
not read.
Source: bitol-io/open-data-contract-standard 3.1, "Schema" and "Data Quality". Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from spark_model_monitor.documents.dqdl import RuleSet, SkippedRule, quote_text
from spark_model_monitor.documents.dqdl_parser import parse_rule_set
from spark_model_monitor.documents.dqdl_types import reject_unsupported
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.rules_file import Expectations, FeatureExpectations, ValueType, convert_yaml_to_json
from spark_model_monitor.errors import BadDocument, explain_missing_import, suggest_names

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality, OpenDataContractStandard, SchemaObject, SchemaProperty

ENDINGS = (".odcs.yaml", ".odcs.yml")
INSTALL = "a data contract needs open-data-contract-standard: pip install 'spark-model-monitor[contracts]'"

_TYPES = {"integer": "Long", "number": "Double", "boolean": "Boolean", "date": "Date", "timestamp": "Timestamp"}
"""By logical type, the type in DQDL. Every value is a string; the remaining logical types aren't types of single values."""

SECOND_DATA_SET = "it compares with a second data set"

_BOUNDS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_LENGTHS = {"minLength": ">=", "maxLength": "<="}
_OPERATORS = {
    "mustBe": "=",
    "mustNotBe": "!=",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}
_DUPLICATES = ("duplicateValues", "duplicateCount")
_MIRRORED = {"=": "=", "!=": "!=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
"""The comparison for the share of good rows, by the comparison for the share of bad rows."""

Comparison: TypeAlias = "tuple[str, float]"


class NotTranslated(Exception):
    """A rule of a contract that can't be written in DQDL; the text is the reason."""


def is_contract(path: str) -> bool:
    """Whether a file's name is that of a data contract."""
    return path.lower().endswith(ENDINGS)


def parse_contract(content: bytes, where: str, table: str = "", *, skip_unsupported: bool = False) -> RuleSet:
    """The rules of a table in a contract. where: the contract's path. table: the table's name, if there are several.

    Raises BadDocument if the content is no contract and, unless `skip_unsupported`, for rules that can't be evaluated;
    MissingDependency without the library.
    """
    contract = _read_contract(content, where)
    schema = _choose_table(contract, where, table)
    rules, skipped = _translate_table(schema, where)
    if skipped and not skip_unsupported:
        faults = [f"{where}: {rule.text}: {rule.reason}" for rule in skipped]
        raise BadDocument(reject_unsupported(faults))
    if not rules:
        raise BadDocument(f"{where}: has no rule that can be evaluated")
    # A run is identified by the contract's bytes, not by the translation
    rule_set = parse_rule_set(format_rules(rules), where)
    return replace(rule_set, skipped=tuple(skipped), digest=hashlib.sha256(content).hexdigest())


def _read_contract(content: bytes, where: str) -> OpenDataContractStandard:
    with explain_missing_import(INSTALL):
        from open_data_contract_standard.model import OpenDataContractStandard
    # Our own reader refuses repeated members and endless aliases
    members = json.loads(convert_yaml_to_json(content, where))
    if not isinstance(members, dict):
        raise BadDocument(f"{where}: is no object; a contract has the members kind, apiVersion, id and schema")
    try:
        return OpenDataContractStandard.model_validate(members)
    except ValidationError as fault:
        faults = [f"{where}: {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors()]
        raise BadDocument("\n".join(faults)) from None


def _choose_table(contract: OpenDataContractStandard, where: str, name: str) -> SchemaObject:
    tables = {table.name or "": table for table in contract.schema_ or ()}
    if name in tables:
        return tables[name]
    # If there is only one table, it needs no name
    if not name and len(tables) == 1:
        return next(iter(tables.values()))
    table_names = ", ".join(tables) or "none"
    advice = suggest_names(name, tables, f"its tables are {table_names}; name one: {where}#TABLE")
    raise BadDocument(f"{where}: which table of the contract is meant is not known; {advice}")


def format_rules(rules: Sequence[str]) -> str:
    """A DQDL file with these rules."""
    body = ",\n".join(f"    {rule}" for rule in rules)
    return f"Rules = [\n{body}\n]\n"


def _translate_table(table: SchemaObject, where: str) -> tuple[list[str], list[SkippedRule]]:
    """The rules of a table in DQDL, and the rules that can't be translated."""
    rules: dict[str, None] = {}  # a dictionary, so that a rule of both schema and quality appears once
    skipped = []

    def add(subject: str, rule: str | NotTranslated) -> None:
        try:
            if isinstance(rule, NotTranslated):
                raise rule
            # DQDL has limits of its own, for example for patterns with look-around
            parse_rule_set(format_rules([rule]), where)
        except NotTranslated as reason:
            skipped.append(SkippedRule(subject, str(reason)))
        except BadDocument as fault:
            skipped.append(SkippedRule(subject, str(fault).rpartition(": ")[2]))
        else:
            rules[rule] = None

    # The primary key, of one or several columns
    keys = [column for column in table.properties or () if column.primaryKey]
    if keys:
        keys.sort(key=lambda column: column.primaryKeyPosition or 0)
        names = " ".join(quote_text(_name_column(column)) for column in keys)
        rules[f"IsPrimaryKey {names}"] = None
    # The schema of each column, then its quality rules
    for column in table.properties or ():
        name = _name_column(column)
        for member, rule in _translate_column(column):
            add(f"{name}: {member}", rule)
        for index, quality in enumerate(column.quality or ()):
            add(f"{name}: {_describe(quality, index)}", _try(_translate_quality, quality, [name]))
    # Rules about all rows or several columns
    for index, quality in enumerate(table.quality or ()):
        columns = (quality.arguments or {}).get("properties") or []
        add(_describe(quality, index), _try(_translate_quality, quality, columns))
    for relationship in table.relationships or ():
        add(f"relationship to {relationship.to}", NotTranslated(SECOND_DATA_SET))
    return list(rules), skipped


def _try(translate: Callable[..., str], *arguments: Any) -> str | NotTranslated:
    """The translation, or the reason why there is none."""
    try:
        return translate(*arguments)
    except NotTranslated as reason:
        return reason


def _name_column(column: SchemaProperty) -> str:
    return column.physicalName or column.name or ""


def _describe(quality: DataQuality, index: int) -> str:
    """The name of a quality rule in messages."""
    # Names are optional, and only rules of the standard's own type need a metric
    subject = quality.name or quality.metric or quality.rule or quality.type or "rule"
    return f"quality[{index}] ({subject})"


def _translate_column(column: SchemaProperty) -> Iterator[tuple[str, str | NotTranslated]]:
    """The schema of a column: each member with its rule in DQDL, or the reason why it has none."""
    column_name = _name_column(column)
    name = quote_text(column_name)
    # In DQDL a missing value breaks a rule about values; in the standard only `required` refuses missing values
    present = f"where {quote_text(f'`{column_name}` is not null')}"
    yield "name", f"ColumnExists {name}"
    if column.required:
        yield "required", f"IsComplete {name}"
    if column.unique:
        yield "unique", f"IsUnique {name}"
    if column.logicalType in _TYPES:
        yield "logicalType", f'ColumnDataType {name} = "{_TYPES[column.logicalType]}" {present}'
    elif column.logicalType not in (None, "string"):
        yield "logicalType", NotTranslated(f"{column.logicalType} is not evaluated; {', '.join(_TYPES)} are")
    # Limits of the type's values
    options = column.logicalTypeOptions or {}
    for option, value in options.items():
        yield f"logicalTypeOptions.{option}", _try(_translate_option, options, option, value, name, present)
    if column.enum:
        values = [member.value for member in column.enum]
        yield "enum", f"ColumnValues {name} in {_list_values(values)} {present}"
    # Members that aren't about single values of this table
    if column.properties or column.items or column.map:
        yield "nested properties", NotTranslated("columns of objects and lists have no single values")
    for relationship in column.relationships or ():
        yield f"relationship to {relationship.to}", NotTranslated(SECOND_DATA_SET)


def _translate_option(options: Mapping[str, Json], option: str, value: Json, name: str, present: str) -> str:
    if option in _LENGTHS:
        return f"ColumnLength {name} {_LENGTHS[option]} {_format_number(value)} {present}"
    if option == "pattern":
        return f"ColumnValues {name} matches {_format_pattern(value)} {present}"
    if option not in _BOUNDS:
        raise NotTranslated(f"{option} is not evaluated; write a quality rule with a pattern or a list of values")
    # Before version 3.1, a boolean says that the other bound is exclusive
    if isinstance(value, bool):
        bound = options.get(option.replace("exclusiveM", "m"))
        if not value or bound is None:
            return f"ColumnExists {name}"
        value = bound
    if isinstance(value, str):
        limit = quote_text(value)
    else:
        limit = _format_number(value)
    return f"ColumnValues {name} {_BOUNDS[option]} {limit} {present}"


def _format_number(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotTranslated(f"{value!r} is no number")
    return format(Decimal(repr(value)), "f")


def _format_pattern(pattern: Json) -> str:
    """A pattern for DQDL, which matches whole texts. A contract's pattern may match any part of a text, as in JSON Schema."""
    return quote_text(f"(?s:.*)(?:{pattern})(?s:.*)")


def _list_values(values: Sequence[Json]) -> str:
    """A list of values in DQDL, which compares the text of a number as a number if the column has numbers."""
    texts = ["NULL" if value is None else quote_text(_format_value(value)) for value in values]
    return f"[{', '.join(texts)}]"


def _format_value(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _list_sql_values(values: Sequence[Json]) -> str:
    texts = [_format_value(value) for value in values if value is not None]
    # Use the kind of quotes that the text doesn't contain
    constants = [f'"{text}"' if "'" in text else f"'{text}'" for text in texts]
    return f"({', '.join(constants)})"


def _translate_quality(quality: DataQuality, columns: Sequence[str]) -> str:
    """A quality rule in DQDL. columns: the columns that it is about; empty for rules about rows."""
    metric = quality.metric or quality.rule
    if quality.type not in (None, "library") or metric is None:
        kind = quality.type or "without a metric"
        raise NotTranslated(f"rules of type {kind} are not evaluated; write a metric")
    if quality.unit not in (None, "rows", "percent"):
        raise NotTranslated(f"the unit {quality.unit} is not known; write rows or percent")
    # Only the row count needs no column
    if not columns and metric != "rowCount":
        raise NotTranslated("it names no columns; write arguments: {properties: [COLUMN]}")
    joined, comparisons = _list_comparisons(quality)
    rules = [_translate_metric(metric, quality, columns, operator, number) for operator, number in comparisons]
    # A range becomes two rules
    if len(rules) > 1:
        return f" {joined} ".join(f"({rule})" for rule in rules)
    return rules[0]


def _translate_metric(metric: str, quality: DataQuality, columns: Sequence[str], operator: str, number: float) -> str:
    """A metric that is compared with a number of rows or a percentage."""
    is_percent = quality.unit == "percent"
    if metric == "rowCount" and not is_percent:
        return f"RowCount {operator} {_format_number(number)}"
    good_rows, bad_rows = _describe_rows(metric, quality, columns)
    if is_percent and metric not in _DUPLICATES:
        share = _format_number(round(1 - number / 100, 12))
        return f"{good_rows} with threshold {_MIRRORED[operator]} {share}"
    # No bad row is allowed
    if not is_percent and (operator, number) in (("=", 0), ("<=", 0), ("<", 1)):
        return good_rows
    if is_percent or not bad_rows:
        raise NotTranslated(f"this number of {metric} is not counted; write mustBe: 0")
    return f"RowCount {operator} {_format_number(number)} where {quote_text(bad_rows)}"


def _describe_rows(metric: str, quality: DataQuality, columns: Sequence[str]) -> tuple[str, str]:
    """The rule that rows without the metric's fault meet, and the SQL condition of rows with the fault; empty if SQL
    can't express it.
    """
    arguments: Mapping[str, Any] = quality.arguments or {}
    if metric in _DUPLICATES:
        names = " ".join(map(quote_text, columns))
        return f"IsUnique {names}", ""
    name = quote_text(columns[0])
    column = f"`{columns[0]}`"
    # A null counts as missing, in addition to the listed values
    if metric in ("nullValues", "missingValues"):
        texts = [value for value in arguments.get("missingValues", ()) if value is not None]
        bad_rows = f"{column} is null"
        if texts:
            bad_rows += f" or {column} in {_list_sql_values(texts)}"
        return f"ColumnValues {name} not in {_list_values([None, *texts])}", bad_rows
    values = arguments.get("validValues")
    pattern = arguments.get("pattern")
    if metric != "invalidValues" or (values is None) is (pattern is None):
        raise NotTranslated(f"the metric {metric} is not evaluated, or has not either validValues or pattern")
    # A missing value doesn't count as invalid
    is_present = f"where {quote_text(f'{column} is not null')}"
    if values is None:
        return f"ColumnValues {name} matches {_format_pattern(pattern)} {is_present}", ""
    bad_rows = f"{column} is not null and not ({column} in {_list_sql_values(values)})"
    return f"ColumnValues {name} in {_list_values(values)} {is_present}", bad_rows


def _list_comparisons(quality: DataQuality) -> tuple[str, list[Comparison]]:
    """The comparisons of the metric, and `and` or `or` that joins them. `mustBeBetween` includes both ends."""
    if quality.mustBeBetween is not None:
        low, high = quality.mustBeBetween
        return "and", [(">=", low), ("<=", high)]
    if quality.mustNotBeBetween is not None:
        low, high = quality.mustNotBeBetween
        return "or", [("<", low), (">", high)]
    for member, operator in _OPERATORS.items():
        value: Any = getattr(quality, member)
        if value is not None:
            _format_number(value)
            return "and", [(operator, value)]
    raise NotTranslated("it compares with nothing; write mustBe: 0")


# Suggested rules as a contract.


def write_contract(rules: Expectations, table: str) -> str:
    """Suggested rules as a contract for a table; rules that the standard can't express become comments.

    Raises MissingDependency without the library.
    """
    with explain_missing_import(INSTALL):
        from open_data_contract_standard.model import OpenDataContractStandard
    columns = [_describe_column(name, expectations) for name, expectations in rules.features.items()]
    # Members that the standard requires
    members: dict[str, Json] = {"kind": "DataContract", "apiVersion": "v3.1.0", "version": "1.0.0"}
    members |= {"id": table, "status": "draft"}
    members["schema"] = [{"name": table, "logicalType": "object", "properties": columns}]
    contract = OpenDataContractStandard.model_validate(members)
    # Written as comments, so that nobody believes that they are checked
    comments = [f"# {rule.rule}: the standard has no rule about two columns of a row\n" for rule in rules.row_rules]
    return "".join([*comments, contract.to_yaml()])


def _describe_column(name: str, expectations: Sequence[FeatureExpectations]) -> dict[str, Json]:
    column: dict[str, Json] = {"name": name}
    # Use members of the schema if it has them, else a quality rule
    for expected in expectations:
        if expected.type is ValueType.INTEGRAL:
            column["logicalType"] = "integer"
        bounds = {"minimum": expected.min, "maximum": expected.max}
        options: dict[str, Json] = {option: bound for option, bound in bounds.items() if bound is not None}
        if options:
            column.setdefault("logicalType", "number")
            column["logicalTypeOptions"] = options
        if expected.not_null is not None:
            column["required"] = expected.not_null == 1
        if expected.unique:
            column["unique"] = True
        if expected.domain is not None:
            arguments = {"validValues": list(expected.domain)}
            column["quality"] = [{"metric": "invalidValues", "mustBe": 0, "arguments": arguments}]
    return column
