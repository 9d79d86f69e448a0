"""Three verdicts on one column's drift: violated, passed, or "cannot tell" with what could have been seen. Pure.

Source: D4.7.
"""

from __future__ import annotations

import math
from dataclasses import replace

from model_monitor.data_quality import messages
from model_monitor.data_quality.calibration import Calibration, Column
from model_monitor.documents.check_results import CheckStatus
from model_monitor.runs.judging import Finding
from model_monitor.statistics.verdicts.multiplicity import (
    distance_interval,
    shift_of_gap,
    smallest_gap,
    smallest_share,
    smallest_shift,
)

NO_HISTORY = "no earlier windows: how much this column varies from window to window is not known"
INDEPENDENT = "rows assumed independent"
LEARNT = "as {windows} earlier windows or parts of the baseline vary"
UNSEEN_SHIFT = "with {rows:,} values a shift below {change:.2g} standard deviations is not seen"
UNSEEN_SHARE = "with {rows:,} values a change of a share by less than {change:.2g} is not seen"
NOTHING_SEEN = "with {rows:,} values no change is seen"

RARE = 0.05
"""The share of a text from which the smallest change is told at least; a rarer one is no normal variable."""


def verdict(found: Finding, threshold: float, column: Column, calibration: Calibration) -> Finding:
    """What becomes of the drift check's finding by the file's method where chance is allowed for."""
    smallest = _smallest(threshold, column, calibration)
    known = replace(found, distance=column.distance, smallest_change=smallest if math.isfinite(smallest) else None)
    if calibration.rows_are_independent or column.windows:
        return _by_tests(known, threshold, column, calibration)
    if found.status is not CheckStatus.PASSED or column.samples is None:
        return known
    return replace(
        known, status=CheckStatus.CANNOT_TELL, reason=f"{column.unfit or NO_HISTORY}; {_unseen(known, column)}"
    )


def _by_tests(known: Finding, threshold: float, column: Column, calibration: Calibration) -> Finding:
    """By the column's own tests, which rows that are independent allow, or earlier windows."""
    level, _ = calibration.share_of(column.family)
    rarest, distance, samples = column.rarest, column.distance, column.samples
    why = LEARNT.format(windows=column.windows) if column.windows else INDEPENDENT
    tested = replace(known, p=column.p, adjusted_p=column.adjusted_p, reason=why)
    if rarest is not None:
        tested = replace(tested, component=rarest.name, effect=rarest.effect)
    low = high = None
    if distance is not None and samples is not None:
        low, high = distance_interval(distance, samples, phi=column.phi)
    tested = replace(tested, distance_low=low, distance_high=high)
    if column.adjusted_p <= level:
        text = messages.drift_p_value(column.adjusted_p, level)
        if known.description is not None:  # by the file's own method
            text = known.description
        elif distance is not None and distance > threshold:
            text = messages.drift(distance, threshold)
        return replace(tested, status=CheckStatus.VIOLATED, description=text)
    if high is None:
        return replace(known, p=column.p, adjusted_p=column.adjusted_p)
    if high <= threshold:
        return replace(tested, status=CheckStatus.PASSED, description=None)
    reason = f"{_unseen(tested, column)}; {why}"
    return replace(tested, status=CheckStatus.CANNOT_TELL, reason=reason, description=None)


def _smallest(threshold: float, column: Column, calibration: Calibration) -> float:
    """The smallest change that the rule in force finds nine times in ten; infinite if none is."""
    samples = column.samples
    if samples is None:
        return math.inf
    if not (calibration.rows_are_independent or column.windows):
        gap = smallest_gap(threshold, samples)
        return shift_of_gap(gap) if column.share is None else gap if gap < 1 else math.inf
    level, columns = calibration.share_of(column.family)
    if column.share is None:
        return smallest_shift(samples, level, columns, phi=column.phi)
    share = max(min(column.share, 1 - column.share), RARE)
    found = smallest_share(share, samples, level, columns, phi=column.phi)
    return found - share if found < 1 else math.inf


def _unseen(found: Finding, column: Column) -> str:
    rows = column.samples.m if column.samples is not None else 0
    if found.smallest_change is None:
        return NOTHING_SEEN.format(rows=rows)
    return (UNSEEN_SHIFT if column.share is None else UNSEEN_SHARE).format(rows=rows, change=found.smallest_change)
