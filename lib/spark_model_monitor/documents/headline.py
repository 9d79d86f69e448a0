"""A run in one sentence, for pages, mails, webhooks and the log: what changed, since when, by how much. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from spark_model_monitor.documents.alarms import Alarm, collect_alarms
from spark_model_monitor.documents.change_description import (
    SIDES,
    describe_change,
    describe_segment,
    format_chance,
    format_limit,
    format_start,
)
from spark_model_monitor.documents.check_results import (
    BESIDE,
    DRIFT,
    EXPECTATION,
    LABEL,
    OF_THE_WINDOW,
    WITHIN_LIMIT,
    CheckResult,
    CheckStatus,
    Hint,
    cause,
    count_rules,
    group_by_cause,
    identify_subject,
    remove_values,
)
from spark_model_monitor.documents.outcome import (
    ALTERNATIVE,
    BETWEEN_COLUMNS,
    CHECKS_OF_ROWS,
    NEIGHBOURS_ALIKE,
    FeatureOutcome,
    find_aspect,
    find_unsure_features,
)
from spark_model_monitor.documents.page import (
    Headline,
    Highlight,
    format_noun_count,
    format_number,
    list_short_names,
    shorten_name,
)
from spark_model_monitor.documents.run_description import RunWindow

DATA_SET = frozenset({"Missing columns", "Extra columns"})
"""The names that violations of the data set itself have in place of a feature."""

RELATIONS = "Relations"
TIMES = "Times"
REQUEST = "request_check"
"""The results of what a person asked for and this run can't do, with one of these names."""

CHECKS_OF_ALL = frozenset({*CHECKS_OF_ROWS, EXPECTATION, REQUEST})
"""Checks whose result is about the data set or the window if it has a name of `OF_ALL`; otherwise it is about a feature."""

MOST_WORDS = 25  # of a headline
RANGE = "the baseline's range"  # in a change, before the ends, which a short sentence leaves out
CHECK_SOURCE = "check {name} at its source"
CHECK_INPUTS = "look at the page of data quality of the same window, whose inputs may have changed"
CHECK_ROWS = "check whether all rows arrived, and each once"
NAME_ANOTHER_BASELINE = "name the baseline of this data (--baseline)"
REASONS_NAMED = 2  # reasons why nobody can tell that a headline gives; the others are in checks.json
DATE_VALUE = "date_value_check"  # each column of dates has it
HOURS = "time_of_day_check"
TIME_PARTS = {HOURS: "hours", "date_period_check": "years"}
CONCEPT_DRIFT = "concept_drift_check"
FEWER_MISSING = "fewer_missing"  # a hint
SHIFTED_COLUMNS = "shifted_columns"  # a hint
COLUMN_CHECKS = {"missing_column_check", "extra_column_check"}
NOTHING_COMPARED = "Nothing was compared."
NONE_REPORTED = "No violation is reported; how much was checked, no file says."
NOTHING_ELSE = "nothing else was compared"
NO_COMMON_COLUMN = "The data has no column in common with the baseline: is this its baseline?"
OF_ALL = (OF_THE_WINDOW, *DATA_SET, "Repeated rows", "Number of rows", "Newest row", RELATIONS, TIMES)
DEEQU_METRICS = "DEEQU_METRICS"
KINDS = {
    "DATA_QUALITY": "data quality",
    "MODEL_QUALITY": "model quality",
    "MODEL_BIAS": "bias",
    "MODEL_EXPLAINABILITY": "feature attribution",
    "ESTIMATED_QUALITY": "estimated model quality",
    DEEQU_METRICS: "metrics of Deequ, imported and not judged",
}
"""The names of the monitors on pages."""


def write_headline(
    results: Sequence[CheckResult],
    window: RunWindow | None = None,
    outputs: Collection[str] = (),
    hints: Sequence[Hint] = (),
    *,
    are_violations_alone: bool = False,
) -> Headline:
    """The headline of a run. results: of all checks. outputs: features that are model outputs. hints: about its data.
    are_violations_alone: whether nobody knows what else was compared."""
    headline = _write_judged_headline(results, window, outputs, hints, are_violations_alone=are_violations_alone)
    accepted = find_accepted(results)
    if not accepted:
        return headline
    # It did change, so that all is not as it was
    named = accepted[:REASONS_NAMED]
    sentences = [f"{_format_subject(change)} changed, {change.reason}." for change in named]
    details = [headline.detail, *sentences]
    detail = " ".join(filter(None, details))
    # More than a person would read are counted
    if len(accepted) > REASONS_NAMED:
        detail += f" {len(accepted) - REASONS_NAMED:,} more accepted changes are in checks.json."
    mark = headline.mark
    if mark is Highlight.GOOD:
        mark = Highlight.NONE
    return replace(headline, detail=detail, mark=mark)


