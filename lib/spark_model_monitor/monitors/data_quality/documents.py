"""A profile as statistics.json and constraints.json: the results of a scan in the form of the service's files, and the
limits for later data.

Pure; takes the states' sums and Deequ's metrics of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spark_model_monitor.documents.constraints import (
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    MonitoringSettings,
    NumConstraints,
    Role,
    StringConstraints,
    Switch,
)
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
from spark_model_monitor.monitors.data_quality.distributions import seen_once, why_always_new
from spark_model_monitor.registry import Registry
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
    VectorCounts,
)
from spark_model_monitor.statistics.states.columns import numbers_of
from spark_model_monitor.statistics.states.profile import FeatureMetrics
from spark_model_monitor.statistics.verdicts.components import fewest_beyond_chance
from spark_model_monitor.statistics.verdicts.multiplicity import shared

MAX_DOMAIN_SIZE = 120
"""Maximum number of values of a text feature that are listed one by one: the limit of Deequ's ColumnProfiler (G9)."""


def statistics_of(
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
            _feature(feature, metrics[feature.name], with_sketches=with_sketches, max_domain_size=max_domain_size)
            for feature in profile.features
        ),
    )


def profile_of(statistics: Statistics) -> Profile:
    """The states in a statistics.json, as far as it has them; all values of a feature are of its one type."""
    return Profile(statistics.dataset.item_count, tuple(map(_profile_of, statistics.features)))


def _profile_of(feature: FeatureStatistics) -> FeatureProfile:
    common, numbers, found = feature.common, feature.numerical_statistics, feature.distribution
    present, missing = (common.num_present, common.num_missing) if common else (0, 0)
    if feature.inferred_type is InferredType.STRING:
        counts = {each.value: each.count for each in found.categorical.buckets} if found and found.categorical else {}
        states = [Frequencies(counts, present)] if sum(counts.values()) == present else []
        types = DataTypeCounts(missing, text=present)
        return FeatureProfile.of(feature.name, ColumnType.TEXT, [types, *states], () if states else [Frequencies.KIND])
    if numbers is None:
        return FeatureProfile.of(feature.name, ColumnType.NESTED, [DataTypeCounts(missing, unknown=present)])
    kind = ColumnType(feature.inferred_type.value.lower())
    types = DataTypeCounts(missing, **{kind.value: present})
    sketch = found.kll.sketch if found and found.kll else None
    if sketch is None or numbers.mean is None or numbers.min is None or numbers.max is None:
        return FeatureProfile.of(feature.name, kind, [types], [Moments.KIND, KllSketch.KIND])
    levels, k = tuple(np.array(level, dtype=float) for level in sketch.data), round(sketch.parameters.k)
    kll = KllSketch(levels, (0,) * len(levels), (0,) * len(levels), k, sketch.parameters.c)
    counts_of, squares = (kll.count, missing, 0, present - kll.count, 0), kll.count * (numbers.std_dev or 0.0) ** 2
    moments = Moments(*counts_of, numbers.sum or 0.0, numbers.mean, squares, numbers.min, numbers.max)
    return FeatureProfile.of(feature.name, kind, [types, moments, kll])


def domain_of(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, int] | None:
    """Rows by value of a text feature with few values, the most frequent first; None where there are too many.

    A column of dates has none: no later day would be among them. Texts that look like dates are texts (G9).
    """
    is_date = feature.column_type in (ColumnType.DATE, ColumnType.TIMESTAMP)
    if feature.inferred_type != InferredType.STRING.value or is_date:
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
        vectors = _vector(feature, feature.vectors, common)
        return FeatureStatistics(name=feature.name, inferred_type=inferred_type, vector_statistics=vectors)
    if inferred_type is InferredType.UNKNOWN:
        texts = StringStatistics(common=common)
    else:
        distinct = None if DistinctRegisters.KIND in feature.lacking else float(metrics.approx_count_distinct or 0)
        domain = (domain_of(feature, max_domain_size) or {}).items()
        buckets = tuple(CategoryBucket(value=value, count=count) for value, count in domain)
        found = Distribution(categorical=Categorical(buckets=buckets)) if buckets else None
        complete = feature.completeness
        texts = StringStatistics(common=common, distinct_count=distinct, completeness=complete, distribution=found)
    return FeatureStatistics(name=feature.name, inferred_type=inferred_type, string_statistics=texts)


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
    buckets = [
        {"lower_bound": each.lower_bound, "upper_bound": each.upper_bound, "count": each.count} for each in found
    ]
    kll: dict[str, Any] = {"buckets": buckets}  # building each section by itself takes three times as long
    if with_sketches:
        parameters = SketchParameters(c=feature.kll.c, k=float(feature.kll.k))
        kll["sketch"] = Sketch(parameters=parameters, data=tuple(tuple(level.tolist()) for level in feature.kll.levels))
    return Distribution(kll=Kll.model_validate(kll))


