"""The parameters and conditions of each rule type in DQDL, and the rules that a scan of one data set can't evaluate, with
the reason. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from spark_model_monitor.documents.dqdl import ANOMALIES, AnyRule, Condition, DataRule, OperandKind, list_parts
from spark_model_monitor.documents.rules_file import is_pattern
from spark_model_monitor.errors import suggest_names
from spark_model_monitor.value_class import value_class

ROW_TYPES = frozenset({"ColumnValues", "ColumnLength", "ColumnDataType", "DataFreshness"})
"""Types that judge each row; only these can have a threshold for the fraction of rows."""

_NUMBERS = frozenset({OperandKind.NUMBER})


@value_class
class RuleType:
    """The syntax of one rule type.

    minimum, maximum: number of parameters; a maximum of None: any number.
    operands: kinds of operands in its condition; empty for a type without a condition.
    has_where: whether a `where` may select its rows.
    """

    minimum: int = 1
    maximum: int | None = 1
    operands: frozenset[OperandKind] = _NUMBERS
    has_where: bool = True


_WITHOUT_CONDITION: frozenset[OperandKind] = frozenset()
_VALUE_KINDS = frozenset(OperandKind) - {OperandKind.DURATION, OperandKind.SIZE}
_COLUMN_STATISTICS = ("Completeness", "Mean", "Sum", "StandardDeviation", "Variance", "ColumnLength", "Entropy")
_COLUMN_RULE = RuleType(operands=_WITHOUT_CONDITION, has_where=False)
RULE_TYPES = {
    **dict.fromkeys((*_COLUMN_STATISTICS, "DistinctValuesCount"), RuleType()),
    **dict.fromkeys(("Uniqueness", "UniqueValueRatio"), RuleType(maximum=None)),
    **dict.fromkeys(("IsUnique", "IsPrimaryKey"), RuleType(maximum=None, operands=_WITHOUT_CONDITION)),
    **dict.fromkeys(("ColumnExists", "ColumnNamesMatchPattern"), _COLUMN_RULE),
    "IsComplete": RuleType(operands=_WITHOUT_CONDITION),
    "RowCount": RuleType(0),  # an example of the guide gives it a column, which has no effect
    "ColumnCount": RuleType(0, 0, has_where=False),
    "ColumnCorrelation": RuleType(2, 2),
    "AggregateMatch": RuleType(2, 2, has_where=False),
    "ColumnDataType": RuleType(operands=frozenset({OperandKind.TEXT})),
    "ColumnValues": RuleType(operands=_VALUE_KINDS),
    "DataFreshness": RuleType(operands=frozenset({OperandKind.DURATION})),
    ANOMALIES: RuleType(maximum=None, operands=_WITHOUT_CONDITION, has_where=False),
}

_SECOND_DATA_SET = "it compares with a second data set, and a run reads one"
_FILES = "it is about files, not about their rows"
REJECTED_TYPES = {
    **dict.fromkeys(("RowCountMatch", "ReferentialIntegrity", "DatasetMatch"), _SECOND_DATA_SET),
    **dict.fromkeys(("FileMatch", "FileUniqueness", "FileSize"), _FILES),
    "SchemaMatch": f"{_SECOND_DATA_SET}; columns are compared with those of --baseline",
    "CustomSql": "SQL needs another scan; write ColumnValues or RowCount with a where, or --checks",
    "FileFreshness": f"{_FILES}; write DataFreshness of a column",
}
"""Types that no run evaluates, and the reason for each."""

DATA_TYPES = ("boolean", "date", "timestamp", "integer", "long", "float", "double")
MEASURED_TYPES = (
    *("RowCount", "Completeness", "Uniqueness", "Mean", "Sum", "StandardDeviation", "Entropy", "DistinctValuesCount"),
    *("UniqueValueRatio", "ColumnLength", "ColumnValues", "ColumnCorrelation", "ColumnCount"),
)
"""Measures that DetectAnomalies can judge. Source: AWS Glue, "DQDL rule type reference"."""

_AGGREGATE = re.compile(r"(sum|SUM|avg|AVG)\(([^()]+)\)")
FUNCTIONS = {**dict.fromkeys(("avg", "min", "max", "sum", "std", "median", "abs"), 1), "percentile": 2, "index": 2}
"""The functions over earlier runs except `last`, with their number of arguments."""

_ORDERED = frozenset({">=", "<=", ">", "<", "between", "not between"})
DATE_LENGTH = 10  # characters of 2026-01-31
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


def reject_unsupported(faults: Iterable[str]) -> str:
    """The message about rules of which some can't be evaluated."""
    return "\n".join([*faults, "--skip-unsupported evaluates the others, and no run is then without a remark"])


def find_unsupported(rule: AnyRule) -> str:
    """The reason why a run of one data set can't evaluate a rule; empty if it can."""
    for part in list_parts(rule):
        # Either no run evaluates this type, or the rule uses a column of another data set
        is_comparison = part.type == "AggregateMatch" and any("(reference." in name for name in part.parameters)
        if part.type in REJECTED_TYPES or is_comparison:
            return next(find_faults(part))
    return ""


