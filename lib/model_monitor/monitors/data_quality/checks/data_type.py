"""data_type_check: values still look like what they were in the baseline."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from model_monitor.documents.check_results import CheckStatus
from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality import messages
from model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import has_whole_numbers
from model_monitor.monitors.data_quality.documents import CONTENTS
from model_monitor.monitors.protocol import Finding, of_share
from model_monitor.statistics.states import DataTypeCounts

TYPE_UNKNOWN = "the baseline had no value to tell a type from, so any will do"
FRACTIONAL = (
    "the others are fractional numbers; pandas makes them of all integers of a column in which one is missing (81.0), "
    "unless its type is Int64"
)
WHOLE = "all are whole numbers of a fractional type, as pandas makes of integers where one is missing, unless their type is Int64"


@FEATURE_CHECKS.register("data_type_check", threshold=attrgetter("settings.datatype_check_threshold"))
def data_type(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of present values that fit the feature's `inferred_type` is at least `datatype_check_threshold`.

    A type includes narrower types: Integral ⊂ Fractional ⊂ String. With `exact_classes`, a value counts only for its own type,
    as in the service: `12` is then neither a String nor Fractional. Booleans are Strings in both cases.
    A suggested threshold allows for chance, and for the floats that pandas makes of integers when a first one is missing.
    Source: C4.4, C11.1, C11.29, C11.32; G14; D4.6.
    """
    expected = feature.constraints.inferred_type
    if expected is InferredType.UNKNOWN:
        return Finding(CheckStatus.PASSED, threshold, reason=TYPE_UNKNOWN)
    types = feature.current.data_types
    exact = feature.whole.exact_classes
    finding = of_share(
        _matching(types, expected, exact=exact),
        types.present,
        threshold,
        formula=f"values that {'are exactly' if exact else 'fit in'} {expected.value} / present values",
        description=partial(messages.data_type, expected.value, threshold),
    )
    if feature.calibration is not None and "datatype_check_threshold" in feature.suggested_limits:
        groups = 1.0 if feature.calibration.rows_are_independent else feature.row_groups
        finding = feature.calibration.allowed_for(finding, CONTENTS, 0, feature.baseline.present, groups=groups)
        is_violated = finding.status is CheckStatus.VIOLATED and expected is InferredType.INTEGRAL
        if is_violated and has_whole_numbers(feature.current):
            return finding.but(status=CheckStatus.CANNOT_TELL, reason=WHOLE, description=None)
    if finding.status is CheckStatus.VIOLATED and expected is InferredType.INTEGRAL and _are_numbers(types):
        return finding.but(reason=FRACTIONAL)
    return finding


def _are_numbers(types: DataTypeCounts) -> bool:
    return types.integral + types.fractional == types.present


def _matching(types: DataTypeCounts, expected: InferredType, *, exact: bool) -> int:
    own = {
        InferredType.INTEGRAL: types.integral,
        InferredType.FRACTIONAL: types.fractional,
        InferredType.STRING: types.text + types.boolean,
    }
    if exact:
        return own[expected]
    widening = list(own)
    return sum(own[narrower] for narrower in widening[: widening.index(expected) + 1])
