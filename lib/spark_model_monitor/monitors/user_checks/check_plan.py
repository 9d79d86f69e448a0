"""The plan of a user's checks before the scan: the source of each analyzer's metric.

A check can use states only if these contain what its analyzers need (P14). So each analyzer has one of four sources, and what
the scan has to compute is known before it starts. `suite.py` judges the checks after the scan. Pure Python, driver only.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from spark_model_monitor.errors import BadConfiguration, suggest_names
from spark_model_monitor.value_class import value_class

SECOND_SCAN_FLAG = "--set allow_second_scan=yes"


@value_class
class Analyzer:
    """One of Deequ's analyzers with its parameters; parameters that it doesn't have are None.

    where: a SQL condition for the rows that it uses.
    instance, expression: of Compliance.
    pattern: of PatternMatch, a Java regular expression.
    quantile, relative_error: of ApproxQuantile.
    special: a requested option that states can't provide.
    """

    name: str
    columns: tuple[str, ...] = ()
    where: str | None = None
    instance: str | None = None
    expression: str | None = None
    pattern: str | None = None
    quantile: float | None = None
    relative_error: float | None = None
    special: str | None = None

    def __str__(self) -> str:
        parameters = [*self.columns, self.instance, self.expression, self.pattern, self.quantile, self.special]
        texts = dict.fromkeys(str(parameter) for parameter in parameters if parameter is not None)
        call = f"{self.name}({', '.join(texts)})"
        if self.where:
            return f"{call} where {self.where}"
        return call


class Checks(Protocol):
    """A user's checks, in any form."""

    @property
    def analyzers(self) -> tuple[Analyzer, ...]:
        """The analyzers whose metrics the checks need, without repetition."""


class Source(Enum):
    """The source of an analyzer's metric."""

    STATES = "states"
    PREDICATES = "rows counted in the scan"
    FREQUENCIES = "exact frequencies"
    SECOND_SCAN = "second scan"


FROM_STATES = frozenset(
    [
        "Size",
        "Completeness",
        "Mean",
        "Sum",
        "StandardDeviation",
        "Minimum",
        "Maximum",
        "ApproxCountDistinct",
        "DataType",
        "KLLSketch",
        "ApproxQuantile",
    ]
)
"""Analyzers that the profile's states can answer, if they use all rows."""

FROM_PREDICATES = frozenset({"Size", "Completeness", "Compliance", "PatternMatch"})
"""Analyzers that count rows; a condition (`where`) only changes which rows they count."""

FROM_FREQUENCIES = frozenset(
    ["Uniqueness", "Distinctness", "UniqueValueRatio", "CountDistinct", "Entropy", "Histogram"]
)
"""Analyzers that a column's counts by value can answer, if they use one column and all rows."""

MIN_RELATIVE_ERROR = 0.005
"""ApproxQuantile with a smaller relative error needs a second scan. A KLL sketch of size 2,048 reaches this for up to 80
million values.

Source: D1b, 0.00035 · log2(n · k / (4,096 · 2,048)).
"""


@value_class
class CheckPlan:
    """A user's checks that can be answered for a data set. second_scan_allowed: whether the user set allow_second_scan."""

    checks: Checks
    second_scan_allowed: bool

    @property
    def predicates(self) -> tuple[str, ...]:
        """SQL conditions with the user's column names; the scan counts the rows for which each is true."""
        analyzers = self._list_analyzers(Source.PREDICATES)
        conditions = [condition for analyzer in analyzers for condition in list_conditions(analyzer)]
        # Several analyzers may have the same condition, which is counted only once
        return tuple(dict.fromkeys(condition for condition in conditions if condition is not None))

    @property
    def frequency_columns(self) -> frozenset[str]:
        """The columns for which the scan counts each value exactly."""
        return frozenset(analyzer.columns[0] for analyzer in self._list_analyzers(Source.FREQUENCIES))

    @property
    def second_scan(self) -> tuple[Analyzer, ...]:
        """The analyzers that need a second scan, as far as this is known before the scan."""
        return self._list_analyzers(Source.SECOND_SCAN)

    def _list_analyzers(self, source: Source) -> tuple[Analyzer, ...]:
        return tuple(analyzer for analyzer in self.checks.analyzers if choose_source(analyzer) is source)


