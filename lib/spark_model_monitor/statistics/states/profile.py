"""The result of a scan of a data set: a `Profile` with one `FeatureProfile` per column, and Deequ's metrics computed
without a JVM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import Enum
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from spark_model_monitor.statistics.states.data_types import DataTypeCounts, InferredType, VectorCounts
from spark_model_monitor.statistics.states.distinct import DistinctRegisters
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    decode,
    join_parts,
    read_kind_and_version,
    register_state,
    require_equal,
    split_parts,
    try_decode,
)
from spark_model_monitor.statistics.states.frequencies import Frequencies, unify_flags
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.value_class import value_class

DEFAULT_NUMBER_SHARE = 0.98
"""By default, a text column counts as a column of numbers if at least this share of its present cells are numbers."""

# With a smaller share of numbers, a text column stays one of texts, whatever a type check's threshold allows
MIN_NUMBERS = 0.5
NEVER = math.inf  # a text column is then numeric only if all of its cells are numbers, as in the service


@value_class
class RequiredNumbers:
    """The share of a text column's present cells that have to be numbers for it to count as a column of numbers.

    by_feature: the share for features of the baseline. otherwise: the share for all others.
    """

    by_feature: Mapping[str, float] = field(default_factory=dict)
    otherwise: float = NEVER

    @classmethod
    def from_threshold(cls, threshold: float) -> RequiredNumbers:
        """The shares for data without a baseline. threshold: of the type check; 1 is its default, so nobody chose it."""
        return cls(otherwise=max(DEFAULT_NUMBER_SHARE if threshold == 1 else threshold, MIN_NUMBERS))

    def read(self, profile: Profile) -> Profile:
        """The profile with these text columns read as numbers; the same object if there are none."""
        features = tuple(map(self._read_feature, profile.features))
        if all(feature is before for feature, before in zip(features, profile.features, strict=True)):
            return profile
        return Profile(profile.item_count, features, profile.header)

    def _read_feature(self, feature: FeatureProfile) -> FeatureProfile:
        if not feature.is_partly_numbers:
            return feature
        required = self.by_feature.get(feature.name, self.otherwise)
        if feature.num_numbers < required * feature.num_present:
            return feature
        return feature.read_as_numbers()


@value_class
class Measures:
    """What a scan computes in addition to the profile of every feature, and how it reads texts as numbers.

    accept_exponents: whether a text like `1e-5` is a number.
    required_numbers: which text columns count as columns of numbers.
    counted: numeric features whose values are counted one by one, as the values of text features always are.
    run_rows: minimum length of the runs of neighbouring rows that a baseline keeps; 0: none are kept.
    time_column: the feature that orders the rows and dates the newest row; None: rows are in their given order.
    group_column: the feature that names the group of each row; None: neighbouring rows may show groups.
    expected: the plan of the user's own rules; None without rules.
    segments: the cuts into segments, as the user wrote them.
    labels: the segments of the baseline, by cut.
    finds_pairs: whether the scan looks for dependent columns, as a baseline's does.
    pairs: the pairs and relations to count.
    value_by_value: whether deviations are summed value by value, as the service does (`MomentsBuilder`).
    """

    accept_exponents: bool = True
    required_numbers: RequiredNumbers = field(default_factory=RequiredNumbers)
    counted: frozenset[str] = frozenset()
    run_rows: int = 0
    time_column: str | None = None
    group_column: str | None = None
    expected: Any = None
    segments: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finds_pairs: bool = False
    pairs: tuple[str, ...] = ()
    value_by_value: bool = False


S = TypeVar("S", bound=State)
Computed = TypeVar("Computed")


def cache_with_feature(function: Callable[[FeatureProfile], Computed]) -> Callable[[FeatureProfile], Computed]:
    """Decorator that caches a function's result with the feature, because every window asks for the same results of the
    baseline.
    """
    name = f"{function.__module__}.{function.__name__}"

    @wraps(function)
    def read_or_compute(feature: FeatureProfile) -> Computed:
        if name not in feature.cached:
            feature.cached[name] = function(feature)
        value: Computed = feature.cached[name]
        return value

    return read_or_compute


class ColumnType(Enum):
    """The type of a column in the scanned frame, before its cells are inspected."""

    TEXT = "text"
    INTEGRAL = "integral"
    FRACTIONAL = "fractional"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    VECTOR = "vector"
    NESTED = "nested"


_NUMBER_TYPES: Mapping[ColumnType, InferredType] = {
    ColumnType.INTEGRAL: "Integral",
    ColumnType.FRACTIONAL: "Fractional",
}


def _create_states() -> dict[str, State]:
    return {DataTypeCounts.KIND: DataTypeCounts()}


_STATE_TYPES: Mapping[str, type[State]] = {
    "moments": Moments,
    "kll": KllSketch,
    "distinct": DistinctRegisters,
    "frequencies": Frequencies,
    "vectors": VectorCounts,
}
"""States with their own attribute in a `FeatureProfile`."""


@register_state
@value_class
class FeatureProfile(State):
    """The states of one feature.

    states: by kind, the states that the scan computed for the column's type; data_types is always among them.
    lacking: kinds that the feature can't have because they didn't count all of its rows.
    as_numbers: whether a text column is read as numbers although some of its cells aren't; not part of the state's bytes.
        data_types counts every cell, and NaN as missing. A text column also has moments, kll and frequencies. Its numbers
        are used if it `is_numeric`, that is, if all present cells are numbers, or if it is read as numbers.
    inferred_type: as in documents: a numeric column's type, else the type of its cells; "Unknown" if a text column has
        no present cell, or if cells are arrays or maps.
    num_present: number of cells that are neither null nor NaN.
    num_missing: number of all other cells.
    num_numbers: number of present cells that pandas would read as numbers.
    cached: the cache of `cache_with_feature`.
    """

    KIND = "feature"
    VERSION = 2

    name: str = ""
    column_type: ColumnType = ColumnType.TEXT
    states: Mapping[str, State] = field(default_factory=_create_states)
    lacking: frozenset[str] = frozenset()
    as_numbers: bool = field(default=False, compare=False)
    data_types: DataTypeCounts = field(init=False, repr=False, compare=False)
    moments: Moments | None = field(init=False, repr=False, compare=False)
    kll: KllSketch | None = field(init=False, repr=False, compare=False)
    distinct: DistinctRegisters | None = field(init=False, repr=False, compare=False)
    frequencies: Frequencies | None = field(init=False, repr=False, compare=False)
    vectors: VectorCounts | None = field(init=False, repr=False, compare=False)
    inferred_type: InferredType = field(init=False, repr=False, compare=False)
    is_numeric: bool = field(init=False, repr=False, compare=False)
    num_present: int = field(init=False, repr=False, compare=False)
    num_missing: int = field(init=False, repr=False, compare=False)
    num_numbers: int = field(init=False, repr=False, compare=False)
    cached: dict[str, Any] = field(init=False, repr=False, compare=False)

    @property
    def is_written_as_text(self) -> bool:
        """Whether its cells are texts, as all cells of a CSV are."""
        return self.column_type is ColumnType.TEXT

    def __post_init__(self) -> None:
        """Compute once the attributes that are read hundreds of times."""
        # In a text column, the moments count the cells that are numbers
        types = self.state(DataTypeCounts) or DataTypeCounts()
        members: dict[str, Any] = {name: self.state(kind) for name, kind in _STATE_TYPES.items()}
        num_numbers = types.integral + types.fractional
        moments = members["moments"]
        if self.is_written_as_text and moments is not None:
            num_numbers = moments.present
        inferred_type = _NUMBER_TYPES.get(self.column_type) or types.inferred_type()
        if self.as_numbers and inferred_type == "String":
            inferred_type = "Fractional"
            if num_numbers == types.integral:
                inferred_type = "Integral"
        members |= {
            "data_types": types,
            "inferred_type": inferred_type,
            "is_numeric": inferred_type in ("Integral", "Fractional"),
            "num_present": types.present,
            "num_missing": types.missing,
            "num_numbers": num_numbers,
            "cached": {},
        }
        for name, value in members.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, name: str, column_type: ColumnType, states: Iterable[State], lacking: Iterable[str] = ()
    ) -> FeatureProfile:
        """The profile with these states, at most one of each kind; the profile of no rows if there are none."""
        state_by_kind = _create_states() | {state.KIND: state for state in states}
        return cls(name, column_type, dict(sorted(state_by_kind.items())), frozenset(lacking))

    @classmethod
    def decoded(
        cls, name: str, column_type: ColumnType, blobs: Iterable[bytes], lacking: Iterable[str] = ()
    ) -> FeatureProfile:
        """The profile with the states in these bytes, without those that only a later release can read.

        Raises BadState if bytes are damaged, or if its data_types, which every profile needs, can't be read.
        """
        states = []
        lacking_kinds = set(lacking)
        for blob in blobs:
            kind, _ = read_kind_and_version(blob)
            state = decode(blob) if kind == DataTypeCounts.KIND else try_decode(blob)
            if state is None:
                lacking_kinds.add(kind)
            else:
                states.append(state)
        return cls.of(name, column_type, states, lacking_kinds)

    def state(self, kind: type[S]) -> S | None:
        """The state of this type; None if the column's type doesn't have it, or if it is lacking."""
        state = self.states.get(kind.KIND)
        if state is not None and isinstance(state, kind):
            return state
        return None

    @property
    def completeness(self) -> float:
        """The share of present cells; NaN without rows."""
        if self.data_types.total:
            return self.num_present / self.data_types.total
        return math.nan

    @property
    def num_others(self) -> int:
        """The number of present cells that are no numbers in a numeric column; 0 for another column."""
        if self.is_numeric:
            return self.num_present - self.num_numbers
        return 0

    @property
    def is_partly_numbers(self) -> bool:
        """Whether a text column isn't numeric but has some cells that are numbers, with moments and a sketch."""
        if not self.is_written_as_text or self.is_numeric or not self.num_numbers:
            return False
        return self.moments is not None and self.kll is not None

    def read_as_numbers(self) -> FeatureProfile:
        """The same feature read as a column of numbers, if some of its cells are numbers; else unchanged."""
        if self.is_partly_numbers:
            return replace(self, as_numbers=True)
        return self

    def unify_flags(self) -> FeatureProfile:
        """The same feature with `True` and `False` counted as the texts `true` and `false`."""
        if self.frequencies is None:
            return self
        counts = unify_flags(self.frequencies.counts)
        if counts is self.frequencies.counts:
            return self
        states = {**self.states, Frequencies.KIND: replace(self.frequencies, counts=counts)}
        return replace(self, states=states)

    @property
    def exact_domain(self) -> dict[str, int] | None:
        """The counts of all values; None if the values were not counted or some counts were dropped."""
        if self.frequencies is None or not self.frequencies.exact:
            return None
        return dict(self.frequencies.counts)

    def __add__(self, addend: FeatureProfile) -> FeatureProfile:
        """Adds kind by kind. The sum lacks kinds that only one side has; a profile of no rows is neutral.

        Raises BadState if the names or types differ, or the parameters of a kind that both have.
        """
        self.require_same(addend, "name")
        require_equal(f"feature {self.name!r}", "column_type", self.column_type.value, addend.column_type.value)
        if addend._is_zero():
            return self
        if self._is_zero():
            return addend
        # A kind that only one side has didn't count all rows of the sum
        common_kinds = self.states.keys() & addend.states.keys()
        are_numeric = all(profile.is_numeric or not profile.num_present for profile in (self, addend))
        return FeatureProfile(
            self.name,
            self.column_type,
            {kind: state + addend.states[kind] for kind, state in self.states.items() if kind in common_kinds},
            frozenset((self._kinds | addend._kinds) - common_kinds),
            are_numeric and (self.as_numbers or addend.as_numbers),
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of the states in order of their kinds, each preceded by their length."""
        parameters = {"name": self.name, "column_type": self.column_type.value}
        if self.lacking:
            parameters["lacking"] = ",".join(sorted(self.lacking))
        return parameters, join_parts(state.to_bytes() for state in self.states.values())

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> FeatureProfile:
        lacking = filter(None, parameters.get("lacking", "").split(","))
        column_type = ColumnType(parameters["column_type"])
        return cls.decoded(parameters["name"], column_type, split_parts(payload), lacking)

    def is_consistent(self) -> bool:
        vector_counts = self.vectors or VectorCounts()
        return vector_counts.vectors + vector_counts.missing <= self.data_types.total

    @property
    def _kinds(self) -> frozenset[str]:
        """The kinds of state that have counted at least some rows."""
        return self.lacking.union(self.states)

    def _is_zero(self) -> bool:
        return self.data_types.total == 0 and len(self.states) == 1


FALSE_TEXT = "false"
TRUE_TEXT = "true"

TYPE_DEPENDENT_KINDS = frozenset(
    {"moments", "kll", "frequencies", "ends", "text_lengths", "text_shapes", "date_texts", "words"}
)
"""The kinds of states that depend on the column's type: they are replaced when 0 and 1 are read as false and true, or the
reverse.
"""


def are_boolean_texts(values: Collection[str]) -> bool:
    """Whether these are values of a column of booleans."""
    return bool(values) and {*values} <= {FALSE_TEXT, TRUE_TEXT}


def are_zeros_and_ones(values: Collection[float]) -> bool:
    """Whether these distinct numbers are 0 and 1, the numbers that stand for booleans."""
    return len(values) <= 2 and {*values} <= {0, 1}


def read_bits_as_flags(feature: FeatureProfile) -> FeatureProfile:
    """A column of the numbers 0 and 1 as a column of booleans; the same object if it has other values."""
    moments = feature.moments
    has_only_numbers = feature.is_numeric and not feature.num_others and feature.kll is not None
    if moments is None or not has_only_numbers or not moments.count == feature.num_present > 0:
        return feature
    if feature.kll is None or not are_zeros_and_ones(feature.kll.step_cdf()[0]):
        return feature
    num_true = round(moments.sum)
    counts = {FALSE_TEXT: moments.count - num_true, TRUE_TEXT: num_true}
    frequencies = Frequencies({value: count for value, count in counts.items() if count}, moments.count)
    types = DataTypeCounts(feature.num_missing, boolean=moments.count)
    return _replace_states(feature, ColumnType.BOOLEAN, types, frequencies)


def read_flags_as_bits(feature: FeatureProfile) -> FeatureProfile:
    """A column of booleans as a column of the numbers 0 and 1; the same object if it has other values."""
    domain = feature.exact_domain or {}
    if not are_boolean_texts(domain):
        return feature
    counts = (domain.get(FALSE_TEXT, 0), domain.get(TRUE_TEXT, 0))
    total = sum(counts)
    share = counts[1] / total
    values = [value for value, count in enumerate(counts) if count]
    moments = Moments(
        total,
        feature.num_missing,
        sum=float(counts[1]),
        mean=share,
        m2=total * share * (1 - share),
        minimum=float(values[0]),
        maximum=float(values[-1]),
    )
    # Level h has the values whose count has the bit h: an item of level h stands for 2^h values
    heights = range(max(counts).bit_length())
    levels = [[float(value) for value in values if counts[value] >> height & 1] for height in heights]
    zeros = (0,) * len(levels)
    sketch = KllSketch(tuple(map(np.array, levels)), zeros, zeros)
    types = DataTypeCounts(feature.num_missing, integral=total)
    return _replace_states(feature, ColumnType.INTEGRAL, types, moments, sketch)


def read_like(feature: FeatureProfile, column_type: ColumnType) -> FeatureProfile:
    """The feature as a column of this type, if the types are booleans and the numbers 0 and 1; else unchanged."""
    if column_type is ColumnType.BOOLEAN:
        return read_bits_as_flags(feature)
    if column_type is ColumnType.INTEGRAL:
        return read_flags_as_bits(feature)
    return feature


def _replace_states(feature: FeatureProfile, column_type: ColumnType, *states: State) -> FeatureProfile:
    """The feature with another column type. States that depend on the type are replaced by `states`."""
    independent_states = [state for kind, state in feature.states.items() if kind not in TYPE_DEPENDENT_KINDS]
    return FeatureProfile.of(feature.name, column_type, (*independent_states, *states))


@register_state
@value_class
class Profile(State):
    """The profiles of all features of a data set, in the order of its columns.

    item_count: the number of rows. header: what was scanned and how, for readers; a sum keeps the entries that are equal on
        both sides.
    """

    KIND = "profile"

    item_count: int = 0
    features: tuple[FeatureProfile, ...] = ()
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, FeatureProfile]:
        """The profiles by name; if a name is repeated, the first profile."""
        return {feature.name: feature for feature in reversed(self.features)}

    def feature(self, name: str) -> FeatureProfile:
        """The profile of the feature called `name`. Raises KeyError if there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def __add__(self, addend: Profile) -> Profile:
        """Add feature by feature. Raises BadState naming the first feature that differs."""
        if not addend.item_count and not addend.features:
            return self
        if not self.item_count and not self.features:
            return addend
        # Both sides must have the same features in the same order; else they aren't scans of the same data set
        for position, (first, second) in enumerate(zip(self.features, addend.features, strict=False)):
            require_equal(self.KIND, f"the name of feature {position}", first.name, second.name)
        require_equal(self.KIND, "the number of features", len(self.features), len(addend.features))
        return Profile(
            self.item_count + addend.item_count,
            tuple(first + second for first, second in zip(self.features, addend.features, strict=True)),
            {key: value for key, value in self.header.items() if addend.header.get(key) == value},
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """The bytes of the features, each preceded by their length."""
        parameters: dict[str, int | float | str] = {f"header.{key}": value for key, value in self.header.items()}
        parameters["item_count"] = self.item_count
        return parameters, join_parts(feature.to_bytes() for feature in self.features)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Profile:
        header = {key.removeprefix("header."): value for key, value in parameters.items() if key != "item_count"}
        features = tuple(FeatureProfile.from_bytes(part) for part in split_parts(payload))
        return cls(parameters["item_count"], features, header)


@value_class
class FeatureMetrics:
    """The metrics of Deequ's analyzers for one feature; None if not computable.

    completeness: share of present rows, None without rows. mean, sum, standard_deviation (population), minimum,
    maximum: of the finite values; None for a feature that is not numeric or has none, and if doubles overflow.
    approx_count_distinct: HyperLogLog++ estimate, relative standard deviation 0.05.
    """

    completeness: float | None = None
    mean: float | None = None
    sum: float | None = None
    standard_deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    approx_count_distinct: int | None = None


def compute_metrics(profile: Profile) -> Mapping[str, FeatureMetrics]:
    """The metrics of every feature of `profile`, by name in its order, computed on first access.

    Source: metricValue() of Deequ 2.1.0's NumMatchesAndCount, MeanState, SumState, StandardDeviationState, MinState,
    MaxState and ApproxCountDistinctState.
    """
    return _Metrics(profile)


class _Metrics(Mapping[str, FeatureMetrics]):
    def __init__(self, profile: Profile) -> None:
        self._features = {feature.name: feature for feature in profile.features}

    def __getitem__(self, name: str) -> FeatureMetrics:
        return _compute_feature_metrics(self._features[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)


def _compute_feature_metrics(feature: FeatureProfile) -> FeatureMetrics:
    rows = feature.data_types.total
    moments = feature.moments
    completeness = feature.num_present / rows if rows else None
    distinct = None
    if feature.distinct is not None:
        distinct = feature.distinct.estimate_of_deequ()
    # Metrics of numbers, for a feature that has some
    if moments is None or not feature.is_numeric or not moments.count:
        return FeatureMetrics(completeness, approx_count_distinct=distinct)
    numbers = (moments.average, moments.sum, moments.standard_deviation, moments.minimum, moments.maximum)
    mean, total, standard_deviation, low, high = (number if math.isfinite(number) else None for number in numbers)
    return FeatureMetrics(completeness, mean, total, standard_deviation, low, high, distinct)
