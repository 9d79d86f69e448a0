"""text_form_check: codes keep their form, whatever their values, which are new by nature."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    compare_shares,
    get_exact_counts,
    register_fact,
    select_clearest,
)
from spark_model_monitor.monitors.data_quality.distribution.always_new import (
    MOSTLY_SINGLE_VALUES,
    count_singletons,
    explain_always_new,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import hash_texts
from spark_model_monitor.statistics.date_columns import count_texts
from spark_model_monitor.statistics.states import DateTexts, FeatureProfile, TextLengths, TextShapes
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.text_forms import (
    MARK,
    PADDED,
    coarsen_form,
    find_mixed_parts,
    unify_mixed_parts,
    write_form,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED, MIN_WINDOWS
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.window_statistics import VALUES

MIN_CHANCE_DISPERSION = 0.6  # chi-square per degree of freedom of 32 parts is smaller in one of 20 cases
MIN_CODES = 100  # fewest codes: if their numbers were padded with zeros, one of so many would begin with a zero
NUMBERS = re.compile(r"[0-9]+")
LAST_NUMBER = re.compile(r"\A.*([09])[^09]*", re.DOTALL)
LOST_ZERO = 0.5  # codes that are shorter by more characters on average lost their leading zeros
MAX_WORDS = 2  # most words of a code, on average
MAX_SHOWN_LENGTH = 24  # most characters of a form in a sentence
SHAPES: tuple[Callable[[str], str], ...] = (str, coarsen_form)
"""The form itself and a coarser form: a change that is chance in one of them may be clear in the other."""


EQUIVALENT_CHECKS = ("categorical_values_check", "code_length_check", "frequent_value_check", "new_values_check")


@register_fact("text_form_check", same_as=EQUIVALENT_CHECKS)
def text_form(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of codes in a form that the baseline never had, such as capitals or another supplier's, is not above the share of
    forms that are new by chance. A form is the order of capitals, small letters, digits and other characters; longer numbers are
    none, since counters grow, nor are leading zeros unless codes get shorter. Only for texts whose values are new by nature;
    if these come and go or grow in number, each value counts once, however many rows have it.

    Source: D4.9; Good 1953, "The population frequencies of species".
    """
    comes_and_goes = feature.baseline_feature.new_value_counts is not None
    if baseline_profile.is_numeric or not feature.are_texts:
        return None
    # Other texts have known values, and new values have checks of their own
    if not comes_and_goes and explain_always_new(baseline_profile) != MOSTLY_SINGLE_VALUES:
        return None
    shapes = baseline_profile.state(TextShapes)
    if shapes is not None and shapes.words > MAX_WORDS * shapes.texts:  # free texts have checks of their own
        return None
    # Count rows with each form, in groups; if values come and go, count distinct values with each form
    count_by_form = count_forms
    texts = "texts"
    design_effect = feature.baseline_design_effect
    if comes_and_goes:
        count_by_form = count_forms_of_values
        texts = "different texts"
        design_effect = 1.0
    elif get_exact_counts(feature.current_profile) is None:
        texts = "sampled texts"
    forms_before = count_by_form(baseline_profile)
    forms_now = count_by_form(feature.current_profile)
    if not _are_shorter(feature, baseline_profile):
        forms_before = _ignore_padding(forms_before)
        forms_now = _ignore_padding(forms_now)
    mixed_parts = find_mixed_parts(forms_before)
    forms_before = _group_forms(forms_before, lambda form: unify_mixed_parts(form, mixed_parts))
    forms_now = _group_forms(forms_now, lambda form: unify_mixed_parts(form, mixed_parts))
    quantity = f"share of {texts} in a form that was not there"
    evidences = (
        _compare_forms(_group_forms(forms_before, shape), _group_forms(forms_now, shape), quantity, design_effect)
        for shape in SHAPES
    )
    return select_clearest(*evidences)


def _compare_forms(
    counts_before: Counter[str], counts_now: Counter[str], quantity: str, design_effect: float
) -> FactEvidence | None:
    """The evidence that more texts have a form that the baseline lacks than by chance. By chance, as many have such a form as
    texts of the baseline have a form that occurs once (Good 1953).
    """
    unseen_forms = {form: count for form, count in counts_now.items() if form not in counts_before}
    # The sentence names the form if it is short enough to read
    most_frequent = max(unseen_forms, key=lambda form: (unseen_forms[form], form), default="").lstrip(MARK)
    if 0 < len(most_frequent) <= MAX_SHOWN_LENGTH:
        quantity = f"{quantity} ({most_frequent})"
    by_chance = (count_singletons(counts_before), counts_before.total())
    current = (sum(unseen_forms.values()), counts_now.total())
    return compare_shares(quantity, by_chance, current, design_effect, least_effect=MIN_EFFECT)


