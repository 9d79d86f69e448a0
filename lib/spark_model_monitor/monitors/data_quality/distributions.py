"""A feature's input to drift checks: its sketch or counts, whether its values are new by nature, and what a run leaves
of the feature to later runs. Pure.

Keys, row numbers and dates are recognised by their values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.plan import hashes_of
from spark_model_monitor.documents.statistics import FeatureStatistics, InferredType, NumericalStatistics, Statistics
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import Values, category_cells
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    Ends,
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllSketch,
    Moments,
    Profile,
    RowRuns,
    Run,
    State,
)
from spark_model_monitor.statistics.states.data_types import FIRST_SECOND, LAST_SECOND, UNITS_OF_SECONDS
from spark_model_monitor.statistics.states.distinct import told_apart
from spark_model_monitor.statistics.states.ends import KEPT
from spark_model_monitor.statistics.states.profile import once
from spark_model_monitor.statistics.states.rows import rows_of_values, values_of
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT
from spark_model_monitor.statistics.verdicts.parts import Parts
from spark_model_monitor.statistics.verdicts.variation import (
    FEWEST_WINDOWS,
    FIELDS,
    MOST_FREQUENT,
    OUTLIER,
    VALUES,
    CellsTogether,
    OnDemand,
    Others,
    PastWindows,
    Raw,
    beginnings,
    of_categories,
    of_missing,
    of_numbers,
    score_values,
)

DATES = "its values are dates or times{form}, and later ones are new by nature"
ONCE = "most of its values occur once, as those of keys and free texts do"
NUMBERED = "its values number the rows: whole numbers, nearly all different and without large gaps"
RISING = "its values rise from row to row as those of keys do: whole numbers, nearly all different and evenly spread"
EPOCH = "its values are times, in (milli-, micro-, nano-)seconds since 1970, and later ones are new by nature"

FEWEST_NUMBERED = 30  # with fewer rows any whole numbers may be all different by chance

LEAST_DIFFERENT, MOST_APART = 0.9, 2.5
"""Row numbers, even of a random half: at least the first fraction of them are different, and their range is at most the
second times their count. Random numbers of so short a range would repeat: 82 % would be different."""

MOST_GAPS = 10.0
"""… where the ends show it: 64 random numbers at each end of so long a range are distinct once in 500 times (e^-6.3)."""

ESTIMATED = 0.9
"""… whose estimate of distinct values is at least this share, which is two of its standard deviations below."""

MOST_UNEVEN = 0.1
"""The largest distance of keys from evenly spread numbers: data sorted by a measurement is seldom so even."""


@once
def why_always_new(feature: FeatureProfile) -> str | None:
    """Why later values of the feature are new by nature; None if they are not."""
    if not feature.num_present:
        return None
    if feature.is_numeric and unit_of_times(feature):
        return EPOCH
    if feature.is_numeric and _numbers_rows(feature):
        return NUMBERED
    dates = recognise_dates(feature)
    if dates is not None:
        return DATES.format(form=dates.form_in_words)
    if feature.is_numeric:
        return None
    counts = feature.exact_domain
    if counts is None:
        return ONCE if feature.distinct is not None and 2 * feature.distinct.estimate() > feature.num_present else None
    return ONCE if 2 * seen_once(counts) > feature.num_present else None


def name_of_times(feature: FeatureProfile) -> str | None:
    """The type name for values that are days or times."""
    if feature.is_numeric or recognise_dates(feature) is None:
        return None
    return "dates" if feature.column_type is ColumnType.TEXT else feature.column_type.value


def seen_once(counts: Mapping[str, int]) -> int:
    """The number of values that occur once."""
    return sum(count == 1 for count in counts.values())


@once
def has_whole_numbers(feature: FeatureProfile) -> bool:
    """Whether all numbers are integers, or were before pandas made them fractional because one is missing, as far as
    the sketch keeps them."""
    sketch = feature.kll
    if feature.inferred_type == "Integral" or sketch is None or not feature.num_missing:
        return feature.inferred_type == "Integral" and sketch is not None
    values = sketch.step_cdf()[0]
    return feature.is_numeric and len(values) > 0 and bool((values == np.rint(values)).all())


@once
def may_rise(feature: FeatureProfile) -> bool:
    """Whether the values, if they rise by row, are keys: whole numbers, nearly all different and evenly spread."""
    moments, sketch = feature.moments, feature.kll
    if moments is None or sketch is None or not moments.count or not has_whole_numbers(feature):
        return False
    values, cumulative = sketch.step_cdf()
    even = (values - moments.minimum) / max(moments.maximum - moments.minimum, 1.0)
    return _nearly_all_differ(feature) and float(np.abs(cumulative / cumulative[-1] - even).max()) <= MOST_UNEVEN


@once
def unit_of_times(feature: FeatureProfile) -> float | None:
    """How many units make a second, if all numbers are times since 1970 in one unit; None otherwise."""
    moments = feature.moments
    if moments is None or not moments.count or not feature.is_numeric:
        return None
    low, high = moments.minimum, moments.maximum
    return next((unit for unit in UNITS_OF_SECONDS if low >= FIRST_SECOND * unit and high < LAST_SECOND * unit), None)


def _numbers_rows(feature: FeatureProfile) -> bool:
    moments, rows = feature.moments, feature.num_present
    if rows < FEWEST_NUMBERED or moments is None or not moments.count or not has_whole_numbers(feature):
        return False
    apart = (moments.maximum - moments.minimum + 1) / rows
    if apart <= MOST_APART:
        return _nearly_all_differ(feature)
    ends = feature.state(Ends)
    differ = ends is not None and all(bool((np.diff(side) > 0).all()) for side in (ends.smallest, ends.largest))
    return differ and rows >= 2 * KEPT and apart <= MOST_GAPS and may_rise(feature)


def _nearly_all_differ(feature: FeatureProfile) -> bool:
    sketch, rows = feature.kll, feature.num_present
    if sketch is not None and not sketch.error:
        return len(sketch.step_cdf()[0]) >= LEAST_DIFFERENT * rows
    return feature.distinct is not None and feature.distinct.estimate() >= ESTIMATED * LEAST_DIFFERENT * rows


NO_SKETCH = "statistics.json holds no sketch of it; give the states/ folder beside it, or make the baseline again --with-sketches"
NOT_IN_SKETCH = (
    "{missing:,} of its {present:,} values are in no sketch of statistics.json, as infinities are; "
    "give the states/ folder beside it, which counts them"
)
NOT_LISTED = "statistics.json does not list its values one by one, they are too many; give the states/ folder beside it"
NOT_EXACT = "it has more than {limit:,} distinct values, so their counts are not exact"
NOT_COUNTED = "its values are neither numbers nor texts, and were not counted"
LACKING = "its state {kind!r} is missing: not every run that was merged has it, or a later release wrote it"
NOTHING_SAID = "statistics.json says nothing of its values"


@dataclass(frozen=True, slots=True)
class FeatureDistribution:
    """One feature's distribution.

    rows, present: all rows and those with a value. numbers: of a numeric feature. categories: counts by value of a text
    feature. reason: why there is no distribution, if there are values. is_never_compared: whether the values are of a kind
    that no run compares. text_share: the share of present values that are not numbers, as far as states know it. mean: of a
    numeric feature, None if unknown. times: the type name of days and times. other_cells: rows of a numeric feature whose
    cell is no number; they are none of `rows`.
    """

    inferred_type: InferredType
    rows: int = 0
    present: int = 0
    numbers: NumericDistribution | None = None
    categories: Mapping[str, int] | None = None
    reason: str | None = None
    text_share: float | None = None
    mean: float | None = None
    times: str | None = None
    is_never_compared: bool = False
    other_cells: int = 0
    _frequent: list[NDArray[Any]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def frequent_values(self) -> NDArray[Any]:
        """The most frequent values, from LEAST_EFFECT of the present ones on, the most frequent first."""
        if not self._frequent:
            self._frequent.append(self._find_frequent_values())
        return self._frequent[0]

    def count_values(self, values: NDArray[Any]) -> Values:
        """How often each of these values occurs."""
        if self.numbers is not None:
            return self.numbers.step_cdf().counts_at(values)
        categories = self.categories or {}
        return np.array([categories.get(value, 0) for value in values], float)

    def _find_frequent_values(self) -> NDArray[Any]:
        if self.numbers is not None:
            cdf = self.numbers.step_cdf()
            counts = np.diff(cdf.cumulative, prepend=0)
            is_frequent = counts >= LEAST_EFFECT * self.present
            values = cdf.values[is_frequent]
            order = np.argsort(-counts[is_frequent], kind="stable")
            return values[order[:MOST_FREQUENT]]
        categories = self.categories or {}
        names = [name for name, count in categories.items() if count >= LEAST_EFFECT * self.present]
        names.sort(key=lambda name: (-categories[name], name))
        return np.array(names[:MOST_FREQUENT], object)

    @property
    def num_rows(self) -> int:
        """All rows, those whose cell is no number included."""
        return self.rows + self.other_cells

    @property
    def completeness(self) -> float:
        """The share of all rows that have a value; 1 without rows."""
        return (self.present + self.other_cells) / self.num_rows if self.num_rows else 1.0

    @property
    def type_name(self) -> str:
        """The type; for days and times, which are texts in the service's files, their own name."""
        return self.times or self.inferred_type.value

    @property
    def is_numeric(self) -> bool:
        return self.inferred_type.is_numeric


