"""The guards: checks for changes that no limit of constraints.json covers. Pure.

A guard takes one feature, with the baseline's states, and returns the `GuardEvidence` of its window, or None if it does not
apply; it is skipped if the baseline lacks the state that it `needs`. It runs where noise is allowed for, within the
budget of the family "contents", or of "new kinds" for values that the baseline never had, and is violated if its `p` is
at most `level` and its `effect` at least `least_effect`; a
new file in this folder is discovered automatically. `same_as` names the checks that
see the same change: the guard adds no second violation to theirs.

Rows may belong together, like those of one user. Then what looks like many rows is a single event: evidence must hold
even if rows come in groups of `GROUP`, unless the baseline's own parts show that rows are independent, or the change is
of a kind that the baseline never had, and no healthy window would.

dates.py, numbers.py, text_length.py, time_unit.py, value_checks.py, vector_checks.py: the guards of these.

Source: D4.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spark_model_monitor.documents.check_results import FISHER, NORMAL, CheckStatus
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.distribution.calibration import NAME_GROUPS, NoiseCalibration
from spark_model_monitor.monitors.data_quality.families import CONTENTS, NEW_KINDS
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry, RegistryEntry
from spark_model_monitor.statistics.drift.special_functions import normal_above
from spark_model_monitor.statistics.states import Ends, FeatureProfile, Frequencies
from spark_model_monitor.statistics.states.moments import ROUNDING
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.verdicts.components import (
    LEAST_EFFECT,
    LEAST_RATIO,
    chance_of_more,
    find_smallest_sufficient_number,
)

Guard = Callable[[FeatureComparison, FeatureProfile], "GuardEvidence | None"]

GUARDS: Registry[Guard] = Registry("guard")


def collect_evidence(feature: FeatureComparison) -> Mapping[str, GuardEvidence]:
    """The evidence of the guards on a feature, by check name; empty if the baseline's states are unavailable."""
    before = feature.before
    if before is None or not feature.baseline_feature.is_compared:
        return {}
    evidence_by_check = {}
    for guard in _select_guards(before):
        evidence = guard.function(feature, before)
        if evidence is not None:
            evidence.is_alien |= feature.has_independent_rows
            evidence_by_check[guard.name] = evidence
    return evidence_by_check


@cache_with_feature
def _select_guards(before: FeatureProfile) -> tuple[RegistryEntry[Guard], ...]:
    """The guards that apply to a feature with these states. needs: the state that a guard can't do without."""
    guards = []
    for guard in GUARDS.values():
        needs = guard.facts.get("needs")
        if needs is None or before.state(needs) is not None:
            guards.append(guard)
    return tuple(guards)


# The evidence of a guard on one column and its baseline, and the verdict on it.


GROUP = 40  # up to n rows may belong together, and be one value that is drawn once

FEWEST_ALIEN = 5
FEWEST_SEEN = 10 * GROUP
"""At least n rows of a window are not an accident, and a baseline of at least n rows would have had some."""

LEAST_SHIFT = 0.5  # the smallest relevant change of a mean, in standard deviations
FEWEST_OF_MEAN = 30  # values, or groups of them, whose mean is approximately normal

GROUPS = (
    f"groups of {GROUP} rows that belong together may change its {{quantity}} so much by chance, and without earlier "
    "windows their size is unknown"
)


