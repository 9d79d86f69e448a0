"""missing_column_check and extra_column_check: the data has exactly the columns of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spark_model_monitor.documents.check_results import PRESENCE, CheckStatus
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import WindowComparison
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS
from spark_model_monitor.monitors.protocol import Finding

GONE = Finding(CheckStatus.VIOLATED, change="is not in the data any more")
NEW = Finding(CheckStatus.VIOLATED, change="is in the data but not in the baseline")


@DATA_SET_CHECKS.register("missing_column_check")
def missing_columns(comparison: WindowComparison) -> Iterator[tuple[str, Finding]]:
    """The current data has every column of constraints.json; each missing column is a violation with the column's name.

    If columns can't be identified, only their number counts: fewer columns are one violation, and no feature is judged.
    Source: C4.4, C11.4, C11.25; G15.
    """
    current = comparison.num_current_columns
    baseline = comparison.num_baseline_columns
    violation = GONE.copy_with(description=messages.missing_columns(current, baseline))
    names = comparison.missing_names
    return _judge_columns(comparison, names, violation, messages.MISSING_COLUMNS, is_unequal=current < baseline)


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
        violation = Finding(CheckStatus.VIOLATED, threshold=0.0, decided_by=PRESENCE, description=description)
        yield messages.EXTRA_COLUMNS, violation.copy_with(reason=description, change=f"are not read: {description}")
        if not comparison.extra_names:
            return
    violation = NEW.copy_with(description=messages.extra_columns(current, baseline))
    names = comparison.extra_names
    yield from _judge_columns(comparison, names, violation, messages.EXTRA_COLUMNS, is_unequal=current > baseline)


def _judge_columns(
    comparison: WindowComparison, names: Sequence[str], violation: Finding, title: str, *, is_unequal: bool
) -> Iterator[tuple[str, Finding]]:
    """A violation for each of the names, or one with the title if columns can't be identified and their numbers are unequal."""
    baseline = comparison.num_baseline_columns
    current = comparison.num_current_columns
    formula = "columns of the current data, against those of constraints.json"
    violation = violation.copy_with(
        threshold=float(baseline), observed=float(current), decided_by=PRESENCE, formula=formula
    )
    if not comparison.is_matched:
        violation = violation.copy_with(
            change=f"leave {current:,} columns where the baseline has {baseline:,}, so no feature was compared"
        )
        names = []
        if is_unequal:
            names = [title]
    for name in names:
        yield name, violation
    if not names:
        yield title, violation.mark_passed().copy_with(change=None)
