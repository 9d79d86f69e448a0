"""A run of data quality as a page to read: what is wrong now, then every feature beside its baseline. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from model_monitor.data_quality.baseline import QualityBaseline
from model_monitor.data_quality.distributions import FeatureDistribution, from_profile
from model_monitor.data_quality.overlays import overlay_of
from model_monitor.documents.alerts import check_in_words, reason_of
from model_monitor.documents.check_results import WORST_FIRST, CheckResult, CheckStatus
from model_monitor.documents.page import VERDICTS, Column, Line, Mark, Page, PageSection, PageTable, Tile, number_text
from model_monitor.documents.statistics import InferredType
from model_monitor.runs.judging import violated
from model_monitor.statistics.states import Profile

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