OF_NUMBERS = frozenset(state.KIND for state in (DataTypeCounts, Moments, KllSketch))
OF_DISTRIBUTIONS = OF_NUMBERS | {Frequencies.KIND}
"""The states that `from_feature_profile` needs; for numbers it needs no frequencies."""


def direction_of(before: float | None, after: float | None) -> str | None:
    """The direction in which a number went: `up`, `down`, or None if unknown."""
    if before is None or after is None or before == after:
        return None
    return "up" if after > before else "down"


def from_profile(profile: Profile) -> dict[str, FeatureDistribution]:
    """The distributions in a run's states, by feature."""
    return {feature.name: from_feature_profile(feature) for feature in profile.features}


def from_feature_profile(feature: FeatureProfile) -> FeatureDistribution:
    """The distribution in one feature's states."""
    types = feature.data_types
    inferred_type = InferredType(feature.inferred_type)
    present = feature.num_present - feature.num_others
    rows = present + feature.num_missing
    share = (types.text + types.boolean) / types.present if types.present else None
    members: dict[str, Any] = {"text_share": share, "times": name_of_times(feature), "other_cells": feature.num_others}
    found = partial(FeatureDistribution, inferred_type, rows, present, **members)
    if not present:
        return found()
    if inferred_type.is_numeric and feature.kll is not None and feature.moments is not None:
        numbers = NumericDistribution.of(feature.kll, feature.moments)
        mean = feature.moments.average
        return found(numbers=numbers, mean=mean if math.isfinite(mean) else None)
    needed = (KllSketch, Moments) if inferred_type.is_numeric else (Frequencies,)
    if reason := why_lacking(feature, *needed):
        return found(reason=reason)
    if feature.frequencies is None:
        return found(reason=NOT_COUNTED, is_never_compared=True)
    if not feature.frequencies.exact:
        reason = NOT_EXACT.format(limit=feature.frequencies.limit)
        return found(reason=reason, is_never_compared=True)
    return found(categories=feature.frequencies.counts)


