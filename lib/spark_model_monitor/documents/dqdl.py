"""Parses rules in AWS Glue's Data Quality Definition Language (DQDL), the files `*.dqdl` of `--expectations`. Pure.

    Rules = [ IsComplete "id", (Mean "age" > 20) and (ColumnValues "age" <= 120 with threshold > 0.99) ]

The parser is a recursive descent by hand, because its errors name the line, the column and what to write. What can't be
evaluated in a scan of one data set is rejected here, with its line and the reason.
Source: the grammar of awslabs/dqdl 1.0.3, `DataQualityDefinitionLanguage.g4` and `rules-config.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias, TypeVar

from spark_model_monitor.documents.row_rules import BadRule, Tree, parse_sql_condition
from spark_model_monitor.errors import BadDocument, did_you_mean

Parsed = TypeVar("Parsed")


class OperandKind(Enum):
    """What a rule compares with; the values are words for errors."""

    NUMBER = "a number"
    TEXT = "a text"
    NULL = "NULL"
    EMPTY = "EMPTY"
    WHITESPACE = "WHITESPACES_ONLY"
    MOMENT = "a time from now"
    DURATION = "a duration"
    SIZE = "a file size"


@dataclass(frozen=True, slots=True)
class Operand:
    """What a condition compares with.

    number: of a number, its formula: `("number", 3.0)`, `("+", formula, formula)`, `("call", name, formulas)`. text: of a
    text. seconds: of a duration, and of a moment the seconds after now.
    """

    kind: OperandKind
    number: Tree = ()
    text: str = ""
    seconds: float = 0.0

    @property
    def depends_on_history(self) -> bool:
        """Whether it is computed from earlier runs."""
        return _calls_function(self.number)


def _calls_function(formula: Tree) -> bool:
    if not formula or formula[0] == "number":
        return False
    return formula[0] == "call" or any(map(_calls_function, formula[1:]))


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison. operator: as in the language, such as `>=`, `between`, `not in`. operands: what follows it."""

    operator: str
    operands: tuple[Operand, ...]

    @property
    def depends_on_history(self) -> bool:
        """Whether an operand is computed from earlier runs."""
        return any(operand.depends_on_history for operand in self.operands)


@dataclass(frozen=True, slots=True)
class DataRule:
    """One rule. parameters: columns, or what its type takes instead. where: the condition of its rows, parsed.

    condition: None for types that have none. threshold: on the fraction of rows that meet it. labels: its own, those of the
    file, and its tags. line: where it begins. text: as written, on one line.
    """

    type: str
    parameters: tuple[str, ...]
    line: int
    text: str
    condition: Condition | None = None
    where: Tree | None = None
    where_text: str = ""
    threshold: Condition | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """Rules joined by `and` or `or`."""

    operator: str
    parts: tuple[DataRule | CompositeRule, ...]
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)


