"""The numbers of every feature: those that a run publishes as metrics, and its summary in the baseline's bins. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from spark_model_monitor.documents.check_results import DRIFT, CheckResult
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import QUANTILES, Summary, SummaryRow
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    create_distributions,
)
from spark_model_monitor.monitors.data_quality.report.charts import Bins, choose_bins
from spark_model_monitor.monitors.protocol import PublishedMetric, StatisticSet
from spark_model_monitor.statistics.states import FeatureProfile, Profile

MAX_METRIC_VALUE = 2.0**360  # magnitude of the largest number that CloudWatch accepts: the 2.348543e108 of C9.2


def published_metrics(
    profile: Profile, results: Iterable[CheckResult], constraints: Constraints
) -> Iterator[PublishedMetric]:
    """The metrics of every feature whose `emit_metrics` is Enabled, and the number of violations.

    For the number of violations, and for a feature that constraints.json lacks, the file's own `emit_metrics` decides.
    A number that CloudWatch does not accept (NaN, infinite, above 2^360) has no metric. `feature_baseline_drift_…` is
    the distance, or the p-value of ChiSquared, whether it is a violation or not.
    """
    results = list(results)
    distances = {
        check_result.feature: check_result.observed
        for check_result in results
        if check_result.feature and check_result.check == DRIFT and check_result.observed is not None
    }
    # By feature; if there are several settings, the last one wins
    by_default = constraints.monitoring.emit_metrics
    emit_by_feature: dict[str, bool] = {}
    for constraints_of_feature in constraints.features:
        for config in constraints_of_feature.overrides.values():
            if config.emit_metrics is not None:
                emit_by_feature[constraints_of_feature.name] = config.emit_metrics.is_on
    for feature in profile.features:
        if emit_by_feature.get(feature.name, by_default):
            yield from _list_feature_metrics(feature, distances)
    if by_default:
        violation_count = sum(check_result.is_violated for check_result in results)
        yield PublishedMetric("total_number_of_violations", violation_count, unit="Count")


def _list_feature_metrics(feature: FeatureProfile, distances: Mapping[str, float]) -> Iterator[PublishedMetric]:
    name = feature.name
    types = feature.data_types
    moments = feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        numbers = (moments.sum, moments.minimum, moments.maximum)
        if all(map(_is_taken, numbers)):
            yield PublishedMetric(f"feature_data_{name}", StatisticSet(moments.count, *numbers))
    # By the service's names; without a state, the estimate is left out
    counts: dict[str, float | None] = {
        "non_null": feature.num_present,
        "null": feature.num_missing,
        "estimated_unique_values": feature.distinct.estimate() if feature.distinct else None,
        "fractional_counts": types.fractional,
        "integral_counts": types.integral,
        "string_counts": types.text,
        "boolean_counts": types.boolean,
        "unknown_counts": types.unknown + types.missing,  # Deequ's Unknown: nothing from which to infer a type
    }
    yield from (
        PublishedMetric(f"feature_{kind}_{name}", count, unit="Count")
        for kind, count in counts.items()
        if count is not None
    )
    if types.total:
        yield PublishedMetric(f"feature_completeness_{name}", feature.completeness)
    if name in distances and _is_taken(distances[name]):
        yield PublishedMetric(f"feature_baseline_drift_{name}", distances[name])


def _is_taken(number: float) -> bool:
    """Whether CloudWatch accepts the number."""
    return math.isfinite(number) and abs(number) <= MAX_METRIC_VALUE


# The rows that describe a data-quality run: every feature, in the bins of its baseline.


def summarize_features(
    profile: Profile, baseline: Mapping[str, FeatureDistribution] | None, max_domain_size: int
) -> Summary:
    """The summary of a run. baseline: the distributions that it was compared with; None for a baseline's own run."""
    current = create_distributions(profile)
    binned_distributions = baseline
    if binned_distributions is None:
        binned_distributions = current
    bins: dict[str, Bins] = {}
    for name, distribution in binned_distributions.items():
        feature_bins = choose_bins(distribution)
        if feature_bins is not None:
            bins[name] = feature_bins
    rows = tuple(
        _summarize_feature(feature, current[feature.name], bins.get(feature.name)) for feature in profile.features
    )
    # The ends of numbers, or the names of categories; names of too many values are hidden
    bin_names: dict[str, tuple[float | str, ...]] = {
        name: feature_bins.ends or tuple(feature_bins.list_names(max_domain_size))
        for name, feature_bins in bins.items()
    }
    return Summary(rows, bin_names)


def _summarize_feature(feature: FeatureProfile, distribution: FeatureDistribution, bins: Bins | None) -> SummaryRow:
    row = SummaryRow(
        feature.name,
        kind="number" if feature.is_numeric else "category",
        present=feature.num_present,
        missing=feature.num_missing,
    )
    if feature.distinct is not None:
        # The estimate may exceed the number of rows
        row = replace(row, distinct=min(round(feature.distinct.estimate()), feature.num_present))
    moments = feature.moments
    if feature.is_numeric and moments is not None and moments.count > 0:
        mean = _get_finite(moments.average)
        sd = _get_finite(moments.standard_deviation)
        row = replace(row, mean=mean, sd=sd, min=moments.minimum, max=moments.maximum)
    numbers = distribution.numbers
    if numbers is not None and numbers.total:
        row = replace(row, quantiles=numbers.cdf.quantiles(QUANTILES))
    if bins is not None:
        shares = bins.compute_shares(distribution)
        if shares is not None:
            row = replace(row, shares=shares.tolist())
    return row


def _get_finite(number: float) -> float | None:
    if math.isfinite(number):
        return number
    return None
