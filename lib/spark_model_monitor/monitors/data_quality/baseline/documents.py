"""A profile as statistics.json and constraints.json: the results of a scan in the form of the service's files, and the
limits for later data.

Pure; takes the states' sums and Deequ's metrics of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from spark_model_monitor.documents.constraints import (
    Constraints,
    FeatureConstraints,
    FeatureRole,
    NumConstraints,
    StringConstraints,
)
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig, MonitoringSettings
from spark_model_monitor.documents.statistics import (
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
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality import DRIFT, list_budget_families
from spark_model_monitor.monitors.data_quality.distribution.always_new import explain_always_new
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctRegisters,
    FeatureProfile,
    Frequencies,
    KllSketch,
    Moments,
    Profile,
)
from spark_model_monitor.statistics.states.profile import FeatureMetrics
from spark_model_monitor.statistics.verdicts.multiple_testing import allocate_budget

MAX_DOMAIN_SIZE = 120
"""Maximum number of values of a text feature that are listed one by one: the limit of Deequ's ColumnProfiler (G9)."""


def create_statistics(
    profile: Profile,
    metrics: Mapping[str, FeatureMetrics],
    *,
    with_sketches: bool = True,
    max_domain_size: int = MAX_DOMAIN_SIZE,
) -> Statistics:
    """The statistics of a profile. metrics: Deequ's metrics of its features, by name.

    Numbers from a state that a feature lacks are left out: null means that a number is undefined, and here it is unknown.
    Source: C4.1, G1 to G9.
    """
    return Statistics(
        dataset=Dataset(item_count=profile.item_count),
        features=tuple(
            _describe_feature(
                feature, metrics[feature.name], with_sketches=with_sketches, max_domain_size=max_domain_size
            )
            for feature in profile.features
        ),
    )


def read_profile(statistics: Statistics) -> Profile:
    """The states in a statistics.json, as far as it has them; all values of a feature count as values of its inferred type."""
    return Profile(statistics.dataset.item_count, tuple(map(_read_feature_profile, statistics.features)))


def _read_feature_profile(feature: FeatureStatistics) -> FeatureProfile:
    # Counts of rows
    common = feature.common
    numbers = feature.numerical_statistics
    distribution = feature.distribution
    present = missing = 0
    if common:
        present = common.num_present
        missing = common.num_missing
    # Texts, whose counts are known if all values are listed
    if feature.inferred_type is InferredType.STRING:
        if distribution and distribution.categorical:
            counts = {bucket.value: bucket.count for bucket in distribution.categorical.buckets}
        else:
            counts = {}
        types = DataTypeCounts(missing, text=present)
        if sum(counts.values()) == present:
            return FeatureProfile.of(feature.name, ColumnType.TEXT, [types, Frequencies(counts, present)])
        return FeatureProfile.of(feature.name, ColumnType.TEXT, [types], [Frequencies.KIND])
    if numbers is None:
        return FeatureProfile.of(feature.name, ColumnType.NESTED, [DataTypeCounts(missing, unknown=present)])
    # Numbers, with cells of other kinds among them
    column_type = ColumnType(feature.inferred_type.value.lower())
    num_numbers = present - feature.num_others
    types = DataTypeCounts(missing, **{column_type.value: num_numbers, "text": feature.num_others})
    sketch = None
    if distribution and distribution.kll:
        sketch = distribution.kll.sketch
    if sketch is None or numbers.mean is None or numbers.min is None or numbers.max is None:
        return FeatureProfile.of(feature.name, column_type, [types], [Moments.KIND, KllSketch.KIND])
    # The file has only the levels; a sketch that is only read needs no count of its compactions
    levels = tuple(np.array(level, dtype=float) for level in sketch.data)
    k = round(sketch.parameters.k)
    kll = KllSketch(levels, (0,) * len(levels), (0,) * len(levels), k, sketch.parameters.c)
    # Sketches hold finite numbers only
    infinite = num_numbers - kll.count
    squares = kll.count * (numbers.std_dev or 0.0) ** 2
    moments = Moments(
        kll.count, missing, 0, infinite, 0, numbers.sum or 0.0, numbers.mean, squares, numbers.min, numbers.max
    )
    return FeatureProfile.of(feature.name, column_type, [types, moments, kll])


