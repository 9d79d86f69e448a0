"""Verdicts on a window's relations between columns, compared with those of its baseline. Pure.

An exact relation is judged by the share of rows that break it; an association of two columns by the table of their cells.
Source: D4.17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import CHI_SQUARE, CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS
from spark_model_monitor.monitors.data_quality import COLUMN_PAIRS, messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import ComparedRelation, WindowComparison
from spark_model_monitor.monitors.data_quality.checks.facts import compare_shares
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY, NoiseCalibration
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.special_functions import chi_square_survival
from spark_model_monitor.statistics.states.pairs import count_cells
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.value_class import value_class

Table = NDArray[np.float64]  # shape (…, cells, cells): how many rows have each pair of cells of two columns

ASSOCIATION, RELATION = BETWEEN_COLUMNS
MIN_CHANGE = 0.1  # smallest relevant change of an association, as Cramér's V
MIN_EXPECTED_ROWS = 1.0  # least variance of a pair of cells, so that one row more is no large change
STATEMENTS = {"equal": "{} was {}", "order": "{} was at most {}", "key": "{0} determined {1}"}
STATEMENTS |= {"sum": "{2} was {0} + {1}", "product": "{2} was {0} × {1}"}


def judge_relations(
    comparison: WindowComparison, calibration: NoiseCalibration, violated_features: frozenset[str]
) -> Iterator[CheckResult]:
    """The verdicts, exact relations first, then the least likely orders and associations: one change is one violation.

    violated_features: features that other checks already report.
    """
    # Parts of a sorted column don't show how its associations vary
    unfit: Mapping[str, str] = {}
    if not calibration.rows_are_independent:
        unfit = comparison.baseline.get_variation().unfit
    judged_relations: list[_JudgedRelation] = []
    for compared in comparison.relations:
        # A relation with cells is an association; any other relation is one that each row meets or breaks
        if "cells" in compared.relation:
            check = ASSOCIATION
            finding = _judge_cells(compared, calibration, unfit)
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
            reporters = [
                reported_by[name]
                for name in judged_relation.list_changing_columns(linked_columns)
                if name in reported_by
            ]
            fewest = 1 if judged_relation.is_loose else 2
            if violated_features & {*reporters} or len(reporters) >= fewest:
                finding = finding.defer_to(reporters[0])
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
        return messages.join_names(self.columns)

    def rank(self) -> tuple[bool, float]:
        """The sort key: exact relations first, then the smallest p-value."""
        if self.finding.p is None:
            return self.is_loose, math.inf
        return self.is_loose, self.finding.p

    def list_changing_columns(self, linked_columns: Mapping[str, set[str]]) -> list[str]:
        """Its columns; for a loose relation, also the columns of exact relations that they are in (`linked_columns`)."""
        if not self.is_loose:
            return [*self.columns]
        return [linked_name for name in self.columns for linked_name in linked_columns.get(name, (name,))]


def _judge_relation(compared: ComparedRelation, calibration: NoiseCalibration) -> Finding:
    # b of n rows of the baseline break it, w of m rows of the window
    n, b = compared.baseline_counts
    m, w = compared.current_counts
    evidence = compare_shares("share of rows that break it", (b, n), (w, m))
    if evidence is None:
        return Finding.not_judged(None, "no row is about it")
    evidence.family = COLUMN_PAIRS
    finding = evidence.judge(calibration)
    if not finding.is_violated:
        return finding
    return finding.copy_with(change=STATEMENTS[compared.relation["kind"]].format(*compared.relation["columns"]))


def _judge_cells(compared: ComparedRelation, calibration: NoiseCalibration, unfit: Mapping[str, str]) -> Finding:
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
    finding = Finding(CheckStatus.PASSED, threshold=expected, observed=observed, n=n, m=m, formula=quantity)
    # Why there is no verdict
    phi = _find_overdispersion(compared, m, calibration)
    reasons = [unfit[name] for name in compared.relation["columns"] if name in unfit]
    if phi is None:
        reasons.append(NO_HISTORY)
    if phi is None or reasons:
        return finding.without_verdict(reasons[0])
    # The test, and the strength of the change as Cramér's V
    square, free = compute_chi_square(table, window)
    statistic = float(square) * n / (n + m)
    change = _scale_to_strength(statistic - int(free), window)
    p = chi_square_survival(statistic / phi, int(free))
    level = calibration.get_level_of_test(COLUMN_PAIRS)
    finding = finding.copy_with(
        decided_by=CHI_SQUARE, statistic=statistic, p=p, level=level, effect=change, least_effect=MIN_CHANGE
    )
    if p > level or change < MIN_CHANGE:
        return finding
    description = messages.changed("How strongly both go together", observed, expected)
    return finding.mark_violated(description)


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
    fitted = np.where(np.outer(table.sum(axis=1), table.sum(axis=0)) > 0, table + 0.5, 0.0)
    fitted = np.broadcast_to(fitted, (*rows.shape, columns.shape[-1])).copy()
    # Rows and columns in turn, until both are met
    for _ in range(20):
        for axis, goal in ((-1, rows), (-2, columns)):
            sums = fitted.sum(axis=axis)
            fitted *= np.expand_dims(np.divide(goal, sums, out=np.zeros_like(sums), where=sums > 0), axis)
    return fitted


def compute_chi_square(table: Table, windows: Table) -> tuple[Table, NDArray[np.int64]]:
    """Pearson's chi-square of each window, if its columns have the odds ratios of `table`; and its degrees of freedom.
    windows: shape (…, rows, columns).
    """
    # Rows or columns of cells that the baseline lacks say nothing about an association
    windows = windows * (np.outer(table.sum(axis=1), table.sum(axis=0)) > 0)
    expected = fit_to_margins(table, windows.sum(axis=-1), windows.sum(axis=-2))
    squares = ((windows - expected) ** 2 / np.maximum(expected, MIN_EXPECTED_ROWS)).sum(axis=(-1, -2))
    rows, columns = (np.count_nonzero(windows.any(axis=axis), axis=-1) for axis in (-1, -2))
    return squares, np.maximum((rows - 1) * (columns - 1), 1)


def _measure_strength(table: Table) -> float:
    """Cramér's V, less what noise contributes to it."""
    square, free = compute_chi_square(np.outer(table.sum(axis=1), table.sum(axis=0)), table)
    return _scale_to_strength(float(square - free), table)


def _scale_to_strength(square: float, table: Table) -> float:
    """Cramér's V of a chi-square: 1 if each column tells the other."""
    cells = min(np.count_nonzero(table.any(axis=0)), np.count_nonzero(table.any(axis=1)))
    return min(1.0, math.sqrt(max(square, 0.0) / max(table.sum(), 1.0) / max(cells - 1, 1)))


def estimate_overdispersion(tables: Table) -> float:
    """The factor by which tables of runs of rows vary more than those of independent rows; 0 if too few runs show it."""
    if len(tables) < MIN_WINDOWS:
        return 0.0
    squares, free = compute_chi_square(tables.sum(axis=0), tables)
    return max(1.0, float(squares.sum() / free.sum()))