def why_lacking(feature: FeatureProfile, *needed: type[State]) -> str | None:
    """Why a result from these states can't be known, if the feature lacks one of them."""
    return next((LACKING.format(kind=state.KIND) for state in needed if state.KIND in feature.lacking), None)


def from_statistics(statistics: Statistics) -> dict[str, FeatureDistribution]:
    """The distributions in a statistics.json, by feature; those of numbers only where it has their sketches."""
    rows = statistics.dataset.item_count
    return {feature.name: _from_feature_statistics(feature, rows) for feature in statistics.features}


def as_counted(values: Iterable[str]) -> frozenset[str]:
    """The values as the keys of `Frequencies` have them, which cut long texts."""
    values = frozenset(values)
    if max(map(len, values), default=0) <= SURELY_WHOLE:
        return values
    return frozenset(_frequencies(dict.fromkeys(values, 1)).counts)


def _from_feature_statistics(feature: FeatureStatistics, rows: int) -> FeatureDistribution:
    rows -= feature.num_others
    present = rows
    if feature.common is not None:
        present = feature.common.num_present - feature.num_others
    if not present:
        return FeatureDistribution(feature.inferred_type, rows, other_cells=feature.num_others)
    numbers = _numbers(feature.numerical_statistics) if feature.numerical_statistics else None
    categorical = feature.distribution.categorical if feature.distribution else None
    counts = {bucket.value: bucket.count for bucket in categorical.buckets} if categorical else {}
    categories = _frequencies(counts).counts if counts else None
    reason = None if numbers or categories else _why_nothing(feature)
    if numbers and (missing := present - numbers.total):
        numbers, reason = None, NOT_IN_SKETCH.format(missing=missing, present=present)
    mean = feature.numerical_statistics.mean if feature.numerical_statistics else None
    members: dict[str, Any] = {"mean": mean, "other_cells": feature.num_others}
    return FeatureDistribution(feature.inferred_type, rows, present, numbers, categories, reason, **members)