@dataclass(slots=True)
class GuardEvidence:
    """The evidence of a guard. quantity: `observed` in the window and `expected` by the baseline. n, m: their values.

    p: for independent rows. grouped_p: for groups of rows. effect: the size of the change; least_effect: from which it is
    relevant. is_alien: whether no group of healthy rows would look so, and rows count singly. share: for a share, the
    baseline's count, and the alien part of a window; None for a mean. rarity: by what factor p falls for each value of the
    share, because of how far these lie outside. test: its name. statistic: of the test. reason: why
    there is no verdict; None if there is one. family: whose level it has.
    """

    quantity: str
    observed: float
    expected: float
    n: int
    m: int
    p: float = 1.0
    grouped_p: float = 1.0
    effect: float = 0.0
    least_effect: float = 0.0
    is_alien: bool = False
    share: tuple[int, float] | None = None
    rarity: float = 1.0
    test: str = FISHER
    statistic: float | None = None
    reason: str | None = None
    family: str = CONTENTS

    @property
    def is_large(self) -> bool:
        """Whether the change is relevant."""
        return self.effect > 0 and self.effect >= self.least_effect

    @property
    def has_values(self) -> bool:
        """Whether the window has a value of a kind that the baseline lacks."""
        return bool(self.statistic)

    def judge(self, calibration: NoiseCalibration) -> Finding:
        """The verdict at the level of the family's tests."""
        if self.reason is not None:
            return Finding(CheckStatus.NOT_JUDGED, None, n=self.n, m=self.m, formula=self.quantity, reason=self.reason)
        level, tests = calibration.level_and_tests(self.family)
        if self.family == NEW_KINDS and not self.has_values:
            tests += 1  # it would count if the window had such values
        counts_as_is = calibration.rows_are_independent or self.is_alien
        p = self.p
        if not counts_as_is:
            p = max(self.p, self.grouped_p)
        # How many values of this kind would be an alarm, which a user can compare with those there are
        fewest = None
        if self.share is not None:
            rule = (level / tests, self.least_effect, self.rarity)
            fewest = find_fewest_of_share(*self.share, self.n, self.m, *rule, counts_as_is=counts_as_is)
        finding = Finding(
            CheckStatus.PASSED,
            self.expected,
            self.observed,
            n=self.n,
            m=self.m,
            formula=self.quantity,
            p=min(p, 1.0),
            fewest=fewest,
            decided_by=self.test,
            level=level / tests,
            effect=self.effect,
            least_effect=self.least_effect,
        )
        if self.statistic is not None and math.isfinite(self.statistic):
            finding = finding.but(statistic=self.statistic)
        if not self.is_large or self.p > level / tests:
            return finding
        if p > level / tests:
            return finding.unsure(GROUPS.format(quantity=self.quantity), NAME_GROUPS, is_change_seen=True)
        capitalized = self.quantity[:1].upper() + self.quantity[1:]
        text = messages.changed(capitalized, self.observed, self.expected)
        return finding.but(status=CheckStatus.VIOLATED, description=text)


