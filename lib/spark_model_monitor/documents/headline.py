"""Summarises a run in one sentence for pages, mails, webhooks and the log: what changed, since when, and by how much. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from spark_model_monitor.documents.alarms import Alarm, collect_alarms
from spark_model_monitor.documents.change_description import (
    describe_change,
    describe_segment,
    format_chance,
    format_limit,
    format_start,
)
from spark_model_monitor.documents.check_results import (
    BESIDE,
    EXPECTATION,
    CheckResult,
    Hint,
    remove_values,
)
from spark_model_monitor.documents.outcome import (
    ALTERNATIVE,
    BETWEEN_COLUMNS,
    NEIGHBOURS_ALIKE,
    FeatureOutcome,
    find_aspect,
    group_by,
)
from spark_model_monitor.documents.page import (
    Headline,
    Highlight,
    format_noun_count,
    format_number,
    list_short_names,
    shorten_name,
)
from spark_model_monitor.documents.run_changes import (
    HOURS,
    RELATIONS,
    TIMES,
    WINDOW_SUBJECTS,
    RunChanges,
    format_subject,
    identify_change,
    is_about_window,
    is_beyond_threshold,
)
from spark_model_monitor.documents.run_description import RunWindow

MAX_HEADLINE_WORDS = 25
RANGE = "the baseline's range"  # comes before the ends of the range, which a short sentence omits
MAX_REASONS = 2  # reasons for `cannot tell` in a headline; checks.json has the others
TIME_ASPECTS = {HOURS: "hours", "date_period_check": "years"}
SHIFTED_COLUMNS = "shifted_columns"  # the name of a hint
COLUMN_CHECKS = {"missing_column_check", "extra_column_check"}


def write_headline(
    results: Sequence[CheckResult],
    window: RunWindow | None = None,
    outputs: Collection[str] = (),
    hints: Sequence[Hint] = (),
    *,
    are_violations_alone: bool = False,
) -> Headline:
    """The headline of a run.

    results: the results of all checks.
    outputs: features that are outputs of the model.
    hints: hints about the data.
    are_violations_alone: whether only violations are known, and not what else was compared.
    """
    changes = RunChanges(results, hints, are_violations_alone)
    # Alarms about the window as a whole, such as about its number of rows
    alarms = collect_alarms(results) or [Alarm((violation,)) for violation in results if violation.is_violation]
    window_sentences = [_make_sentence(alarm.sentence()) for alarm in alarms if is_about_window(alarm.results[0])]
    if changes.changed_results:
        headline = _write_changed_headline(changes, window_sentences, window, outputs)
    elif window_sentences:
        first, *further_sentences = window_sentences
        text = f"The window changed: {first[0].lower()}{first[1:]}"
        detail = " ".join([*further_sentences, *_explain_unsure(changes.unsure_features)])
        next_step = "check whether all rows and columns arrived, and each once"
        headline = Headline(text, detail, Highlight.BAD, next_step)
    elif are_violations_alone:
        headline = Headline("No violation is reported; how much was checked, no file says.")
    else:
        headline = _write_unchanged_headline(changes)
    if not changes.accepted:
        return headline
    # An accepted change is still a change, so the headline has to name it
    sentences = [f"{format_subject(change)} changed, {change.reason}." for change in changes.accepted[:MAX_REASONS]]
    # The further ones are only counted
    num_further = len(changes.accepted) - MAX_REASONS
    if num_further > 0:
        sentences.append(f"{num_further:,} more accepted changes are in checks.json.")
    detail = " ".join(filter(None, (headline.detail, *sentences)))
    mark = headline.mark
    if mark is Highlight.GOOD:
        mark = Highlight.NONE
    return replace(headline, detail=detail, mark=mark)


def _write_changed_headline(
    changes: RunChanges,
    window_sentences: Sequence[str],
    window: RunWindow | None,
    model_outputs: Collection[str],
) -> Headline:
    """The headline of a run with changes: what changed, and in how many features, metrics or outputs. window_sentences:
    about the window as a whole."""
    violations = changes.changed_results
    # If all columns are missing or new, this is another table, not a change
    if _has_no_common_column(changes.results):
        names = list_short_names(map(format_subject, violations))
        text = "The data has no column in common with the baseline: is this its baseline?"
        next_step = "name the baseline of this data (--baseline)"
        return Headline(text, f"Only on one side: {names}.", Highlight.BAD, next_step)
    # The change that began first; if several began together, inputs come before the model's outputs
    first = min(violations, key=lambda change: (change.since or "~", format_subject(change) in model_outputs))
    count = _count_changes(changes)
    # A hint that explains all changes with one reason
    for hint in changes.hints:
        if hint.hint == SHIFTED_COLUMNS:
            finding, _, step = hint.description.partition("; ")
            shift, _, example = finding.partition(": ")
            detail = " ".join([*window_sentences, _make_sentence(example)])
            return Headline(f"{count}: {shift}.", detail, Highlight.BAD, step)
    # The change that began first is probably the cause of the others
    since = format_start(first.since, window)
    if since and all(violation.since == first.since for violation in violations):
        count += f", since {since}"
    elif since:
        count += f", the first since {since}"
    further_names = [format_subject(violation) for violation in violations if violation is not first]
    # Select the form by the sentence without values, so that page and log have the same form and differ only in values
    without_values = _list_change_sentences(remove_values(first), further_names, count)
    index = without_values.index(_select_short(without_values))
    text = _list_change_sentences(first, further_names, count)[index]
    details = list(window_sentences)
    change = f"{format_subject(first)} {describe_change(first)}."
    if change not in text:
        details.append(change)
    details += _write_consequences(violations, first, model_outputs)
    details += _explain_unsure(changes.unsure_features)

    # Features without a change, and features that weren't compared
    num_moved = len({*changes.moved_names}.difference(map(identify_change, violations)))
    num_unchanged = changes.num_compared - len(changes.changed_features) - len(changes.fewer_missing) - num_moved
    if changes.unit != "attribution":
        num_unchanged -= len(changes.unsure_features)
    details += _describe_unchanged(num_unchanged, changes.unit)
    details += _list_exceptions(changes)
    has_violations = any(check_result.is_violation for check_result in changes.results)
    mark = Highlight.BAD if has_violations else Highlight.NONE
    return Headline(text, " ".join(details), mark, write_next_step(first, changes.unit))


def _count_changes(changes: RunChanges) -> str:
    """The changes in words: `2 of 6 features changed, and 1 rule is broken`."""
    counts = []
    num_features = len(changes.changed_features)
    if num_features and changes.are_violations_alone:
        counts.append(f"{format_noun_count(num_features, changes.unit)} changed")
    elif num_features:
        counts.append(f"{num_features:,} of {format_noun_count(changes.num_compared, changes.unit)} changed")
    num_rules = len(changes.changed_results) - num_features
    if num_rules == 1:
        counts.append("1 rule is broken")
    elif num_rules:
        counts.append(f"{num_rules:,} rules are broken")
    return ", and ".join(counts)


def write_next_step(first: CheckResult, unit: str) -> str:
    """What to do about a change. For a feature: check its source for the likely mistake. For a metric: look at the
    model's inputs.
    """
    if unit != "feature":
        return "look at the page of data quality of the same window, whose inputs may have changed"
    if first.is_rule_of_rows:
        return "check what the rule is about at its source"
    # The guess ends with its question, as in `about 20 % of them are about 100 times a usual one: another unit in some
    # rows?`
    question = (first.guess or "").rpartition(": ")[2]
    step = f"check {format_subject(first)} at its source"
    if first.check in BETWEEN_COLUMNS:
        step = step.replace("its source", "their sources")
    if question.endswith("?"):
        return f"{step}: {question}"
    return step


def _list_change_sentences(first: CheckResult, further_names: Sequence[str], count: str) -> list[str]:
    """Sentences about the first change, from the most detailed to the shortest: with its origin, in fewer words, without
    its origin.
    """
    name = format_subject(first)
    change = describe_change(first.model_copy(update={"where": None, "cause": None}))
    before_ends, range_in_words, _ = change.partition(RANGE)
    changes = [change, f"{before_ends}{range_in_words}"]
    changes.extend(change.partition(mark)[0] for mark in (" (", ": ", ", "))
    # Forms with the origin come first
    origin = describe_segment(first, is_short=True)
    located_changes = []
    if origin:
        # `of the file` can be left out, because all rows come from the file
        for named_origin in (origin, origin.replace(" of the file", "")):
            located_changes += [f"{words}, {named_origin}" for words in changes]
    sentences = []
    for words in (*located_changes, *changes):
        if not further_names:
            sentences.append(f"{count}: {name} {words}.")
        else:
            sentences += [
                f"{count}: {list_short_names([name, *further_names])}. {name} {words}.",
                f"{count}. The largest is {name}, which {words}.",
            ]
    return [*sentences, f"{count}, most of all {name}."]


def _write_consequences(
    violations: Sequence[CheckResult], first: CheckResult, model_outputs: Collection[str]
) -> list[str]:
    """Sentences with the guess about the first change, the model outputs that followed it, and what else changed."""
    name = format_subject(first)
    sentences = []
    if first.guess:
        end = "" if first.guess.endswith("?") else "."
        sentences.append(f"{name}: {first.guess}{end}")
    # What else changed: outputs that followed, and features without a known connection
    output_changes = []
    other_names = []
    for violation in violations:
        subject = format_subject(violation)
        if violation is first:
            continue
        # An output can follow an input but not another output
        if subject in model_outputs and name not in model_outputs:
            output_changes.append(f"{subject} {describe_change(violation)}")
        else:
            other_names.append(subject)
    if output_changes:
        sentences.append(f"The model's outputs followed: {'; '.join(output_changes[:2])}.")
    if other_names:
        sentences.append(f"Also: {list_short_names(other_names)}.")
    return sentences


def _describe_unchanged(num_unchanged: int, unit: str) -> list[str]:
    """The sentence about features without a change: `No change seen in the other 3 features.`"""
    if num_unchanged <= 0:
        return []
    # A single feature needs no number
    if num_unchanged == 1:
        return [f"No change seen in the other {unit}."]
    return [f"No change seen in the other {format_noun_count(num_unchanged, unit)}."]


def _has_no_common_column(check_results: Iterable[CheckResult]) -> bool:
    """Whether every column is either only in the data or only in the baseline."""
    judged_checks = set()
    violated_checks = set()
    for check_result in check_results:
        if check_result.is_judged and format_subject(check_result) not in WINDOW_SUBJECTS:
            judged_checks.add(check_result.check)
            if check_result.is_violation:
                violated_checks.add(check_result.check)
    return judged_checks == violated_checks == COLUMN_CHECKS


def _write_unchanged_headline(changes: RunChanges) -> Headline:
    # A skipped rule doesn't mean that a feature may have changed
    skipped_names = {check_result.full_name for check_result in changes.results if check_result.is_skipped_rule}
    if changes.unsure_features and skipped_names.issuperset(feature.name for feature in changes.unsure_features):
        detail = " ".join(_explain_unsure(changes.unsure_features))
        return Headline(f"{count_rules(changes.results)}.", detail, Highlight.UNSURE)
    if changes.unsure_features:
        return _write_unsure_headline(changes)
    if changes.accepted and not changes.num_compared:
        return Headline("No other change seen.", mark=Highlight.GOOD)
    # If no check was judged, `no change` would be wrong
    if not changes.judged_results:
        reasons = {check_result.reason for check_result in changes.results}
        if len(reasons) == 1 and None not in reasons:
            return Headline(f"Nothing was checked; {reasons.pop()}.")
        return Headline(
            "Nothing was checked: there is no baseline to compare with, or nothing in it that could be compared."
        )
    # A feature that moved within a person's limit doesn't count as unchanged
    count = format_noun_count(changes.num_compared - len(changes.moved_names), changes.unit)
    # The wording depends on what the monitor compares
    if changes.unit == "feature":
        return _write_unchanged_features(changes, count)
    if changes.unit == "metric":
        text = f"{count} checked: none is beyond its threshold by more than chance."
        return Headline(text, _write_closest(changes.judged_results), Highlight.GOOD)
    if changes.unit == "attribution":
        detail = _write_largest_move(changes)
    else:
        detail = _write_unjudged(changes)
    return Headline(f"No change seen in {count}.", detail, Highlight.GOOD)


def _write_unchanged_features(changes: RunChanges, count: str) -> Headline:
    """The headline for features without a change. count: their number in words."""
    detail = " ".join(_list_exceptions(changes))
    rules = ""
    rule_count = sum(check_result.check == EXPECTATION for check_result in changes.judged_results)
    if rule_count:
        rules = "1 rule holds" if rule_count == 1 else f"{rule_count:,} rules hold"
    if not changes.num_compared:
        return Headline(f"{rules or 'No limit is broken'}; nothing else was compared.", detail)
    # Say "other" if some features changed
    text = f"No change seen in {count}"
    if changes.fewer_missing or changes.accepted:
        text = f"No other change seen in {count}"
    if rules:
        text += f"; {rules}"
    if changes.moved_names:
        text += f"; moved, within your limit: {list_short_names(changes.moved_names)}"
    # The aspects that weren't compared: they need several columns, or an option of the baseline
    aspects = {find_aspect(check_result.check) for check_result in changes.judged_results}
    uncompared = [aspect for aspect in ("relations", "segments") if changes.num_compared > 1 and aspect not in aspects]
    if "segments" in aspects and not _has_segments_by_hour(changes.results):
        uncompared.append("segments by hour")
    uncompared += _list_uncompared_times(changes.results)
    names = [format_subject(check_result) for check_result in changes.not_compared]
    # List the columns by name, or only their number if the sentence gets too long
    if names:
        columns = (list_short_names(names), format_noun_count(len(names), "column"))
        sentences = [f"{text}; not compared: {', '.join([words, *uncompared])}." for words in columns]
        text = _select_short(sentences)
    elif uncompared:
        text += f"; not compared: {', '.join(uncompared)}."
    else:
        text += "."
    return Headline(text, detail, Highlight.GOOD)


def _has_segments_by_hour(check_results: Sequence[CheckResult]) -> bool:
    """Whether rows are compared by hour, or can't be because no column has times."""
    from spark_model_monitor.statistics.states.segments import BY_HOUR

    if not any(check_result.check == HOURS for check_result in check_results):
        return True
    # Some segments are cut by the hour of a column of times
    return any(part.cut.endswith(BY_HOUR) for check_result in check_results for part in check_result.parts or ())


