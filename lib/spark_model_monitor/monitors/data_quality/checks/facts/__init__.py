"""Facts: counts of rows of some kind that no limit of constraints.json covers, compared with the baseline's. Pure.

A fact takes one feature, with the baseline's states, and returns the `FactEvidence` of its window, or None if it does not
apply. It runs where noise is allowed for, within the budget of the family "contents", or of "new kinds" for values that the
baseline never had, and is violated if its `p` is at most `level` and its `effect` at least `least_effect`. `same_as` names
the checks that see the same change: the fact adds no second violation to theirs. A new file in this folder is discovered.

Facts count in the baseline's own groups: forty rows of one user who leaves a field empty, or has another type, count as one.
Rows of a kind of value that lie apart in the window count singly. If a value is usually frequent, or stands still, at this
hour, the hour excuses it. If a person wrote a limit of drift, no fact of range or of one value adds to it.

Each module has the facts of its subject: numbers.py, texts.py, text_form.py, dates.py, times.py, repeats.py, vector_checks.py.

Source: D4.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from spark_model_monitor.documents.check_results import FISHER, NORMAL, CheckStatus
from spark_model_monitor.monitors.data_quality import CONTENTS, NEW_KINDS, messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.distribution.calibration import NoiseCalibration
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry, RegistryEntry
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.drift.special_functions import normal_survival
from spark_model_monitor.statistics.states import Ends, FeatureProfile, Frequencies, State
from spark_model_monitor.statistics.states.moments import ROUNDING
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT, MIN_RATIO, find_smallest_sufficient_number
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail
from spark_model_monitor.value_class import value_class

CollectEvidence = Callable[[FeatureComparison, FeatureProfile], "FactEvidence | None"]

FACTS: Registry[CollectEvidence] = Registry("fact")


def register_fact(
    name: str, *, needs: type[State] | None = None, same_as: tuple[str, ...] = ()
) -> Callable[[CollectEvidence], CollectEvidence]:
    """Decorator that enters a fact. needs: the state that the baseline has to have. same_as: checks that see the same change."""
    return FACTS.register(name, needs=needs, same_as=same_as)


def collect_evidence(feature: FeatureComparison) -> Mapping[str, FactEvidence]:
    """The evidence of the facts of a feature, by check name; empty if the baseline's states are unavailable."""
    before = feature.baseline_profile
    if before is None or not feature.baseline_feature.is_compared:
        return {}
    evidence_by_check = {}
    for fact in _select_facts(before):
        evidence = fact.function(feature, before)
        if evidence is not None:
            evidence_by_check[fact.name] = evidence
    return evidence_by_check


@cache_with_feature
def _select_facts(baseline_profile: FeatureProfile) -> tuple[RegistryEntry[CollectEvidence], ...]:
    """The facts that apply to a feature with these states."""
    return tuple(
        fact for fact in FACTS.values() if not fact.facts["needs"] or baseline_profile.state(fact.facts["needs"])
    )


# The evidence of a fact on one column and its baseline, and the verdict on it.


MIN_SHIFT = 0.5  # the smallest relevant change of a mean, in standard deviations
MIN_SHARE_CHANGE = 0.1  # the smallest relevant change of the share of a period's dates, or of rounded times
MIN_MEAN_VALUES = 30  # values, or groups of them, whose mean is approximately normal


@value_class
class FactEvidence:
    """The evidence of a fact.

    Attributes
    ----------
    quantity
        What was measured, in words.
    observed, expected
        The quantity in the window, and the quantity expected from the baseline.
    n, m
        The numbers of the baseline's values, and of the window's.
    p
        The p-value; above 1 before it is judged, if it was adjusted for several tests.
    effect, least_effect
        The size of the change, and the size from which it is relevant.
    tail
        The p-value of a number of the window's values; None for a mean.
    test, statistic
        The name of the test, and its statistic.
    reason
        Why there is no verdict; None if there is one.
    family
        The family whose level the fact shares.
    """

    quantity: str
    observed: float
    expected: float
    n: int
    m: int
    p: float = 1.0
    effect: float = 0.0
    least_effect: float = 0.0
    tail: Callable[[int], float] | None = None
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
            return Finding(CheckStatus.NOT_JUDGED, n=self.n, m=self.m, formula=self.quantity, reason=self.reason)
        family_level, tests = calibration.get_level_and_tests(self.family)
        if self.family == NEW_KINDS and not self.has_values:
            tests += 1  # it would count if the window had such values
        level = family_level / tests
        finding = Finding(
            threshold=self.expected,
            observed=self.observed,
            n=self.n,
            m=self.m,
            formula=self.quantity,
            p=min(self.p, 1.0),
            fewest=self._find_fewest(level),
            decided_by=self.test,
            level=level,
            effect=self.effect,
            least_effect=self.least_effect,
        )
        if self.statistic is not None and math.isfinite(self.statistic):
            finding = finding.copy_with(statistic=self.statistic)
        if not self.is_large or self.p > level:
            return finding
        capitalized = self.quantity[:1].upper() + self.quantity[1:]
        return finding.mark_violated(messages.changed(capitalized, self.observed, self.expected))

    def _find_fewest(self, level: float) -> int | None:
        """The smallest number of the window's values that would be a violation, for comparison with the observed number."""
        tail = self.tail
        if tail is None:
            return None
        relevant_count = (self.expected + self.least_effect) * self.m
        return find_smallest_sufficient_number(
            self.m, lambda count: count >= relevant_count and count > 0 and tail(count) <= level
        )


