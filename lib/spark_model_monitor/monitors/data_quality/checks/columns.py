"""missing_column_check and extra_column_check: the data has exactly the columns of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from spark_model_monitor.documents.check_results import PRESENCE, CheckStatus
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import WindowComparison
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS
from spark_model_monitor.monitors.protocol import Finding

FORMULA = "columns of the current data, against those of constraints.json"


@DATA_SET_CHECKS.register("missing_column_check")
def missing_columns(comparison: WindowComparison) -> Iterator[tuple[str, Finding]]:
    """The current data has every column of constraints.json; each missing column is a violation with the column's name.

    If columns can't be identified, only their number counts: fewer columns are one violation, and no feature is judged.
    Source: C4.4, C11.4, C11.25; G15.
    """
    current = comparison.num_current_columns
    baseline = comparison.num_baseline_columns
    missing = comparison.missing if comparison.is_matched else [messages.MISSING_COLUMNS] * (current < baseline)
    return _judge_columns(comparison, missing, messages.missing_columns(current, baseline), messages.MISSING_COLUMNS)


@DATA_SET_CHECKS.register("extra_column_check")
def extra_columns(comparison: WindowComparison) -> Iterator[tuple[str, Finding]]:
    """The current data has no column that constraints.json lacks; each extra column is a violation with the column's name.

    If columns can't be identified, only their number counts: more columns are one violation, and no feature is judged. Keys
    that few records have are one violation without their names.
    Source: C4.4, C11.4, C11.25; G15.
    """
    current = comparison.num_current_columns
    baseline = comparison.num_baseline_columns
    if comparison.foreign_keys:
        description = comparison.foreign_keys
        violation = Finding(CheckStatus.VIOLATED, 0.0, decided_by=PRESENCE, description=description)
        yield messages.EXTRA_COLUMNS, violation.but(reason=description)
        if not comparison.extra:
            return
    extra = comparison.extra if comparison.is_matched else [messages.EXTRA_COLUMNS] * (current > baseline)
    yield from _judge_columns(comparison, extra, messages.extra_columns(current, baseline), messages.EXTRA_COLUMNS)


def _judge_columns(
    comparison: WindowComparison, violated: Sequence[str], description: str, if_none: str
) -> Iterator[tuple[str, Finding]]:
    threshold = float(comparison.num_baseline_columns)
    observed = float(comparison.num_current_columns)
    passed = Finding(CheckStatus.PASSED, threshold, observed, decided_by=PRESENCE, formula=FORMULA)
    for name in violated:
        yield name, replace(passed, status=CheckStatus.VIOLATED, description=description)
    if not violated:
        yield if_none, passed