def _list_uncompared_times(check_results: Sequence[CheckResult]) -> list[str]:
    """Columns of which hours of the day, or years, weren't compared; empty if there are none."""
    uncompared = []
    for check, part in TIME_ASPECTS.items():
        names = [
            format_subject(check_result)
            for check_result in check_results
            if check_result.check == check and not check_result.is_judged
        ]
        if names:
            uncompared.append(f"{part} of {list_short_names(names)}")
    return uncompared


def _write_unjudged(changes: RunChanges) -> str:
    """The number of bias metrics that could not be judged, and the first one's reason; empty if all were judged."""
    unjudged = [
        check_result
        for check_result in changes.results
        if not check_result.is_judged and not check_result.is_of_one_segment
    ]
    names = set(map(identify_change, unjudged)).difference(map(identify_change, changes.judged_results))
    if not names:
        return ""
    reason = unjudged[0].reason or "checks.json says why"
    return f"{format_noun_count(len(names), 'other')} could not be judged: {reason}."


def _write_largest_move(changes: RunChanges) -> str:
    """The largest change of an attribution that could have been missed; empty if no interval is known."""
    ends = []
    for check_result in changes.judged_results:
        if check_result.check in BESIDE:
            ends += [abs(end) for end in check_result.interval or ()]
    if not ends:
        return ""
    largest = format_number(max(ends), 2)
    features = format_noun_count(changes.num_compared, "feature")
    return f"None of {features} moves them by over {largest} more or less than it did."


