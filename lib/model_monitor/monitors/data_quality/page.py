"""A run of data quality as a page to read: what is wrong now in words, then every feature over its baseline. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from model_monitor.documents.check_results import (
    COMPLETENESS,
    WORST_FIRST,
    CheckResult,
    CheckStatus,
    check_in_words,
    plain_words,
    reason_of,
)
from model_monitor.documents.page import (
    VERDICTS,
    Column,
    Line,
    Mark,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Tile,
    number_text,
)
from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality.comparison import QualityBaseline
from model_monitor.monitors.data_quality.distributions import (
    FeatureDistribution,
    as_counted,
    from_feature_profile,
    from_profile,
)
from model_monitor.monitors.data_quality.documents import domain_of
from model_monitor.monitors.data_quality.messages import COMPARATOR_VALUE, EXTRA_COLUMNS, MISSING_COLUMNS, negative
from model_monitor.monitors.protocol import violated
from model_monitor.statistics.drift.distributions import Values, category_cells
from model_monitor.statistics.states import FeatureProfile, Profile
from model_monitor.statistics.verdicts.components import LEAST_EFFECT

MOST_VALUES, LONGEST = 5, 60

DRIFT_CHECK, DOMAIN, HIDDEN = "baseline_drift_check", "categorical_values_check", "(hidden)"
_PLAIN = {
    "missing_column_check": "{name} is not in the data any more",
    "extra_column_check": "{name} is in the data, and was not in the baseline",
    "row_count_check": "there are {observed:,.0f} rows, about {threshold:,.0f} are usual at that time",
    "freshness_check": "the newest row came {observed:,.3g} minutes before the window's end, about {threshold:,.2g} are usual",
    "non_negative_check": "{name} has negative numbers, it had none",
}
_OF_COLUMNS = "the data has {observed:,.0f} columns and the baseline {threshold:,.0f}, so no feature was compared"

Said = tuple[str, Sequence[str]]


def with_words(
    results: Sequence[CheckResult],
    profile: Profile,
    known: QualityBaseline,
    *,
    max_domain_size: int,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violated ones in words. hide_values: without categories, and without values in their texts."""
    features = {feature.name: feature for feature in reversed(profile.features)}
    domains = {feature.name: feature.domains or () for feature in known.constraints.features}

    def told(result: CheckResult) -> CheckResult:
        name = result.feature or ""
        reference = known.references.get(result.against or "", known.distributions)
        words, values = _said(result, reference.get(name), features.get(name), domains.get(name, ()), max_domain_size)
        shown = tuple(value if len(value) <= LONGEST else value[:LONGEST] + "…" for value in values[:MOST_VALUES])
        members = {"words": words, "values": None if hide_values else shown or None}
        if hide_values and result.description:
            members["description"] = _without_values(result.description)
        return result.model_copy(update=members)

    return tuple(told(result) if result.status is CheckStatus.VIOLATED else result for result in results)


def _said(
    result: CheckResult,
    before: FeatureDistribution | None,
    current: FeatureProfile | None,
    domain: Collection[str],
    max_domain_size: int,
) -> Said:
    name = result.feature or ""
    told = _OF_COLUMNS if name in (MISSING_COLUMNS, EXTRA_COLUMNS) else _PLAIN.get(result.check)
    if told is not None:
        return told.format(name=name, observed=result.observed or 0, threshold=result.threshold or 0), ()
    if current is None or before is None or result.observed is None:
        return plain_words(result), ()
    now = from_feature_profile(current)
    if result.check == COMPLETENESS:
        return _missing(name, before, now), ()
    if result.check == DOMAIN:
        known = as_counted(domain)
        new = [value for value in domain_of(current, max_domain_size) or () if value not in known]
        return f"{name}: {_percent(1 - result.observed)} are values that the baseline has not", new
    if result.check == "data_type_check":
        return f"{name}: {_percent(1 - result.observed)} are not {before.inferred_type.value} any more", ()
    if result.check == DRIFT_CHECK or result.method is not None:
        moved, values = _moved_words(result, before, now, max_domain_size)
        return f"{name} {_drifted(result)}{moved and f': {moved}'}", values
    if result.threshold is None or result.formula is None:
        return plain_words(result), ()
    is_share = result.formula.startswith("share")
    was, found = ((_percent if is_share else number_text)(number) for number in (result.threshold, result.observed))
    return f"{name}: its {result.formula} went from {was} to {found}", ()


