"""A run of data quality as a page to read: what changed in words and as pictures, then every other feature, one line each.
Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from model_monitor.documents.check_results import (
    COMPLETENESS,
    EXPECTATION,
    CheckResult,
    CheckStatus,
    check_in_words,
    excess,
    plain_words,
)
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.headline import ONE_VALUE, evidence_of, moved
from model_monitor.documents.page import (
    LINES_SHOWN,
    MOST_LINES,
    VERDICTS,
    Block,
    Card,
    Cards,
    Column,
    Headline,
    Line,
    Overlay,
    Page,
    PageSection,
    PageTable,
    count_text,
    number_text,
    percent,
)
from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality.comparison import QualityBaseline
from model_monitor.monitors.data_quality.distributions import (
    FeatureDistribution,
    as_counted,
    from_feature_profile,
    from_profile,
    why_always_new,
)
from model_monitor.monitors.data_quality.documents import domain_of
from model_monitor.monitors.data_quality.messages import COMPARATOR_VALUE, EXTRA_COLUMNS, MISSING_COLUMNS, negative
from model_monitor.monitors.protocol import violated
from model_monitor.statistics.drift.distributions import StepCdf, Values, category_cells
from model_monitor.statistics.states import FeatureProfile, Profile
from model_monitor.statistics.verdicts.components import LEAST_EFFECT

MOST_VALUES, LONGEST = 5, 60
MOST_NAMED_NUMBERS = 20  # different numbers of a feature whose values are named, as categories are

DRIFT, DOMAIN, HIDDEN = "baseline_drift_check", "categorical_values_check", "(hidden)"
_PLAIN = {
    "missing_column_check": "{name} is not in the data any more",
    "extra_column_check": "{name} is in the data, and was not in the baseline",
    "row_count_check": "there are {observed:,.0f} rows, about {threshold:,.0f} are usual at that time",
    "freshness_check": "the newest row came {observed:,.3g} minutes before the window's end, about {threshold:,.2g} are usual",
    "non_negative_check": "{name} has negative numbers, it had none",
}
_OF_COLUMNS = "the data has {observed:,.0f} columns and the baseline {threshold:,.0f}, so no feature was compared"

Side = FeatureDistribution | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a violated check found. words: a sentence. values: categories that it is about. change: in words that follow the name.
    short: what was and is. by: by how much in a person's terms.
    """

    words: str
    values: Sequence[str] = ()
    change: str | None = None
    short: str = ""
    by: str = ""


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

    def told(result: CheckResult) -> CheckResult:
        found = said_of(result, features.get(result.feature or ""), known, max_domain_size)
        shown = tuple(value if len(value) <= LONGEST else value[:LONGEST] + "…" for value in found.values[:MOST_VALUES])
        members = {"words": found.words, "values": None if hide_values else shown or None, "change": found.change}
        if hide_values and result.description:
            members["description"] = _without_values(result.description)
        return result.model_copy(update=members)

    return tuple(told(result) if result.status is CheckStatus.VIOLATED else result for result in results)


def said_of(result: CheckResult, current: FeatureProfile | None, known: QualityBaseline, max_domain_size: int) -> Said:
    """What a violated check of data quality found. current: the feature in the window, None where it is not."""
    name = result.feature or ""
    if result.check == EXPECTATION:
        return Said(plain_words(result), change=result.change, short=result.reason or "")
    before = known.references.get(result.against or "", known.distributions).get(name)
    told = _OF_COLUMNS if name in (MISSING_COLUMNS, EXTRA_COLUMNS) else _PLAIN.get(result.check)
    if told is not None:
        words = told.format(name=name, observed=result.observed or 0, threshold=result.threshold or 0)
        change = words.removeprefix(f"{name} ") if name and words.startswith(name) else None
        return Said(words, (), change, change or words)
    if current is None or before is None or result.observed is None:
        return Said(plain_words(result))
    now = from_feature_profile(current)
    if result.check == COMPLETENESS:
        return _missing(name, before, now)
    if result.check == DOMAIN:
        domains = {feature.name: feature.domains or () for feature in known.constraints.features}
        listed = as_counted(domains.get(name, ()))
        new = [value for value in domain_of(current, max_domain_size) or () if value not in listed]
        share = percent(1 - result.observed)
        change = f"has {share} of values that were not there before"
        return Said(f"{name}: {share} are values that the baseline has not", new, change, f"new values: {share}")
    if result.check == "data_type_check":
        what = f"{percent(1 - result.observed)} are not {before.inferred_type.value} any more"
        return Said(f"{name}: {what}", (), f"changed its type: {what}", what)
    if result.check == DRIFT or result.method is not None:
        found = _moved(result, before, now, max_domain_size)
        words = f"{name} {_drifted(result)}{found.words and f': {found.words}'}"
        return Said(words, found.values, found.change or "has another distribution", found.short, found.by)
    if result.threshold is None or result.formula is None:
        return Said(plain_words(result))
    shown = percent if result.formula.startswith("share") else number_text
    was, is_now = shown(result.threshold), shown(result.observed)
    what = f"{result.formula} went from {was} to {is_now}"
    return Said(f"{name}: its {what}", (), f"changed: its {what}", f"{result.formula} {was} → {is_now}")