def plan_checks(checks: Checks, columns: Sequence[str], *, second_scan_allowed: bool = False) -> CheckPlan:
    """The plan for `checks` on a frame with these columns.

    Raises BadConfiguration with one line for each fault: a missing column, or an analyzer that needs a second scan.
    """
    plan = CheckPlan(checks, second_scan_allowed)
    # If several analyzers need the same missing column, it is named only once
    faults = []
    for analyzer in checks.analyzers:
        for column in analyzer.columns:
            advice = suggest_names(column, columns, f"it has: {', '.join(columns[:20])}")
            fault = f"--checks: {analyzer.name} is of {column!r}, which is no column of the data; {advice}"
            if column not in columns and fault not in faults:
                faults.append(fault)
    # A second scan costs as much as the first, so the user has to ask for it
    if not second_scan_allowed:
        faults += [
            f"--checks: {analyzer} can't be answered from one scan; allow another one by {SECOND_SCAN_FLAG}, or leave it out"
            for analyzer in plan.second_scan
        ]
    BadConfiguration.raise_for(faults)
    return plan


def list_second_scan_analyzers(checks: Checks) -> list[Analyzer]:
    """The analyzers that need more than the states of a scan: a SQL condition, or a second scan."""
    state_sources = (Source.STATES, Source.FREQUENCIES)
    return [analyzer for analyzer in checks.analyzers if choose_source(analyzer) not in state_sources]


def choose_source(analyzer: Analyzer) -> Source:
    """The source of an analyzer's metric."""
    # An option that no state provides
    if analyzer.special is not None:
        return Source.SECOND_SCAN
    if analyzer.name in FROM_STATES and analyzer.where is None:
        # The scan's sketch has an error, so it can't answer more precisely
        if analyzer.relative_error is not None and analyzer.relative_error < MIN_RELATIVE_ERROR:
            return Source.SECOND_SCAN
        return Source.STATES
    if analyzer.name in FROM_PREDICATES:
        return Source.PREDICATES
    # Values are counted by single columns and without a condition
    if analyzer.name in FROM_FREQUENCIES and analyzer.where is None and len(analyzer.columns) == 1:
        return Source.FREQUENCIES
    return Source.SECOND_SCAN


def list_conditions(analyzer: Analyzer) -> tuple[str | None, str | None, str | None]:
    """The SQL conditions of an analyzer that counts rows: for the rows that it counts, for the rows among which it counts,
    and for the rows in which its own condition is not null. None: all rows.
    """
    holds = counting_condition(analyzer)
    where = analyzer.where
    # Size counts all rows that meet its condition; there is no other condition
    if holds is None:
        return where, None, None
    judged = None
    # Rows in which the expression is NULL count as not complying, unless it is NULL in all rows
    if analyzer.name == "Compliance":
        judged = f"({holds}) IS NOT NULL"
    # The predicates of a scan are independent of each other, so each repeats the condition
    if where is not None:
        holds = f"({where}) AND ({holds})"
        judged = f"({where}) AND {judged}" if judged else None
    return holds, where, judged


def counting_condition(analyzer: Analyzer) -> str | None:
    """The SQL condition for the rows that `analyzer` counts, without its `where`; None for Size, which counts all rows.

    Source: `aggregationFunctions` of Completeness, Compliance and PatternMatch in Deequ 2.1.0.
    """
    if analyzer.name == "Completeness":
        return f"{quote_column(analyzer.columns[0])} IS NOT NULL"
    if analyzer.name == "PatternMatch":
        # Deequ counts only matches that are not empty
        return f"regexp_extract({quote_column(analyzer.columns[0])}, {quote_text(analyzer.pattern or '')}, 0) != ''"
    return analyzer.expression


def quote_column(column: str) -> str:
    """A column's name in SQL, quoted so that any characters are allowed."""
    return "`" + column.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    """A text as a raw literal in Spark SQL, so that the option spark.sql.parser.escapedStringLiterals doesn't matter."""
    parts = [f"r'{part}'" for part in text.split("'")]
    if len(parts) == 1:
        return parts[0]
    return f"concat({', char(39), '.join(parts)})"