def _drifted(result: CheckResult) -> str:
    against = f" from {result.against}" if result.against not in (None, "baseline") else ""
    observed, threshold = result.observed or 0.0, result.threshold or 0.0
    if result.statistic is None and result.adjusted_p is not None and observed <= threshold:
        return f"drifted{against}, p-value {result.adjusted_p:,.4g}"
    what = "p-value" if result.statistic is not None else "distance"
    return f"drifted{against}, {what} {observed:,.4g} (threshold {threshold:,.4g})"


def _moved_words(
    result: CheckResult, before: FeatureDistribution, now: FeatureDistribution, max_domain_size: int
) -> tuple[str, Sequence[str]]:
    if result.component == "missing" and before.rows and now.rows:
        return _missing("", before, now), ()
    if before.numbers is not None and now.numbers is not None:
        return _moved_numbers(result, before, now), ()
    if not before.categories or not now.categories:
        return "", ()
    b, c = category_cells(before.categories, now.categories)
    shares = b / b.sum(), c / c.sum()
    place = int(abs(shares[0] - shares[1]).argmax())
    value = sorted({*before.categories, *now.categories})[place]
    is_listed = len(before.categories if b[place] else now.categories) <= max_domain_size
    was, found = (_percent(float(side[place])) for side in shares)
    return f"the share of one value went from {was} to {found}", [value] if is_listed else ()


def _moved_numbers(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution) -> str:
    """The share of one value where cells tell of one; else the one of mean and standard deviation that moved more."""
    assert before.numbers is not None
    assert now.numbers is not None
    sides = before.numbers.step_cdf(), now.numbers.step_cdf()
    if result.component in ("cell", "chi2"):
        values = np.union1d(sides[0].values, sides[1].values)
        was, found = (np.diff(side.ranks_at(values), prepend=0) / side.total for side in sides)
        place = int(abs(was - found).argmax())
        if abs(was - found)[place] >= LEAST_EFFECT:
            return f"the share of one value went from {_percent(float(was[place]))} to {_percent(float(found[place]))}"
    told = {"mean": (before.mean, now.mean), "standard deviation": (sides[0].deviation, sides[1].deviation)}
    moved = [
        (abs(c - b), f"its {what} went from {b:,.4g} to {c:,.4g}")
        for what, (b, c) in told.items()
        if b is not None and c is not None and f"{b:,.4g}" != f"{c:,.4g}"
    ]
    return max(moved, default=(0.0, ""), key=itemgetter(0))[1]


def _missing(name: str, before: FeatureDistribution, now: FeatureDistribution) -> str:
    was, found = (_percent(1 - side.present / side.rows if side.rows else 0.0) for side in (before, now))
    return f"{name}{name and ': '}{found} are missing, {was} were"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _without_values(description: str) -> str:
    for text in (COMPARATOR_VALUE, negative):
        said, mark, value = description.partition(text.partition("{")[0])
        if value:
            return said + mark + HIDDEN
    return description


# A feature's distribution in a window over that of its baseline, in bins of the baseline's, so that windows
# compare.


BINS = 20
TAIL = 0.005


@dataclass(frozen=True, slots=True)
class Bins:
    """A baseline's bins of a feature. ends: of numbers. names: of categories, the most frequent first."""

    ends: tuple[float, float] | None = None
    names: tuple[str, ...] = ()

    def shares(self, side: FeatureDistribution) -> Values | None:
        """The 22 shares of a distribution's values; None if they are not known one by one, or there are none."""
        if self.ends is not None and side.numbers is not None:
            cdf = side.numbers.step_cdf()
            return np.diff(cdf.shares_at(self._edges), prepend=0.0, append=1.0) if cdf.total else None
        if self.ends is None and side.categories:
            return self._of_categories(side.categories)
        return None

    @property
    def _edges(self) -> Values:
        low, high = self.ends or (0.0, 0.0)
        halves = np.linspace(low / 2, high / 2, BINS + 1)  # the whole width may be no double
        edges = halves.astype(np.float64) * 2
        edges[0], edges[-1] = np.nextafter(low, -np.inf), high  # a bin has its upper edge, the first has both
        return edges

    def _of_categories(self, counts: Mapping[str, int]) -> Values:
        total = sum(counts.values())
        shares = np.zeros(BINS + 2)
        first = [counts.get(name, 0) / total for name in self.names[:BINS]]
        known = sum(counts.get(name, 0) for name in self.names) / total
        shares[: len(first)] = first
        shares[BINS:] = known - sum(first), 1 - known
        return np.clip(shares, 0.0, 1.0)


