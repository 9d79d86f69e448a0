"""A feature's distribution in a window and in its baseline, in the baseline's bins, so that windows can be compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from spark_model_monitor.documents.page import Overlay, format_noun_count, format_number, format_percent
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.date_columns import MIN_DATE_SHARE, DateColumn
from spark_model_monitor.value_class import value_class

BINS = 20
TAIL = 0.005


@value_class
class Bins:
    """A baseline's bins of a feature. ends: the ends of the range of numbers. names: the categories, the most frequent first."""

    ends: tuple[float, float] | None = None
    names: tuple[str, ...] = ()

    def compute_shares(self, distribution: FeatureDistribution) -> Doubles | None:
        """The shares of a distribution's values in the 22 bins; None without values, or if they are not known one by one."""
        numbers = distribution.numbers
        if self.ends is not None and numbers is not None and numbers.total:
            return np.diff(numbers.cdf.shares_at(self._edges), prepend=0.0, append=1.0)
        if self.ends is None and distribution.categories:
            return self._share_categories(distribution.categories)
        return None

    def list_names(self, most_named: int) -> list[str]:
        """The names of the most frequent categories; numbers in their place if there are more than `most_named`."""
        names = list(self.names[:BINS])
        if len(self.names) > most_named:
            return [f"value {position}" for position in range(1, len(names) + 1)]
        return names

    @property
    def _edges(self) -> Doubles:
        low, high = self.ends or (0.0, 0.0)
        # In halves, since the whole width may exceed a double
        halves = np.linspace(low / 2, high / 2, BINS + 1)
        edges = halves.astype(np.float64) * 2
        # A bin includes its upper edge, the first bin both
        edges[0] = np.nextafter(low, -np.inf)
        edges[-1] = high
        return edges

    def _share_categories(self, counts: Mapping[str, int]) -> Doubles:
        total = sum(counts.values())
        shares = np.zeros(BINS + 2)
        first = [counts.get(name, 0) / total for name in self.names[:BINS]]
        listed = sum(counts.get(name, 0) for name in self.names) / total
        shares[: len(first)] = first
        # The baseline's other values, and values that it lacks
        shares[BINS:] = listed - sum(first), 1 - listed
        return np.clip(shares, 0.0, 1.0)


def choose_bins(baseline: FeatureDistribution) -> Bins | None:
    """The bins of a baseline's distribution; None if its values are not known one by one."""
    if baseline.numbers is not None:
        finite = baseline.numbers.cdf.drop_infinite()
        if not finite.total:
            return None
        low, high = finite.quantiles((TAIL, 1 - TAIL))
        return Bins((low, high))
    counts = baseline.categories
    if counts:
        return Bins(names=tuple(sorted(counts, key=lambda name: (-counts[name], name))))
    return None


def draw_overlay(
    baseline: FeatureDistribution, current: FeatureDistribution | None, most_named: int = 0
) -> Overlay | None:
    """The picture of both distributions; None if values are not known one by one. current: None shows the baseline alone.
    most_named: the largest number of categories whose names may be shown; with more, they are numbered.
    """
    # Dates have an axis of time, in whatever form they are written
    days = _draw_days(baseline, current, is_named=most_named > 0)
    if days is not None:
        return days
    bins = choose_bins(baseline)
    if bins is None:
        return None
    # Shares in the bins of the baseline, and of the window if there is one
    distributions = [baseline]
    if current is not None:
        distributions.append(current)
    shares: list[Doubles] = []
    for distribution in distributions:
        known_shares = bins.compute_shares(distribution)
        if known_shares is None:
            return None
        shares.append(known_shares)
    if bins.ends is None:
        return _draw_categories(bins, shares, most_named)
    # Numbers: between the ends, and beyond them
    low, high = bins.ends
    medians = [
        format_number(distribution.numbers.cdf.quantiles((0.5,))[0])
        for distribution in distributions
        if distribution.numbers is not None
    ]
    caption = f"median {medians[0]}"
    if len(distributions) > 1:
        caption = f"median {medians[0]} in the baseline, {medians[1]} now"
    shown_bins = [0, 1, BINS + 1]
    if low < high:
        shown_bins = [*range(BINS + 2)]
    return create_overlay([share[shown_bins] for share in shares], caption, bins.ends)


def _draw_categories(bins: Bins, shares: Sequence[Doubles], most_named: int) -> Overlay:
    """The picture of the most frequent categories, the others, and new ones."""
    caption = f"{format_noun_count(len(bins.names), 'value')} in the baseline"
    if len(shares) > 1:
        caption += f", {format_percent(float(shares[1][-1]))} now are others"
    # Names are values of the data, which are shown only if they are few
    names = bins.list_names(most_named)
    shown_bins = [*range(len(names))]
    if len(bins.names) > BINS:
        shown_bins.append(BINS)
        names.append("others")
    shown_bins.append(BINS + 1)
    names.append("new")
    return create_overlay([share[shown_bins] for share in shares], caption, names=names)


def _draw_days(baseline: FeatureDistribution, current: FeatureDistribution | None, *, is_named: bool) -> Overlay | None:
    """The picture of a column of dates on an axis of time, in bins of equal width over the days of both sides; None for other
    columns. is_named: whether the first and the last day may be shown."""
    baseline_dates = DateColumn.of(baseline.categories or {})
    columns = [baseline_dates]
    if current is not None:
        columns.append(DateColumn.of(current.categories or {}, baseline_dates))
    if any(column.num_dates <= MIN_DATE_SHARE * column.values for column in columns):
        return None
    # From the first day of both to the last one; a single day has no axis
    first = min(int(column.days[0]) for column in columns)
    last = max(int(column.days[-1]) for column in columns)
    if first == last:
        return None
    edges = np.linspace(first, last + 1, BINS + 1)
    shares = [np.histogram(column.days, edges, weights=column.counts)[0] / max(1, column.values) for column in columns]
    caption = "days in the baseline"
    if current is not None:
        caption += ", and now"
    axis: tuple[str, ...] = ("first day", "last day")
    if is_named:
        axis = tuple(date.fromordinal(day).isoformat() for day in (first, (first + last) // 2, last))
    return create_overlay(shares, caption, axis=axis)


def create_overlay(
    shares: Sequence[Doubles],
    caption: str,
    ends: tuple[float, float] | None = None,
    names: Sequence[str] = (),
    axis: tuple[str, ...] = ("most frequent", "new"),
) -> Overlay:
    """The picture of some shares. shares: the baseline's, and the window's if there is one. ends: the range of the baseline's
    numbers. names: its categories. axis: the labels of the axis, unless `ends` gives them.
    """
    # A baseline of its own has no window beside it
    baseline = tuple(map(float, shares[0]))
    current: tuple[float, ...] = ()
    if len(shares) > 1:
        current = tuple(map(float, shares[1]))
    if ends is None:
        return Overlay(baseline, current, caption, axis, tuple(names))
    low, high = ends
    labels = list(dict.fromkeys(format_number(end, 3) for end in (low, low / 2 + high / 2, high)))
    # The outermost bins include everything beyond them
    outside = []
    for index, sign, direction in ((0, "< ", "below"), (-1, "> ", "above")):
        end = labels[index]
        share_now = 0.0
        if current:
            share_now = current[index]
        if max(baseline[index], share_now):
            labels[index] = f"{sign}{end}"
        if share_now >= max(0.02, 2 * baseline[index]):
            outside.append(f"{format_percent(share_now)} of the values {direction} {end}")
    return Overlay(baseline, current, caption, tuple(labels), (), ", ".join(outside))