def _write_judged_headline(
    check_results: Sequence[CheckResult],
    window: RunWindow | None,
    output_names: Collection[str],
    hints: Sequence[Hint],
    *,
    are_violations_alone: bool,
) -> Headline:
    # What changed, in how many features, metrics or outputs
    bad, compared, unit = count_changes(check_results)
    fewer = _find_fewer_missing(check_results, bad, hints)

    # What is said of the window as a whole, such as its number of rows
    alarms = collect_alarms(check_results) or [
        Alarm((violation,)) for violation in check_results if violation.is_violation
    ]
    window_alarms = [alarm for alarm in alarms if _is_of_all(alarm.results[0])]
    also = [f"{_make_capital(alarm.sentence())}." for alarm in window_alarms]
    if not bad and not also:
        if are_violations_alone:
            return Headline(NONE_REPORTED)
        return _write_unchanged_headline(check_results, compared, unit, fewer)
    # Every column missing and every one new: that is another table, not a change
    if _has_no_common_column(check_results):
        names = list_short_names([_format_subject(violation) for violation in bad])
        return Headline(NO_COMMON_COLUMN, f"Only on one side: {names}.", Highlight.BAD, NAME_ANOTHER_BASELINE)
    unsure = _find_unsure(check_results)
    if not bad:
        detail = [*also[1:], *_explain_unsure(unsure)]
        text = f"The window changed: {also[0][0].lower()}{also[0][1:]}"
        return Headline(text, " ".join(detail), Highlight.BAD, CHECK_ROWS)

    # The change that began first; where several did, inputs come before the model's outputs
    first = min(bad, key=lambda change: (change.since or "~", _format_subject(change) in output_names))
    count = format_noun_count(len(bad), unit)
    if not are_violations_alone:
        count = f"{len(bad):,} of {format_noun_count(compared, unit)}"
    shift = next((hint.description for hint in hints if hint.hint == SHIFTED_COLUMNS), "")
    if shift:
        return _write_shift(shift, f"{count} changed", also)
    text = _write_changes(bad, first, count, window)
    detail = list(also)
    change = f"{_format_subject(first)} {describe_change(first)}."
    if change not in text:
        detail.append(change)
    detail += _write_consequences(bad, first, output_names)
    detail += _explain_unsure(unsure)

    # What is fine, and what was not compared
    moved = find_moved_within_limits(check_results)
    calm = compared - len(bad) - len(fewer) - len({*moved}.difference(map(_identify, bad)))
    if unit != "attribution":
        calm -= len(unsure)
    if calm > 0:
        detail.append(_write_calm(calm, unit))
    detail += _list_exceptions(fewer, find_not_compared(check_results, bad))
    has_violations = any(check_result.is_violation for check_result in check_results)
    mark = Highlight.BAD if has_violations else Highlight.NONE
    return Headline(text, " ".join(detail), mark, write_next_step(first, unit))


def _write_shift(description: str, count: str, also: Sequence[str]) -> Headline:
    """The one reason of all changes. description: of the hint that names it."""
    finding, _, step = description.partition("; ")
    shift, _, example = finding.partition(": ")
    return Headline(f"{count}: {shift}.", " ".join([*also, f"{_make_capital(example)}."]), Highlight.BAD, step)


def write_next_step(first: CheckResult, unit: str) -> str:
    """What to do about a change: look at the feature, and for which mistake; of a metric, at the model's inputs."""
    if unit != "feature":
        return CHECK_INPUTS
    # `about 20 % of them are about 100 times a usual one: another unit in some rows?`
    # has its question last
    question = (first.guess or "").rpartition(": ")[2]
    step = CHECK_SOURCE.format(name=_format_subject(first))
    if first.check in BETWEEN_COLUMNS:
        step = step.replace("its source", "their sources")
    if question.endswith("?"):
        return f"{step}: {question}"
    return step


