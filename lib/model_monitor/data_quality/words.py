"""What a violated check says to people: what was, what is, and which categories are new. Pure.

The words hold means and shares of many rows, never a value of one; categories stand apart from them, so that who must not show
any leaves those out. They are named where statistics.json lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import itemgetter

import numpy as np

from model_monitor.data_quality.baseline import QualityBaseline
from model_monitor.data_quality.distributions import FeatureDistribution, as_counted, from_feature_profile
from model_monitor.data_quality.messages import COMPARATOR_VALUE, EXTRA_COLUMNS, MISSING_COLUMNS, NEGATIVE
from model_monitor.data_quality.statistics import domain_of
from model_monitor.documents.alerts import COMPLETENESS, plain_words
from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.page import number_text
from model_monitor.statistics.drift.distributions import category_cells
from model_monitor.statistics.states import FeatureProfile, Profile
from model_monitor.statistics.verdicts.components import LEAST_EFFECT

MOST_VALUES, LONGEST = 5, 60

DRIFT, DOMAIN, HIDDEN = "baseline_drift_check", "categorical_values_check", "(hidden)"
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
    if result.check == DRIFT or result.method is not None:
        moved, values = _moved(result, before, now, max_domain_size)
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


def _moved(
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
    for text in (COMPARATOR_VALUE, NEGATIVE):
        said, mark, value = description.partition(text.partition("{")[0])
        if value:
            return said + mark + HIDDEN
    return description