def bins_of(baseline: FeatureDistribution) -> Bins | None:
    """None if its values are not known one by one."""
    if baseline.numbers is not None:
        finite = baseline.numbers.step_cdf().finite()
        if not finite.total:
            return None
        low, high = finite.quantiles((TAIL, 1 - TAIL))
        return Bins((low, high))
    counts = baseline.categories
    return Bins(names=tuple(sorted(counts, key=lambda name: (-counts[name], name)))) if counts else None


def overlay_of(baseline: FeatureDistribution, current: FeatureDistribution | None) -> Overlay | None:
    """None if either side's values are not known one by one. current: None shows the baseline alone."""
    sides = [baseline] if current is None else [baseline, current]
    bins = bins_of(baseline)
    found = [bins.shares(side) if bins is not None else None for side in sides]
    shares = [each for each in found if each is not None]
    if bins is None or len(shares) < len(sides):
        return None
    if bins.ends is None:
        words = f"{len(bins.names):,} values in the baseline"
        words += f", {shares[1][-1]:.1%} now are others" if len(sides) > 1 else ""
        kept = [*range(min(len(bins.names), BINS)), *([BINS] if len(bins.names) > BINS else []), BINS + 1]
        return _overlay([each[kept] for each in shares], words, ("most frequent", "new"))
    low, high = bins.ends
    medians = [number_text(side.numbers.step_cdf().quantiles((0.5,))[0]) for side in sides if side.numbers is not None]
    words = f"median {medians[0]}" if len(sides) == 1 else f"median {medians[0]} in the baseline, {medians[1]} now"
    kept = [*range(BINS + 2)] if low < high else [0, 1, BINS + 1]
    return _overlay([each[kept] for each in shares], words, (number_text(low, 3), number_text(high, 3)))


def _overlay(shares: list[Values], words: str, ends: tuple[str, str]) -> Overlay:
    baseline, *current = (tuple(np.clip(side, 0.0, 1.0).tolist()) for side in shares)
    return Overlay(baseline, current[0] if current else (), words, ends)


# A run of data quality as a page to read: what is wrong now, then every feature beside its baseline.


MOST_ROWS = 12
"""Features that are shown first."""

DRIFT = "baseline_drift_check"
COLUMNS = (
    *(Column("verdict"), Column("feature", is_name=True), Column("type"), Column("what")),
    *(Column(title, is_number=True) for title in ("distance", "mean", "median (quartiles)", "present")),
    Column("distribution"),
)
READING = (
    "The bars are the baseline, the line is this run, over the baseline's bins: 20 of equal width, and one on each side for all "
    "beyond. Of texts they are the 20 most frequent values, the others, and those that the baseline has not.",
    "A distance is 0 for equal distributions. Where the baseline has calibrated verdicts a test decides whether it is more than "
    "chance, with the p in checks.json; elsewhere, as in the service's files, it has drifted above its threshold.",
    "Cannot tell: nothing broke a limit, and something may have changed that so few rows, or so little history, can't show. Not "
    "judged: the reason stands there. checks.json has all numbers; model-monitor explain derives them.",
)

Side = FeatureDistribution | None