def _drifted(result: CheckResult) -> str:
    against = f" from {result.against}" if result.against not in (None, "baseline") else ""
    observed, threshold = result.observed or 0.0, result.threshold or 0.0
    if result.statistic is None and result.adjusted_p is not None and observed <= threshold:
        return f"drifted{against}, p-value {result.adjusted_p:,.4g}"
    what = "p-value" if result.statistic is not None else "distance"
    return f"drifted{against}, {what} {observed:,.4g} (threshold {threshold:,.4g})"


def _moved(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution, max_domain_size: int) -> Said:
    if result.component == "missing" and before.rows and now.rows:
        return _missing("", before, now)
    if before.numbers is not None and now.numbers is not None:
        return _moved_numbers(result, before, now)
    if not before.categories or not now.categories:
        return Said("")
    b, c = category_cells(before.categories, now.categories)
    names = sorted({*before.categories, *now.categories})
    place = _largest(b / b.sum(), c / c.sum())
    is_listed = len(before.categories if b[place] else now.categories) <= max_domain_size
    return _of_one(float(b[place] / b.sum()), float(c[place] / c.sum()), [names[place]] if is_listed else [])


def _largest(before: Values, now: Values) -> int:
    """Where the difference is largest; of equal ones where it is a rise."""
    apart = np.round(now - before, 9)
    return int(np.lexsort((apart, abs(apart)))[-1])


def _of_one(was: float, now: float, values: Sequence[str]) -> Said:
    words = f"the share of {ONE_VALUE} went from {percent(was)} to {percent(now)}"
    change = f"has {ONE_VALUE} in {percent(now)} of the records, in {percent(was) if was else 'none'} before"
    return Said(words, values, change, f"share of {ONE_VALUE}: {percent(was)} → {percent(now)}")


def _moved_numbers(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution) -> Said:
    """The share of one value where cells tell of one; else the one of mean and standard deviation that moved more."""
    assert before.numbers is not None
    assert now.numbers is not None
    sides = before.numbers.step_cdf(), now.numbers.step_cdf()
    if result.component in ("cell", "chi2"):
        values = np.union1d(sides[0].values, sides[1].values)
        was, found = (np.diff(side.ranks_at(values), prepend=0) / side.total for side in sides)
        place = _largest(was, found)
        if abs(was - found)[place] >= LEAST_EFFECT:
            named = [number_text(float(values[place]))] if len(values) <= MOST_NAMED_NUMBERS else []
            return _of_one(float(was[place]), float(found[place]), named)
    told = {"mean": (before.mean, now.mean), "standard deviation": (_deviation(sides[0]), _deviation(sides[1]))}
    apart = [
        (abs(c - b), what, b, c)
        for what, (b, c) in told.items()
        if b is not None and c is not None and f"{b:,.4g}" != f"{c:,.4g}"
    ]
    if not apart:
        return Said("")
    _, what, was_, is_ = max(apart, key=itemgetter(0))
    change, by = moved(was_, is_, _deviation(sides[0]) if what == "mean" else None)
    change = change if what == "mean" else f"spreads otherwise: its {what} {change}"
    shown = f"{what} {number_text(was_)} → {number_text(is_)}"
    return Said(f"its {what} went from {was_:,.4g} to {is_:,.4g}", (), change, shown, by)


def _deviation(values: StepCdf) -> float | None:
    """None if there is no number, or they lie too far apart."""
    finite = values.finite()
    found = finite.deviation if finite.total else math.nan
    return found if math.isfinite(found) else None