def estimate_group_size(feature: FeatureComparison, is_of_kind: Callable[[str], bool]) -> float:
    """How many rows with a text of some kind may belong together: the largest dispersion (mean squared score) of a frequent
    text of that kind over the baseline's parts, divided by its lower limit. If unknown, the column's design effect. Fewer if the
    window has them in smaller groups.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5.
    """
    past = feature.baseline_feature.past_windows
    size = feature.baseline_design_effect
    dispersions = []
    for name, value in zip(VALUES, feature.baseline_distribution.frequent_values.tolist(), strict=False):
        scores = past[name][~np.isnan(past[name])]
        if len(scores) >= MIN_WINDOWS and is_of_kind(str(value)):
            dispersions.append(float((scores**2).mean()))
    # The largest size that is compatible with the dispersion; 1 if chance explains the dispersion
    if dispersions:
        size = 1.0
        if max(dispersions) > MAX_DISPERSED:
            size = max(dispersions) / MIN_CHANCE_DISPERSION
    hashes = hash_texts([text for text in count_texts(feature.current_profile) or () if is_of_kind(text)])
    return feature.limit_design_effect(size, lambda values: np.isin(values, hashes))


def are_grown_counters(feature: FeatureComparison, baseline_profile: FeatureProfile) -> bool:
    """Whether texts are codes with a counter that goes on, like ORD-1000 after ORD-999: codes in known forms, whose last number
    is never padded with zeros, and which are at most one digit longer than the baseline's longest code.
    """
    forms = count_forms(baseline_profile)
    lengths_before = baseline_profile.state(TextLengths)
    lengths_now = feature.current_profile.state(TextLengths)
    if baseline_profile.is_numeric or sum(forms.values()) < MIN_CODES or lengths_before is None or lengths_now is None:
        return False
    are_numbered = all(LAST_NUMBER.sub(r"\1", form) == "9" for form in forms)
    forms_now = _ignore_padding(count_forms(feature.current_profile))
    if not are_numbered or forms_now.keys() - _ignore_padding(forms).keys():
        return False
    longest = max(lengths_before.counts)
    if not all(longest <= length <= longest + 1 for length in lengths_now.counts):
        return False
    # If texts are known: the first numbers with one more digit begin with 1
    counts = get_exact_counts(feature.current_profile)
    if counts is None:
        return True
    longer_texts = [text for text in counts.counts if len(text) > longest]
    return all(max(NUMBERS.findall(text), key=len, default="").startswith("1") for text in longer_texts)


@cache_with_feature
def are_mixed_codes(baseline_profile: FeatureProfile) -> bool:
    """Whether most texts are codes such as hexadecimal numbers, in which the number of letters varies from code to code."""
    forms = count_forms(baseline_profile)
    mixed_parts = find_mixed_parts(forms)
    num_mixed = sum(
        count for form, count in forms.items() if " " not in form and unify_mixed_parts(form, mixed_parts) != form
    )
    return 2 * num_mixed > sum(forms.values())


@cache_with_feature
def count_forms(feature: FeatureProfile) -> Mapping[str, int]:
    """How often each form occurs among the texts, or in a sample of them; empty if the texts are unknown."""
    forms: Counter[str] = Counter()
    sample = feature.state(DateTexts)
    if get_exact_counts(feature) is None and (sample is None or sample.skipped):
        return forms
    for text, count in (count_texts(feature) or {}).items():
        forms[text if text.startswith(MARK) else write_form(text)] += count
    return forms


@cache_with_feature
def count_forms_of_values(feature: FeatureProfile) -> Mapping[str, int]:
    """The number of distinct texts by form; empty if not all were counted. Padding is ignored: 1000 comes after 0999."""
    counts = get_exact_counts(feature)
    texts = counts.counts if counts is not None else ()
    return Counter(write_form(text).replace(PADDED, "9") for text in texts)


def _are_shorter(feature: FeatureComparison, baseline_profile: FeatureProfile) -> bool:
    """Whether codes lost a character or more on average, such as their leading zeros; a counter's never do."""
    mean_before = _compute_mean_length(baseline_profile.state(TextLengths))
    mean_now = _compute_mean_length(feature.current_profile.state(TextLengths))
    return mean_now < mean_before - LOST_ZERO


def _compute_mean_length(lengths: TextLengths | None) -> float:
    if lengths is None or not lengths.counts:
        return 0.0
    characters = sum(length * count for length, count in lengths.counts.items())
    return characters / sum(lengths.counts.values())


def _ignore_padding(forms: Mapping[str, int]) -> Counter[str]:
    return _group_forms(forms, lambda form: form.replace(PADDED, "9"))


def _group_forms(forms: Mapping[str, int], shape: Callable[[str], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for form, count in forms.items():
        counts[shape(form)] += count
    return counts