def _write_changes(bad: Sequence[CheckResult], first: CheckResult, count: str, window: RunWindow | None) -> str:
    """How many changed, since when, and how the first one did, or the largest of several that began together."""
    # What began first is probably the cause of the rest
    count += " changed"
    since = format_start(first.since, window)
    num_first = sum(violation.since == first.since for violation in bad)
    if since and num_first < len(bad):
        count += f", the first since {since}"
    elif since:
        count += f", since {since}"
    further_names = [_format_subject(violation) for violation in bad if violation is not first]
    # The same sentence with and without values, so that page and log differ in these alone
    without_values = _list_change_sentences(remove_values(first), further_names, count)
    index = without_values.index(_select_short(without_values))
    return _list_change_sentences(first, further_names, count)[index]


def _list_change_sentences(first: CheckResult, further_names: Sequence[str], count: str) -> list[str]:
    """The first change with its origin, in fewer words, and without it: from the sentence that says most to the shortest."""
    name = _format_subject(first)
    change = describe_change(first.model_copy(update={"where": None, "cause": None}))
    before_ends, range_in_words, _ = change.partition(RANGE)
    changes = [change, f"{before_ends}{range_in_words}"]
    for mark in (" (", ": ", ", "):
        changes.append(change.partition(mark)[0])
    # With the origin first
    origin = describe_segment(first, is_short=True)
    located_changes = []
    if origin:
        # Rows are of the file, which goes without saying where a word more is too long
        for named_origin in (origin, origin.replace(" of the file", "")):
            located_changes += [f"{words}, {named_origin}" for words in changes]
    sentences = []
    for words in (*located_changes, *changes):
        if not further_names:
            sentences.append(f"{count}: {name} {words}.")
        else:
            sentences.append(f"{count}: {list_short_names([name, *further_names])}. {name} {words}.")
            sentences.append(f"{count}. The largest is {name}, which {words}.")
    return [*sentences, f"{count}, most of all {name}."]


def _write_consequences(bad: Sequence[CheckResult], first: CheckResult, model_outputs: Collection[str]) -> list[str]:
    """The guess about the first change, the outputs of the model that followed it, and what else changed."""
    name = _format_subject(first)
    sentences = []
    if first.guess:
        sentences.append(f"{name}: {first.guess}" + "." * (not first.guess.endswith("?")))
    followed = []
    unrelated = []
    for violation in bad:
        subject = _format_subject(violation)
        if violation is first:
            continue
        # An output can follow an input, not another output
        if subject in model_outputs and name not in model_outputs:
            followed.append(f"{subject} {describe_change(violation)}")
        else:
            unrelated.append(subject)
    if followed:
        sentences.append(f"The model's outputs followed: {'; '.join(followed[:2])}.")
    if unrelated:
        sentences.append(f"Also: {list_short_names(unrelated)}.")
    return sentences


def _write_calm(calm: int, unit: str) -> str:
    """`No change seen in the other 3 features.`"""
    # One alone needs no number
    if calm == 1:
        return f"No change seen in the other {unit}."
    return f"No change seen in the other {format_noun_count(calm, unit)}."


def _has_no_common_column(check_results: Iterable[CheckResult]) -> bool:
    """Whether every column is only in the data or only in the baseline."""
    judged = [
        check_result
        for check_result in check_results
        if check_result.status is not CheckStatus.NOT_JUDGED and _format_subject(check_result) not in OF_ALL
    ]
    violated = {check_result.check for check_result in judged if check_result.is_violation}
    return {check_result.check for check_result in judged} == violated == COLUMN_CHECKS


def count_changes(results: Sequence[CheckResult]) -> tuple[list[CheckResult], int, str]:
    """One result for each change, the largest first; the number of compared items; what they are, in the singular."""
    unit = _find_unit(results)
    changes: list[CheckResult] = []
    if unit == "attribution":
        changes = _find_attribution_changes(results)
    if not changes:
        for same_cause in group_by_cause(results):
            changes += [check_result for check_result in same_cause if check_result.is_violation]
    bad = _select_first_by_key(change for change in changes if not _is_of_all(change))

    # Each feature or metric counts once; a rule that holds, or a relation of columns, is none
    compared = {_identify(change) for change in bad if change.check not in BETWEEN_COLUMNS}
    for check_result in _select_judged(results, unit):
        if check_result.check not in (*BETWEEN_COLUMNS, EXPECTATION):
            compared.add(_identify(check_result))
    # A feature whose values weren't compared, or that changed as somebody accepted, must not count as fine
    compared -= set(map(_identify, find_not_compared(results, bad)))
    compared -= set(map(_identify, find_accepted(results))) - set(map(_identify, bad))
    return bad, len(compared), unit