def _missing(name: str, before: FeatureDistribution, now: FeatureDistribution) -> Said:
    was, found = (percent(1 - side.present / side.rows if side.rows else 0.0) for side in (before, now))
    earlier = "where none was" if was == "0 %" else f"{was} before"
    change = f"is missing in {found} of the records, {earlier}"
    return Said(f"{name}{name and ': '}{found} are missing, {was} were", (), change, f"missing {was} → {found}")


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


def overlay_of(
    baseline: FeatureDistribution, current: FeatureDistribution | None, most_named: int = 0
) -> Overlay | None:
    """None if either side's values are not known one by one. current: None shows the baseline alone. most_named: of how many
    categories the names may be shown; others are counted.
    """
    sides = [baseline] if current is None else [baseline, current]
    bins = bins_of(baseline)
    found = [bins.shares(side) if bins is not None else None for side in sides]
    shares = [np.clip(each, 0.0, 1.0) for each in found if each is not None]
    if bins is None or len(shares) < len(sides):
        return None
    if bins.ends is None:
        words = f"{len(bins.names):,} values in the baseline"
        words += f", {shares[1][-1]:.1%} now are others" if len(sides) > 1 else ""
        kept = [*range(min(len(bins.names), BINS)), *([BINS] if len(bins.names) > BINS else []), BINS + 1]
        named = len(bins.names) <= most_named
        names = [name if named else f"value {place}" for place, name in enumerate(bins.names[:BINS], start=1)]
        return overlay(
            [each[kept] for each in shares], words, names=(*names, *(["others"] * (len(bins.names) > BINS)), "new")
        )
    low, high = bins.ends
    medians = [number_text(side.numbers.step_cdf().quantiles((0.5,))[0]) for side in sides if side.numbers is not None]
    words = f"median {medians[0]}" if len(sides) == 1 else f"median {medians[0]} in the baseline, {medians[1]} now"
    kept = [*range(BINS + 2)] if low < high else [0, 1, BINS + 1]
    return overlay([each[kept] for each in shares], words, bins.ends)


def overlay(
    shares: Sequence[Values], words: str, ends: tuple[float, float] | None = None, names: Sequence[str] = ()
) -> Overlay:
    """shares: of the baseline, and of the window if there is one. ends: of the baseline's numbers. names: of its categories."""
    baseline, *current = (tuple(map(float, side)) for side in shares)
    now = current[0] if current else ()
    if ends is None:
        return Overlay(baseline, now, words, ("most frequent", "new"), tuple(names))
    low, high = ends
    axis = dict.fromkeys(number_text(end, 3) for end in (low, low / 2 + high / 2, high))
    outside = [
        f"{percent(now[place])} of the records {side} the baseline’s range"
        for place, side in ((0, "below"), (-1, "above"))
        if now and baseline and now[place] >= max(0.02, 2 * baseline[place])
    ]
    return Overlay(baseline, now, words, tuple(axis), (), ", ".join(outside))


# A run of data quality as a page to read: what changed as cards, then every other feature, one line each.


COMMAND = "model-monitor explain {name} --run DIRECTORY derives the numbers."
CHECKS = ("check", "verdict", "found", "limit", "how")
READING = (
    "Grey bars are the baseline, the blue outline is this run, over the baseline's bins: 20 of equal width, and one on each "
    "side for "
    "all beyond. Of texts they are the most frequent values, the others, and those that the baseline has not.",
    "A distance is 0 for equal distributions and 1 for such that have nothing in common. By chance alone: how often a window "
    "in which "
    "nothing changed looks like this one.",
    "No change larger than: a change of that size would have been seen in nine windows of ten; a smaller one may be there. "
    "checks.json "
    "has all numbers.",
)
UNITS = (10.0, 100.0, 1e3, 1e6, 60.0, 3600.0, 1024.0, 2.54, 1.609, 2.205, 4.184)
"""Factors between units that people mix up."""
FILLERS = frozenset({0.0, -1.0, -99.0, -999.0, 999.0, 9999.0, -9999.0})  # what programs write where there is no number