def page_of(profile: Profile, results: Sequence[CheckResult], known: QualityBaseline | None) -> Page:
    """The page of a run. known: what it was held against; None for a baseline."""
    now = from_profile(profile)
    if known is None:
        return _page([_of_baseline(now)], ())
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.feature or "", []).append(result)
    names = dict.fromkeys((*known.names, *now))
    before = known.distributions
    found = [_ranked(name, before.get(name), now.get(name), by_name.pop(name, [])) for name in names]
    lines = [line for _, line in sorted(found, key=itemgetter(0))]
    of_all = [f"{each.feature}: {each.description}" for rest in by_name.values() for each in violated(rest)]
    bad = sum(line.mark is Mark.BAD for line in lines)
    caption = f"{min(MOST_ROWS, len(lines))} of {len(lines):,} features, violated ones first, then the largest " + (
        "impact: distance times share in what moves the model" if known.attributions else "distances"
    )
    first = PageTable(COLUMNS, tuple(lines[:MOST_ROWS]), caption)
    sections = [PageSection("What is wrong now" if bad or of_all else "Nothing is violated", (*of_all, first))]
    if rest := tuple(lines[MOST_ROWS:]):
        table = PageTable(COLUMNS, rest, f"The other {len(rest):,} features")
        sections.append(PageSection("All other features", (table,), folded=bad <= MOST_ROWS))
    tile = Tile("features violated", f"{bad:,} of {len(lines):,}", Mark.BAD if bad or of_all else Mark.GOOD)
    return _page(sections, (tile,))


def _page(sections: list[PageSection], tiles: tuple[Tile, ...]) -> Page:
    return Page(
        "report", "Data quality", (), (*sections, PageSection("How to read this", READING)), tiles, html_only=True
    )


def _of_baseline(found: Mapping[str, FeatureDistribution]) -> PageSection:
    columns = tuple(column for column in COLUMNS if column.title not in ("verdict", "what", "distance"))
    lines = tuple(
        Line(
            (
                name,
                each.type_name,
                _mean(each),
                _median(each),
                _present(each),
                overlay_of(each, None) or each.reason or "–",
            )
        )
        for name, each in found.items()
    )
    return PageSection("Features", (PageTable(columns, lines, f"{len(lines):,} features"),))


def _ranked(name: str, before: Side, now: Side, results: list[CheckResult]) -> tuple[tuple[int, float], Line]:
    """The line of a feature, and its place: violated ones first, then those with the largest impact, else distance in their
    threshold."""
    status = min((result.status for result in results), key=WORST_FIRST.index, default=CheckStatus.NOT_JUDGED)
    drift = next((result for result in results if result.check == DRIFT and result.observed is not None), None)
    type_now = (now or before or FeatureDistribution(InferredType.UNKNOWN)).type_name
    impacts = [result.impact for result in results if result.impact is not None]
    mark, verdict = VERDICTS[status]
    moved = tuple(_moved(before, now, shown) for shown in (_mean, _median, _present))
    overlay = (overlay_of(before, now) if before and now else None) or "–"
    return (
        (WORST_FIRST.index(status), -max(impacts, default=_excess(drift))),
        Line((verdict, name, type_now, _why(results, status), _distance(drift), *moved, overlay), mark),
    )


def _why(results: list[CheckResult], status: CheckStatus) -> str:
    """The checks that are violated, else why nobody can tell or judge."""
    told = [check_in_words(result) for result in violated(results)]
    return "; ".join(told) or reason_of(results, status)


def _excess(drift: CheckResult | None) -> float:
    """How often a distance has its threshold in it; a threshold its p-value."""
    if drift is None or drift.observed is None or drift.threshold is None:
        return -1.0
    pair = (drift.observed, drift.threshold)
    above, below = pair if drift.statistic is None else pair[::-1]
    return above / below if below else float("inf") if above else 0.0


def _distance(drift: CheckResult | None) -> str:
    if drift is None:
        return "–"
    if drift.adjusted_p is not None:  # a test decides, whatever the threshold
        return f"{number_text(drift.observed)} (p {number_text(drift.adjusted_p)})"
    kind = "" if drift.statistic is None else "p "
    return f"{kind}{number_text(drift.observed)} (threshold {number_text(drift.threshold)})"


def _mean(side: Side) -> str:
    return number_text(side.mean if side else None)


def _median(side: Side) -> str:
    cdf = side.numbers.step_cdf() if side and side.numbers else None
    if cdf is None or not cdf.total:
        return number_text(None)
    low, middle, high = (number_text(value) for value in cdf.quantiles((0.25, 0.5, 0.75)))
    return f"{middle} ({low} to {high})"


def _present(side: Side) -> str:
    return f"{100 * side.present / side.rows:.4g}%" if side and side.rows else "–"


def _moved(before: Side, now: Side, shown: Callable[[Side], str]) -> str:
    return shown(now) if shown(before) == shown(now) else f"{shown(before)} → {shown(now)}"