def compare_shares(
    quantity: str,
    baseline: tuple[int, int],
    current: tuple[int, int],
    design_effect: float = 1.0,
    tail: Callable[[int], float] | None = None,
    least_effect: float | None = None,
    family: str | None = None,
) -> FactEvidence | None:
    """The evidence that a share of a window is higher than by chance; None if a side has no values.

    baseline, current: the count and the total. design_effect: how many rows of the baseline count as one. tail: the p-value of
    a count, if it isn't that of Fisher's exact test for groups. least_effect, family: as in FactEvidence; None: by the share's
    size, and by whether the baseline has such rows.
    """
    b, n = baseline
    w, m = current
    if not n or not m:
        return None

    # A closure couldn't be pickled, as a pool of processes does with findings
    tail = tail or partial(exact_tail, rows=m, baseline_count=b, baseline_rows=n, design_effect=design_effect)
    if least_effect is None:
        least_effect = min(MIN_EFFECT, MIN_RATIO * (b + 0.5) / n - b / n)
    return FactEvidence(
        quantity,
        w / m,
        b / n,
        n,
        m,
        tail(w),
        effect=w / m - b / n,
        least_effect=least_effect,
        tail=tail,
        statistic=float(w),
        family=family or (CONTENTS if b else NEW_KINDS),
    )


def select_clearest(*evidences: FactEvidence | None) -> FactEvidence | None:
    """The clearest of several tests of one fact, whose p-value allows for their number; None if a side has no values."""
    tests = [evidence for evidence in evidences if evidence is not None]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    clearest = min(tests, key=lambda evidence: (not evidence.is_large, evidence.p))
    # Bonferroni
    return replace(clearest, p=min(1.0, len(tests) * clearest.p), tail=None)


@value_class
class Mean:
    """The mean of `count` numbers, and their variance."""

    count: int
    mean: float
    variance: float

    @classmethod
    def from_whole_numbers(cls, count: int, total: int, squares: int, unit: int = 1) -> Mean:
        """The mean from sums of whole numbers, each in units of 1 / `unit`. The variance of equal numbers is exactly 0."""
        if not count:
            return cls(0, 0.0, 0.0)
        units = count * unit
        spread = max(0, count * squares - total * total)
        return cls(count, total / units, spread / units**2)


def compare_means(quantity: str, baseline: Mean, current: Mean, design_effect: float = 1.0) -> FactEvidence | None:
    """The evidence that a mean differs by more than chance and rounding; None if a side has no values.

    A two-sided z test (Welch), whose tail is widened as for numbers with a skewness of 2.
    """
    if not baseline.count or not current.count:
        return None
    difference = abs(current.mean - baseline.mean)
    if difference <= ROUNDING * max(abs(baseline.mean), abs(current.mean)):
        difference = 0.0
    # The difference in standard errors, for groups of rows; infinite without any spread
    error = math.sqrt(design_effect * (baseline.variance / baseline.count + current.variance / current.count))
    score = math.inf if difference else 0.0
    if error:
        score = difference / error
    groups = min(baseline.count, current.count) / design_effect
    p = 1.0
    if difference and groups >= MIN_MEAN_VALUES:
        p = min(1.0, 2 * compute_skewed_tail(score, groups))
    return FactEvidence(
        quantity,
        current.mean,
        baseline.mean,
        baseline.count,
        current.count,
        p,
        effect=difference,
        least_effect=MIN_SHIFT * math.sqrt((baseline.variance + current.variance) / 2),
        test=NORMAL,
        statistic=score,
    )


def compute_skewed_tail(z: float, count: float) -> float:
    """The upper normal tail of z / sqrt(1 + 2 z / (3 sqrt(count))): as for a mean of `count` numbers with a skewness of 2."""
    if z <= 0 or math.isinf(z):
        return normal_survival(z)
    return normal_survival(z / math.sqrt(1 + z * 2 / (3 * math.sqrt(count))))


def has_numbers(*features: FeatureProfile) -> bool:
    """Whether all sides are numeric and have finite values."""
    return all(map(_has_numbers, features))


@cache_with_feature
def _has_numbers(feature: FeatureProfile) -> bool:
    moments = feature.moments
    return feature.is_numeric and feature.kll is not None and moments is not None and moments.count > 0


def count_beyond(feature: FeatureProfile, *, below: float = -math.inf, above: float = math.inf) -> tuple[int, int]:
    """The number of finite numbers below `below` or above `above`, and of all finite numbers. If the states don't hold all
    numbers outside: the number that is certainly outside.
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
        fewest, is_all = ends.count_beyond(below, above)
    if is_all:
        return fewest, moments.count
    # The sketch's count, less its error bound
    outside = StepCdf(*sketch.step_cdf()).count_outside(below, above)
    return max(fewest, int(outside - sketch.error * moments.count)), moments.count


def get_exact_counts(feature: FeatureProfile) -> Frequencies | None:
    """The counts of a text's values, if all of them were counted."""
    counts = feature.frequencies
    if feature.is_numeric or counts is None or not counts.exact:
        return None
    return counts
