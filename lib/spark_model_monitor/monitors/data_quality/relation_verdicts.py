"""Verdicts on a window's relations between columns, compared with those of its baseline. Pure.

An exact relation is judged by the share of rows that break it; an association of two columns by the table of their cells.
Source: D4.17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from spark_model_monitor.documents.check_results import CHI_SQUARE, CheckResult
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS
from spark_model_monitor.monitors.data_quality import COLUMN_PAIRS, messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import ComparedRelation, WindowComparison
from spark_model_monitor.monitors.data_quality.checks.facts import compare_shares
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY, NoiseCalibration
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.drift.special_functions import chi_square_survival
from spark_model_monitor.statistics.states.pairs import count_cells
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.value_class import value_class

Table = Doubles  # shape (…, cells, cells): how many rows have each pair of cells of two columns

ASSOCIATION, RELATION = BETWEEN_COLUMNS
MIN_CHANGE = 0.1  # smallest relevant change of an association, as Cramér's V
MIN_CELL_VARIANCE = 1.0  # least variance of the rows in a cell, so that a single row isn't a large change
MAX_ITERATIONS = 20  # of proportional fitting; tables of so few cells meet their margins sooner
STATEMENTS = {"equal": "{} was {}", "order": "{} was at most {}", "key": "{0} determined {1}"}
STATEMENTS |= {"sum": "{2} was {0} + {1}", "product": "{2} was {0} × {1}"}


def judge_relations(
    comparison: WindowComparison, calibration: NoiseCalibration, violated_features: frozenset[str]
) -> Iterator[CheckResult]:
    """The verdicts, exact relations first, then the least likely orders and associations: one change is one violation.

    violated_features: features that other checks already report.
    """
    # Parts of a sorted column don't show how its associations vary
    reason_by_sorted_column: Mapping[str, str] = {}
    if not calibration.rows_are_independent:
        reason_by_sorted_column = comparison.baseline.get_variation().unfit
    judged_relations: list[_JudgedRelation] = []
    for compared in comparison.relations:
        # A relation with cells is an association; any other relation is one that each row meets or breaks
        if "cells" in compared.relation:
            check = ASSOCIATION
            finding = _judge_cells(compared, calibration, reason_by_sorted_column)
        else:
            check = RELATION
            finding = _judge_relation(compared, calibration)
        is_loose = check == ASSOCIATION or compared.relation["kind"] == "order"
        judged_relations.append(_JudgedRelation(check, compared.relation["columns"], finding, is_loose))
    # Columns of one exact relation change together
    linked_columns: dict[str, set[str]] = {}
    for exact_relation in judged_relations:
        if not exact_relation.is_loose:
            for name in exact_relation.columns:
                linked_columns.setdefault(name, set()).update(exact_relation.columns)
    # The name under which a change of each column was reported
    reported_by = {name: name for name in violated_features}
    for judged_relation in sorted(judged_relations, key=_JudgedRelation.rank):
        finding = judged_relation.finding
        if finding.is_violated:
            reporter = judged_relation.find_reporter(reported_by, violated_features, linked_columns)
            if reporter is not None:
                finding = finding.defer_to(reporter)
            else:
                reported_by |= dict.fromkeys(judged_relation.columns, judged_relation.name)
        yield finding.result(judged_relation.check, feature=judged_relation.name)


@value_class
class _JudgedRelation:
    """A relation's check, columns and finding. is_loose: whether it is an order or an association, not an exact relation."""

    check: str
    columns: Sequence[str]
    finding: Finding
    is_loose: bool

    @property
    def name(self) -> str:
        """Its columns in words: `price, count and total`."""
        *names, last_name = self.columns
        return f"{', '.join(names)} and {last_name}"

    def rank(self) -> tuple[bool, float]:
        """The sort key: exact relations first, then the smallest p-value."""
        if self.finding.p is None:
            return self.is_loose, math.inf
        return self.is_loose, self.finding.p

    def find_reporter(
        self,
        reported_by: Mapping[str, str],
        violated_features: frozenset[str],
        linked_columns: Mapping[str, set[str]],
    ) -> str | None:
        """The name under which its change was reported; None if the change is new.

        An exact relation's change was reported if another check reports one of its columns, or if other relations report two. A
        loose relation's was if one is reported of its columns and of those that exact relations link to them (`linked_columns`).
        """
        if not self.is_loose:
            reporters = [reported_by[name] for name in self.columns if name in reported_by]
            if len(reporters) < 2 and not violated_features & {*reporters}:
                return None
            return reporters[0]
        for name in self.columns:
            for linked_name in linked_columns.get(name, (name,)):
                if linked_name in reported_by:
                    return reported_by[linked_name]
        return None


def _judge_relation(compared: ComparedRelation, calibration: NoiseCalibration) -> Finding:
    # b of n rows of the baseline break it, w of m rows of the window
    n, b = compared.baseline_counts
    m, w = compared.current_counts
    evidence = compare_shares("share of rows that break it", (b, n), (w, m), family=COLUMN_PAIRS)
    if evidence is None:
        return Finding.not_judged(None, "no row is about it")
    finding = evidence.judge(calibration)
    if not finding.is_violated:
        return finding
    return finding.copy_with(change=STATEMENTS[compared.relation["kind"]].format(*compared.relation["columns"]))