def find_domain(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, int] | None:
    """The number of rows by value of a text feature with few values, the most frequent first; None with too many values.

    A column of dates has no domain, since later days would be outside. Texts that look like dates are texts (G9).
    """
    is_date = feature.column_type in (ColumnType.DATE, ColumnType.TIMESTAMP)
    if feature.inferred_type != InferredType.STRING.value or is_date:
        return None
    domain = feature.exact_domain
    if not domain or len(domain) > max_domain_size:
        return None
    return dict(sorted(domain.items(), key=lambda entry: (-entry[1], entry[0])))


def _describe_feature(
    feature: FeatureProfile, metrics: FeatureMetrics, *, with_sketches: bool, max_domain_size: int
) -> FeatureStatistics:
    inferred_type = InferredType(feature.inferred_type)
    common = Common(num_present=feature.num_present, num_missing=feature.num_missing)
    if inferred_type.is_numeric:
        return FeatureStatistics(
            name=feature.name,
            inferred_type=inferred_type,
            numerical_statistics=_describe_numbers(feature, metrics, common, with_sketches=with_sketches),
        )
    lists = feature.vectors
    if lists is not None:
        vectors = VectorStatistics(
            common=common,
            completeness=feature.completeness,
            num_elements=lists.elements,
            num_null_elements=lists.null_elements,
            num_nan_elements=lists.nan_elements,
            shortest=lists.shortest,
            longest=lists.longest,
        )
        return FeatureStatistics(name=feature.name, inferred_type=inferred_type, vector_statistics=vectors)
    if inferred_type is InferredType.UNKNOWN:
        texts = StringStatistics(common=common)
    else:
        distinct = None
        if DistinctRegisters.KIND not in feature.lacking:
            distinct = float(metrics.approx_count_distinct or 0)
        domain = (find_domain(feature, max_domain_size) or {}).items()
        buckets = tuple(CategoryBucket(value=value, count=count) for value, count in domain)
        distribution = None
        if buckets:
            distribution = Distribution(categorical=Categorical(buckets=buckets))
        texts = StringStatistics(
            common=common, distinct_count=distinct, completeness=feature.completeness, distribution=distribution
        )
    return FeatureStatistics(name=feature.name, inferred_type=inferred_type, string_statistics=texts)


def _describe_numbers(
    feature: FeatureProfile, metrics: FeatureMetrics, common: Common, *, with_sketches: bool
) -> NumericalStatistics:
    moments = {}
    if Moments.KIND not in feature.lacking:
        moments = {
            "mean": metrics.mean,
            "sum": metrics.sum,
            "std_dev": metrics.standard_deviation,
            "min": metrics.minimum,
            "max": metrics.maximum,
        }
    return NumericalStatistics(
        common=common,
        **moments,
        approximate_num_distinct_values=metrics.approx_count_distinct,
        completeness=feature.completeness,
        num_not_numeric=feature.num_others or None,
        distribution=_describe_sketch(feature, with_sketches=with_sketches),
    )


def _describe_sketch(feature: FeatureProfile, *, with_sketches: bool) -> Distribution | None:
    sketch = feature.kll
    moments = feature.moments
    if sketch is None or moments is None or not sketch.count:
        return None
    sketch_buckets = sketch.buckets(moments.minimum, moments.maximum)
    # The service's bounds, which end at the extremes
    buckets = [
        {"lower_bound": bucket.lower_bound, "upper_bound": bucket.upper_bound, "count": bucket.count}
        for bucket in sketch_buckets
    ]
    kll: dict[str, Json] = {"buckets": buckets}  # building each section by itself takes three times as long
    if with_sketches:
        parameters = SketchParameters(c=sketch.c, k=float(sketch.k))
        kll["sketch"] = Sketch(parameters=parameters, data=tuple(tuple(level.tolist()) for level in sketch.levels))
    return Distribution(kll=Kll.model_validate(kll))


