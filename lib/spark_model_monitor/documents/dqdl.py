"""Parses rules in AWS Glue's Data Quality Definition Language (DQDL), the files `*.dqdl` of `--expectations`. Pure.

    Rules = [ IsComplete "id", (Mean "age" > 20) and (ColumnValues "age" <= 120 with threshold > 0.99) ]

The parser is a recursive descent by hand, because its errors name the line, the column and what to write. What can't be
evaluated in a scan of one data set is rejected here, with its line and the reason.
Source: "Data Quality Definition Language", the grammar of awslabs/dqdl 1.0.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import TypeAlias, TypeVar

from spark_model_monitor.documents.json_text import format_position
from spark_model_monitor.documents.row_rules import BadRule, Tree, parse_sql_condition
from spark_model_monitor.documents.rules_file import is_pattern
from spark_model_monitor.errors import BadDocument, did_you_mean
from spark_model_monitor.value_class import value_class

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


@value_class
class Operand:
    """What a condition compares with.

    number: of a number, its formula: `("number", 3.0)`, `("+", formula, formula)`, `("call", name, formulas)`.
    text: of a text.
    seconds: of a duration, and of a moment the seconds after now.
    """

    kind: OperandKind
    number: Tree = ()
    text: str = ""
    seconds: float = 0.0


@value_class
class Condition:
    """A comparison. operator: as in the language, such as `>=`, `between`, `not in`. operands: what follows it."""

    operator: str
    operands: tuple[Operand, ...]

    @property
    def past_runs(self) -> int:
        """How many earlier runs it compares with; 0 if it doesn't depend on them."""
        return max((count_runs(operand.number) for operand in self.operands), default=0)


def count_runs(formula: Tree) -> int:
    """How many earlier runs a formula needs."""
    if not formula or formula[0] == "number":
        return 0
    arguments = formula[2] if formula[0] == "call" else formula[1:]
    if formula[:2] == ("call", "last"):
        return int(arguments[0][1]) if arguments else 1
    return max(map(count_runs, arguments), default=0)