def page_of(
    profile: Profile,
    results: Sequence[CheckResult],
    known: QualityBaseline | None,
    *,
    max_domain_size: int = 0,
    hide_values: bool = False,
) -> Page:
    """The page of a run. known: what it was compared with; None for a baseline. max_domain_size: of how many categories the names
    are shown."""
    features = {feature.name: feature for feature in reversed(profile.features)}
    now, most_named = from_profile(profile), 0 if hide_values else max_domain_size
    if known is None and not results:
        return _of_baseline(features, now)
    known = known or QualityBaseline.made_of(Constraints(features=()), None, None)  # a person's own rules need none
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.feature or "", []).append(result)
    names = dict.fromkeys((*known.names, *now))
    bad = [name for name, found in by_name.items() if any(violated(found))]
    first = {name: min(violated(by_name[name]), key=lambda each: (each.alarm or 0, -excess(each))) for name in bad}
    bad.sort(key=lambda name: (first[name].alarm or 0, -excess(first[name])))
    cards = []
    for name in bad:
        said = said_of(first[name], features.get(name), known, max_domain_size)
        before = known.references.get(first[name].against or "", known.distributions).get(name)
        cards.append(_card(name, first[name], said, by_name[name], before, now.get(name), known, most_named))
    calm = [name for name in names if name not in first]
    if len(calm) > MOST_LINES:
        calm.sort(key=lambda name: -max((_size(each) for each in by_name.get(name, ())), default=0.0))
    sections = [PageSection("Changed", (Cards(tuple(cards)),), note="the largest first")] if cards else []
    if calm:
        lines = tuple(
            _line(name, known.distributions.get(name), now.get(name), by_name.get(name, []), known) for name in calm
        )
        note = f"{len(lines):,} feature{'' if len(lines) == 1 else 's'}"
        note += f", the {LINES_SHOWN} with the largest differences first" if len(lines) > MOST_LINES else ""
        table = PageTable(_CALM, lines)
        sections.append(PageSection("No change seen", (table,), note=note))
    rows = max((each.rows for each in known.distributions.values()), default=0)
    return _page(sections, facts=(("baseline", f"{rows:,} rows"),) if rows else ())


def _page(
    sections: Sequence[PageSection], headline: Headline | None = None, facts: tuple[tuple[str, str], ...] = ()
) -> Page:
    return Page(
        *("report", "Data quality", facts),
        (*sections, PageSection("How to read this", READING, folded=True)),
        headline,
        html_only=True,
    )


def _card(
    name: str,
    first: CheckResult,
    said: Said,
    results: Sequence[CheckResult],
    before: Side,
    now: Side,
    known: QualityBaseline,
    most_named: int,
) -> Card:
    values = ", ".join(first.values or ())
    short = said.short.replace(ONE_VALUE, values or ONE_VALUE) or said.words.removeprefix(f"{name}: ")
    short += f": {values}" if values and first.check == DOMAIN else ""
    also = [check_in_words(each) for each in violated(results) if each.check != first.check]
    hints = [
        *_may_be(first, before, now, with_values=most_named > 0),
        *([f"also: {', '.join(dict.fromkeys(also))}"] if also else []),
    ]
    if name in known.outputs:
        hints.insert(0, "a model output: it follows its inputs")
    picture = overlay_of(before, now, most_named) if before else overlay_of(now, None, most_named) if now else None
    rows = (
        (
            check_in_words(each),
            VERDICTS[each.status][1],
            number_text(each.observed),
            number_text(each.threshold),
            each.formula or "",
        )
        for each in results
    )
    columns = tuple(Column(title, title in ("found", "limit")) for title in CHECKS)
    evidence = "" if first.check in ("missing_column_check", "extra_column_check") else evidence_of(first)
    more: tuple[Block, ...] = (PageTable(columns, tuple(map(Line, rows))), COMMAND.format(name=name))
    return Card(name, short, said.by, first.since or "", picture, tuple(hints), None, evidence, more)


def _may_be(result: CheckResult, before: Side, now: Side, *, with_values: bool) -> Iterator[str]:
    """What the change may be, as far as the numbers look like it. with_values: whether one of them may be named."""
    if before is None or now is None:
        return
    if result.check == DOMAIN:
        yield "a new category, or another spelling of one?"
    if before.numbers is None or now.numbers is None:
        return
    sides = before.numbers.step_cdf().finite(), now.numbers.step_cdf().finite()
    if not all(side.total for side in sides):
        return
    if len(sides[1].values) == 1 < len(sides[0].values):
        yield f"all values are {number_text(float(sides[1].values[0])) if with_values else 'the same'}: is it frozen?"
        return
    shares = (0.1, 0.5, 0.9)
    ratios = [b / a for a, b in zip(*(side.quantiles(shares) for side in sides), strict=True) if a and b / a > 0]
    if len(ratios) == len(shares) and (unit := other_unit(ratios)):
        yield unit
        return
    for value in FILLERS if with_values else ():
        was, found = (
            float(np.diff(side.shares_at(np.array([np.nextafter(value, -np.inf), value])))[0]) for side in sides
        )
        if found - was >= LEAST_EFFECT and len(sides[0].values) > 2:
            yield f"{number_text(value)} is in {percent(found)} of the values, {percent(was)} before: written for missing ones?"
            return