AnyRule: TypeAlias = "DataRule | CompositeRule"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a file. analyzers: what is only measured. digest: the sha256 of the file.

    past_metrics: by metric, its values in earlier runs, the newest last.
    """

    rules: tuple[AnyRule, ...]
    analyzers: tuple[DataRule, ...]
    digest: str
    past_metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def data_rules(self) -> list[DataRule]:
        """All rules and analyzers, parts of composite rules included."""
        return [rule for top in (*self.rules, *self.analyzers) for rule in list_parts(top)]

    @property
    def depends_on_history(self) -> bool:
        """Whether a rule compares with earlier runs."""
        return any(
            rule.type == ANOMALIES or (rule.condition is not None and rule.condition.depends_on_history)
            for rule in self.data_rules
        )


def list_parts(rule: AnyRule) -> list[DataRule]:
    """The rules that a rule consists of."""
    if isinstance(rule, DataRule):
        return [rule]
    return [part for direct_part in rule.parts for part in list_parts(direct_part)]


# The types of rules, and what each of them takes.


ANOMALIES = "DetectAnomalies"
ROW_TYPES = frozenset({"ColumnValues", "ColumnLength", "ColumnDataType", "DataFreshness"})
"""Types that judge each row, so that a threshold on the fraction of rows makes sense."""

_NUMBERS = frozenset({OperandKind.NUMBER})
_VALUES = frozenset(OperandKind) - {OperandKind.DURATION, OperandKind.SIZE}


@dataclass(frozen=True, slots=True)
class RuleType:
    """What a type of rule takes.

    parameters: the fewest and the most of them; None: any number. operands: kinds that its condition compares with; empty for a
    type without a condition. has_where: whether its rows can be chosen.
    """

    parameters: tuple[int, int | None] = (1, 1)
    operands: frozenset[OperandKind] = _NUMBERS
    has_where: bool = True


_NO_OPERANDS: frozenset[OperandKind] = frozenset()

RULE_TYPES: Mapping[str, RuleType] = {
    "RowCount": RuleType((0, 1)),  # the guide's own example names a column, which doesn't matter
    "ColumnCount": RuleType((0, 0), has_where=False),
    "Completeness": RuleType(),
    "IsComplete": RuleType(operands=_NO_OPERANDS),
    "ColumnDataType": RuleType(operands=frozenset({OperandKind.TEXT})),
    "ColumnNamesMatchPattern": RuleType(operands=_NO_OPERANDS, has_where=False),
    "ColumnExists": RuleType(operands=_NO_OPERANDS, has_where=False),
    "ColumnCorrelation": RuleType((2, 2)),
    "Uniqueness": RuleType((1, None)),
    "IsUnique": RuleType((1, None), operands=_NO_OPERANDS),
    "IsPrimaryKey": RuleType((1, None), operands=_NO_OPERANDS),
    "Mean": RuleType(),
    "Sum": RuleType(),
    "StandardDeviation": RuleType(),
    "Variance": RuleType(),
    "Entropy": RuleType(),
    "DistinctValuesCount": RuleType(),
    "UniqueValueRatio": RuleType((1, None)),
    "ColumnLength": RuleType(),
    "ColumnValues": RuleType(operands=_VALUES),
    "DataFreshness": RuleType(operands=frozenset({OperandKind.DURATION})),
    "AggregateMatch": RuleType((2, 2), has_where=False),
    ANOMALIES: RuleType((1, None), operands=_NO_OPERANDS, has_where=False),
}

_SECOND_DATA_SET = "it compares with a second data set, and a run reads one"
_FILES = "it is about files, not about their rows"
REJECTED_TYPES = {
    "RowCountMatch": _SECOND_DATA_SET,
    "ReferentialIntegrity": _SECOND_DATA_SET,
    "DatasetMatch": _SECOND_DATA_SET,
    "SchemaMatch": f"{_SECOND_DATA_SET}; columns are compared with those of --baseline",
    "CustomSql": "SQL needs another scan; write ColumnValues or RowCount with a where, or --checks",
    "FileFreshness": f"{_FILES}; write DataFreshness of a column",
    "FileMatch": _FILES,
    "FileUniqueness": _FILES,
    "FileSize": _FILES,
}

DATA_TYPES = ("boolean", "date", "timestamp", "integer", "long", "float", "double")
MEASURED_TYPES = tuple(
    name for name, kind in RULE_TYPES.items() if kind.operands == _NUMBERS and name not in ("Variance", "AggregateMatch")
)
"""What DetectAnomalies judges; ColumnValues by its smallest and its largest value. Source: the public guide."""

AGGREGATE = re.compile(r"(?i)\s*(sum|avg)\s*\(\s*`?([^)`]+?)`?\s*\)\s*")
FUNCTIONS = {"last": (0, 1), "avg": (1, 1), "min": (1, 1), "max": (1, 1), "sum": (1, 1), "std": (1, 1)}
FUNCTIONS |= {"median": (1, 1), "abs": (1, 1), "percentile": (2, 2), "index": (2, 2)}
"""The functions of an operand, and how many arguments they take at least and at most."""


# The text in tokens.


_TOKEN = re.compile(
    r"(?P<space>(?:\s|\#[^\n]*)+)"
    r'|(?P<text>"(?:\\.|[^"\\])*")'
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z0-9_.]+)"
    r"|(?P<sign>>=|<=|!\s*=|[=<>()\[\]{},:$+*/-])",
    re.DOTALL,
)
_UNITS = {"minutes": 60.0, "hours": 3600.0, "days": 86400.0}
_SIZES = ("B", "KB", "MB", "GB", "TB")
_KEYWORDS = {"null": OperandKind.NULL, "empty": OperandKind.EMPTY, "whitespaces_only": OperandKind.WHITESPACE}
_AFTER_PARAMETERS = frozenset({"between", "not", "in", "matches", "where", "labels", "with", "and", "or", "AND", "OR"})
_OPERATORS = (">=", "<=", "!=", ">", "<", "=")
_A_CONDITION = "a comparison (> >= < <= = !=), between, in or matches"
_AN_OPERAND = "a number, a text in double quotes, NULL, EMPTY, WHITESPACES_ONLY, now() or a $variable"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. kind: text, number, name, sign, or end. start, end: its positions."""

    kind: str
    text: str
    start: int
    end: int


