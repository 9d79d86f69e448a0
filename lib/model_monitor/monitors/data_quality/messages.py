"""The texts of data-quality violations. Clients parse them, so each is the service's own, to the last blank.

Numbers are printed as Java's `Double.toString` has them (C11.28). Pure.

Source: C4.4, C11.2, C11.3, C11.4, C11.23, G14, G15, G16.
"""

from __future__ import annotations

from model_monitor.documents.json_text import java_double

DATA_TYPE = (
    "Data type match requirement is not met. Expected data type: {expected}, Expected match: {required}%. "
    "Observed: Only {observed}% of data is {expected}."
)
DRIFT = "Baseline drift distance: {distance} exceeds threshold: {threshold}"
NUMBERS_DRIFT_2019 = "Numerical distance: {distance} exceeds numerical threshold: {threshold}"
DRIFT_P_VALUE = "Baseline drift p-value: {p_value} is below threshold: {threshold}"
COLUMNS = (
    "There are {kind} columns in current dataset. Number of columns in current dataset: {current}, "
    "Number of columns in baseline constraints: {baseline}"
)
REQUIREMENT_NOT_MET = "Value: {value} does not meet the constraint requirement! "  # the blank at the end is real
COMPARATOR = (
    "The {distance} between {sides} is {found:.6g} (up to six significant digits), above the threshold {threshold:.6g}."
)
COMPARATOR_VALUE = " The feature value with maximum difference is: {value}"
CONTROL_DATA_MISSING = "{control} data missing"
SIDES = {"training": "serving and training", "previous": "previous and current"}
"""What TFDV calls both sides, by the one that is compared with. Source: D3.6."""
NEGATIVE = "Non-negative requirement is not met. Observed minimum: {minimum}"  # ours: the service has no such check
CHANGED = "{what} is not the baseline's. Observed: {observed}, in the baseline: {expected}"  # ours, of the guard
UNUSUAL = "Number of rows is unusual. Observed: {observed}, usual: {usual}"  # ours, of the volume

STALE = "Newest row is too old. Minutes before the end of the window: {observed}, usual: {usual}"  # ours, of the volume

NUMBER_OF_ROWS = "Number of rows"
NEWEST_ROW = "Newest row"
MISSING_COLUMNS = "Missing columns"
EXTRA_COLUMNS = "Extra columns"
"""What violations of the whole data set have for a `feature_name`."""


def data_type(expected: str, threshold: float, share: float) -> str:
    """Too few values are of the expected type. threshold, share: printed as percentages."""
    return DATA_TYPE.format(expected=expected, required=java_double(threshold * 100), observed=java_double(share * 100))


def drift(distance: float, threshold: float) -> str:
    """A distribution is too far from the baseline's."""
    return DRIFT.format(distance=java_double(distance), threshold=java_double(threshold))


def drift_p_value(p_value: float, threshold: float) -> str:
    """A distribution would be too unlikely if it were the baseline's."""
    return DRIFT_P_VALUE.format(p_value=java_double(p_value), threshold=java_double(threshold))


def numbers_drift_2019(distance: float, threshold: float) -> str:
    """The same of numbers, in the words of 2019; a whole threshold had no fraction. Source: C4.4a."""
    required = f"{threshold:.0f}" if threshold.is_integer() else java_double(threshold)
    return NUMBERS_DRIFT_2019.format(distance=java_double(distance), threshold=required)


def control_data_missing(reference: str) -> str:
    """What a comparator compares with has no such feature, in TFDV's words."""
    return CONTROL_DATA_MISSING.format(control=_control(reference))


def comparator_high(
    distance: str, found: float, threshold: float, value: str | None = None, *, reference: str = "baseline"
) -> str:
    """A comparator's distance is above its threshold, in TFDV's words. value: the text that differs most. Source: D3.6."""
    text = COMPARATOR.format(distance=distance, found=found, threshold=threshold, sides=SIDES[_control(reference)])
    return text if value is None else text + COMPARATOR_VALUE.format(value=value)


def _control(reference: str) -> str:
    return "training" if reference == "baseline" else "previous"


def missing_columns(current: int, baseline: int) -> str:
    """The current data has fewer columns than the baseline."""
    return COLUMNS.format(kind="missing", current=current, baseline=baseline)


def extra_columns(current: int, baseline: int) -> str:
    """The current data has more columns than the baseline."""
    return COLUMNS.format(kind="extra", current=current, baseline=baseline)


def requirement_not_met(value: float) -> str:
    """A share is below the required one: of present values, or of values that are in the domain."""
    return REQUIREMENT_NOT_MET.format(value=java_double(value))


def negative(minimum: float) -> str:
    """A feature without negative numbers has some now."""
    return NEGATIVE.format(minimum=java_double(minimum))


def changed(what: str, observed: float, expected: float) -> str:
    """A guard saw another share, or another mean, than the baseline's."""
    return CHANGED.format(what=what.capitalize(), observed=java_double(observed), expected=java_double(expected))


def unusual(observed: float, usual: float) -> str:
    """A window has many more rows, or fewer, than is usual."""
    return UNUSUAL.format(observed=java_double(observed), usual=java_double(usual))


def stale(observed: float, usual: float) -> str:
    """The newest row of a window is older than is usual. In minutes."""
    return STALE.format(observed=java_double(observed), usual=java_double(usual))
