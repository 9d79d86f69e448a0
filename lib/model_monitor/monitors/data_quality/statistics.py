"""A profile as statistics.json: the projection of all that a scan knows onto what the service's file says.

Pure; takes the states' sums and Deequ's metrics of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from model_monitor.documents.statistics import (
    Bucket,
    Categorical,
    CategoryBucket,
    Common,
    Dataset,
    Distribution,
    FeatureStatistics,
    InferredType,
    Kll,
    NumericalStatistics,
    Sketch,
    SketchParameters,
    Statistics,
    StringStatistics,
    VectorStatistics,
)
from model_monitor.statistics.states import ColumnType, DistinctRegisters, FeatureProfile, Moments, Profile
from model_monitor.statistics.states.columns import numbers_of
from model_monitor.statistics.states.profile import FeatureMetrics

MAX_DOMAIN_SIZE = 120
"""Most values of a text feature that are listed one by one: the limit of Deequ's ColumnProfiler (G9)."""


def statistics_of(
    profile: Profile,
    metrics: Mapping[str, FeatureMetrics],
    *,
    with_sketches: bool = True,
    max_domain_size: int = MAX_DOMAIN_SIZE,
) -> Statistics:
    """The statistics of a profile. metrics: Deequ's metrics of its features, by name.

    What rests on a state that a feature lacks is left out: null says that a number is undefined, and here nobody can know.
    Source: C4.1, G1 to G9.
    """
    return Statistics(
        dataset=Dataset(item_count=profile.item_count),
        features=tuple(
            _feature(feature, metrics[feature.name], with_sketches=with_sketches, max_domain_size=max_domain_size)
            for feature in profile.features
        ),
    )


def domain_of(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, int] | None:
    """Rows by value of a text feature with few values, the most frequent first; None where there are too many.

    A column of dates has none: no later day would be among them. Texts that look like dates are texts (G9).
    """
    if feature.inferred_type != InferredType.STRING.value or feature.column_type in (
        ColumnType.DATE,
        ColumnType.TIMESTAMP,
    ):
        return None
    domain = feature.exact_domain
    if not domain or len(domain) > max_domain_size:
        return None
    return dict(sorted(domain.items(), key=lambda entry: (-entry[1], entry[0])))


def _feature(
    feature: FeatureProfile, metrics: FeatureMetrics, *, with_sketches: bool, max_domain_size: int
) -> FeatureStatistics:
    inferred_type = InferredType(feature.inferred_type)
    common = Common(num_present=feature.num_present, num_missing=feature.num_missing)
    if inferred_type.is_numeric:
        return FeatureStatistics(
            name=feature.name,
            inferred_type=inferred_type,
            numerical_statistics=_numerical(feature, metrics, common, with_sketches=with_sketches),
            column_metrics=numbers_of(feature) or None,
        )
    if feature.vectors is not None:
        vectors = _vector(feature, common)
        return FeatureStatistics(name=feature.name, inferred_type=inferred_type, vector_statistics=vectors)
    if inferred_type is InferredType.UNKNOWN:
        texts = StringStatistics(common=common)
    else:
        domain = domain_of(feature, max_domain_size)
        texts = StringStatistics(
            common=common,
            distinct_count=_distinct_count(feature, metrics),
            completeness=feature.completeness,
            distribution=Distribution(categorical=_categorical(domain)) if domain else None,
        )
    return FeatureStatistics(name=feature.name, inferred_type=inferred_type, string_statistics=texts)


def _distinct_count(feature: FeatureProfile, metrics: FeatureMetrics) -> float | None:
    return None if DistinctRegisters.KIND in feature.lacking else float(metrics.approx_count_distinct or 0)


def _numerical(
    feature: FeatureProfile, metrics: FeatureMetrics, common: Common, *, with_sketches: bool
) -> NumericalStatistics:
    moments = {
        "mean": metrics.mean,
        "sum": metrics.sum,
        "std_dev": metrics.standard_deviation,
        "min": metrics.minimum,
        "max": metrics.maximum,
    }
    return NumericalStatistics(
        common=common,
        **({} if Moments.KIND in feature.lacking else moments),
        approximate_num_distinct_values=metrics.approx_count_distinct,
        completeness=feature.completeness,
        distribution=_kll(feature, with_sketches=with_sketches),
    )


def _kll(feature: FeatureProfile, *, with_sketches: bool) -> Distribution | None:
    if feature.kll is None or feature.moments is None or not feature.kll.count:
        return None
    found = feature.kll.buckets(feature.moments.minimum, feature.moments.maximum)
    buckets = tuple(
        Bucket(lower_bound=bucket.lower_bound, upper_bound=bucket.upper_bound, count=bucket.count) for bucket in found
    )
    if not with_sketches:
        return Distribution(kll=Kll(buckets=buckets))
    parameters = SketchParameters(c=feature.kll.c, k=float(feature.kll.k))
    sketch = Sketch(parameters=parameters, data=tuple(tuple(level.tolist()) for level in feature.kll.levels))
    return Distribution(kll=Kll(buckets=buckets, sketch=sketch))


def _categorical(domain: Mapping[str, int]) -> Categorical:
    return Categorical(buckets=tuple(CategoryBucket(value=value, count=count) for value, count in domain.items()))


def _vector(feature: FeatureProfile, common: Common) -> VectorStatistics:
    vectors = feature.vectors
    assert vectors is not None
    return VectorStatistics(
        common=common,
        completeness=feature.completeness,
        num_elements=vectors.elements,
        num_null_elements=vectors.null_elements,
        num_nan_elements=vectors.nan_elements,
        shortest=vectors.shortest,
        longest=vectors.longest,
    )