def parse_rule_set(content: bytes | str, where: str) -> RuleSet:
    """The rules in a file. where: its path, for errors.

    Raises BadDocument: for the first place that is no DQDL, else a line for each rule that can't be evaluated.
    """
    try:
        text = content.decode() if isinstance(content, bytes) else content
    except UnicodeDecodeError as fault:
        raise BadDocument(f"{where}: is no text in UTF-8 from byte {fault.start} on; save it as UTF-8") from None
    try:
        rule_set = _Parser(text, where).parse_document()
    except RecursionError:
        raise BadDocument(f"{where}: its rules are nested too deeply; write several rules") from None
    faults = [f"{where}: line {rule.line}: {fault}" for rule in rule_set.data_rules for fault in find_faults(rule)]
    faults += [
        f"{where}: line {rule.line}: {rule.type} is an analyzer, which takes no condition; move it to Rules"
        for rule in rule_set.analyzers
        if rule.condition is not None
    ]
    if faults:
        raise BadDocument("\n".join(faults))
    # Everything that AllStatistics measures stands in statistics.json anyway
    analyzers = tuple(rule for rule in rule_set.analyzers if rule.type != "AllStatistics")
    return replace(rule_set, analyzers=analyzers, digest=hashlib.sha256(text.encode()).hexdigest())


