"""categorical_values_check: a text feature has the values that it had in the baseline."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.data_quality import messages
from model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import GROWS, why_lacking
from model_monitor.monitors.data_quality.documents import CONTENTS
from model_monitor.monitors.protocol import NO_VALUES, Finding
from model_monitor.statistics.states import DataTypeCounts, Frequencies

FORMULA = "values in the domain / present values"
AT_MOST = "there are more distinct values than can be counted exactly; the share is at most the one observed"
AT_LEAST = "there are more distinct values than can be counted exactly; the share is at least the one observed"
NOT_EXACT = "there are more distinct values than can be counted exactly; the share is between {least} and {most}"
NOT_COUNTED = "the current data's column is not a text, so its values were not counted one by one"


def required_share(feature: FeatureComparison) -> float | None:
    """`domain_content_threshold`; None for a feature without a domain."""
    return None if feature.constraints.domains is None else feature.settings.domain_content_threshold


@FEATURE_CHECKS.register("categorical_values_check", threshold=required_share)
def categorical_values(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of present values that are in `domains` is at least `domain_content_threshold`.

    A feature without domains is not checked. Above the limit of exact counts, only bounds of the share are known;
    the share is judged if both bounds are on the same side of the threshold. A suggested threshold allows for chance: the
    values that occur once in the baseline show how many values the baseline lacks.
    Source: C4.4, C11.1, D4.6.
    """
    present = feature.current.num_present
    if not present:
        return Finding.not_judged(threshold, NO_VALUES)
    if feature.growth and feature.calibration is not None and "domain_content_threshold" in feature.suggested_limits:
        return Finding.not_judged(threshold, GROWS)
    bounds = _matching(feature)
    if bounds is None:
        return Finding.not_judged(threshold, why_lacking(feature.current, Frequencies) or NOT_COUNTED)
    least, most = (count / present for count in bounds)
    if most < threshold:
        text = messages.requirement_not_met(most)
        reason = AT_MOST if least < most else None
        finding = Finding(
            CheckStatus.VIOLATED, threshold, most, m=present, formula=FORMULA, reason=reason, description=text
        )
        counts = feature.baseline.categories
        if feature.calibration is None or counts is None or "domain_content_threshold" not in feature.suggested_limits:
            return finding
        groups = 1.0 if feature.calibration.rows_are_independent else feature.row_groups
        rare = sum(count <= groups for count in counts.values())  # seen in one group of rows
        lacking, rows = round(rare * groups), feature.baseline.present
        return feature.calibration.allowed_for(finding, CONTENTS, lacking, rows, groups=groups)
    if least >= threshold:
        reason = AT_LEAST if least < most else None
        return Finding(CheckStatus.PASSED, threshold, least, m=present, formula=FORMULA, reason=reason)
    return Finding.not_judged(threshold, NOT_EXACT.format(least=least, most=most))


def _matching(feature: FeatureComparison) -> tuple[int, int] | None:
    """The least and the largest number of present values that may be in the domain; None if nothing is known of it."""
    domain = feature.domain
    frequencies = feature.current.frequencies
    if frequencies is not None:
        return _bounds(frequencies, domain)
    if feature.current.is_numeric and not _has_number(domain):
        return 0, 0
    return None


def _bounds(frequencies: Frequencies, domain: frozenset[str]) -> tuple[int, int]:
    """Counts are too small by `bound` at most. What is not exact had more distinct values than the limit, each once or more."""
    inside = sum(count for value, count in frequencies.counts.items() if value in domain)
    if frequencies.exact:
        return inside, inside
    kept_outside = sum(frequencies.counts.values()) - inside
    outside = max(kept_outside, frequencies.limit + 1 - len(domain))
    return inside, min(inside + frequencies.bound * len(domain), frequencies.total - outside)


def _has_number(texts: Iterable[str]) -> bool:
    types = DataTypeCounts.of(pa.array(list(texts), pa.string()))
    return types.integral + types.fractional > 0