def _write_unchanged_headline(
    results: Sequence[CheckResult], compared: int, unit: str, fewer: Sequence[str]
) -> Headline:
    unsure = _find_unsure(results)
    # A rule that was skipped is no feature that may have changed
    skipped_names = {check_result.full_name for check_result in results if check_result.is_skipped_rule}
    skipped = [feature for feature in unsure if feature.name in skipped_names]
    if skipped and len(skipped) == len(unsure):
        return Headline(f"{count_rules(results)}.", " ".join(_explain_unsure(skipped)), Highlight.UNSURE)
    if unsure:
        return _write_unsure_headline(unsure, compared, unit)
    # Without a single judged check, `no change` would be a lie
    judged = _select_judged(results, unit)
    accepted = find_accepted(results)
    if accepted and not compared:
        return Headline("No other change seen.", mark=Highlight.GOOD)
    if not judged:
        reasons = {check_result.reason for check_result in results}
        why = reasons.pop() if len(reasons) == 1 else None
        nothing = ": there is no baseline to compare with, or nothing in it that could be compared"
        return Headline(f"Nothing was checked{f'; {why}' if why else nothing}.")
    # What moved within a person's limit is no feature without a change
    moved = find_moved_within_limits(results)
    compared -= len(moved)
    count = format_noun_count(compared, unit)
    # The wording depends on the monitor: features, attributions, metrics, bias
    if unit == "feature":
        left_out = find_not_compared(results)
        detail = " ".join(_list_exceptions(fewer, left_out))
        rules = sum(check_result.check == EXPECTATION for check_result in judged)
        hold = "1 rule holds" if rules == 1 else f"{rules:,} rules hold"
        if not compared and not moved:
            return Headline(f"{hold}; {NOTHING_ELSE}." if rules else NOTHING_COMPARED, detail)
        also = f"; {hold}" if rules else ""
        # Beside what changed, the rest
        adjective = ""
        if fewer or accepted:
            adjective = "other "
        text = f"No {adjective}change seen in {count}{also}"
        if moved:
            text += f"; moved, within your limit: {list_short_names(moved)}"
        names = [_format_subject(check_result) for check_result in left_out]
        # What takes several columns, or a flag of the baseline
        aspects = {find_aspect(check_result.check) for check_result in judged}
        further = [
            aspect for aspect in ("relations", "segments") if compared + len(moved) > 1 and aspect not in aspects
        ]
        if "segments" in aspects and not _has_segments_by_hour(results):
            further.append("segments by hour")
        further += _list_uncompared_times(results)
        if not names and not further:
            return Headline(f"{text}.", detail, Highlight.GOOD)
        # The columns by name, or their number if these are too many
        sentences = []
        for columns in (list_short_names(names), format_noun_count(len(names), "column")):
            aspects_left_out = list(further)
            if names:
                aspects_left_out.insert(0, columns)
            listed = ", ".join(aspects_left_out)
            sentences.append(f"{text}; not compared: {listed}.")
        return Headline(_select_short(sentences), detail, Highlight.GOOD)
    if unit == "metric":
        text = f"{count} checked: none is beyond its threshold by more than chance."
        return Headline(text, _write_closest(judged), Highlight.GOOD)
    detail = _write_unjudged(results, judged)
    if unit == "attribution":
        detail = _write_largest_move(judged, compared)
    return Headline(f"No change seen in {count}.", detail, Highlight.GOOD)


def _has_segments_by_hour(check_results: Sequence[CheckResult]) -> bool:
    """Whether rows are compared by hour, or there are no times that cut them so."""
    from spark_model_monitor.statistics.states.segments import BY_HOUR

    if not any(check_result.check == HOURS for check_result in check_results):
        return True
    # Beside the hours of a column of times
    return any(part.cut.endswith(BY_HOUR) for check_result in check_results for part in check_result.parts or ())