class _Parser:
    """Reads the tokens of one file from the first to the last."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._tokens = list(self._split_tokens())
        self._index = 0
        self._variables: dict[str, tuple[Operand, ...]] = {}
        self._default_labels: dict[str, str] = {}

    def _split_tokens(self) -> Iterator[Token]:
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                is_quote = self._text[position] == '"'
                advice = "the text that begins here has no end; close it by a double quote"
                if not is_quote:
                    advice = f"{self._text[position]!r} is no part of DQDL; texts stand in double quotes, comments after #"
                raise BadDocument(f"{self._name_location(position)}: {advice}")
            if match.lastgroup != "space":
                yield Token(str(match.lastgroup), match[0], match.start(), match.end())
            position = match.end()
        yield Token("end", "", position, position)

    def _name_location(self, position: int) -> str:
        before = self._text[:position]
        line = before.count("\n") + 1
        column = position - (before.rfind("\n") + 1) + 1
        return f"{self._where}: line {line}, column {column}"

    def _fail(self, expected: str, token: Token | None = None) -> BadDocument:
        token = token or self._token
        shown = "the end of the file" if token.kind == "end" else token.text[:40]
        return BadDocument(f"{self._name_location(token.start)}: found {shown}, expected {expected}")

    # Steps over tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _is_next(self, *texts: str) -> bool:
        return self._token.kind in ("sign", "name") and self._token.text in texts

    def _skip(self, *texts: str) -> bool:
        """Step over the next token if it is one of these."""
        is_there = self._is_next(*texts)
        if is_there:
            self._index += 1
        return is_there

    def _require(self, sign: str, purpose: str) -> None:
        if not self._skip(sign):
            raise self._fail(f"{sign} {purpose}")

    def _take(self, kind: str, expected: str) -> Token:
        token = self._token
        if token.kind != kind:
            raise self._fail(expected)
        self._index += 1
        return token

    def _take_text(self, expected: str) -> str:
        return re.sub(r'\\(["\\])', r"\1", self._take("text", expected).text[1:-1])

    def _take_list(self, parse: Callable[[], Parsed], purpose: str) -> list[Parsed]:
        """What stands in brackets, with commas between."""
        self._require("[", purpose)
        values: list[Parsed] = []
        while not self._skip("]"):
            if values and not self._skip(","):
                raise self._fail(", and another one, or ] at the end")
            values.append(parse())
        return values

    def _join_source(self, first: int) -> str:
        """The text of the tokens from `first` to here on one line, without comments."""
        pieces = []
        end = self._tokens[first].start
        for token in self._tokens[first : self._index]:
            gap = self._text[end : token.start]
            pieces.append(" " if "\n" in gap else gap)
            pieces.append(token.text)
            end = token.end
        return "".join(pieces)

    # The sections of a file

    def parse_document(self) -> RuleSet:
        """All sections, each at most once, in any order."""
        sections: set[str] = set()
        rules: list[AnyRule] = []
        analyzers: list[DataRule] = []
        while self._token.kind != "end":
            token = self._take("name", "Rules = [ … ], Analyzers = [ … ] or a variable such as names = [ … ]")
            if token.text in sections:
                raise self._fail(f"{token.text} only once in a file", token)
            sections.add(token.text)
            self._require("=", f"after {token.text}")
            if token.text == "Rules":
                rules = self._take_list(self._parse_rule, "before the rules")
            elif token.text == "Analyzers":
                analyzers = self._take_list(self._parse_data_rule, "before the analyzers")
            elif token.text in ("Metadata", "DataSources"):
                self._skip_dictionary()
            elif token.text == "DefaultLabels":
                self._default_labels = self._parse_labels()
            else:
                self._variables[token.text] = self._parse_variable()
        if not rules and not analyzers:
            raise BadDocument(f'{self._where}: has no rule; write Rules = [ … ], such as Rules = [ IsComplete "id" ]')
        return RuleSet(tuple(rules), tuple(analyzers), "")

    def _skip_dictionary(self) -> None:
        self._require("{", "before the names and values")
        while not self._skip("}"):
            self._take_text('"name": "value" pairs and } at the end')
            self._require(":", "after a name")
            if self._is_next("["):
                self._take_list(lambda: self._take_text("a text"), "before the texts")
            else:
                self._take_text("a text or a list of texts")
            if not self._is_next("}"):
                self._require(",", "between the pairs")

    def _parse_variable(self) -> tuple[Operand, ...]:
        if self._is_next("["):
            return tuple(self._take_list(self._parse_operand, "before the values"))
        return (self._parse_operand(),)

    def _parse_labels(self) -> dict[str, str]:
        def parse_label() -> tuple[str, str]:
            name = self._take_text('a label such as "team"="sales"')
            self._require("=", "after the name of a label")
            return name, self._take_text("the text of a label in double quotes")

        return dict(self._take_list(parse_label, "before the labels"))

    # Rules

    def _parse_rule(self) -> AnyRule:
        return self._parse_joined(("or", "OR"), lambda: self._parse_joined(("and", "AND"), self._parse_part))

    def _parse_joined(self, words: tuple[str, str], parse: Callable[[], AnyRule]) -> AnyRule:
        first = self._index
        parts = [parse()]
        while self._skip(*words):
            parts.append(parse())
        if len(parts) == 1:
            return parts[0]
        return CompositeRule(words[0], tuple(parts), self._join_source(first), self._default_labels)

    def _parse_part(self) -> AnyRule:
        if not self._skip("("):
            return self._parse_data_rule()
        rule = self._parse_rule()
        self._require(")", "after the rule, or and, or between rules in parentheses")
        if self._skip("labels"):
            self._require("=", "after labels")
            rule = replace(rule, labels={**rule.labels, **self._parse_labels()})
        return rule

    def _parse_data_rule(self) -> DataRule:
        first = self._index
        rule_type = self._take("name", "a rule, such as IsComplete or ColumnValues")
        line = self._text.count("\n", 0, rule_type.start) + 1
        parameters = []
        while (parameter := self._parse_parameter()) is not None:
            parameters.append(parameter)
        condition = self._parse_condition()
        # What follows the condition
        where_text = self._take_text("a condition in SQL in double quotes") if self._skip("where") else ""
        labels = dict(self._default_labels)
        threshold = None
        if self._skip("labels"):
            self._require("=", "after labels")
            labels |= self._parse_labels()
        while self._skip("with"):
            tag = self._take("name", "a tag, such as threshold, after with")
            value = self._parse_condition()
            if value is None:
                raise self._fail(f"{_A_CONDITION} after {tag.text}")
            if tag.text == "threshold":
                threshold = value
            else:
                labels[tag.text] = value.operands[0].text or self._text[self._tokens[self._index - 1].start :][:40]
        try:
            where = parse_sql_condition(where_text) if where_text else None
        except BadRule as fault:
            raise BadDocument(f"{self._where}: line {line}: where {where_text!r}: {fault}") from None
        text = self._join_source(first)
        return DataRule(
            rule_type.text, tuple(parameters), line, text, condition, where, where_text, threshold, labels
        )

    def _parse_parameter(self) -> str | None:
        """The next parameter of a rule; None if there are no more."""
        follows_connector = self._is_next("of", "OF", "and", "AND") and self._index > 0
        token = self._tokens[self._index + 1] if follows_connector else self._token
        is_name = token.kind == "name" and token.text not in {*_AFTER_PARAMETERS, *RULE_TYPES, *REJECTED_TYPES}
        if token.kind != "text" and token.text != "$" and not is_name:
            return None
        if follows_connector:
            self._index += 1
        if is_name:
            return self._take("name", "a column").text
        operands = self._parse_variable_use() if token.text == "$" else (self._parse_operand(),)
        if len(operands) != 1 or operands[0].kind is not OperandKind.TEXT:
            raise self._fail("a text, or a variable that holds one text", token)
        return operands[0].text

    # Conditions

    def _parse_condition(self) -> Condition | None:
        """The comparison that stands here; None if there is none."""
        for operator in _OPERATORS:
            if self._token.kind == "sign" and self._token.text.replace(" ", "") == operator:
                self._index += 1
                return Condition(operator, (self._parse_operand(),))
        negation = "not " if self._skip("not") else ""
        if self._skip("between"):
            low = self._parse_operand()
            if not self._skip("and", "AND"):
                raise self._fail("and, with the upper end of between")
            return Condition(f"{negation}between", (low, self._parse_operand()))
        if self._skip("in"):
            operands = self._parse_variable_use() if self._is_next("$") else None
            if operands is None:
                operands = tuple(self._take_list(self._parse_operand, "before the values of in"))
            if not operands:
                raise self._fail("at least one value between [ and ]", self._tokens[self._index - 1])
            return Condition(f"{negation}in", operands)
        if self._skip("matches"):
            return Condition(f"{negation}matches", (self._parse_pattern(),))
        if negation:
            raise self._fail("between, in or matches after not")
        return None

    def _parse_pattern(self) -> Operand:
        if self._token.kind != "text":
            raise self._fail("a regular expression in double quotes")
        return self._parse_operand()

    def _parse_variable_use(self) -> tuple[Operand, ...]:
        self._require("$", "before a variable")
        token = self._take("name", "the name of a variable after $")
        if token.text not in self._variables:
            names = did_you_mean(token.text, self._variables, "write it above the rules, such as names = [ … ]")
            raise BadDocument(f"{self._name_location(token.start)}: there is no variable {token.text}; {names}")
        return self._variables[token.text]

    def _parse_operand(self) -> Operand:
        token = self._token
        if token.kind == "text":
            return Operand(OperandKind.TEXT, text=self._take_text("a text"))
        if token.text == "$":
            operands = self._parse_variable_use()
            if len(operands) != 1:
                raise self._fail("a variable that holds one value; lists follow in", token)
            return operands[0]
        kind = _KEYWORDS.get(token.text.lower()) if token.text in (token.text.lower(), token.text.upper()) else None
        if kind is not None:
            self._index += 1
            return Operand(kind)
        follows = self._tokens[self._index + 1].text if token.text == "(" else token.text
        if follows == "now":
            return self._parse_moment()
        number = self._parse_sum()
        if self._token.text in _UNITS and number[0] == "number":
            return Operand(OperandKind.DURATION, seconds=number[1] * _UNITS[self._take("name", "a unit").text])
        if self._skip(*_SIZES):
            return Operand(OperandKind.SIZE)
        return Operand(OperandKind.NUMBER, number)

    def _parse_moment(self) -> Operand:
        """`now()`, or `(now() - 3 days)`."""
        in_parentheses = self._skip("(")
        self._skip("now")
        self._require("(", "after now")
        self._require(")", "after now(")
        seconds = 0.0
        if self._is_next("-", "+"):
            is_before = self._skip("-") or not self._skip("+")
            duration = self._parse_operand()
            if duration.kind is not OperandKind.DURATION:
                raise self._fail("a duration, such as 3 days, 2 hours or 30 minutes")
            seconds = -duration.seconds if is_before else duration.seconds
        if in_parentheses:
            self._require(")", "after a time such as (now() - 3 days)")
        return Operand(OperandKind.MOMENT, seconds=seconds)

    def _parse_sum(self) -> Tree:
        formula = self._parse_product()
        while self._is_next("+", "-"):
            operator = self._take("sign", "+").text
            formula = (operator, formula, self._parse_product())
        return formula

    def _parse_product(self) -> Tree:
        formula = self._parse_factor()
        while self._is_next("*", "/"):
            operator = self._take("sign", "*").text
            formula = (operator, formula, self._parse_factor())
        return formula

    def _parse_factor(self) -> Tree:
        if self._skip("-"):
            return ("-", ("number", 0.0), self._parse_factor())
        if self._skip("("):
            formula = self._parse_sum()
            self._require(")", "after a formula in parentheses")
            return formula
        if self._token.kind == "number":
            return ("number", float(self._take("number", "a number").text))
        if self._token.kind != "name" or self._tokens[self._index + 1].text != "(":
            raise self._fail(_AN_OPERAND)
        # A function of earlier runs
        token = self._take("name", "a function")
        if token.text not in FUNCTIONS:
            names = did_you_mean(token.text, FUNCTIONS, f"the functions are {', '.join(FUNCTIONS)}")
            raise BadDocument(f"{self._name_location(token.start)}: there is no function {token.text}; {names}")
        self._require("(", "after a function")
        arguments: list[Tree] = []
        while not self._skip(")"):
            if arguments:
                self._require(",", "between arguments, or ) after the last")
            arguments.append(self._parse_sum())
        minimum, maximum = FUNCTIONS[token.text]
        if not minimum <= len(arguments) <= maximum:
            raise self._fail(f"{token.text} with {maximum} argument{'s' * (maximum > 1)}", token)
        if token.text == "last" and arguments and not (arguments[0][0] == "number" and arguments[0][1] >= 1):
            raise self._fail("last with a whole number of runs, such as last(10)", token)
        return ("call", token.text, tuple(arguments))


# Rules that are DQDL, but can't be evaluated.


def find_faults(rule: DataRule) -> Iterator[str]:
    """Why a rule can't be evaluated, and what to write; nothing if it can."""
    if rule.type in REJECTED_TYPES:
        yield f"{rule.type} is not evaluated: {REJECTED_TYPES[rule.type]}"
        return
    if rule.type == "AllStatistics":
        if rule.condition is not None:
            yield "AllStatistics is an analyzer; move it to Analyzers"
        return
    rule_type = RULE_TYPES.get(rule.type)
    if rule_type is None:
        names = did_you_mean(rule.type, RULE_TYPES, f"the types are {', '.join(RULE_TYPES)}")
        yield f"there is no rule type {rule.type}; {names}"
        return
    minimum, maximum = rule_type.parameters
    if len(rule.parameters) < minimum or (maximum is not None and len(rule.parameters) > maximum):
        wanted = f"{minimum}" if maximum == minimum else f"{minimum} or more" if maximum is None else f"at most {maximum}"
        yield f'{rule.type} has {len(rule.parameters)} parameters; it takes {wanted}, such as {rule.type} "column"'
    if rule.where is not None and not rule_type.has_where:
        yield f"{rule.type} takes no where; leave it out"
    yield from _find_operand_faults(rule, rule_type)
    yield from _find_threshold_faults(rule)
    yield from _find_parameter_faults(rule)