_CALM = (
    *(
        Column("feature", is_name=True),
        Column("type"),
        Column("baseline and this run"),
        Column("before", is_number=True),
    ),
    *(Column("now", is_number=True), Column("no change larger than"), Column("missing", is_number=True)),
)


def other_unit(ratios: Sequence[float]) -> str:
    """What it may be if numbers are so many times what they were, each of them; empty if no unit explains it."""
    for unit in (*UNITS, *(1 / unit for unit in UNITS)):
        if all(ratio > 0 and abs(math.log(ratio / unit)) < 0.2 for ratio in ratios):
            usual = f"{number_text(unit, 3)} times" if unit > 1 else f"1/{number_text(1 / unit, 3)} of"
            return f"all of them are about {usual} a usual one: another unit?"
    return ""


def _line(name: str, before: Side, now: Side, results: Sequence[CheckResult], known: QualityBaseline) -> Line:
    drift = next((each for each in results if each.smallest_change is not None), None)
    largest = str(drift.change) if drift is not None and drift.change else ""
    asked = known.requested_threshold(name) if drift is not None else None
    if drift is not None and asked is not None and (drift.distance_high or 0) > asked:
        largest += f"; a distance above {number_text(asked)} was asked for, too few rows show that"
    if not largest:
        why = next((each for each in results if each.check == DRIFT and each.reason), None)
        unjudged = why is not None and why.status is CheckStatus.NOT_JUDGED
        largest = f"{'not compared: ' if unjudged else ''}{(why.reason or '').partition(';')[0]}" if why else "–"
    shown = (now or before or FeatureDistribution(InferredType.UNKNOWN)).type_name
    picture = (overlay_of(before, now) if before and now else None) or "–"
    return Line((name, shown, picture, _usual(before), _usual(now), largest, _lacking(now)))


def _usual(side: Side) -> str:
    """What a feature is like in a number: its mean, or how many values it has."""
    if side is None:
        return "–"
    return f"{len(side.categories):,} values" if side.categories else number_text(side.mean)


def _lacking(side: Side) -> str:
    return percent(1 - side.present / side.rows) if side and side.rows else "–"


def _size(result: CheckResult) -> float:
    return result.impact if result.impact is not None else result.distance or 0.0


def _of_baseline(features: Mapping[str, FeatureProfile], found: Mapping[str, FeatureDistribution]) -> Page:
    columns = (
        *(Column("feature", is_name=True), Column("type"), Column("distribution")),
        *(Column(title, is_number=True) for title in ("mean", "median (quartiles)", "missing")),
        Column("what is odd, or not compared"),
    )
    odd = {name: _odd(features[name], each) for name, each in found.items()}
    lines = tuple(
        Line(
            (
                name,
                each.type_name,
                overlay_of(each, None) or "–",
                _usual(each),
                _median(each),
                _lacking(each),
                odd[name],
            )
        )
        for name, each in found.items()
    )
    strange = [name for name in found if odd[name]]
    rows = max((each.rows for each in found.values()), default=0)
    text = f"{len(lines):,} features of {count_text(rows)} rows: later data is checked against what they are like."
    told = "; ".join(f"{name}: {odd[name]}" for name in strange[:3])
    more = f"; and {len(strange) - 3:,} more" if len(strange) > 3 else ""
    detail = f"Look at them first: {told}{more}." if strange else "Nothing about them looks odd."
    wide = [PageSection("What the data is like", (PageTable(columns, lines),), note=f"{len(lines):,} features")]
    return _page(wide, Headline(text, detail))


def _odd(feature: FeatureProfile, found: FeatureDistribution) -> str:
    """What somebody should know of a feature before later data is compared with it."""
    if not found.present:
        return "it has no value"
    values = found.categories or (found.numbers.step_cdf().values if found.numbers else ())
    if len(values) == 1:
        return "it has one value alone"
    lacking = f"{_lacking(found)} are missing" if found.present < found.rows / 2 else ""
    return why_always_new(feature) or lacking or found.reason or ""


def _median(side: Side) -> str:
    cdf = side.numbers.step_cdf() if side and side.numbers else None
    if cdf is None or not cdf.total:
        return number_text(None)
    low, middle, high = (number_text(value) for value in cdf.quantiles((0.25, 0.5, 0.75)))
    return f"{middle} ({low} to {high})"