@value_class
class DataRule:
    """One rule.

    parameters: columns, or what its type takes instead.
    where: the condition of its rows, parsed.
    threshold: on the fraction of rows that meet it.
    labels: its own, those of the file, and its tags.
    line: where it begins.
    text: as written, on one line.
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

    @property
    def past_runs(self) -> int:
        """How many earlier runs it compares with at most."""
        if self.type == ANOMALIES:
            return MAX_RUNS
        if self.condition is None:
            return 0
        return self.condition.past_runs


@value_class
class CompositeRule:
    """Rules joined by `and` or `or`."""

    operator: str
    parts: tuple[DataRule | CompositeRule, ...]
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)


AnyRule: TypeAlias = "DataRule | CompositeRule"


@value_class
class SkippedRule:
    """A rule that is not evaluated, and why. text: as results name it."""

    text: str
    reason: str


@value_class
class RuleSet:
    """The rules of a file.

    analyzers: what is only measured.
    skipped: what a run can't evaluate.
    digest: the sha256 of the file.
    past_metrics: by metric, its values in earlier runs, the newest last.
    past_alarms: for each of them the name of its window, if that had violations that nobody accepted, else an empty
        text.
    """

    rules: tuple[AnyRule, ...]
    analyzers: tuple[DataRule, ...]
    skipped: tuple[SkippedRule, ...] = ()
    digest: str = ""
    past_metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    past_alarms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def data_rules(self) -> list[DataRule]:
        """All rules and analyzers, parts of composite rules included."""
        return [rule for top_rule in (*self.rules, *self.analyzers) for rule in list_parts(top_rule)]

    @property
    def past_runs(self) -> int:
        """How many earlier runs its rules compare with."""
        return max((rule.past_runs for rule in self.data_rules), default=0)


def list_parts(rule: AnyRule) -> list[DataRule]:
    """The rules that a rule consists of."""
    if isinstance(rule, DataRule):
        return [rule]
    return [part for direct_part in rule.parts for part in list_parts(direct_part)]


# The types of rules, and what each of them takes.


ANOMALIES = "DetectAnomalies"
MAX_RUNS = 100  # of the earlier runs that DetectAnomalies learns from
SECTIONS = ("Rules", "Analyzers")

ROW_TYPES = frozenset({"ColumnValues", "ColumnLength", "ColumnDataType", "DataFreshness"})
"""Types that judge each row, so that a threshold on the fraction of rows makes sense."""

_NUMBERS = frozenset({OperandKind.NUMBER})


@value_class
class RuleType:
    """What a type of rule takes.

    minimum, maximum: how many parameters; None: any number.
    operands: kinds that its condition compares with; empty for a type without a condition.
    has_where: whether its rows can be chosen.
    """

    minimum: int = 1
    maximum: int | None = 1
    operands: frozenset[OperandKind] = _NUMBERS
    has_where: bool = True


_OF_A_COLUMN = ("Completeness", "Mean", "Sum", "StandardDeviation", "Variance", "ColumnLength")
RULE_TYPES: dict[str, RuleType] = dict.fromkeys((*_OF_A_COLUMN, "Entropy", "DistinctValuesCount"), RuleType())
RULE_TYPES |= dict.fromkeys(("Uniqueness", "UniqueValueRatio"), RuleType(maximum=None))
RULE_TYPES |= dict.fromkeys(("IsUnique", "IsPrimaryKey"), RuleType(maximum=None, operands=frozenset()))
RULE_TYPES |= dict.fromkeys(
    ("ColumnExists", "ColumnNamesMatchPattern"), RuleType(operands=frozenset(), has_where=False)
)
RULE_TYPES["IsComplete"] = RuleType(operands=frozenset())
RULE_TYPES["RowCount"] = RuleType(0)  # an example of the guide names a column, which doesn't matter
RULE_TYPES["ColumnCount"] = RuleType(0, 0, has_where=False)
RULE_TYPES["ColumnCorrelation"] = RuleType(2, 2)
RULE_TYPES["AggregateMatch"] = RuleType(2, 2, has_where=False)
RULE_TYPES["ColumnDataType"] = RuleType(operands=frozenset({OperandKind.TEXT}))
RULE_TYPES["ColumnValues"] = RuleType(operands=frozenset(OperandKind) - {OperandKind.DURATION, OperandKind.SIZE})
RULE_TYPES["DataFreshness"] = RuleType(operands=frozenset({OperandKind.DURATION}))
RULE_TYPES[ANOMALIES] = RuleType(maximum=None, operands=frozenset(), has_where=False)

_SECOND_DATA_SET = "it compares with a second data set, and a run reads one"
_FILES = "it is about files, not about their rows"
REJECTED_TYPES = dict.fromkeys(("RowCountMatch", "ReferentialIntegrity", "DatasetMatch"), _SECOND_DATA_SET)
REJECTED_TYPES |= dict.fromkeys(("FileMatch", "FileUniqueness", "FileSize"), _FILES)
REJECTED_TYPES["SchemaMatch"] = f"{_SECOND_DATA_SET}; columns are compared with those of --baseline"
REJECTED_TYPES["CustomSql"] = "SQL needs another scan; write ColumnValues or RowCount with a where, or --checks"
REJECTED_TYPES["FileFreshness"] = f"{_FILES}; write DataFreshness of a column"

DATA_TYPES = ("boolean", "date", "timestamp", "integer", "long", "float", "double")
MEASURED_TYPES = (
    *("RowCount", "Completeness", "Uniqueness", "Mean", "Sum", "StandardDeviation", "Entropy", "DistinctValuesCount"),
    *("UniqueValueRatio", "ColumnLength", "ColumnValues", "ColumnCorrelation", "ColumnCount"),
)
"""What DetectAnomalies judges. Source: AWS Glue, "DQDL rule type reference"."""

_AGGREGATE = re.compile(r"(sum|SUM|avg|AVG)\(([^()]+)\)")
FUNCTIONS = {**dict.fromkeys(("avg", "min", "max", "sum", "std", "median", "abs"), 1), "percentile": 2, "index": 2}
"""The functions of earlier runs but `last`, and the number of their arguments."""


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
_OPERATORS = frozenset({">=", "<=", "!=", ">", "<", "="})
_ORDERED = frozenset({">=", "<=", ">", "<", "between", "not between"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
_AN_OPERAND = "a number, a text in double quotes, NULL, EMPTY, WHITESPACES_ONLY, now() or a $variable"


@value_class
class Token:
    """A piece of the text. kind: text, number, name, sign, or end. start, end: its positions."""

    kind: str
    text: str
    start: int
    end: int
    line: int  # from 1


def parse_rule_set(content: bytes | str, where: str, *, skip_unsupported: bool = False) -> RuleSet:
    """The rules in a file. where: its path, for errors. skip_unsupported: whether rules that a run can't evaluate are skipped.

    Raises BadDocument: for the first place that is no DQDL, else a line for each rule that can't be evaluated.
    """
    try:
        # Positions in errors are of characters, so bytes become text first
        if isinstance(content, bytes):
            content = content.decode()
        rule_set = _Parser(content, where).parse_document()
    except UnicodeDecodeError as fault:
        raise BadDocument(f"{where}: is no text in UTF-8 from byte {fault.start} on; save it as UTF-8") from None
    except RecursionError:
        raise BadDocument(f"{where}: its rules are nested too deeply; write several rules") from None
    # What another run could evaluate is no mistake of the file
    unsupported = [SkippedRule(rule.text, reason) for rule in rule_set.rules if (reason := _find_unsupported(rule))]
    if skip_unsupported:
        supported_rules = tuple(rule for rule in rule_set.rules if not _find_unsupported(rule))
        rule_set = replace(rule_set, rules=supported_rules, skipped=tuple(unsupported))
    # All rules that can't be evaluated are named together
    faults = []
    # A rule may be written as an analyzer is, on the same line
    analyzer_ids = {id(analyzer) for analyzer in rule_set.analyzers}
    for rule in rule_set.data_rules:
        rule_faults = list(find_faults(rule))
        # The same grammar in both sections: rules need a condition, analyzers must not have one
        takes_condition = rule.type in RULE_TYPES and bool(RULE_TYPES[rule.type].operands)
        if id(rule) in analyzer_ids:
            if rule.condition is not None:
                rule_faults.append(f"{rule.type} has a condition among the analyzers; move it to Rules")
        elif takes_condition and rule.condition is None:
            rule_faults.append(f"{rule.type} has no condition; write one, such as > 0")
        faults += [f"{where}: line {rule.line}: {fault}" for fault in rule_faults]
    if faults and unsupported and not skip_unsupported:
        faults = [reject_unsupported(faults)]
    if faults:
        raise BadDocument("\n".join(faults))
    # Everything that AllStatistics measures stands in statistics.json anyway
    analyzers = tuple(rule for rule in rule_set.analyzers if rule.type != "AllStatistics")
    return replace(rule_set, analyzers=analyzers, digest=hashlib.sha256(content.encode()).hexdigest())


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
        line = 1
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                sign = self._text[position]
                advice = "found a text without an end; close it by a double quote"
                if sign != '"':
                    advice = f"found {sign}, which is no part of DQDL; texts stand in double quotes, comments after #"
                raise self._fail_at(position, advice)
            # `! =` with a space is in examples of the guide
            if match.lastgroup != "space":
                text = match[0]
                if text.startswith("!"):
                    text = "!="
                yield Token(str(match.lastgroup), text, match.start(), match.end(), line)
            line += match[0].count("\n")
            position = match.end()
        yield Token("end", "", position, position, line)

    def _fail_at(self, position: int, fault: str) -> BadDocument:
        return BadDocument(f"{self._where}: {format_position(self._text, position)}: {fault}")

    def _fail(self, expected: str, token: Token | None = None) -> BadDocument:
        token = token or self._token
        # A whole text may be as long as the file
        shown = token.text[:40]
        if token.kind == "end":
            shown = "the end of the file"
        return self._fail_at(token.start, f"found {shown}, expected {expected}")

    # Steps over tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _is_next(self, *texts: str) -> bool:
        return self._token.kind in ("sign", "name") and self._token.text in texts

    def _skip(self, *texts: str) -> bool:
        """Step over the next token if it is one of these."""
        is_there = self._is_next(*texts)
        self._index += is_there
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

    def _take_list(self, parse: Callable[[], Parsed], purpose: str, ends: str = "[]") -> list[Parsed]:
        """What stands in brackets, with commas between."""
        self._require(ends[0], purpose)
        values: list[Parsed] = []
        while not self._skip(ends[1]):
            if values:
                self._require(",", f"and another one, or {ends[1]} at the end")
            values.append(parse())
        return values

    def _join_source(self, first: int) -> str:
        """The text of the tokens from `first` to here on one line, without comments."""
        pieces = []
        end = self._tokens[first].start
        for token in self._tokens[first : self._index]:
            gap = self._text[end : token.start]
            # A gap with a line break may hold comments, which end at the line
            if "\n" in gap:
                gap = " "
            pieces.append(gap)
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
            # Two Rules sections are probably two files pasted together
            if token.text in sections:
                raise self._fail(f"{token.text} only once in a file", token)
            sections.add(token.text)
            if token.text not in SECTIONS and token.text.capitalize() in SECTIONS:
                raise self._fail(token.text.capitalize(), token)
            self._require("=", f"after {token.text}; rules stand in Rules = [ … ]")
            if token.text == "Rules":
                rules = self._take_list(self._parse_rule, "before the rules")
            elif token.text == "Analyzers":
                analyzers = self._take_list(self._parse_data_rule, "before the analyzers")
            # About the job in Glue, not about the data; read over so that such files work
            elif token.text in ("Metadata", "DataSources"):
                self._take_list(self._skip_pair, "before the names and values", "{}")
            elif token.text == "DefaultLabels":
                self._default_labels = self._parse_labels()
            elif self._is_next("["):
                self._variables[token.text] = tuple(self._take_list(self._parse_operand, "before the values"))
            else:
                self._variables[token.text] = (self._parse_operand(),)
        # An empty file would make every run pass
        if not rules and not analyzers:
            raise BadDocument(f'{self._where}: has no rule; write Rules = [ … ], such as Rules = [ IsComplete "id" ]')
        return RuleSet(tuple(rules), tuple(analyzers))

    def _skip_pair(self) -> None:
        self._take_text('a pair such as "name": "value"')
        self._require(":", "after a name")
        if self._is_next("["):
            self._take_list(lambda: self._take_text("a text"), "before the texts")
        else:
            self._take_text("a text or a list of texts")

    def _parse_labels(self) -> dict[str, str]:
        def parse_label() -> tuple[str, str]:
            name = self._take_text('a label such as "team"="sales"')
            self._require("=", "after the name of a label")
            return name, self._take_text("the text of a label in double quotes")

        return dict(self._take_list(parse_label, "before the labels"))

    def _parse_own_labels(self) -> dict[str, str]:
        """The labels of the rule that ends here; empty without any."""
        if not self._skip("labels"):
            return {}
        self._require("=", "after labels")
        return self._parse_labels()

    # Rules

    def _parse_rule(self) -> AnyRule:
        # `and` binds more than `or`
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
        # Labels behind parentheses override the default ones
        return replace(rule, labels={**rule.labels, **self._parse_own_labels()})

    def _parse_data_rule(self) -> DataRule:
        first = self._index
        rule_type = self._take("name", "a rule, such as IsComplete or ColumnValues")
        # Parameters end where a word of the grammar or another rule begins, since nothing encloses them
        parameters = []
        while (parameter := self._parse_parameter()) is not None:
            parameters.append(parameter)
        condition = self._parse_condition()
        # What follows the condition
        where = None
        where_text = ""
        if self._skip("where"):
            token = self._token
            where_text = self._take_text("a condition in SQL in double quotes")
            try:
                where = parse_sql_condition(where_text)
            except BadRule as fault:
                raise self._fail_at(token.start, f"found {where_text!r}: {fault}") from None
        labels = {**self._default_labels, **self._parse_own_labels()}
        threshold = None
        while self._skip("with"):
            # Only `threshold` changes the verdict; other tags are kept as labels
            tag = self._take("name", "a tag, such as threshold, after with")
            start = self._index + 1
            value = self._parse_condition()
            if value is None:
                raise self._fail(f"a comparison (> >= < <= = !=), between or in after {tag.text}")
            if tag.text == "threshold":
                threshold = value
            else:
                labels[tag.text] = value.operands[0].text or self._join_source(start)
        # Where it stands, for errors, and how it is shown
        line = rule_type.line
        text = self._join_source(first)
        return DataRule(rule_type.text, tuple(parameters), line, text, condition, where, where_text, threshold, labels)

    def _parse_parameter(self) -> str | None:
        """The next parameter of a rule, behind `of` or `and` if these are there; None if there are no more."""
        follows_word = self._is_next("of", "OF", "and", "AND")
        token = self._tokens[self._index + follows_word]
        # Column names may stand without quotes unless they are words of the grammar
        is_word = any(token.text in words for words in (_AFTER_PARAMETERS, RULE_TYPES, REJECTED_TYPES))
        is_name = token.kind == "name" and not is_word
        if token.kind != "text" and token.text != "$" and not is_name:
            return None
        self._index += follows_word
        if is_name:
            return self._take("name", "a column").text
        # A variable may stand for a column
        operand = self._parse_operand()
        if operand.kind is not OperandKind.TEXT:
            raise self._fail("a text, or a variable that holds one text", token)
        return operand.text

    # Conditions

    def _parse_condition(self) -> Condition | None:
        """The comparison that stands here; None if there is none."""
        operator = self._token.text
        if self._skip(*_OPERATORS):
            return Condition(operator, (self._parse_operand(),))
        # `not` may stand before between, in and matches alone
        negation = "not " if self._skip("not") else ""
        if self._skip("between"):
            low = self._parse_operand()
            if not self._skip("and", "AND"):
                raise self._fail("and, with the upper end of between")
            return Condition(f"{negation}between", (low, self._parse_operand()))
        if self._skip("in"):
            token = self._token
            if token.text == "$":
                operands = self._parse_variable()
            else:
                operands = tuple(self._take_list(self._parse_operand, "before the values of in"))
            if not operands:
                raise self._fail("at least one value in the list", token)
            return Condition(f"{negation}in", operands)
        if self._skip("matches"):
            pattern = self._take_text("a regular expression in double quotes")
            return Condition(f"{negation}matches", (Operand(OperandKind.TEXT, text=pattern),))
        if negation:
            raise self._fail("between, in or matches after not")
        return None

    def _parse_variable(self) -> tuple[Operand, ...]:
        self._require("$", "before a variable")
        token = self._take("name", "the name of a variable after $")
        if token.text not in self._variables:
            advice = did_you_mean(token.text, self._variables, "write it above the rules, such as names = [ … ]")
            raise self._fail_at(token.start, f"there is no variable {token.text}; {advice}")
        return self._variables[token.text]

    def _parse_operand(self) -> Operand:
        token = self._token
        if token.kind == "text":
            return Operand(OperandKind.TEXT, text=self._take_text("a text"))
        if token.text == "$":
            operands = self._parse_variable()
            if len(operands) != 1:
                raise self._fail("a variable that holds one value; lists follow in", token)
            return operands[0]
        # All small or all capitals, as in the guide; mixed case is a name
        keyword = _KEYWORDS.get(token.text.lower())
        if keyword and token.text in (token.text.lower(), token.text.upper()):
            self._index += 1
            return Operand(keyword)
        # `now()` may stand in brackets
        position = self._index + 1 if token.text == "(" else self._index
        if self._tokens[position].text == "now":
            return self._parse_moment()
        # A number with a unit behind it is a duration in seconds, or a size
        number = self._parse_sum()
        unit = self._token.text
        if number[0] == "number" and self._skip(*_UNITS):
            return Operand(OperandKind.DURATION, seconds=number[1] * _UNITS[unit])
        if self._skip(*_SIZES):
            return Operand(OperandKind.SIZE)
        return Operand(OperandKind.NUMBER, number)

    def _parse_moment(self) -> Operand:
        """`now()`, or `(now() - 3 days)`."""
        # The brackets are a part of the guide's examples, and may be left out
        in_parentheses = self._skip("(")
        self._skip("now")
        self._require("(", "after now")
        self._require(")", "after now(")
        seconds = 0.0
        sign = self._token
        if self._skip("-", "+"):
            duration = self._parse_operand()
            if duration.kind is not OperandKind.DURATION:
                raise self._fail("a duration, such as 3 days, 2 hours or 30 minutes", sign)
            seconds = duration.seconds
            if sign.text == "-":
                seconds = -seconds
        if in_parentheses:
            self._require(")", "after a time such as (now() - 3 days)")
        return Operand(OperandKind.MOMENT, seconds=seconds)

    def _parse_sum(self) -> Tree:
        return self._parse_operations(("+", "-"), lambda: self._parse_operations(("*", "/"), self._parse_factor))

    def _parse_operations(self, signs: tuple[str, str], parse: Callable[[], Tree]) -> Tree:
        formula = parse()
        while self._is_next(*signs):
            sign = self._take("sign", signs[0]).text
            formula = (sign, formula, parse())
        return formula

    def _parse_factor(self) -> Tree:
        token = self._token
        # Negative literals stay numbers, so that they are shown as they were written
        if self._skip("-"):
            factor = self._parse_factor()
            if factor[0] == "number":
                return ("number", -factor[1])
            return ("-", ("number", 0.0), factor)
        if self._skip("("):
            formula = self._parse_sum()
            self._require(")", "after a formula in parentheses")
            return formula
        if token.kind == "number":
            return ("number", float(self._take("number", "a number").text))
        if token.kind != "name" or self._tokens[self._index + 1].text != "(":
            raise self._fail(_AN_OPERAND)
        # A function of earlier runs
        name = self._take("name", "a function").text
        arguments = tuple(self._take_list(self._parse_sum, "after a function", "()"))
        if name == "last" and not (len(arguments) <= 1 and all(map(_is_run_count, arguments))):
            raise self._fail("last with a whole number of runs, such as last(10)", token)
        if name != "last" and name not in FUNCTIONS:
            functions = ("last", *FUNCTIONS)
            advice = did_you_mean(name, functions, f"the functions are {', '.join(functions)}")
            raise self._fail_at(token.start, f"there is no function {name}; {advice}")
        if name != "last" and len(arguments) != FUNCTIONS[name]:
            raise self._fail(f"{name} of {FUNCTIONS[name]} argument(s), such as {name}(last(10))", token)
        return ("call", name, arguments)


def _is_run_count(formula: Tree) -> bool:
    return formula[0] == "number" and formula[1] >= 1 and float(formula[1]).is_integer()


# Rules that are DQDL, but can't be evaluated.


def reject_unsupported(faults: Iterable[str]) -> str:
    """The message for rules of which some can't be evaluated."""
    return "\n".join([*faults, "--skip-unsupported evaluates the others, and no run is then without a remark"])