def _list_uncompared_times(check_results: Sequence[CheckResult]) -> list[str]:
    """Columns whose hours of the day, or years, weren't compared; empty if there are none."""
    uncompared = []
    for check, part in TIME_PARTS.items():
        names = [
            _format_subject(check_result)
            for check_result in check_results
            if check_result.check == check and check_result.status is CheckStatus.NOT_JUDGED
        ]
        if names:
            uncompared.append(f"{part} of {list_short_names(names)}")
    return uncompared


def _write_unjudged(results: Sequence[CheckResult], judged: Sequence[CheckResult]) -> str:
    """How many bias metrics could not be judged, and why the first couldn't; empty if all could."""
    unjudged = [
        check_result
        for check_result in results
        if check_result.status is CheckStatus.NOT_JUDGED and not check_result.is_of_one_segment
    ]
    names = set(map(_identify, unjudged)).difference(map(_identify, judged))
    if not names:
        return ""
    reason = unjudged[0].reason or "checks.json says why"
    return f"{format_noun_count(len(names), 'other')} could not be judged: {reason}."


def _write_largest_move(judged: Sequence[CheckResult], compared: int) -> str:
    """The largest change of an attribution that may have gone unseen; empty if no interval is known."""
    ends = []
    for check_result in judged:
        if check_result.check in BESIDE:
            ends += [abs(end) for end in check_result.interval or ()]
    if not ends:
        return ""
    largest = format_number(max(ends), 2)
    features = format_noun_count(compared, "feature")
    return f"None of {features} moves them by over {largest} more or less than it did."


def _write_closest(judged: Sequence[CheckResult]) -> str:
    """The metric that is closest to a violation; empty if none has a threshold."""
    closest = _find_closest_to_violation(judged)
    if closest is None:
        return ""
    chance = ""
    if closest.p is not None:
        chance = f"; by chance alone: {format_chance(closest.p)}"
    numbers = f"{format_number(closest.observed)}, {format_limit(closest)} is asked for{chance}"
    closest_sentence = f"The closest is {closest.metric}: {numbers}."
    # A reader who compares the numbers would otherwise think that a violation was missed
    beyond = [str(metric.metric) for metric in judged if is_beyond_threshold(metric)]
    if not beyond:
        return closest_sentence
    are = "is" if len(beyond) == 1 else "are"
    return f"{list_short_names(beyond)} {are} beyond, by no more than chance explains. {closest_sentence}"


def _find_unsure(check_results: Sequence[CheckResult]) -> list[FeatureOutcome]:
    """The features of which nobody can tell whether they changed; metrics that say the same in other units count once."""
    unsure = find_unsure_features(check_results)
    names = {feature.name for feature in unsure}
    # Left out only if the metric that they repeat is named itself
    repeated = {check_result.full_name for check_result in check_results if check_result.same_as in names}
    return [feature for feature in unsure if feature.name not in repeated]


def _write_unsure_headline(unsure: Sequence[FeatureOutcome], compared: int, unit: str) -> Headline:
    """Nothing is violated, but nobody can tell whether some features changed."""
    names = list_short_names([feature.name for feature in unsure])
    if all(feature.name in (RELATIONS, TIMES) for feature in unsure):
        text = "Cannot tell whether what was asked for changed"
    else:
        # A feature may be unsure without any check that counts as compared
        compared = max(compared, len(unsure))
        text = f"Cannot tell whether {len(unsure):,} of {format_noun_count(compared, unit)} changed"
    detail = _explain_unsure(unsure)
    num_unsure = sum(feature.name not in (RELATIONS, TIMES) for feature in unsure)
    calm = compared - num_unsure
    if calm > 0 and unit != "attribution":
        detail.append(_write_calm(calm, unit))
    # One reason and its first step, those of most features unless a change is seen: the rest is further down
    first = unsure[0]
    if not first.possible_change:
        features_by_advice = Counter(feature.advice for feature in unsure)
        common_advice = max(features_by_advice, key=lambda advice: features_by_advice[advice])
        first = next(feature for feature in unsure if feature.advice == common_advice)
    clauses = (first.reason or "").split("; ")
    reason = clauses[0]
    for clause in clauses:
        if clause.startswith(NEIGHBOURS_ALIKE):
            reason = clause
            break
    # A change that is seen is of one feature
    if first.possible_change and len(unsure) > 1:
        reason = f"{shorten_name(first.name)}: {reason}"
    brief_reason = reason.partition(", ")[0]
    named = f"{text}: {names}"
    endings = (f"{named}; {reason}", f"{text}; {reason}", f"{text}; {brief_reason}", named)
    text = _select_short([f"{ending}." for ending in endings])
    next_step, *other_ways = (first.advice or "").split(ALTERNATIVE)
    return Headline(text, " ".join(detail), Highlight.UNSURE, next_step, tuple(other_ways))