def _numbers(statistics: NumericalStatistics) -> NumericDistribution | None:
    kll = statistics.distribution.kll if statistics.distribution else None
    if kll is None or kll.sketch is None:
        return None
    known = statistics.min, statistics.max, statistics.std_dev
    return NumericDistribution(kll.sketch.data, 0, 0, *known)


def _why_nothing(feature: FeatureStatistics) -> str:
    if feature.common is None:
        return NOTHING_SAID
    if feature.inferred_type.is_numeric:
        return NO_SKETCH
    return NOT_LISTED if feature.inferred_type is InferredType.STRING else NOT_COUNTED


def _frequencies(counts: Mapping[str, int]) -> Frequencies:
    builder = FrequenciesBuilder(limit=max(len(counts), 1))
    builder.update(list(counts), np.array(list(counts.values()), dtype=np.int64))
    return builder.state()


# What a run leaves to later ones: the raw statistics of each feature, compared with its reference. A baseline
# leaves those of its parts, each compared with the others; a window those compared with its own references.


BASELINE = "baseline"
WINDOW = "window"  # the reference for what a window leaves of itself alone
PREVIOUS = "previous:8"  # what a catalogue that grows is compared with. Source: D4.20.

OUTCOME = "outcome"  # the member of what a window leaves
CHANGED, CANNOT_TELL, UNCHANGED, ACCEPTED = "changed", "cannot tell", "unchanged", "accepted"
"""What became of a feature in a window; accepted: a person said that the change was fine."""

GROWS = (
    "its values came and went, or grew in number, along the baseline's rows: their numbers and largest share are judged"
)
LOOKS_SORTED = "the rows look sorted by this column"
GOES_UP_AND_DOWN = "its values go up and down along the rows, as by season"
MOST_BETWEEN = 0.05  # the share of a column's variance between parts from which its rows look sorted. Source: D4.8.
MOST_OF_LEVELS = 0.5  # … and from which these parts are no windows: too alike within. Source: D4.8.