def _judge_cells(
    compared: ComparedRelation, calibration: NoiseCalibration, reason_by_sorted_column: Mapping[str, str]
) -> Finding:
    """The finding on an association: violated if it changed by more than chance, by Pearson's chi-square test with the
    baseline's odds ratios. Source: Rao and Scott 1981, for tables of rows in groups.
    """
    # The rows by pairs of cells, in the baseline and in the window
    shape = [count_cells(cells) for cells in compared.relation["cells"]]
    table, window = (
        np.array(counts, float).reshape(shape) for counts in (compared.baseline_counts, compared.current_counts)
    )
    n = int(table.sum())
    m = int(window.sum())
    expected = _measure_strength(table)
    observed = _measure_strength(window)
    quantity = "how strongly both go together, from 0 to 1"
    finding = Finding(threshold=expected, observed=observed, n=n, m=m, formula=quantity)
    # Why there may be no verdict
    for name in compared.relation["columns"]:
        if name in reason_by_sorted_column:
            return finding.without_verdict(reason_by_sorted_column[name])
    overdispersion = _find_overdispersion(compared, m, calibration)
    if overdispersion is None:
        return finding.without_verdict(NO_HISTORY)
    # The test, and the strength of the change
    chi_square, degrees_of_freedom = compute_chi_square(table, window)
    statistic = float(chi_square) * n / (n + m)
    cramers_v_of_change = _scale_to_strength(statistic - int(degrees_of_freedom), window)
    p = chi_square_survival(statistic / overdispersion, int(degrees_of_freedom))
    level = calibration.get_level_of_test(COLUMN_PAIRS)
    finding = finding.copy_with(
        decided_by=CHI_SQUARE,
        statistic=statistic,
        p=p,
        level=level,
        effect=cramers_v_of_change,
        least_effect=MIN_CHANGE,
    )
    if p > level or cramers_v_of_change < MIN_CHANGE:
        return finding
    return finding.mark_violated(messages.changed("How strongly both go together", observed, expected))


def _find_overdispersion(compared: ComparedRelation, rows: int, calibration: NoiseCalibration) -> float | None:
    """By what factor the window's table varies more than that of independent rows, from runs of the baseline's rows. The excess
    grows with the window's rows. None if too few runs show it.
    """
    if calibration.rows_are_independent:
        return 1.0
    relation = compared.relation
    if not relation["phi"]:
        return None
    excess = float(relation["phi"]) - 1
    return 1 + excess * max(1.0, rows / float(relation["rows"]))


# Tables of two columns


def fit_to_margins(table: Table, rows: Table, columns: Table) -> Table:
    """Tables with given margins and the odds ratios of `table`, by iterative proportional fitting.

    rows, columns: the margins, shape (…, cells). Source: Deming and Stephan 1940.
    """
    # Half a row more in each cell, because a cell may lack rows in the baseline by chance
    fitted = np.where(_multiply_margins(table) > 0, table + 0.5, 0.0)
    fitted = np.broadcast_to(fitted, (*rows.shape, columns.shape[-1])).copy()
    # Rows and columns in turn, until both are met
    for _ in range(MAX_ITERATIONS):
        for axis, margin in ((-1, rows), (-2, columns)):
            sums = fitted.sum(axis=axis)
            factors = np.divide(margin, sums, out=np.zeros_like(sums), where=sums > 0)
            fitted *= np.expand_dims(factors, axis)
    return fitted


def compute_chi_square(table: Table, windows: Table) -> tuple[Table, Integers]:
    """Pearson's chi-square of each window, if its columns have the odds ratios of `table`; and its degrees of freedom.
    windows: shape (…, rows, columns).
    """
    # Rows or columns of cells that the baseline lacks say nothing about an association
    windows = windows * (_multiply_margins(table) > 0)
    expected = fit_to_margins(table, windows.sum(axis=-1), windows.sum(axis=-2))
    chi_squares = ((windows - expected) ** 2 / np.maximum(expected, MIN_CELL_VARIANCE)).sum(axis=(-1, -2))
    rows, columns = (np.count_nonzero(windows.any(axis=axis), axis=-1) for axis in (-1, -2))
    return chi_squares, np.maximum((rows - 1) * (columns - 1), 1)


def _multiply_margins(table: Table) -> Table:
    """The product of the sums of each row and each column: the table of independent columns, times its total."""
    return np.outer(table.sum(axis=1), table.sum(axis=0))


def _measure_strength(table: Table) -> float:
    """Cramér's V, less what noise contributes to it."""
    chi_square, degrees_of_freedom = compute_chi_square(_multiply_margins(table), table)
    return _scale_to_strength(float(chi_square - degrees_of_freedom), table)


def _scale_to_strength(chi_square: float, table: Table) -> float:
    """Cramér's V of a chi-square: 1 if each column tells the other."""
    cells = min(np.count_nonzero(table.any(axis=0)), np.count_nonzero(table.any(axis=1)))
    return min(1.0, math.sqrt(max(chi_square, 0.0) / max(table.sum(), 1.0) / max(cells - 1, 1)))


def estimate_overdispersion(tables: Table) -> float:
    """The factor by which tables of runs of rows vary more than those of independent rows; 0 if too few runs show it."""
    if len(tables) < MIN_WINDOWS:
        return 0.0
    chi_squares, degrees_of_freedom = compute_chi_square(tables.sum(axis=0), tables)
    return max(1.0, float(chi_squares.sum() / degrees_of_freedom.sum()))