def _write_closest(judged: Sequence[CheckResult]) -> str:
    """The metric that is closest to a violation; empty if no metric has a threshold."""
    closest = _find_closest_to_violation(judged)
    if closest is None:
        return ""
    chance = ""
    if closest.p is not None:
        chance = f"; by chance alone: {format_chance(closest.p)}"
    numbers = f"{format_number(closest.observed)}, {format_limit(closest)} is asked for{chance}"
    closest_sentence = f"The closest is {closest.metric}: {numbers}."
    # Otherwise a reader who compares the numbers would think that a violation was missed
    names = [str(metric.metric) for metric in judged if is_beyond_threshold(metric)]
    if not names:
        return closest_sentence
    verb = "is" if len(names) == 1 else "are"
    return f"{list_short_names(names)} {verb} beyond, by no more than chance explains. {closest_sentence}"


def _write_unsure_headline(changes: RunChanges) -> Headline:
    """The headline if nothing is violated but the checks can't tell whether some features changed."""
    unsure = changes.unsure_features
    num_unsure = sum(feature.name not in (RELATIONS, TIMES) for feature in unsure)
    # A feature may be unsure although none of its checks counts as compared
    num_compared = changes.num_compared
    if num_unsure:
        num_compared = max(num_compared, len(unsure))
        text = f"Cannot tell whether {len(unsure):,} of {format_noun_count(num_compared, changes.unit)} changed"
    else:
        text = "Cannot tell whether what was asked for changed"
    detail = _explain_unsure(unsure)
    if changes.unit != "attribution":
        detail += _describe_unchanged(num_compared - num_unsure, changes.unit)
    # Give one reason and its next step: that of most features, or of the first feature if it has a possible change
    first = unsure[0]
    if not first.possible_change:
        [(common_advice, _)] = Counter(feature.advice for feature in unsure).most_common(1)
        first = next(feature for feature in unsure if feature.advice == common_advice)
    clauses = (first.reason or "").split("; ")
    reason = next((clause for clause in clauses if clause.startswith(NEIGHBOURS_ALIKE)), clauses[0])
    # A possible change belongs to one feature, so the feature is named
    if first.possible_change and len(unsure) > 1:
        reason = f"{shorten_name(first.name)}: {reason}"
    brief_reason = reason.partition(", ")[0]
    named = f"{text}: {list_short_names([feature.name for feature in unsure])}"
    endings = (f"{named}; {reason}", f"{text}; {reason}", f"{text}; {brief_reason}", named)
    text = _select_short([f"{ending}." for ending in endings])
    next_step, *other_ways = (first.advice or "").split(ALTERNATIVE)
    return Headline(text, " ".join(detail), Highlight.UNSURE, next_step, tuple(other_ways))