def _find_operand_faults(rule: DataRule, rule_type: RuleType) -> Iterator[str]:
    condition = rule.condition
    if condition is None:
        return
    if not rule_type.operands:
        yield f"{rule.type} takes no condition; leave out {condition.operator}"
        return
    kinds = {operand.kind for operand in condition.operands}
    for kind in sorted(kinds - rule_type.operands, key=lambda kind: kind.value):
        expected = " or ".join(sorted(kind.value for kind in rule_type.operands))
        yield f"{rule.type} is compared with {kind.value}; write {expected}"
    if condition.operator.endswith("matches"):
        try:
            re.compile(condition.operands[0].text)
        except re.error as fault:
            yield f"{condition.operands[0].text!r} is no regular expression ({fault}); correct it"
        if rule.type != "ColumnValues":
            yield f"{rule.type} takes no matches; only ColumnValues does"
    is_ordered = condition.operator in (">", ">=", "<", "<=", "between", "not between")
    not_ordered = kinds & {OperandKind.NULL, OperandKind.EMPTY, OperandKind.WHITESPACE}
    if is_ordered and not_ordered:
        names = ", ".join(sorted(kind.value for kind in not_ordered))
        yield f"nothing is {condition.operator} {names}; write = or !="
    if condition.depends_on_history and rule.type in ROW_TYPES:
        is_extreme = rule.type in ("ColumnValues", "ColumnLength") and condition.operator in (">", ">=", "<", "<=")
        if not is_extreme:
            yield f"{rule.type} is compared with earlier runs by > >= < <=, which judge its smallest or largest value"
    if rule.type == "ColumnDataType" and condition.operands[0].text.lower() not in DATA_TYPES:
        yield f"ColumnDataType has the type {condition.operands[0].text!r}; the types are {', '.join(DATA_TYPES)}"
    if rule.type == "ColumnDataType" and condition.operator != "=":
        yield "ColumnDataType takes = and a type"


