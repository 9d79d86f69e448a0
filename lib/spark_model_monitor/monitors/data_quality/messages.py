"""The texts of data-quality violations. Clients parse them, so each is exactly the service's, to the last blank.

Numbers are printed like Java's `Double.toString` (C11.28). Pure.

Source: C4.4, C11.2, C11.3, C11.4, C11.23, G14, G15, G16.
"""

from __future__ import annotations

from spark_model_monitor.documents.json_text import format_java_double


class Message(str):
    """A template; calling it with values gives a violation's text, with floats as Java prints them."""

    __slots__ = ()

    def __call__(self, *values: float | str) -> str:
        return self.format(*(format_java_double(value) if isinstance(value, float) else value for value in values))


_COLUMNS = " columns in current dataset. Number of columns in current dataset: {}, Number of columns in baseline constraints: {}"
missing_columns = Message("There are missing" + _COLUMNS)
extra_columns = Message("There are extra" + _COLUMNS)  # the current data has fewer columns than the baseline, or more
drift = Message("Baseline drift distance: {} exceeds threshold: {}")  # a distribution is too far from the baseline's

drift_p_value = Message("Baseline drift p-value: {} is below threshold: {}")
"""A distribution is too unlikely to be the baseline's."""

requirement_not_met = Message("Value: {} does not meet the constraint requirement! ")  # the blank at the end is real
"""A share is below the required one: of present values, or of values in the domain."""

_COMPLETENESS = Message("Data completeness requirement is not met. Expected: {}%. Observed: Only {}%.")

negative = Message("Non-negative requirement is not met. Observed minimum: {}")
"""A feature without negative numbers now has some. This text is ours; the service has no such check."""

changed = Message("{} is not the baseline's. Observed: {}, in the baseline: {}")
"""A share or a mean differs from the baseline's, as a fact shows. This text is ours."""

unusual = Message("Number of rows is unusual. Observed: {}, usual: {}")
"""A window has many more or fewer rows than usual. This text is ours."""

stale = Message("Newest row is too old. Minutes before the end of the window: {}, usual: {}")
"""The newest row of a window is older than usual. This text is ours."""

_DATA_TYPE = Message(
    "Data type match requirement is not met. Expected data type: {0}, Expected match: {1}%. "
    "Observed: Only {2}% of data is {0}."
)
_NUMBERS_DRIFT_2019 = Message("Numerical distance: {} exceeds numerical threshold: {}")

COMPARATOR = (
    "The {distance} between {sides} is {found:.6g} (up to six significant digits), above the threshold {threshold:.6g}."
)
COMPARATOR_VALUE = " The feature value with maximum difference is: {value}"
SIDES = {"training": "serving and training", "previous": "previous and current"}
"""TFDV's names for both sides, by the reference of the comparison. Source: D3.6."""

NUMBER_OF_ROWS = "Number of rows"
NEWEST_ROW = "Newest row"
REPEATED_ROWS = "Repeated rows"
MISSING_COLUMNS = "Missing columns"
EXTRA_COLUMNS = "Extra columns"  # the `feature_name` in violations of the whole data set


def data_type(expected: str, threshold: float, share: float) -> str:
    """Too few values are of the expected type. threshold, share: printed as percentages."""
    return _DATA_TYPE(expected, threshold * 100, share * 100)


def completeness(threshold: float, share: float) -> str:
    """Too few values are present, in the service's words since 2020. threshold, share: printed as percentages."""
    return _COMPLETENESS(threshold * 100, share * 100)


def numbers_drift_2019(distance: float, threshold: float) -> str:
    """Numbers drift, in the words of 2019; a whole threshold had no fraction. Source: C4.4a."""
    return _NUMBERS_DRIFT_2019(distance, f"{threshold:.0f}" if threshold.is_integer() else threshold)


def control_data_missing(reference: str) -> str:
    """The reference of a comparator lacks the feature, in TFDV's words."""
    return f"{_name_control(reference)} data missing"


def comparator_high(distance: str, observed: float, threshold: float, value: str | None, *, reference: str) -> str:
    """A comparator's distance is above its threshold, in TFDV's words. value: the most different text. Source: D3.6."""
    text = COMPARATOR.format(
        distance=distance, found=observed, threshold=threshold, sides=SIDES[_name_control(reference)]
    )
    if value is None:
        return text
    return text + COMPARATOR_VALUE.format(value=value)


def _name_control(reference: str) -> str:
    if reference == "baseline":
        return "training"
    return "previous"
