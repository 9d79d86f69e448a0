"""A run of data quality as a page to read: what is wrong now, then every feature beside its baseline. Pure.

Names of categories are on it only where statistics.json lists them, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from model_monitor.data_quality.baseline import QualityBaseline
from model_monitor.data_quality.distributions import FeatureDistribution, from_profile
from model_monitor.data_quality.overlays import overlay_of
from model_monitor.data_quality.statistics import domain_of
from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.page import (
    VERDICTS,
    Cell,
    Column,
    Line,
    Page,
    PageSection,
    PageTable,
    Tile,
    number_text,
)
from model_monitor.documents.statistics import InferredType
from model_monitor.states import Profile

MOST_ROWS = 12
"""Features that are shown first."""

MOST_NEW_VALUES = 5

DRIFT, DOMAIN = "baseline_drift_check", "categorical_values_check"

WORST_FIRST = (CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL, CheckStatus.PASSED, CheckStatus.NOT_JUDGED)

READING = (
    "The bars are the baseline, the line is this run, over the baseline's bins: 20 of equal width, and one on each side for all "
    "beyond. Of texts they are the 20 most frequent values, the others, and those that the baseline has not.",
    "A distance says how far apart both distributions are: 0 for equal ones. Above its threshold the feature has drifted. A "
    "p-value is the other way round: below its threshold.",
    "Cannot tell: nothing broke a limit, and something may have changed that so few rows, or so little history, can't show. Not "
    "judged: checks.json has the reason. It has all numbers of this page; model-monitor explain derives them.",
)


@dataclass(frozen=True)
class _Feature:
    """What is known of one feature. now: of this run, None if it has no such column; before: the same of the baseline."""

    name: str
    before: FeatureDistribution | None
    now: FeatureDistribution | None
    results: Sequence[CheckResult]
    new_values: tuple[str, ...] = ()

    @cached_property
    def status(self) -> CheckStatus:
        found = {result.status for result in self.results}
        return next((status for status in WORST_FIRST if status in found), CheckStatus.NOT_JUDGED)

    @cached_property
    def drift(self) -> CheckResult | None:
        return next((result for result in self.results if result.check == DRIFT), None)

    @cached_property
    def excess(self) -> float:
        """How often the distance has its threshold in it; of a p-value the threshold it."""
        drift = self.drift
        if drift is None or drift.observed is None or drift.threshold is None:
            return -1.0
        parts = (drift.observed, drift.threshold)
        above, below = parts if drift.statistic is None else reversed(parts)
        return above / below if below else float("inf") if above else 0.0

    @property
    def distance(self) -> str:
        if self.drift is None or self.drift.observed is None:
            return "–"
        kind = "" if self.drift.statistic is None else "p "
        return f"{kind}{number_text(self.drift.observed)} (threshold {number_text(self.drift.threshold)})"

    @property
    def broken(self) -> str:
        """The checks that it violates, or why it is not judged."""
        names = [
            result.check.removesuffix("_check").replace("_", " ") for result in self.results if _is_violated(result)
        ]
        if DOMAIN in {result.check for result in self.results if _is_violated(result)} and self.new_values:
            names.append(f"new: {', '.join(self.new_values)}")
        reasons = () if names else (result.reason for result in self.results if result.status is self.status)
        return "; ".join(names) or next(filter(None, reasons), "")

    def cells(self) -> tuple[Cell, ...]:
        type_now = (self.now or self.before or _NOTHING).inferred_type.value
        shown = overlay_of(self.before, self.now) if self.before and self.now else None
        return (
            VERDICTS[self.status][1],
            self.name,
            type_now,
            self.broken,
            self.distance,
            _moved(*(_mean(side) for side in (self.before, self.now))),
            _moved(*(_present(side) for side in (self.before, self.now))),
            shown or "–",
        )


COLUMNS = (
    Column("verdict"),
    Column("feature", is_name=True),
    Column("type"),
    Column("what"),
    Column("distance", is_number=True),
    Column("mean", is_number=True),
    Column("present", is_number=True),
    Column("distribution"),
)


def page_of(
    profile: Profile, results: Sequence[CheckResult], known: QualityBaseline | None, *, max_domain_size: int
) -> Page:
    """The page of a run. known: what it was held against; None for a baseline."""
    if known is None:
        return _of_baseline(profile)
    features = sorted(
        _features(profile, results, known, max_domain_size),
        key=lambda feature: (WORST_FIRST.index(feature.status), -feature.excess),
    )
    violated = [feature for feature in features if feature.status is CheckStatus.VIOLATED]
    of_data_set = [
        result for result in results if _is_violated(result) and result.feature not in {f.name for f in features}
    ]
    heading = "What is wrong now" if violated or of_data_set else "Nothing is violated"
    first = [Line(feature.cells(), VERDICTS[feature.status][0]) for feature in features[:MOST_ROWS]]
    rest = [Line(feature.cells(), VERDICTS[feature.status][0]) for feature in features[MOST_ROWS:]]
    blocks = [f"{result.feature}: {result.description}" for result in of_data_set]
    more = len(violated) - MOST_ROWS
    note = f"; {more:,} more are violated, below" if more > 0 else ""
    caption = f"{len(first):,} of {len(features):,} features, violated ones first, then the largest distances{note}"
    sections = [PageSection(heading, (*blocks, PageTable(COLUMNS, tuple(first), caption)))]
    if rest:
        caption = f"The other {len(rest):,} features"
        sections.append(
            PageSection("All other features", (PageTable(COLUMNS, tuple(rest), caption),), folded=not more > 0)
        )
    mark = VERDICTS[CheckStatus.VIOLATED if violated or of_data_set else CheckStatus.PASSED][0]
    tiles = (Tile("features violated", f"{len(violated):,} of {len(features):,}", mark),)
    return _page((*sections, PageSection("How to read this", READING)), tiles)


def _of_baseline(profile: Profile) -> Page:
    columns = tuple(column for column in COLUMNS if column.title not in ("verdict", "what", "distance"))
    lines = []
    for name, found in from_profile(profile).items():
        numbers = (_mean(found), _present(found))
        lines.append(Line((name, found.inferred_type.value, *numbers, overlay_of(found, None) or found.reason or "–")))
    table = PageTable(columns, tuple(lines), f"{len(lines):,} features")
    return _page((PageSection("Features", (table,)), PageSection("How to read this", READING)), ())


def _page(sections: tuple[PageSection, ...], tiles: tuple[Tile, ...]) -> Page:
    return Page("report", "Data quality", (), sections, tiles, html_only=True)


def _features(
    profile: Profile, results: Sequence[CheckResult], known: QualityBaseline, max_domain_size: int
) -> Iterator[_Feature]:
    """Those of the baseline, and then what the data has beside them."""
    now = from_profile(profile)
    found = {feature.name: feature for feature in profile.features}
    domains = {feature.name: feature.domains for feature in known.constraints.features}
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(result.feature or "", []).append(result)
    for name in dict.fromkeys((*domains, *now)):
        listed = domain_of(found[name], max_domain_size) if name in found else None
        new = tuple(value for value in listed or () if value not in (domains.get(name) or ()))
        shown = (*new[:MOST_NEW_VALUES], *(("…",) if len(new) > MOST_NEW_VALUES else ()))
        yield _Feature(name, known.distributions.get(name), now.get(name), by_name.get(name, ()), shown)


def _is_violated(result: CheckResult) -> bool:
    return result.status is CheckStatus.VIOLATED


def _mean(side: FeatureDistribution | None) -> str:
    return number_text(side.mean if side else None)


def _present(side: FeatureDistribution | None) -> str:
    return f"{side.present / side.rows:.4%}".replace(".0000%", "%") if side and side.rows else "–"


def _moved(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"


_NOTHING = FeatureDistribution(InferredType.UNKNOWN)