# A profile as constraints.json: limits for later data.


DEFAULT_SETTINGS = MonitoringSettings()
"""The `monitoring_config` of new baselines: the service's members (G12), and ours on how verdicts allow for noise. Drift is
measured as docs/decisions/0005-comparison-method.md says.
"""

GROUPS = "its values say which rows belong together, and later ones are new by nature"


def suggest_constraints(
    profile: Profile,
    settings: MonitoringSettings = DEFAULT_SETTINGS,
    *,
    max_domain_size: int = MAX_DOMAIN_SIZE,
    predictions: Collection[str] = (),
) -> Constraints:
    """The constraints of the data set with this profile: the service's, with members of ours if the settings are calibrated.

    predictions: features that are model outputs. Raises BadConfiguration if one of them doesn't exist.
    Source: C4.2, G11 and G12; D4.6.
    """
    require_features(predictions, [feature.name for feature in profile.features])
    features = []
    for feature in profile.features:
        members = _suggest_members(feature, max_domain_size)
        if feature.name in predictions:
            members["role"] = FeatureRole.PREDICTION
        if settings.is_calibrated:
            members["always_new"] = explain_always_new(feature)
            if feature.name == settings.group_column:
                members["always_new"] = GROUPS
        elif feature.num_others:  # the data set itself has to pass
            share = feature.num_numbers / feature.num_present
            if share < settings.datatype_check_threshold:
                members["monitoring_config_overrides"] = MonitoringConfig(datatype_check_threshold=share)
        features.append(FeatureConstraints(name=feature.name, **members))
    if settings.is_calibrated:
        settings = _set_drift_level(settings, features)
    return Constraints(features=tuple(features), monitoring_config=settings.as_config())


def _suggest_members(feature: FeatureProfile, max_domain_size: int) -> dict[str, Json]:
    """The limits for later values of a feature, as members of its constraints. Source: G8, G9, G11."""
    members: dict[str, Json] = {"inferred_type": InferredType(feature.inferred_type)}
    # The share of present values has to be at least the baseline's; without rows, there is no such share
    if feature.data_types.total:
        members["completeness"] = feature.completeness
    # Every numeric feature gets this member, even if it is false, unless it has no finite value
    moments = feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        non_negative = moments.minimum >= 0 and not moments.negative_infinite
        members["num_constraints"] = NumConstraints(is_non_negative=non_negative)
    # If a text has few distinct values, later values have to be among them
    domain = find_domain(feature, max_domain_size)
    if domain:
        members["string_constraints"] = StringConstraints(domains=tuple(domain))
    return members


def require_features(predictions: Collection[str], names: Sequence[str]) -> None:
    """Raises BadConfiguration if one of the predictions is not a feature of the data."""
    if unknown := [name for name in predictions if name not in names]:
        raise BadConfiguration(
            f"--predictions: {unknown[0]!r} is no feature of the data; they are {', '.join(names[:20])}"
        )


def _set_drift_level(settings: MonitoringSettings, features: Sequence[FeatureConstraints]) -> MonitoringSettings:
    """The settings with the level of one feature as the limit of p-values, unless a person gave a limit."""
    method = CATEGORICAL_METHODS.get(settings.categorical_drift_method)
    if method.facts["higher_is_more"] or "categorical_comparison_threshold" in settings.requested_limits:
        return settings
    # Bonferroni, since the file has one number for all features
    levels = allocate_budget(settings.false_alarm_budget, list_budget_families(features, settings))
    return replace(settings, categorical_comparison_threshold=levels[DRIFT] / max(len(features), 1))