def _select_short(sentences: Sequence[str]) -> str:
    """The first sentence that isn't too long for a headline."""
    for sentence in sentences:
        if len(sentence.split()) <= MOST_WORDS:
            return sentence
    return sentences[-1]


def _explain_unsure(unsure: Sequence[FeatureOutcome]) -> list[str]:
    """Why nobody can tell: for features with the same advice the first one's reason."""
    features_by_advice: dict[tuple[str, bool], list[FeatureOutcome]] = {}
    for feature in unsure:
        key = feature.advice or "", bool(feature.possible_change)
        features_by_advice.setdefault(key, []).append(feature)
    sentences = []
    for features in [*features_by_advice.values()][:REASONS_NAMED]:
        names = list_short_names([feature.name for feature in features])
        sentences.append(f"{names}: {features[0].reason or 'the reason is unknown'}.")
    if len(features_by_advice) > REASONS_NAMED:
        sentences.append("checks.json has the reasons of all.")
    return sentences


def is_beyond_threshold(metric: CheckResult) -> bool:
    """Whether a metric of all rows lies on the wrong side of its threshold, by however little."""
    if metric.observed is None or metric.threshold is None or metric.where:
        return False
    if metric.check == "LessThanThreshold":
        return metric.observed < metric.threshold
    return metric.check == "GreaterThanThreshold" and metric.observed > metric.threshold


def _find_closest_to_violation(check_results: Sequence[CheckResult]) -> CheckResult | None:
    """The metric of all rows that is the least likely by chance; the closest to its threshold where these decide alone."""
    metrics = [
        check_result
        for check_result in check_results
        if None not in (check_result.observed, check_result.threshold) and not check_result.where
    ]
    # Where chance is allowed for, the least likely metric; else the one closest to its threshold
    tested = [(metric.p, index) for index, metric in enumerate(metrics) if metric.p is not None]
    if tested:
        return metrics[min(tested)[1]]
    return min(metrics, key=lambda metric: abs((metric.observed or 0.0) - (metric.threshold or 0.0)), default=None)


def _select_judged(results: Iterable[CheckResult], unit: str) -> list[CheckResult]:
    """The results that count as checked; for attributions, those of features."""
    judged = [
        check_result
        for check_result in results
        if check_result.status is not CheckStatus.NOT_JUDGED and not _is_of_all(check_result)
    ]
    return [check_result for check_result in judged if unit != "attribution" or not check_result.metric] or judged


def find_not_compared(results: Iterable[CheckResult], bad: Sequence[CheckResult] = ()) -> list[CheckResult]:
    """One drift result of each feature whose values were compared with no reference, such as keys, except changed features
    and columns of dates, which have checks of their own."""
    unjudged: dict[str, CheckResult] = {}
    compared = {_identify(change) for change in bad if change.check not in BETWEEN_COLUMNS}
    for check_result in results:
        is_judged = check_result.status is not CheckStatus.NOT_JUDGED
        if check_result.check in (DATE_VALUE, DRIFT) and is_judged:
            compared.add(_identify(check_result))
        elif check_result.check == DRIFT and not check_result.accepted:
            unjudged.setdefault(_identify(check_result), check_result)
    return [check_result for name, check_result in unjudged.items() if name not in compared]


def find_moved_within_limits(check_results: Iterable[CheckResult]) -> list[str]:
    """The features that differ by more than chance, by less than a person's own limit."""
    beginning, _, _ = WITHIN_LIMIT.partition("{")
    moved = (check_result for check_result in check_results if (check_result.reason or "").startswith(beginning))
    return [*dict.fromkeys(map(_identify, moved))]


