"""Parses files of rules in DQDL (`*.dqdl` of `--expectations`) into a `dqdl.RuleSet`. Pure.

A recursive-descent parser, written by hand so that errors name the line, the column and what to write.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from spark_model_monitor.documents.dqdl import (
    AnyRule,
    CompositeRule,
    Condition,
    DataRule,
    Operand,
    OperandKind,
    RuleSet,
    SkippedRule,
)
from spark_model_monitor.documents.dqdl_types import (
    FUNCTIONS,
    REJECTED_TYPES,
    RULE_TYPES,
    find_faults,
    find_unsupported,
    reject_unsupported,
)
from spark_model_monitor.documents.json_text import format_position
from spark_model_monitor.documents.row_rules import BadRule, Tree, parse_sql_condition
from spark_model_monitor.errors import BadDocument, suggest_names
from spark_model_monitor.value_class import value_class

Parsed = TypeVar("Parsed")

SECTIONS = ("Rules", "Analyzers")
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
_OPERAND_FORMS = "a number, a text in double quotes, NULL, EMPTY, WHITESPACES_ONLY, now() or a $variable"


@value_class
class Token:
    """A token of the text.

    kind: `text`, `number`, `name`, `sign`, or `end` after the last token.
    start, end: its positions in the text.
    line: its line, from 1.
    """

    kind: str
    text: str
    start: int
    end: int
    line: int


def parse_rule_set(content: bytes | str, where: str, *, skip_unsupported: bool = False) -> RuleSet:
    """The rules in a file. where: its path, for errors. skip_unsupported: whether rules that a run can't evaluate are skipped.

    Raises BadDocument: for the first syntax error, or else with one line for each rule that can't be evaluated.
    """
    try:
        # Positions in errors count characters, so bytes are decoded first
        if isinstance(content, bytes):
            content = content.decode()
        rule_set = _Parser(content, where).parse_document()
    except UnicodeDecodeError as fault:
        raise BadDocument(f"{where}: is no text in UTF-8 from byte {fault.start} on; save it as UTF-8") from None
    except RecursionError:
        raise BadDocument(f"{where}: its rules are nested too deeply; write several rules") from None
    # The file isn't wrong if only this kind of run can't evaluate a rule
    supported: list[AnyRule] = []
    unsupported = []
    for top_rule in rule_set.rules:
        reason = find_unsupported(top_rule)
        if reason:
            unsupported.append(SkippedRule(top_rule.text, reason))
        else:
            supported.append(top_rule)
    if skip_unsupported:
        rule_set = replace(rule_set, rules=tuple(supported), skipped=tuple(unsupported))
    faults = _find_rule_set_faults(rule_set, where)
    if faults and unsupported and not skip_unsupported:
        faults = [reject_unsupported(faults)]
    if faults:
        raise BadDocument("\n".join(faults))
    # AllStatistics is dropped, because statistics.json has everything that it measures
    analyzers = tuple(rule for rule in rule_set.analyzers if rule.type != "AllStatistics")
    return replace(rule_set, analyzers=analyzers, digest=hashlib.sha256(content.encode()).hexdigest())


def _find_rule_set_faults(rule_set: RuleSet, where: str) -> list[str]:
    """All faults of the rules, each with its line."""
    faults = []
    # Compared by identity, because a rule and an analyzer may be equal
    analyzer_ids = set(map(id, rule_set.analyzers))
    for rule in rule_set.data_rules:
        rule_faults = list(find_faults(rule))
        # Both sections have the same grammar, but rules need a condition and analyzers must not have one
        if id(rule) in analyzer_ids:
            if rule.condition is not None:
                rule_faults.append(f"{rule.type} has a condition among the analyzers; move it to Rules")
        elif rule.condition is None and rule.type in RULE_TYPES and RULE_TYPES[rule.type].operands:
            rule_faults.append(f"{rule.type} has no condition; write one, such as > 0")
        faults += [f"{where}: line {rule.line}: {fault}" for fault in rule_faults]
    return faults


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
            # Examples of the guide have `! =` with a space
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
        # A text may be as long as the file, so only its beginning is shown
        shown = token.text[:40]
        if token.kind == "end":
            shown = "the end of the file"
        return self._fail_at(token.start, f"found {shown}, expected {expected}")

    # Stepping over tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _is_next(self, *texts: str) -> bool:
        return self._token.kind in ("sign", "name") and self._token.text in texts

    def _skip(self, *texts: str) -> bool:
        """Step over the next token if it is one of these."""
        if not self._is_next(*texts):
            return False
        self._index += 1
        return True

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
        """The values in brackets, separated by commas."""
        self._require(ends[0], purpose)
        values: list[Parsed] = []
        while not self._skip(ends[1]):
            if values:
                self._require(",", f"and another one, or {ends[1]} at the end")
            values.append(parse())
        return values

    def _join_source(self, first: int) -> str:
        """The source of the tokens from `first` to the current one, on one line and without comments."""
        pieces: list[str] = []
        end = self._tokens[first].start
        for token in self._tokens[first : self._index]:
            gap = self._text[end : token.start]
            # A gap with a line break may contain comments
            if "\n" in gap:
                gap = " "
            pieces += gap, token.text
            end = token.end
        return "".join(pieces)

    # Sections of a file

    def parse_document(self) -> RuleSet:
        """Parse all sections, each at most once, in any order."""
        sections: set[str] = set()
        rules: list[AnyRule] = []
        analyzers: list[DataRule] = []
        while self._token.kind != "end":
            token = self._take("name", "Rules = [ … ], Analyzers = [ … ] or a variable such as names = [ … ]")
            # Two Rules sections are probably two files that were pasted together
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
            # These sections are about the job in Glue, not about the data; they are skipped so that such files work
            elif token.text in ("Metadata", "DataSources"):
                self._take_list(self._skip_pair, "before the names and values", "{}")
            elif token.text == "DefaultLabels":
                self._default_labels = self._parse_labels()
            elif self._is_next("["):
                self._variables[token.text] = tuple(self._take_list(self._parse_operand, "before the values"))
            else:
                self._variables[token.text] = (self._parse_operand(),)
        # With an empty file every run would pass
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

    def _parse_rule_labels(self) -> dict[str, str]:
        """The labels at the end of a rule; empty if there are none."""
        if not self._skip("labels"):
            return {}
        self._require("=", "after labels")
        return self._parse_labels()

    # Rules

    def _parse_rule(self) -> AnyRule:
        # `and` binds more strongly than `or`
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
        # Labels after parentheses override the default labels
        return replace(rule, labels={**rule.labels, **self._parse_rule_labels()})

    def _parse_data_rule(self) -> DataRule:
        first = self._index
        rule_type = self._take("name", "a rule, such as IsComplete or ColumnValues")
        # Parameters have no brackets: they end where a word of the grammar or another rule begins
        parameters = tuple(iter(self._parse_parameter, None))
        condition = self._parse_condition()
        # Clauses after the condition
        where = None
        where_text = ""
        if self._skip("where"):
            token = self._token
            where_text = self._take_text("a condition in SQL in double quotes")
            try:
                where = parse_sql_condition(where_text)
            except BadRule as fault:
                raise self._fail_at(token.start, f"found {where_text!r}: {fault}") from None
        labels = {**self._default_labels, **self._parse_rule_labels()}
        threshold = None
        while self._skip("with"):
            # Only `threshold` changes the verdict; other tags become labels
            tag = self._take("name", "a tag, such as threshold, after with")
            start = self._index + 1
            value = self._parse_condition()
            if value is None:
                raise self._fail(f"a comparison (> >= < <= = !=), between or in after {tag.text}")
            if tag.text == "threshold":
                threshold = value
            else:
                labels[tag.text] = value.operands[0].text or self._join_source(start)
        # The line is for errors, the text for display
        text = self._join_source(first)
        return DataRule(
            rule_type.text, parameters, rule_type.line, text, condition, where, where_text, threshold, labels
        )

    def _parse_parameter(self) -> str | None:
        """The next parameter of a rule, after an optional `of` or `and`; None if there is no further parameter."""
        index = self._index
        if self._is_next("of", "OF", "and", "AND"):
            index += 1
        token = self._tokens[index]
        # A column name may be unquoted unless it is a word of the grammar
        is_word = any(token.text in words for words in (_AFTER_PARAMETERS, RULE_TYPES, REJECTED_TYPES))
        is_name = token.kind == "name" and not is_word
        if token.kind != "text" and token.text != "$" and not is_name:
            return None
        self._index = index
        if is_name:
            return self._take("name", "a column").text
        # A variable may contain the name of a column
        operand = self._parse_operand()
        if operand.kind is not OperandKind.TEXT:
            raise self._fail("a text, or a variable that holds one text", token)
        return operand.text

    # Conditions

    def _parse_condition(self) -> Condition | None:
        """The comparison at the current token; None if there is none."""
        operator = self._token.text
        if self._skip(*_OPERATORS):
            return Condition(operator, (self._parse_operand(),))
        # `not` is allowed only before between, in and matches
        negation = ""
        if self._skip("not"):
            negation = "not "
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
            advice = suggest_names(token.text, self._variables, "write it above the rules, such as names = [ … ]")
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
        # Keywords are in lower or upper case, as in the guide; a word in mixed case is a name
        keyword = _KEYWORDS.get(token.text.lower())
        if keyword and token.text in (token.text.lower(), token.text.upper()):
            self._index += 1
            return Operand(keyword)
        # `now()` may be in parentheses
        if token.text == "(":
            token = self._tokens[self._index + 1]
        if token.text == "now":
            return self._parse_moment()
        # A number followed by a unit is a duration or a size
        number = self._parse_sum()
        unit = self._token.text
        if number[0] == "number" and self._skip(*_UNITS):
            return Operand(OperandKind.DURATION, seconds=number[1] * _UNITS[unit])
        if self._skip(*_SIZES):
            return Operand(OperandKind.SIZE)
        return Operand(OperandKind.NUMBER, number)

    def _parse_moment(self) -> Operand:
        """Parse `now()` or `(now() - 3 days)`."""
        # The guide's examples have parentheses, but they are optional
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
        # A negative literal stays a number, so that it is shown as it was written
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
            raise self._fail(_OPERAND_FORMS)
        # A function over earlier runs
        name = self._take("name", "a function").text
        arguments = tuple(self._take_list(self._parse_sum, "after a function", "()"))
        if name == "last" and not (len(arguments) <= 1 and all(map(_is_run_count, arguments))):
            raise self._fail("last with a whole number of runs, such as last(10)", token)
        if name != "last" and name not in FUNCTIONS:
            functions = ("last", *FUNCTIONS)
            advice = suggest_names(name, functions, f"the functions are {', '.join(functions)}")
            raise self._fail_at(token.start, f"there is no function {name}; {advice}")
        if name != "last" and len(arguments) != FUNCTIONS[name]:
            raise self._fail(f"{name} of {FUNCTIONS[name]} argument(s), such as {name}(last(10))", token)
        return ("call", name, arguments)


def _is_run_count(formula: Tree) -> bool:
    return formula[0] == "number" and formula[1] >= 1 and float(formula[1]).is_integer()
