"""A run of data quality in rows: what every feature is like, in the bins of its baseline. Pure.

Names of categories are in it only where statistics.json may list them, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from model_monitor.data_quality.distributions import FeatureDistribution, from_profile
from model_monitor.data_quality.overlays import BINS, Bins, bins_of
from model_monitor.documents.check_results import QUANTILES, Summary, SummaryRow
from model_monitor.statistics.states import FeatureProfile, Profile


def summary_of(profile: Profile, baseline: Mapping[str, FeatureDistribution] | None, max_domain_size: int) -> Summary:
    """baseline: the distributions that the run was held against; None of a baseline's own run."""
    now = from_profile(profile)
    before = now if baseline is None else baseline
    bins = {name: found for name, each in before.items() if (found := bins_of(each)) is not None}
    rows = tuple(_row(feature, now[feature.name], bins.get(feature.name)) for feature in profile.features)
    return Summary(rows, {name: tuple(_told(found, max_domain_size)) for name, found in bins.items()})


def _row(feature: FeatureProfile, found: FeatureDistribution, bins: Bins | None) -> SummaryRow:
    moments = feature.moments if feature.is_numeric else None
    has_numbers = moments is not None and moments.count > 0
    shares = bins.shares(found) if bins is not None else None
    cdf = found.numbers.step_cdf() if found.numbers is not None else None
    return SummaryRow(
        feature.name,
        kind="number" if feature.is_numeric else "category",
        present=feature.num_present,
        missing=feature.num_missing,
        distinct=None if feature.distinct is None else min(round(feature.distinct.estimate()), feature.num_present),
        mean=_finite(moments.average) if moments is not None and has_numbers else None,
        sd=_finite(moments.standard_deviation) if moments is not None and has_numbers else None,
        min=moments.minimum if moments is not None and has_numbers else None,
        max=moments.maximum if moments is not None and has_numbers else None,
        quantiles=cdf.quantiles(QUANTILES) if cdf is not None and cdf.total else None,
        shares=None if shares is None else shares.tolist(),
    )


def _told(bins: Bins, max_domain_size: int) -> Iterator[float | str]:
    if bins.ends is not None:
        return iter(bins.ends)
    listed = len(bins.names) <= max_domain_size
    return (name if listed else f"value {place}" for place, name in enumerate(bins.names[:BINS], start=1))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
