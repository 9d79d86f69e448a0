"""Which limits of constraints.json a data-quality baseline suggested, and what earlier releases suggested. Pure.

A limit that equals what the baseline's statistics suggest allows for noise; any other one decides alone
(`documents/requested_limits.py`). Both documents say so, wherever they lie. Files of earlier releases had limits with a
margin for noise, which is computed again, or read from the copy in the baseline's run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from spark_model_monitor.documents.constraints import SUGGESTED_SHARE, Constraints, FeatureConstraints, FeatureRole
from spark_model_monitor.documents.requested_limits import is_suggested
from spark_model_monitor.monitors.data_quality.distribution.always_new import count_singletons
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution, as_counted
from spark_model_monitor.statistics.verdicts.components import fewest_beyond_chance

COMPLETENESS = "completeness"
DATA_TYPE = "datatype_check_threshold"
DOMAIN = "domain_content_threshold"


def find_suggested_limits(
    constraints: Constraints, baseline: Mapping[str, FeatureDistribution], copy: Constraints | None = None
) -> dict[str, frozenset[str]]:
    """The names of the suggested limits of shares, by feature; none if verdicts don't allow for noise.

    baseline: its distributions, by feature. copy: the constraints as the baseline's run wrote them; needed only for files
    of earlier releases.
    """
    if not constraints.monitoring.is_calibrated:
        return {}
    settings = constraints.settings_by_feature()
    config = constraints.monitoring_config
    is_of_earlier_release = config is None or config.requested_limits is None
    margins = None
    if is_of_earlier_release:
        margins = EarlierMargins.of(constraints)
    copies = {}
    if copy is not None and is_of_earlier_release:
        copies = {feature.name: feature for feature in copy.features}

    suggested: dict[str, frozenset[str]] = {}
    for feature in constraints.features:
        distribution = baseline.get(feature.name)
        if distribution is None or not distribution.num_rows:
            continue  # without statistics, every limit applies as written
        limits = settings[feature.name]
        # A limit is suggested if it is what the statistics suggest, now or in an earlier release
        names = set()
        for name, suggestion in _suggest_limits(feature, distribution):
            if name == COMPLETENESS:
                limit = feature.completeness
            else:
                limit = getattr(limits, name)
            suggestions = [suggestion]
            if limit != suggestion and margins is not None:
                suggestions += margins.limits(name, distribution) + _read_limits_of_copy(copies.get(feature.name), name)
            if is_suggested(name, limit, suggestions, limits.requested_limits):
                names.add(name)
        suggested[feature.name] = frozenset(names)
    return suggested


def _suggest_limits(feature: FeatureConstraints, distribution: FeatureDistribution) -> Iterator[tuple[str, float]]:
    """The limits that the statistics suggest, as far as the feature still has the type and the domain of its baseline."""
    yield COMPLETENESS, distribution.completeness
    is_of_same_type = feature.inferred_type is distribution.inferred_type
    if feature.inferred_type.is_numeric and is_of_same_type and distribution.present:  # any value is a text
        yield DATA_TYPE, SUGGESTED_SHARE
    if feature.domains is not None and as_counted(feature.domains) == (distribution.categories or {}).keys():
        yield DOMAIN, SUGGESTED_SHARE


def _read_limits_of_copy(copy: FeatureConstraints | None, name: str) -> list[float]:
    """The limit that an earlier release suggested, as the copy in its run says; empty if it suggested none."""
    if copy is None:
        return []
    if name == COMPLETENESS:
        values = [copy.completeness]
    else:
        values = [getattr(override, name) for override in copy.overrides.values()]
    return [value for value in values if value is not None]


# Earlier releases


LEAST_SHARE = 0.98  # the lowest limit of types and domains that they suggested
MOST_ROWS = 10**6  # the largest window that a limit of theirs shows
OFTEN = 30  # a domain all of whose values occurred this often was suggested without a margin


@dataclass(frozen=True, slots=True)
class EarlierMargins:
    """The limits of shares that releases up to 0.1 suggested: healthy windows of a certain number of rows kept them.

    completeness_level, contents_level: the probability that a healthy window breaks one limit of completeness, and one of
    a type or a domain. window_rows: rows of a window, as far as the limits show them, if not as many as in the baseline.
    """

    completeness_level: float
    contents_level: float
    window_rows: int

    @classmethod
    def of(cls, constraints: Constraints) -> EarlierMargins:
        """The margins in a file. Four parts of its budget were for drift, two for predictions, one for any other family."""
        settings = constraints.monitoring
        features = constraints.features
        parts = 4 + 1 + 1
        if any(feature.role is FeatureRole.PREDICTION for feature in features):
            parts += 2
        if settings.segments:
            parts += 1
        level = settings.false_alarm_budget / parts
        contents = sum((feature.domains is not None) + feature.inferred_type.is_numeric for feature in features)
        # Each limit is a count of rows, divided by the window's rows
        shares = [Fraction(feature.completeness or 1).limit_denominator(MOST_ROWS) for feature in features]
        window_rows = math.lcm(*(share.denominator for share in shares))
        return cls(level / max(len(features), 1), level / max(contents, 1), min(window_rows, MOST_ROWS))

    def limits(self, name: str, baseline: FeatureDistribution) -> list[float]:
        """What may have been suggested for a feature's limit, by windows as large as the baseline and by smaller ones."""
        if name == COMPLETENESS:
            counts = (baseline.rows - baseline.present, baseline.rows)
            sizes = (baseline.rows, self.window_rows)
            return [_lowest_healthy_share(*counts, rows, self.completeness_level) for rows in sizes]
        categories = baseline.categories or {}
        if name == DOMAIN and min(categories.values(), default=0) >= OFTEN:
            return [SUGGESTED_SHARE]
        # Good 1953, "The population frequencies of species"
        if name == DOMAIN:
            unseen = count_singletons(categories)
        else:
            unseen = 0
        sizes = (baseline.present, round(self.window_rows * baseline.present / baseline.rows))
        shares = [_lowest_healthy_share(unseen, baseline.present, max(rows, 1), self.contents_level) for rows in sizes]
        return [max(share, LEAST_SHARE) for share in shares]


def _lowest_healthy_share(lacking: int, rows: int, window_rows: int, level: float) -> float:
    """The share of a window's rows that fulfil a limit; less has a probability of `level` in a healthy window."""
    fewest = fewest_beyond_chance(lacking, rows, window_rows, level)
    if fewest is None:
        return 0.0
    return (window_rows - fewest + 1) / window_rows
