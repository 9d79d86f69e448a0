"""missing_column_check and extra_column_check: the data has as many columns as the baseline."""

from __future__ import annotations

from model_monitor.data_quality import messages
from model_monitor.data_quality.checks import DATA_SET_CHECKS
from model_monitor.data_quality.comparison import Comparison
from model_monitor.documents.check_results import CheckStatus
from model_monitor.runs.judging import Finding

FORMULA = "columns of the current data, against those of constraints.json"


@DATA_SET_CHECKS.register("missing_column_check", called=messages.MISSING_COLUMNS)
def missing_columns(comparison: Comparison) -> Finding:
    """The current data has no fewer columns than constraints.json. If it has, no feature is judged in that run.

    Source: C4.4, C11.4; G15.
    """
    current, baseline = comparison.num_current_columns, comparison.num_baseline_columns
    return _finding(comparison, messages.missing_columns(current, baseline) if current < baseline else None)


@DATA_SET_CHECKS.register("extra_column_check", called=messages.EXTRA_COLUMNS)
def extra_columns(comparison: Comparison) -> Finding:
    """The current data has no more columns than constraints.json. If it has, no feature is judged in that run.

    Source: C4.4, C11.4; G15.
    """
    current, baseline = comparison.num_current_columns, comparison.num_baseline_columns
    return _finding(comparison, messages.extra_columns(current, baseline) if current > baseline else None)


def _finding(comparison: Comparison, description: str | None) -> Finding:
    return Finding(
        CheckStatus.VIOLATED if description else CheckStatus.PASSED,
        threshold=float(comparison.num_baseline_columns),
        observed=float(comparison.num_current_columns),
        formula=FORMULA,
        description=description,
    )