VALUES_LOOKED_INTO = 2**16  # of columns together
SURELY_WHOLE = 60  # characters of a text that is surely counted whole: up to four bytes each
LARGEST_DOMAIN = 4096  # texts of more values have no exact counts, and their drift is not judged
FEWEST_NEW = 4  # parts or windows that show how many values are new
OF_MISSING = ("missing", "nulls", "of")  # raw statistics of missing values
FREQUENT = 5  # values of a text that show whether the rows are sorted by it
Part: TypeAlias = NDArray[Any]  # shape (values,): numbers, or hashes of texts
Past: TypeAlias = Mapping[str, Raw]  # raw statistics of earlier windows, by feature


@dataclass(frozen=True, slots=True)
class Variation:
    """The raw statistics of some windows, by feature. unfit: features whose parts differ by their place, with the reason.
    replaced: those of them whose parts gave way to windows. are_by_time: whether parts are of runs of neighbours in time.
    """

    past: Past = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    are_by_time: bool = False
    replaced: frozenset[str] = frozenset()
    _others: dict[Any, Others] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "past", {name: PastWindows(raw) for name, raw in self.past.items()})

    def with_windows(self, windows: Past) -> Variation:
        """The same with later windows. Enough of them replace parts that differ by their place."""
        replaced = {name for name in self.unfit if name in windows and len(windows[name]["rows"]) >= FEWEST_WINDOWS}
        parts = {name: raw for name, raw in self.past.items() if name not in replaced}
        return replace(self, past=together(parts, windows), replaced=self.replaced | replaced)

    def why_unfit(self, name: str) -> str | None:
        """Why a feature's parts may not show how its windows vary; None if they do, or if windows replaced them."""
        return None if name in self.replaced else self.unfit.get(name)

    @property
    def keeps_time(self) -> bool:
        """Whether the rows are known to be in the order of time: a column goes up and down along them."""
        return self.are_by_time or GOES_UP_AND_DOWN in self.unfit.values()

    def others(self, names: tuple[str, ...], effective: float) -> Others:
        """How much windows of these features vary at that size: most windows are as large as the last one."""
        if (names, effective) not in self._others:
            self._others.clear()
            self._others[names, effective] = Others([self.past[name] for name in names], effective)
        return self._others[names, effective]


