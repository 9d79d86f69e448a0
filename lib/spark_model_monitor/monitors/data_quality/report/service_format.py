"""Features of the service's own files: the order of categories, the last bucket, and the words of violations. Pure.

The order is that of Scala's maps: Deequ's ColumnProfiler counts pairs of column and value in one map, and converts it
to a map of each column's values. A map of Scala 2.12 with more than four keys iterates in the order of a trie of their
hashes, a smaller one in insertion order. Scala calls them HashMap, Map1 to Map4 and MurmurHash3. Source: G9a.
"""

from __future__ import annotations

from collections.abc import Iterable

from spark_model_monitor.documents.check_results import COMPLETENESS, DRIFT, CheckResult, Results
from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints
from spark_model_monitor.documents.statistics import (
    Categorical,
    Distribution,
    FeatureStatistics,
    InferredType,
    Statistics,
)
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.statistics.states.profile import FeatureProfile, Profile

MAX_ORDERED_KEYS = 4  # most keys of a map that keeps insertion order
_LOW_32_BITS = 0xFFFFFFFF  # hashes are 32 bits; higher bits are dropped


def sort_buckets_as_service(statistics: Statistics) -> Statistics:
    """The same statistics with the buckets of categories in the service's order."""
    return statistics.model_copy(update={"features": tuple(map(_sort_buckets, statistics.features))})


def _sort_buckets(feature: FeatureStatistics) -> FeatureStatistics:
    texts = feature.string_statistics
    if texts is None or texts.distribution is None or texts.distribution.categorical is None:
        return feature
    buckets = {bucket.value: bucket for bucket in texts.distribution.categorical.buckets}
    sorted_buckets = tuple(buckets[value] for value in sort_as_service(feature.name, buckets))
    distribution = Distribution(categorical=Categorical(buckets=sorted_buckets))
    texts = texts.model_copy(update={"distribution": distribution})
    return feature.model_copy(update={"string_statistics": texts})


def sort_domains_as_service(constraints: Constraints) -> Constraints:
    """The same constraints with the domains of features in the service's order."""
    return constraints.model_copy(update={"features": tuple(map(_sort_domains, constraints.features))})


def _sort_domains(feature: FeatureConstraints) -> FeatureConstraints:
    texts = feature.string_constraints
    if texts is None or texts.domains is None:
        return feature
    texts = texts.model_copy(update={"domains": tuple(sort_as_service(feature.name, texts.domains))})
    return feature.model_copy(update={"string_constraints": texts})


def sort_as_service(feature: str, categories: Iterable[str]) -> list[str]:
    """The categories of a feature in the service's order."""
    # Deequ takes them from the map of all columns in this order, and puts them into a map of one column
    inserted = sorted(
        categories, key=lambda category: _locate_in_trie(_hash_pair(_hash_text(feature), _hash_text(category)))
    )
    if len(inserted) <= MAX_ORDERED_KEYS:
        return inserted
    return sorted(inserted, key=lambda category: _locate_in_trie(_hash_text(category)))


def _hash_text(text: str) -> int:
    """Java's String.hashCode, of UTF-16 code units."""
    units = text.encode("utf-16-be", "surrogatepass")
    code = 0
    for index in range(0, len(units), 2):
        code = (31 * code + (units[index] << 8 | units[index + 1])) & _LOW_32_BITS
    return code


def _hash_pair(first: int, second: int) -> int:
    """MurmurHash3.productHash of a pair."""
    code = 0xCAFEBABE
    for part in (first, second):
        code ^= _rotate(part * 0xCC9E2D51 & _LOW_32_BITS, 15) * 0x1B873593 & _LOW_32_BITS
        code = _rotate(code, 13) * 5 + 0xE6546B64 & _LOW_32_BITS
    code ^= 2  # the number of parts
    code = (code ^ code >> 16) * 0x85EBCA6B & _LOW_32_BITS
    code = (code ^ code >> 13) * 0xC2B2AE35 & _LOW_32_BITS
    return code ^ code >> 16


def _rotate(number: int, bits: int) -> int:
    return (number << bits | number >> 32 - bits) & _LOW_32_BITS


def _locate_in_trie(code: int) -> tuple[int, ...]:
    """The position of a hash in the trie, which uses five bits at a time, the lowest first."""
    code = code + ~(code << 9) & _LOW_32_BITS
    code ^= code >> 14
    code = code + (code << 4) & _LOW_32_BITS
    code ^= code >> 10
    return tuple(code >> bits & 31 for bits in range(0, 32, 5))


def use_words_of_service(results: Iterable[CheckResult], constraints: Constraints) -> Results:
    """The same results, violations in the words of the container that wrote `constraints`. Source: C4.4, C4.4a."""
    text_features = {feature.name for feature in constraints.features if feature.inferred_type is InferredType.STRING}

    def describe_violation(result: CheckResult) -> CheckResult:
        observed = result.observed
        threshold = result.threshold
        if not result.is_violated or observed is None or threshold is None:
            return result
        description = result.description
        if not constraints.is_of_2019:
            if result.check == COMPLETENESS:
                description = messages.completeness(threshold, observed)
        elif result.check == "data_type_check":
            description = messages.requirement_not_met(observed)
        elif (
            result.check == DRIFT and result.feature not in text_features
        ):  # the words for drift of texts are not known
            description = messages.numbers_drift_2019(observed, threshold)
        return result.model_copy(update={"description": description})

    return tuple(map(describe_violation, results))


def close_buckets_as_service(statistics: Statistics, profile: Profile) -> Statistics:
    """The same statistics with the last bucket of numbers as the service counts it: without the maximum if the bound, min +
    (max - min)·10/10, is rounded below the maximum. Source: G4."""
    features = [_close_last_bucket(feature, profile.by_name[feature.name]) for feature in statistics.features]
    return statistics.model_copy(update={"features": tuple(features)})


def _close_last_bucket(feature: FeatureStatistics, profile: FeatureProfile) -> FeatureStatistics:
    numbers = feature.numerical_statistics
    if numbers is None or profile.kll is None or profile.moments is None:
        return feature
    distribution = numbers.distribution
    if distribution is None or distribution.kll is None:
        return feature
    moments = profile.moments
    *buckets, last = distribution.kll.buckets
    if last.upper_bound >= moments.maximum:
        return feature
    # The bound was rounded below the maximum, so the service counts one value less
    deequ_buckets = profile.kll.buckets(moments.minimum, moments.maximum, as_deequ=True)
    last = last.model_copy(update={"count": deequ_buckets[-1].count})
    # Documents are immutable, so each level down to the count is copied
    kll = distribution.kll.model_copy(update={"buckets": (*buckets, last)})
    distribution = distribution.model_copy(update={"kll": kll})
    numbers = numbers.model_copy(update={"distribution": distribution})
    return feature.model_copy(update={"numerical_statistics": numbers})