def _vector(feature: FeatureProfile, vectors: VectorCounts, common: Common) -> VectorStatistics:
    return VectorStatistics(
        common=common,
        completeness=feature.completeness,
        num_elements=vectors.elements,
        num_null_elements=vectors.null_elements,
        num_nan_elements=vectors.nan_elements,
        shortest=vectors.shortest,
        longest=vectors.longest,
    )


# Suggested limits are so wide that healthy windows keep them.


DRIFT, PREDICTIONS, COMPLETENESS, CONTENTS = "drift", "prediction drift", "completeness", "contents"
VOLUME, SEGMENTS, BETWEEN = "volume", "segments", "between columns"
LASTING = "lasting drift"  # the joint evidence of earlier windows and this one


def families_of(features: Iterable[FeatureConstraints], settings: MonitoringSettings) -> tuple[str, ...]:
    """The families of checks that share the budget of a run with these features."""
    has_predictions = any(feature.role is Role.PREDICTION for feature in features)
    further = ((PREDICTIONS,) if has_predictions else ()), ((SEGMENTS,) if settings.segments else ())
    return (DRIFT, *further[0], COMPLETENESS, CONTENTS, *further[1])


LEAST_SHARE = 0.98
"""Lower bound for suggested limits of domains and types; the window's own test judges smaller changes."""

GROUPS = "its values say which rows belong together, and later ones are new by nature"

OFTEN = 30  # a domain all of whose values occurred this often is complete


def with_margin(
    features: Iterable[tuple[FeatureConstraints, FeatureProfile]],
    settings: MonitoringSettings,
    window_rows: int | None = None,
) -> tuple[FeatureConstraints, ...]:
    """Suggested constraints with a margin for noise. window_rows: of a later window; None: as many as here."""
    pairs, made = [], []
    for constraints, profile in features:
        new = GROUPS if profile.name == settings.group_column else why_always_new(profile)
        pairs.append((*_by_nature(constraints, new), profile))
    levels = shared(settings.false_alarm_budget, families_of((each for each, _, _ in pairs), settings))
    contents = sum((constraints.domains is not None) + profile.is_numeric for constraints, _, profile in pairs)
    for_completeness, for_contents = levels[COMPLETENESS] / max(len(pairs), 1), levels[CONTENTS] / max(contents, 1)
    for constraints, overrides, profile in pairs:
        update: dict[str, Any] = {}
        rows = profile.data_types.total
        limit = _limit(profile.num_missing, rows, window_rows, for_completeness) if rows else None
        if limit is not None:  # else no window of so few rows could violate a limit, and the bare share stays
            update["completeness"] = limit
        overrides |= dict(_contents(constraints, profile, settings, for_contents, window_rows))
        if overrides:
            update["monitoring_config_overrides"] = MonitoringConfig(**overrides)
        made.append(constraints.model_copy(update=update))
    return tuple(made)


def _by_nature(constraints: FeatureConstraints, new: str | None) -> tuple[FeatureConstraints, dict[str, Any]]:
    """A feature whose values are new by nature gets no domain, and no drift check. new: why they are."""
    if new is None:
        return constraints, {}
    drift = DistributionConstraints(perform_comparison=Switch.DISABLED, reason=new)
    return constraints.model_copy(update={"string_constraints": None}), {"distribution_constraints": drift}


def _contents(
    constraints: FeatureConstraints,
    profile: FeatureProfile,
    settings: MonitoringSettings,
    level: float,
    window_rows: int | None,
) -> Iterator[tuple[str, float]]:
    """The limits of domain and type, except those that were requested for the whole file.

    Values seen once estimate the share of unseen ones. Source: Good 1953, "The population frequencies of species".
    """
    present = profile.num_present
    rows = max(1, round(window_rows * profile.completeness)) if window_rows and present else None
    if constraints.domains is not None and settings.domain_content_threshold == 1:
        counts = profile.exact_domain or {}
        limit = max(_limit(seen_once(counts), present, rows, level) or LEAST_SHARE, LEAST_SHARE)
        yield "domain_content_threshold", 1.0 if min(counts.values(), default=0) >= OFTEN else limit
    if profile.is_numeric and present and settings.datatype_check_threshold == 1:
        yield "datatype_check_threshold", max(_limit(0, present, rows, level) or LEAST_SHARE, LEAST_SHARE)