def find_accepted(check_results: Iterable[CheckResult]) -> list[CheckResult]:
    """One result of each change that somebody accepted."""
    return _select_first_by_key(check_result for check_result in check_results if check_result.accepted)


def _find_fewer_missing(results: Sequence[CheckResult], bad: Sequence[CheckResult], hints: Iterable[Hint]) -> list[str]:
    """Features without a change in any check, but with fewer missing values."""
    named = dict.fromkeys(shorten_name(name) for hint in hints if hint.hint == FEWER_MISSING for name in hint.features)
    judged = set(map(_identify, _select_judged(results, "feature")))
    judged -= set(map(_identify, (*bad, *find_not_compared(results, bad))))
    return [name for name in named if name in judged]


def _list_exceptions(fewer: Sequence[str], left_out: Sequence[CheckResult] = ()) -> list[str]:
    if fewer:
        sentences = [f"Fewer values are missing in {list_short_names(fewer)}."]
    else:
        sentences = []
    if left_out:
        are = "is" if len(left_out) == 1 else "are"
        names = list_short_names(map(_format_subject, left_out))
        sentences.append(f"{names} {are} not compared.")
    return sentences


def find_kind_of_change(results: Iterable[CheckResult]) -> str | None:
    """Covariate shift or concept drift, in words; None without both labels and scores."""
    for check_result in results:
        if check_result.check == CONCEPT_DRIFT and check_result.reason:
            return check_result.reason
    return None


def format_largest_unseen_change(results: Iterable[CheckResult]) -> str:
    """The largest change that may have gone unseen, or the limit of a metric; else why it was not compared, or who accepted
    its change.
    """
    window_results = tuple(results)
    for change in find_accepted(window_results):
        return change.reason or ""
    for check_result in window_results:
        is_beside = check_result.check in BESIDE
        if is_beside:
            reference = 0.0
        else:
            reference = check_result.threshold or 0.0
        # The end of the interval that is farther from the reference: what may be true at worst
        ends = [abs(end - reference) for end in check_result.interval or ()]
        if check_result.smallest_change is not None and check_result.change:
            return check_result.change
        if check_result.check in SIDES:
            return f"{format_limit(check_result)} is asked for"
        is_violated = check_result.is_violated
        if ends and not is_violated and (is_beside or check_result.metric != "ndcg"):
            return format_number(max(ends), 2)
        if check_result.check == DRIFT and check_result.reason:
            reason = check_result.reason.partition(";")[0]
            if check_result.status is CheckStatus.NOT_JUDGED:
                # Dates count as compared (find_not_compared), by checks of their own
                if not find_not_compared(window_results):
                    return "compared by form, day and hour, since later dates are new by nature"
                return f"not compared: {reason}"
            return reason
    return "–"


def _find_attribution_changes(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Changes that are reported without being violations, the largest first."""
    changes = (check_result for check_result in results if check_result.is_violated and check_result.change)
    return sorted(changes, key=lambda check_result: -abs(check_result.observed or 0.0))


def _select_first_by_key(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The first result of each feature, and of each set of equivalent metrics."""
    first_by_key: dict[str, CheckResult] = {}
    for check_result in results:
        first_by_key.setdefault(_identify(check_result), check_result)
    return list(first_by_key.values())


def _is_of_all(check_result: CheckResult) -> bool:
    """Whether a result is about the data set or the window, unless a feature has the name of such a result."""
    subject = _format_subject(check_result)
    return subject == OF_THE_WINDOW or (subject in OF_ALL and check_result.check in CHECKS_OF_ALL)


def _identify(result: CheckResult) -> str:
    # Metrics that say the same are one, features are themselves
    if result.metric:
        return cause(result)
    return _format_subject(result)


def _format_subject(result: CheckResult) -> str:
    name, part = identify_subject(result)
    return shorten_name(
        f"{name or OF_THE_WINDOW} of {part}" if part and result.metric else name or part or OF_THE_WINDOW
    )


def _find_unit(results: Sequence[CheckResult]) -> str:
    if any((check_result.model_extra or {}).get(LABEL) is not None for check_result in results):
        return "attribution"
    if any(check_result.metric for check_result in results):
        # Bias metrics have a facet as their feature
        if any(check_result.feature for check_result in results):
            return "bias metric"
        return "metric"
    return "feature"


def _make_capital(text: str) -> str:
    return text[:1].upper() + text[1:]