def _find_unsupported(rule: AnyRule) -> str:
    """Why a run of one data set can't evaluate a rule; empty if it can."""
    for part in list_parts(rule):
        # A type that no run evaluates, or a column of another data set
        references = [name for name in part.parameters if "(reference." in name]
        is_comparison = part.type == "AggregateMatch" and bool(references)
        if part.type in REJECTED_TYPES or is_comparison:
            return next(find_faults(part))
    return ""


def quote_text(text: str) -> str:
    """A text as the language has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def find_faults(rule: DataRule) -> Iterator[str]:
    """Why a rule can't be evaluated, and what to write; nothing if it can."""
    rule_type = RULE_TYPES.get(rule.type)
    if rule.type in REJECTED_TYPES:
        yield f"{rule.type} is not evaluated: {REJECTED_TYPES[rule.type]}"
    elif rule.type == "AllStatistics":
        return
    elif rule_type is None:
        types = did_you_mean(rule.type, RULE_TYPES, f"the types are {', '.join(RULE_TYPES)}")
        yield f"there is no rule type {rule.type}; {types}"
    else:
        count = len(rule.parameters)
        maximum = rule_type.maximum
        if maximum is None:
            maximum = count
        if not rule_type.minimum <= count <= maximum:
            # Further checks would read parameters that aren't there
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
    kinds = {operand.kind for operand in condition.operands}
    first = condition.operands[0]
    if not rule_type.operands:
        yield f"{rule.type} takes no condition; leave out {condition.operator}"
    elif not kinds <= rule_type.operands:
        wrong = " and ".join(sorted(kind.value for kind in kinds - rule_type.operands))
        yield f"{rule.type} is compared with {wrong}; write {' or '.join(sorted(k.value for k in rule_type.operands))}"
    elif rule.type == "ColumnDataType":
        if condition.operator != "=" or first.text.lower() not in DATA_TYPES:
            yield f"ColumnDataType has {condition.operator} {first.text!r}; write = and one of {', '.join(DATA_TYPES)}"
    elif condition.operator.endswith("matches") and not is_pattern(first.text):
        yield f"{first.text!r} is no regular expression in RE2's syntax, which has no look-around; correct it"
    elif condition.operator in _ORDERED:
        for operand in condition.operands:
            is_amount = operand.kind in (OperandKind.NUMBER, OperandKind.MOMENT, OperandKind.DURATION)
            if not is_amount and not _DATE.fullmatch(operand.text):
                shown = repr(operand.text) if operand.text else operand.kind.value
                yield f"{condition.operator} compares with {shown}; write a number or a date such as 2026-01-31, or = or in"
        # Without formulas of earlier runs, and without times of day, which may have zones
        is_constant = [
            operand.number[:1] in ((), ("number",)) and not operand.text[10:] for operand in condition.operands
        ]
        ends = [(operand.number, operand.seconds, operand.text) for operand in condition.operands]
        if len(ends) == 2 and all(is_constant) and len(kinds) == 1 and ends[0] >= ends[1]:
            yield f"{rule.type} is {condition.operator} ends of which the first is not below the second; write a lower one"
    # Rows have no single value that could equal one of earlier runs
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
        # What it measures is a rule without a condition, so the same checks apply
        yield from find_faults(DataRule(rule.parameters[0], rule.parameters[1:], rule.line, rule.text))


def parse_aggregate(text: str) -> tuple[str, str] | None:
    """The function, sum or avg, and the column of a parameter such as `sum(amount)`; None for another text."""
    match = _AGGREGATE.fullmatch(text.strip())
    if match is None:
        return None
    return match[1].lower(), match[2].strip().strip("`")