def of_parts(profile: Profile, runs: Sequence[RowRuns], *, are_by_time: bool = False) -> Variation:
    """The variation within a data set, from runs of its rows. runs: of every feature. are_by_time: whether the rows of
    a run are neighbours in time, so that a column that looks sorted is one that changes with time.
    """
    alike: dict[tuple[bool, int], list[_Cut]] = {}
    for feature, kept in zip(profile.features, runs, strict=False):
        in_order = sorted(kept.runs, key=lambda run: run.place)
        values, sizes = values_of(in_order, numeric=feature.is_numeric)
        filled = sizes > 0
        if np.count_nonzero(filled) >= FEWEST_WINDOWS:
            apart = told_apart(values)
            if feature.is_numeric or len(apart[0]) <= LARGEST_DOMAIN:
                frequent = _frequent_in_runs(from_feature_profile(feature))
                cut = _Cut(feature.name, in_order, apart, sizes, filled, frequent)
                alike.setdefault((feature.is_numeric, np.count_nonzero(filled)), []).append(cut)
    past: dict[str, Raw] = {}
    unfit: dict[str, str] = {}
    for (is_numeric, _), cuts in alike.items():
        each = max(1, VALUES_LOOKED_INTO // max(len(cut.apart[1]) for cut in cuts))
        for first in range(0, len(cuts), each):
            _look_into(cuts[first : first + each], past, unfit, is_numeric=is_numeric, are_by_time=are_by_time)
    names = [feature.name for feature in profile.features]
    return Variation(
        {name: past[name] for name in names if name in past},
        {name: unfit[name] for name in names if name in unfit},
        are_by_time,
    )


class _Cut(NamedTuple):
    """A column's runs in the order of rows, distinct values with each value's index in them, run sizes, which runs have values,
    and the most frequent values of the whole column: numbers, or hashes of texts.
    """

    name: str
    runs: Sequence[Run]
    apart: tuple[Values, NDArray[np.int64]]
    sizes: NDArray[np.int64]
    filled: NDArray[np.bool_]
    frequent: Part

    def score_frequent_values(self) -> Raw:
        """The raw statistics of the most frequent values; none that no run has, as of hashes of another kind."""
        values, index_of_row = self.apart
        sizes = self.sizes[self.filled]
        indices = np.minimum(values.searchsorted(self.frequent), len(values) - 1)
        if not len(self.frequent) or (values[indices] != self.frequent).any():
            return {}
        part_of_row = np.repeat(np.arange(len(sizes)), sizes)
        windows = np.stack([np.bincount(part_of_row[index_of_row == index], minlength=len(sizes)) for index in indices])
        return score_values(windows.sum(axis=1), windows.T.astype(float), sizes.astype(float), float(sizes.sum()))


def _look_into(
    cuts: Sequence[_Cut], past: dict[str, Raw], unfit: dict[str, str], *, is_numeric: bool, are_by_time: bool
) -> None:
    """Add the raw statistics of columns cut into equally many parts, or the reason why there are none."""
    sizes = np.stack([cut.sizes[cut.filled] for cut in cuts])
    parts = Parts([cut.apart for cut in cuts], sizes, are_numbers=is_numeric)
    raw, nothing = parts.raw(), np.full(sizes.shape[1], np.nan)
    alike: Iterable[tuple[float, Values]] = repeat((0.0, nothing), len(cuts))
    between = alike if are_by_time else parts.between(FREQUENT)
    for place, (cut, (share, values)) in enumerate(zip(cuts, between, strict=True)):
        begun = None
        if not is_numeric:
            begun = beginnings(parts.counts(place) > 0, may_end=are_by_time)
        if begun is None and share > MOST_BETWEEN:
            unfit[cut.name] = _why_unfit(values, sizes[place], share, is_numeric=is_numeric)
            if unfit[cut.name] == LOOKS_SORTED and share > MOST_OF_LEVELS:
                continue
        rows = rows_of_values(cut.runs, numeric=is_numeric)[cut.filled]
        missing: Values = rows - sizes[place]
        found = {**of_missing(missing, rows, missing.sum(), rows.sum())} | {
            name: each[place] for name, each in raw.items()
        }
        found |= cut.score_frequent_values()
        if begun is not None:
            found["beyond"] = begun
            found["far"] = parts.counts(place).max(axis=1) / sizes[place]
        past[cut.name] = {name: found.get(name, nothing) for name in FIELDS}


def of_window(before: FeatureDistribution, after: FeatureDistribution) -> Mapping[str, float] | None:
    """The raw statistics of a window compared with its reference; None if the two can't be compared."""
    return of_windows([(before, after)])[0]


def of_windows(sides: Iterable[tuple[FeatureDistribution, FeatureDistribution]]) -> list[Mapping[str, float] | None]:
    """The same for each column; cells of all columns are computed together."""
    numbers, texts = CellsTogether(are_numbers=True), CellsTogether(are_numbers=False)
    return [_beside(before, after, numbers, texts) for before, after in sides]


def _beside(
    before: FeatureDistribution, after: FeatureDistribution, numbers: CellsTogether, texts: CellsTogether
) -> Mapping[str, float] | None:
    if before.reason or after.reason or not before.present or not after.present:
        return None

    def lacking() -> Raw:
        return of_missing(
            np.array([float(after.rows - after.present)]),
            np.array([float(after.rows)]),
            before.rows + after.rows - before.present - after.present,
            before.rows + after.rows,
        )

    found: Raw
    if before.numbers is not None and after.numbers is not None:
        found = of_numbers(after.numbers.step_cdf().beside(before.numbers.step_cdf()), numbers)
    elif before.categories is not None and after.categories is not None:
        b, w = category_cells(before.categories, after.categories)
        found = of_categories(b + w, w[None, :], texts.of(lambda: (b, w)))
    else:
        return None

    def first(name: str) -> Mapping[str, float]:
        if name in VALUES:
            scores = _score_frequent_values(before, after)
            return {value: float(scores[value][0]) for value in VALUES}
        known = lacking() if name in OF_MISSING else found
        return {name: float(known[name][0]) if name in known else math.nan}

    return OnDemand({name: partial(first, name) for name in FIELDS})


def _score_frequent_values(before: FeatureDistribution, after: FeatureDistribution) -> Raw:
    counts_before, counts_after = count_frequent_values(before, after)
    totals = counts_before + counts_after
    size = np.array([float(after.present)])
    total = float(before.present + after.present)
    return score_values(totals, counts_after[None, :], size, total)


def count_frequent_values(before: FeatureDistribution, after: FeatureDistribution) -> tuple[Values, Values]:
    """The counts of the baseline's most frequent values on both sides."""
    return before.count_values(before.frequent_values), after.count_values(before.frequent_values)


def _frequent_in_runs(feature: FeatureDistribution) -> Part:
    """The most frequent values of a feature, as runs of its rows have them."""
    if feature.numbers is not None:
        return np.array(feature.frequent_values, float)
    return hashes_of(pa.array(feature.frequent_values, pa.string()))


def growth_of(variation: Variation | None, name: str) -> tuple[Values, Values] | None:
    """The counts of new values of a text in parts or windows, and the rows of windows; None if too few are known."""
    raw = variation.past.get(name) if variation is not None else None
    if raw is None:
        return None
    found = ~np.isnan(raw["beyond"]) & np.isnan(raw["ks"])
    if found.sum() < FEWEST_NEW:
        return None
    return raw["beyond"][found], raw["far"][found]


def new_values(now: FeatureDistribution, *before: FeatureDistribution | None) -> list[str]:
    """The values of a text that none of the others has."""
    known = [side.categories for side in before if side is not None and side.categories is not None]
    return [value for value in now.categories or () if all(value not in each for each in known)]


def among(side: FeatureDistribution, known: FeatureDistribution | None) -> FeatureDistribution:
    """The rows of a text whose values the other side has."""
    if known is None or known.categories is None or side.categories is None:
        return side
    kept = {value: count for value, count in side.categories.items() if value in known.categories}
    lost = side.present - sum(kept.values())
    return replace(side, rows=side.rows - lost, present=side.present - lost, categories=kept)


def together(some: Past, others: Past) -> Past:
    """The windows of both, by feature."""
    both = {name: dict(raw) for name, raw in some.items()}
    for name, raw in others.items():
        mine = both.get(name)
        both[name] = {key: np.concatenate((mine[key], raw[key])) for key in FIELDS} if mine else dict(raw)
    return both


def _why_unfit(values: Values, sizes: NDArray[np.int64], share: float, *, is_numeric: bool) -> str:
    """Why parts differ by their place more than as groups of rows do. values: of all parts, as `Parts.between` has them. share:
    of their variance between parts.

    Sorted rows cross their mean once, and rise or fall but for noise; a text has all its rows in one place.
    """
    means = np.add.reduceat(values, np.cumsum(sizes) - sizes) / sizes
    crossings = np.count_nonzero(np.diff(means > values.mean()))
    if not is_numeric:
        return LOOKS_SORTED if crossings <= 2 else GOES_UP_AND_DOWN
    falls = np.maximum.accumulate(means) - means
    rises = means - np.minimum.accumulate(means)
    noise = np.sqrt(max(1 - share, 0.0) * values.var() / sizes.min())
    is_monotonic = min(falls.max(), rises.max()) <= OUTLIER * noise
    return LOOKS_SORTED if crossings <= 1 and is_monotonic else GOES_UP_AND_DOWN
