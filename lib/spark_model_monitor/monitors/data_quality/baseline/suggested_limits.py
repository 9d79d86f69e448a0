"""Which limits of constraints.json a data-quality baseline suggested. Pure.

A limit that equals what the baseline's statistics suggest allows for noise; any other one decides alone
(`documents.document.is_suggested`). Both documents say so, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints
from spark_model_monitor.documents.document import is_suggested
from spark_model_monitor.documents.monitoring_settings import SUGGESTED_SHARE
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution, as_counted
from spark_model_monitor.statistics.states.frequencies import unify_flags

COMPLETENESS = "completeness"
DATA_TYPE = "datatype_check_threshold"
DOMAIN = "domain_content_threshold"


def find_suggested_limits(
    constraints: Constraints, baseline: Mapping[str, FeatureDistribution]
) -> dict[str, frozenset[str]]:
    """The names of the suggested limits of shares, by feature; none if verdicts don't allow for noise.

    baseline: its distributions, by feature.
    """
    if not constraints.monitoring.is_calibrated:
        return {}
    settings = constraints.settings_by_feature()
    suggested: dict[str, frozenset[str]] = {}
    for feature in constraints.features:
        # Without statistics, every limit applies as written
        distribution = baseline.get(feature.name)
        if distribution is None or not distribution.num_rows:
            continue
        # A limit is suggested if it is what the statistics suggest
        limits = settings[feature.name]
        names = set()
        for name, suggestion in _suggest_limits(feature, distribution):
            if name == COMPLETENESS:
                limit = feature.completeness
            else:
                limit = getattr(limits, name)
            if is_suggested(name, limit, [suggestion], limits.requested_limits):
                names.add(name)
        suggested[feature.name] = frozenset(names)
    return suggested


def _suggest_limits(feature: FeatureConstraints, distribution: FeatureDistribution) -> Iterator[tuple[str, float]]:
    """The limits that the statistics suggest, as far as the feature still has the type and the domain of its baseline."""
    # Of every feature: the fraction of its cells that have a value
    yield COMPLETENESS, distribution.completeness
    is_of_same_type = feature.inferred_type is distribution.inferred_type
    if feature.inferred_type.is_numeric and is_of_same_type and distribution.present:  # any value is a text
        yield DATA_TYPE, SUGGESTED_SHARE
    if feature.domains is not None:
        domain = unify_flags(dict.fromkeys(as_counted(feature.domains), 1))
        if domain.keys() == unify_flags(distribution.categories or {}).keys():
            yield DOMAIN, SUGGESTED_SHARE