def _find_threshold_faults(rule: DataRule) -> Iterator[str]:
    if rule.threshold is None:
        return
    if rule.type not in ROW_TYPES:
        yield f"{rule.type} takes no threshold; {', '.join(sorted(ROW_TYPES))} do"
    elif rule.condition is not None and rule.condition.depends_on_history:
        yield "a threshold is of rows, and earlier runs are compared by one number; leave out the threshold"
    if any(operand.kind is not OperandKind.NUMBER or operand.depends_on_history for operand in rule.threshold.operands):
        yield "a threshold is compared with a number from 0 to 1, such as with threshold > 0.9"


def _find_parameter_faults(rule: DataRule) -> Iterator[str]:
    if rule.type == "AggregateMatch":
        for parameter in rule.parameters:
            match = AGGREGATE.fullmatch(parameter)
            if match is None:
                yield f"AggregateMatch has {parameter!r}; write sum(column) or avg(column)"
            elif match[2].startswith("reference."):
                yield f"AggregateMatch has {parameter!r}: {_SECOND_DATA_SET}"
    if rule.type == "ColumnNamesMatchPattern" and rule.parameters:
        try:
            re.compile(rule.parameters[0])
        except re.error as fault:
            yield f"{rule.parameters[0]!r} is no regular expression ({fault}); correct it"
    if rule.type == ANOMALIES and rule.parameters:
        if rule.parameters[0] not in (*MEASURED_TYPES, "ColumnValues"):
            yield f"DetectAnomalies is of {rule.parameters[0]!r}; it takes {', '.join(MEASURED_TYPES)}, ColumnValues"
            return
        yield from find_faults(DataRule(rule.parameters[0], rule.parameters[1:], rule.line, rule.text))