def find_faults(rule: DataRule) -> Iterator[str]:
    """Yield the reasons why a rule can't be evaluated, and what to write instead; nothing if it can."""
    rule_type = RULE_TYPES.get(rule.type)
    if rule.type in REJECTED_TYPES:
        yield f"{rule.type} is not evaluated: {REJECTED_TYPES[rule.type]}"
    elif rule.type == "AllStatistics":
        return
    elif rule_type is None:
        types = suggest_names(rule.type, RULE_TYPES, f"the types are {', '.join(RULE_TYPES)}")
        yield f"there is no rule type {rule.type}; {types}"
    else:
        # A maximum of None allows any number of parameters
        count = len(rule.parameters)
        is_above = rule_type.maximum is not None and count > rule_type.maximum
        if count < rule_type.minimum or is_above:
            # Further checks would read parameters that don't exist
            yield f"{rule.type} has {count} parameters; write {rule_type.minimum}, in double quotes"
            return
        if rule.where is not None and not rule_type.has_where:
            yield f"{rule.type} takes no where; leave it out"
        if rule.condition is not None:
            yield from _find_condition_faults(rule, rule.condition, rule_type)
        if rule.threshold is not None:
            yield from _find_threshold_faults(rule, rule.threshold)
        yield from _find_parameter_faults(rule)


def _find_condition_faults(rule: DataRule, condition: Condition, rule_type: RuleType) -> Iterator[str]:
    # Kinds of operands that the type doesn't accept
    kinds = {operand.kind for operand in condition.operands}
    first = condition.operands[0]
    if not rule_type.operands:
        yield f"{rule.type} takes no condition; leave out {condition.operator}"
    elif not kinds <= rule_type.operands:
        wrong_kinds = " and ".join(sorted(kind.value for kind in kinds - rule_type.operands))
        right_kinds = " or ".join(sorted(kind.value for kind in rule_type.operands))
        yield f"{rule.type} is compared with {wrong_kinds}; write {right_kinds}"
    elif rule.type == "ColumnDataType":
        if condition.operator != "=" or first.text.lower() not in DATA_TYPES:
            yield f"ColumnDataType has {condition.operator} {first.text!r}; write = and one of {', '.join(DATA_TYPES)}"
    elif condition.operator.endswith("matches") and not is_pattern(first.text):
        yield f"{first.text!r} is no regular expression in RE2's syntax, which has no look-around; correct it"
    elif condition.operator in _ORDERED:
        for operand in condition.operands:
            is_amount = operand.kind in (OperandKind.NUMBER, OperandKind.MOMENT, OperandKind.DURATION)
            if not is_amount and not _DATE.fullmatch(operand.text):
                operand_words = repr(operand.text) if operand.text else operand.kind.value
                yield (
                    f"{condition.operator} compares with {operand_words}; write a number or a date such as 2026-01-31, or = "
                    "or in"
                )
        # Ends are compared only without formulas over earlier runs and without times of day, which may have zones
        is_constant = [
            operand.number[:1] in ((), ("number",)) and len(operand.text) <= DATE_LENGTH
            for operand in condition.operands
        ]
        ends = [(operand.number, operand.seconds, operand.text) for operand in condition.operands]
        if len(ends) == 2 and all(is_constant) and len(kinds) == 1 and ends[0] >= ends[1]:
            yield f"{rule.type} is {condition.operator} ends of which the first is not below the second; write a lower one"
    # No single value of the rows could be equal to one of earlier runs
    if condition.past_runs and rule.type in ROW_TYPES and condition.operator not in (">", ">=", "<", "<="):
        yield f"{condition.operator} compares each row with earlier runs; write > >= < or <=, for the extreme value"


def _find_threshold_faults(rule: DataRule, threshold: Condition) -> Iterator[str]:
    if rule.type not in ROW_TYPES:
        yield f"{rule.type} takes no threshold; {', '.join(sorted(ROW_TYPES))} do"
    if rule.condition is not None and rule.condition.past_runs:
        yield "a threshold is of rows, and earlier runs are compared by one number; leave out the threshold"
    if threshold.past_runs or any(operand.kind is not OperandKind.NUMBER for operand in threshold.operands):
        yield "a threshold is compared with a number from 0 to 1, such as with threshold > 0.9"


def _find_parameter_faults(rule: DataRule) -> Iterator[str]:
    if rule.type == "AggregateMatch":
        for parameter in rule.parameters:
            aggregate = parse_aggregate(parameter)
            if aggregate is None:
                yield f"AggregateMatch has {parameter!r}; write sum(column) or avg(column)"
            elif aggregate[1].startswith("reference."):
                yield f"AggregateMatch has {parameter!r}: {_SECOND_DATA_SET}"
    if rule.type == "ColumnNamesMatchPattern" and not is_pattern(rule.parameters[0]):
        yield f"{rule.parameters[0]!r} is no regular expression in RE2's syntax; correct it"
    if rule.type == ANOMALIES and rule.parameters[0] not in MEASURED_TYPES:
        yield f"DetectAnomalies is of {rule.parameters[0]!r}; it takes {', '.join(MEASURED_TYPES)}"
    elif rule.type == ANOMALIES:
        # What it measures is a rule without a condition, so the same checks apply to it
        yield from find_faults(DataRule(rule.parameters[0], rule.parameters[1:], rule.line, rule.text))


def parse_aggregate(text: str) -> tuple[str, str] | None:
    """The function (sum or avg) and the column of a parameter such as `sum(amount)`; None for another text."""
    match = _AGGREGATE.fullmatch(text.strip())
    if match is None:
        return None
    return match[1].lower(), match[2].strip().strip("`")
