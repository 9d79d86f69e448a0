"""Features of the service's own files: the order of categories, the last bucket, and the words of violations. Pure.

The order is that of Scala's maps: Deequ's ColumnProfiler counts pairs of column and value in one map, and converts it
to a map of each column's values. A map of Scala 2.12 with more than four keys iterates in the order of a trie of their
hashes, a smaller one in insertion order. Scala calls them HashMap, Map1 to Map4 and MurmurHash3. Source: G9a.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from spark_model_monitor.documents.check_results import COMPLETENESS, DRIFT, CheckResult
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

LARGEST_IN_ORDER = 4  # keys of a map that keeps insertion order
_LOW_32_BITS = 0xFFFFFFFF  # hashes are 32 bits; higher bits are dropped

Listed = TypeVar("Listed", Statistics, Constraints)


def list_as_service(document: Listed) -> Listed:
    """The same with the categories of each feature in the service's order, in buckets or in domains."""
    return document.model_copy(update={"features": tuple(map(_list_categories, document.features))})


def _list_categories(feature: FeatureStatistics | FeatureConstraints) -> FeatureStatistics | FeatureConstraints:
    if isinstance(feature, FeatureConstraints):
        text_constraints = feature.string_constraints
        if text_constraints is None or text_constraints.domains is None:
            return feature
        domains = tuple(sort_as_service(feature.name, text_constraints.domains))
        return feature.model_copy(
            update={"string_constraints": text_constraints.model_copy(update={"domains": domains})}
        )
    texts = feature.string_statistics
    if texts is None or texts.distribution is None or texts.distribution.categorical is None:
        return feature
    buckets = {bucket.value: bucket for bucket in texts.distribution.categorical.buckets}
    listed = tuple(buckets[value] for value in sort_as_service(feature.name, buckets))
    texts = texts.model_copy(update={"distribution": Distribution(categorical=Categorical(buckets=listed))})
    return feature.model_copy(update={"string_statistics": texts})


def sort_as_service(feature: str, values: Iterable[str]) -> list[str]:
    """The categories of a feature in the service's order."""
    # Pairs come out of the map of all columns, and go into that of one
    put_in = sorted(values, key=lambda value: _locate_in_trie(_hash_pair(_hash_text(feature), _hash_text(value))))
    if len(put_in) <= LARGEST_IN_ORDER:
        return put_in
    return sorted(put_in, key=lambda value: _locate_in_trie(_hash_text(value)))


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
    code ^= 2  # parts
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


def use_words_of_service(results: Iterable[CheckResult], constraints: Constraints) -> tuple[CheckResult, ...]:
    """The same results, violations in the words of the container that wrote `constraints`. Source: C4.4, C4.4a."""
    texts = {feature.name for feature in constraints.features if feature.inferred_type is InferredType.STRING}

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
        elif result.check == DRIFT and result.feature not in texts:  # the words for drift of texts are not known
            description = messages.numbers_drift_2019(observed, threshold)
        return result.model_copy(update={"description": description})

    return tuple(describe_violation(result) for result in results)


def close_buckets_as_service(statistics: Statistics, profile: Profile) -> Statistics:
    """The same with the last bucket of numbers as the service counts it: without the maximum where the bound, min +
    (max - min)·10/10, rounds below it. Source: G4."""
    sketches = profile.by_name
    features = [_close_last_bucket(feature, sketches[feature.name]) for feature in statistics.features]
    return statistics.model_copy(update={"features": tuple(features)})


def _close_last_bucket(feature: FeatureStatistics, profile: FeatureProfile) -> FeatureStatistics:
    numbers = feature.numerical_statistics
    if numbers is None or profile.kll is None or profile.moments is None:
        return feature
    distribution = numbers.distribution
    if distribution is None or distribution.kll is None:
        return feature
    moments = profile.moments
    buckets = distribution.kll.buckets
    # Only where the bound is below the maximum does it lack it
    last = buckets[-1]
    if last.upper_bound >= moments.maximum:
        return feature
    buckets_of_deequ = profile.kll.buckets(moments.minimum, moments.maximum, as_deequ=True)
    last = last.model_copy(update={"count": buckets_of_deequ[-1].count})
    kll = distribution.kll.model_copy(update={"buckets": (*buckets[:-1], last)})
    distribution = distribution.model_copy(update={"kll": kll})
    numbers = numbers.model_copy(update={"distribution": distribution})
    return feature.model_copy(update={"numerical_statistics": numbers})