def _limit(lacking: int, rows: int, window_rows: int | None, level: float) -> float | None:
    """The lowest healthy share of a window's rows that fulfil the limit; None if there is none."""
    window_rows = window_rows or rows
    fewest = fewest_beyond_chance(lacking, rows, window_rows, level)
    return None if fewest is None else (window_rows - fewest + 1) / window_rows


# A profile as constraints.json: limits for later data, one registered rule for each kind of constraint.


Rule = Callable[[FeatureProfile, int], Mapping[str, Any]]
"""Suggests members of a feature's constraints from its profile and the largest domain size; empty if none fit."""

SUGGESTIONS: Registry[Rule] = Registry("suggestion rule")

DEFAULT_SETTINGS = MonitoringSettings()
"""The `monitoring_config` of new baselines: the service's (G12), whose limits leave a margin for noise; drift is
measured as docs/decisions/0005-comparison-method.md says.
"""


def suggest(
    profile: Profile,
    settings: MonitoringSettings = DEFAULT_SETTINGS,
    *,
    max_domain_size: int = MAX_DOMAIN_SIZE,
    window_rows: int | None = None,
    predictions: Collection[str] = (),
) -> Constraints:
    """The constraints that a data set with this profile passes, and other healthy ones if the settings are calibrated.

    window_rows: of a later window; None: as many as here. predictions: features that are model outputs.
    Raises BadConfiguration if one of them doesn't exist.
    Source: C4.2, G11 and G12; D4.6.
    """
    require_features(predictions, [feature.name for feature in profile.features])
    features = []
    for feature in profile.features:
        members: dict[str, Any] = {}
        for rule in SUGGESTIONS.values():
            members |= rule(feature, max_domain_size)
        if feature.name in predictions:
            members["role"] = Role.PREDICTION
        features.append(FeatureConstraints(name=feature.name, **members))
    if settings.is_calibrated:
        features = list(with_margin(zip(features, profile.features, strict=True), settings, window_rows))
        settings = _with_level(settings, features)
    return Constraints(features=tuple(features), monitoring_config=settings.as_config())


def require_features(predictions: Collection[str], names: Sequence[str]) -> None:
    """Raises BadConfiguration if one of the predictions is not a feature of the data."""
    if unknown := [name for name in predictions if name not in names]:
        raise BadConfiguration(
            f"--predictions: {unknown[0]!r} is no feature of the data; they are {', '.join(names[:20])}"
        )


def _with_level(settings: MonitoringSettings, features: Sequence[FeatureConstraints]) -> MonitoringSettings:
    """Set the limit of p-values to the family's level for each feature, unless the caller chose another one."""
    method = CATEGORICAL_METHODS.get(settings.categorical_drift_method)
    usual = settings.categorical_comparison_threshold == method.facts["threshold"]
    if method.facts["higher_is_more"] or not usual:
        return settings
    level = shared(settings.false_alarm_budget, families_of(features, settings))[DRIFT] / max(len(features), 1)
    return replace(settings, categorical_comparison_threshold=level)


@SUGGESTIONS.register("inferred_type")
def inferred_type(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Later values have the type of the baseline's values.

    Source: G8.
    """
    return {"inferred_type": InferredType(feature.inferred_type)}


@SUGGESTIONS.register("completeness")
def completeness(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """The share of present values is at least the share observed in the baseline; without rows, there is no such share.

    Source: G11.
    """
    return {"completeness": feature.completeness} if feature.data_types.total else {}


@SUGGESTIONS.register("is_non_negative")
def is_non_negative(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Whether no number was negative; written for every numeric feature, even if false.

    A numeric feature without any finite value gets no entry, because nothing was observed.
    Source: G11.
    """
    if not feature.is_numeric or feature.moments is None or not feature.moments.count:
        return {}
    non_negative = feature.moments.minimum >= 0 and not feature.moments.negative_infinite
    return {"num_constraints": NumConstraints(is_non_negative=non_negative)}


@SUGGESTIONS.register("domains")
def domains(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Later values of a text feature with few distinct values are among the baseline's values.

    Source: G9 and G11.
    """
    domain = domain_of(feature, max_domain_size)
    return {"string_constraints": StringConstraints(domains=tuple(domain))} if domain else {}