def _select_short(sentences: Sequence[str]) -> str:
    """The first sentence that is short enough for a headline; else the last."""
    for sentence in sentences:
        if len(sentence.split()) <= MAX_HEADLINE_WORDS:
            return sentence
    return sentences[-1]


def _explain_unsure(unsure: Sequence[FeatureOutcome]) -> list[str]:
    """Sentences with the reasons for `cannot tell`; features with the same advice share the first one's reason."""
    features_by_advice = group_by(unsure, lambda feature: (feature.advice or "", bool(feature.possible_change)))
    sentences = []
    for features in [*features_by_advice.values()][:MAX_REASONS]:
        names = list_short_names([feature.name for feature in features])
        sentences.append(f"{names}: {features[0].reason or 'the reason is unknown'}.")
    if len(features_by_advice) > MAX_REASONS:
        sentences.append("checks.json has the reasons of all.")
    return sentences


def _find_closest_to_violation(check_results: Sequence[CheckResult]) -> CheckResult | None:
    """The metric of all rows that is closest to a violation: by its p-value, or else by its distance from the threshold."""
    metrics = [
        check_result
        for check_result in check_results
        if None not in (check_result.observed, check_result.threshold) and not check_result.where
    ]
    # If the run allows for chance, this is the metric with the smallest p-value; else the one closest to its threshold
    tested_metrics = [metric for metric in metrics if metric.p is not None]
    if tested_metrics:
        return min(tested_metrics, key=lambda metric: metric.p or 0.0)
    return min(metrics, key=lambda metric: abs((metric.observed or 0.0) - (metric.threshold or 0.0)), default=None)


def _list_exceptions(changes: RunChanges) -> list[str]:
    """Sentences about features in which fewer values are missing, and about columns that were not compared."""
    sentences = []
    if changes.fewer_missing:
        sentences.append(f"Fewer values are missing in {list_short_names(changes.fewer_missing)}.")
    if changes.not_compared:
        verb = "is" if len(changes.not_compared) == 1 else "are"
        names = list_short_names(map(format_subject, changes.not_compared))
        sentences.append(f"{names} {verb} not compared.")
    return sentences


def _make_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def count_rules(check_results: Iterable[CheckResult]) -> str:
    """The number of rules that hold and of rules that were skipped, in words; empty if none was skipped."""
    rules = [check_result for check_result in check_results if check_result.check == EXPECTATION]
    passed = sum(rule.has_passed for rule in rules)
    skipped = sum(rule.is_skipped_rule for rule in rules)
    if not skipped:
        return ""
    holding = "rule holds" if passed == 1 else "rules hold"
    verb = "was" if skipped == 1 else "were"
    return f"{passed:,} {holding}, {skipped:,} {verb} not checked"
