"""Rules that a baseline may suggest, for a person to choose from: domains, signs, bounds, keys, orderings. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import permutations

from spark_model_monitor.documents.check_results import EXPECTATION, CheckResult
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.rules_file import Expectations
from spark_model_monitor.statistics.states import ColumnType, FeatureProfile, Profile

MIN_ROWS = 100  # with fewer rows, nothing can be learnt about what never happens
MAX_ORDERED = 20  # most numeric columns whose orderings are tried
NEARLY_ALL = 0.97  # smallest estimated share of distinct values with which a column is tried as a key


def suggest_candidates(profile: Profile, constraints: Constraints) -> Expectations:
    """Rules that the baseline may meet, each an entry of its own. Running them on the baseline shows which of them it meets."""
    rules_by_feature = {}
    numbers = []
    for feature in profile.features:
        rules = list(_suggest_for_feature(feature, constraints))
        if rules:
            rules_by_feature[feature.name] = rules
        if feature.is_numeric and feature.moments is not None and feature.moments.count >= MIN_ROWS:
            numbers.append(feature)
    # Pairs of columns of which one may be at most the other in each row
    orderings = [
        f"{_quote_name(low)} <= {_quote_name(high)}"
        for low, high in permutations(numbers[:MAX_ORDERED], 2)
        if _may_be_ordered(low, high)
    ]
    return Expectations.model_validate({"features": rules_by_feature, "row_rules": orderings})


def select_met_rules(tried: Expectations, results: Sequence[CheckResult]) -> Expectations:
    """The rules that hold, one entry for each column. results: of running them on the baseline."""
    # The results are in the order in which the rules were tried
    passed = iter([result.has_passed for result in results if result.check == EXPECTATION])
    features: dict[str, dict[str, Json]] = {}
    for name, rules in tried.features.items():
        for rule in rules:
            if next(passed):
                features.setdefault(name, {}).update(rule.model_dump(mode="json", exclude_unset=True))
    row_rules = [row_rule.rule for row_rule in tried.row_rules if next(passed)]
    return Expectations.from_json(json.dumps({"features": features, "row_rules": row_rules}))


def _suggest_for_feature(feature: FeatureProfile, constraints: Constraints) -> Iterator[dict[str, Json]]:
    if feature.column_type in (ColumnType.VECTOR, ColumnType.NESTED) or feature.num_present < MIN_ROWS:
        return
    if not feature.num_missing:
        yield {"not_null": 1.0}
    # Numbers by type and sign, texts by their domain
    feature_constraints = constraints.feature(feature.name)
    moments = feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        if feature.inferred_type == "Integral":
            yield {"type": "Integral"}
        if moments.minimum >= 0:
            is_share = feature.inferred_type == "Fractional" and 0.5 < moments.maximum <= 1
            if is_share:
                yield {"min": 0.0, "max": 1.0}
            else:
                yield {"min": 0.0}
    elif feature_constraints.domains:
        yield {"in": list(feature_constraints.domains)}
    # A key; fractional numbers are mostly distinct, too, but are measurements
    may_be_key = feature.inferred_type != "Fractional"
    if may_be_key and feature.distinct is not None and feature.distinct.estimate() >= NEARLY_ALL * feature.num_present:
        yield {"unique": True}


def _may_be_ordered(low_feature: FeatureProfile, high_feature: FeatureProfile) -> bool:
    """Whether the ranges overlap, and the first one is lower in all respects.

    Where one range ends before the other begins, an ordering says nothing about rows.
    """
    low = low_feature.moments
    high = high_feature.moments
    assert low is not None  # as both have numbers
    assert high is not None
    return low.minimum <= high.minimum <= low.maximum <= high.maximum and low.average < high.average


def _quote_name(feature: FeatureProfile) -> str:
    if feature.name.isidentifier():
        return feature.name
    return f"`{feature.name}`"