def share_evidence(
    quantity: str,
    baseline: tuple[int, int],
    current: tuple[int, int],
    *,
    alien: float = math.inf,
    is_kind: bool = False,
    group: int = GROUP,
) -> GuardEvidence | None:
    """Whether a share of a window is higher than by chance; None if a side has no values.

    baseline, current: the count and the total. alien: the share from which a window is unlike any healthy one, if the
    baseline has less than a hundredth of it. is_kind: whether any share is, if the baseline has none. group: how many rows may
    belong together.
    """
    (b, n), (w, m) = baseline, current
    if not n or not m:
        return None
    before = b / n
    after = w / m
    least_rise = LEAST_RATIO * (b + 0.5) / n - before
    if is_kind and not b:
        alien = 0.0
    is_alien = n >= FEWEST_SEEN and before <= alien / 100 and after >= alien and (not alien or w >= FEWEST_ALIEN)
    # The p-values of groups of rows, and of single ones
    groups = n // group
    grouped = 1.0
    if groups and w >= group and not is_alien:
        grouped = chance_of_more(min(math.ceil(b / group), groups), groups, w // group, m // group)
    p = 1.0
    if w:
        p = chance_of_more(b, n, w, m)
    family = CONTENTS
    if is_kind and not b:
        family = NEW_KINDS
    return GuardEvidence(
        *(quantity, after, before, n, m, p, grouped),
        effect=after - before,
        least_effect=min(LEAST_EFFECT, least_rise),
        is_alien=is_alien,
        share=(b, alien),
        statistic=float(w),
        family=family,
    )


@lru_cache(4096)
def find_fewest_of_share(
    b: int, alien: float, n: int, m: int, level: float, least_effect: float, rarity: float, *, counts_as_is: bool
) -> int | None:
    """The smallest violating number among the window's m values, if they lie as far outside as those that it has; None if
    not even all of them are.
    """

    def is_found(w: int) -> bool:
        evidence = share_evidence("", (b, n), (w, m), alien=alien)
        assert evidence is not None  # there are values
        p = evidence.p * distance_factor(rarity, w)
        evidence.least_effect = least_effect
        return evidence.is_large and p <= level and (counts_as_is or evidence.is_alien or evidence.grouped_p <= level)

    return find_smallest_sufficient_number(m, is_found)


def distance_factor(rarity: float, count: int) -> float:
    """By what factor the distances of so many values lower p; one value alone says nothing."""
    if count <= 1:
        return 1.0
    return math.pow(rarity, count)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of `count` numbers, and their variance."""

    count: int
    mean: float
    variance: float

    @classmethod
    def from_whole_numbers(cls, count: int, total: int, squares: int, unit: int = 1) -> Mean:
        """From the sum of whole numbers of `unit`ths and the sum of their squares; the variance of equal numbers is exactly 0."""
        if not count:
            return cls(0, 0.0, 0.0)
        units = count * unit
        spread = max(0, count * squares - total * total)
        return cls(count, total / units, spread / units**2)


def mean_evidence(quantity: str, baseline: Mean, current: Mean) -> GuardEvidence | None:
    """Whether a mean differs by more than chance and rounding; None if a side has no values."""
    if not baseline.count or not current.count:
        return None
    difference = abs(current.mean - baseline.mean)
    if difference <= ROUNDING * max(abs(baseline.mean), abs(current.mean)):
        difference = 0.0
    # A shift is relevant in standard deviations of both sides
    deviation = math.sqrt((baseline.variance + current.variance) / 2)
    return GuardEvidence(
        quantity,
        current.mean,
        baseline.mean,
        baseline.count,
        current.count,
        _chance_of_difference(difference, baseline, current, 1),
        _chance_of_difference(difference, baseline, current, GROUP),
        effect=difference,
        least_effect=LEAST_SHIFT * deviation,
        test=NORMAL,
        statistic=_difference_in_errors(difference, baseline, current, 1),
    )


def _difference_in_errors(difference: float, baseline: Mean, current: Mean, group: int) -> float:
    """The difference of means in its standard errors; infinite if there is no spread. group: how many rows count as one."""
    error = math.sqrt(group * (baseline.variance / baseline.count + current.variance / current.count))
    if not error:
        if difference:
            return math.copysign(math.inf, difference)
        return 0.0
    return difference / error


def _chance_of_difference(difference: float, baseline: Mean, current: Mean, group: int) -> float:
    """Two-sided tail of the difference of means, widened like that of numbers with a skewness of 2."""
    groups = min(baseline.count, current.count) // group
    if not difference or groups * group < FEWEST_OF_MEAN or groups < 2:
        return 1.0
    return 2 * widened_tail(_difference_in_errors(difference, baseline, current, group), groups)


def widened_tail(z: float, count: float) -> float:
    """The upper tail, widened like that of a mean of this many numbers with a skewness of 2."""
    if z <= 0 or math.isinf(z):
        return normal_above(z)
    return normal_above(z / math.sqrt(1 + z * 2 / (3 * math.sqrt(count))))


def has_numbers(*features: FeatureProfile) -> bool:
    """Whether all sides are numeric and have finite values."""
    return all(map(_has_numbers, features))


@cache_with_feature
def _has_numbers(feature: FeatureProfile) -> bool:
    moments = feature.moments
    return feature.is_numeric and feature.kll is not None and moments is not None and moments.count > 0


def count_beyond(feature: FeatureProfile, *, below: float = -math.inf, above: float = math.inf) -> tuple[int, int]:
    """The number of finite numbers outside, and their total. If more lie there than the stored ends hold, or without
    ends: the number that certainly does.
    """
    moments = feature.moments
    sketch = feature.kll
    assert moments is not None
    assert sketch is not None
    if below <= moments.minimum and moments.maximum <= above:
        return 0, moments.count
    ends = feature.state(Ends)
    fewest = 1
    is_all = False
    if ends is not None:
        fewest, is_all = ends.beyond(below, above)
    if is_all:
        return fewest, moments.count
    # The sketch's own count, less the most that it may be wrong by
    values, cumulative = sketch.step_cdf()
    outside = np.diff(cumulative, prepend=0)[(values < below) | (values > above)].sum()
    return max(fewest, int(outside - sketch.error * moments.count)), moments.count


def exact_counts(feature: FeatureProfile) -> Frequencies | None:
    """The counts of a text's values, if all of them were counted."""
    counts = None
    if not feature.is_numeric:
        counts = feature.frequencies
    if counts is not None and counts.exact:
        return counts
    return None
