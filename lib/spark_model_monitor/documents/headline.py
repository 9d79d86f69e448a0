"""A run in one sentence, for pages, mails, webhooks and the log: what changed, since when, by how much. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from spark_model_monitor.documents.check_results import (
    BESIDE,
    EXPECTATION,
    LABEL,
    NAMED,
    OF_THE_WINDOW,
    ONE_SEGMENT,
    Alarm,
    CheckResult,
    CheckStatus,
    Hint,
    alarms_of,
    by_cause,
    cause,
    check_in_words,
    plain_words,
    some_of,
    whose,
)
from spark_model_monitor.documents.outcome import FeatureOutcome, unsure_features
from spark_model_monitor.documents.page import Headline, Mark, counted, number_text, percent, short_name
from spark_model_monitor.documents.run_description import RunWindow, time_of

DATA_SET = frozenset({"Missing columns", "Extra columns"})
"""The names that violations of the data set itself have in place of a feature."""

CHECKS_OF_ALL = frozenset(
    {
        "missing_column_check",
        "extra_column_check",
        "row_count_check",
        "freshness_check",
        "repeated_rows_check",
        EXPECTATION,
    }
)
"""Checks whose result is about the data set or the window if it has a name of `OF_ALL`; otherwise it is about a feature."""

NEW_VALUES = "of values that were not there before"  # how the words of a change to several new values end
ONE_VALUE = "one value"  # in the words of a change; the value is named where values may be shown

REASONS_NAMED = 2  # reasons why nobody can tell that a headline gives; the others are in checks.json
OF_OUTPUTS = "what moves the predictions"
DRIFT = "baseline_drift_check"
DATE_VALUE = "date_value_check"  # each column of dates has it
CONCEPT_DRIFT = "concept_drift_check"
FEWER_MISSING = "fewer_missing"  # a hint
BETWEEN_COLUMNS = ("association_check", "relation_check")  # checks of several columns together, which are not a feature
COLUMN_CHECKS = {"missing_column_check", "extra_column_check"}
NOTHING_COMPARED = "Nothing was compared."
NO_COMMON_COLUMN = "The data has no column in common with the baseline: is this its baseline?"
OF_ALL = (OF_THE_WINDOW, *DATA_SET, "Repeated rows", "Number of rows", "Newest row")
FINE = {
    "feature": "look{s} as {they} did",
    "attribution": "move{s} them as {they} did",
    "metric": "hold{s}",
    "bias metric": "show{s} no change",
}
SIDES = {"LessThanThreshold": "at least ", "GreaterThanThreshold": "at most "}

KINDS = {
    "DATA_QUALITY": "data quality",
    "MODEL_QUALITY": "model quality",
    "MODEL_BIAS": "bias",
    "MODEL_EXPLAINABILITY": "feature attribution",
    "ESTIMATED_QUALITY": "estimated model quality",
}
"""The names of the monitors on pages."""


def headline_of(
    results: Sequence[CheckResult],
    window: RunWindow | None = None,
    outputs: Collection[str] = (),
    hints: Iterable[Hint] = (),
    *,
    with_values: bool = True,
) -> Headline:
    """The headline of a run. results: of all checks. outputs: features that are model outputs. hints: about its data.
    with_values: whether to name values of records."""
    bad, compared, unit = tally(results)
    fewer = _fewer_missing(results, bad, hints)
    alarms = alarms_of(results) or [Alarm((each,)) for each in results if each.is_violation]
    of_window = [alarm for alarm in alarms if _is_of_all(alarm.results[0])]
    also = [f"{_capital(alarm.sentence(with_values=with_values))}." for alarm in of_window]
    if not bad and not also:
        return _without_a_change(results, compared, unit, fewer)
    if _has_no_common_column(results):
        names = some_of([short_name(_subject(violation)) for violation in bad])
        return Headline(NO_COMMON_COLUMN, f"Only on one side: {names}.", Mark.BAD)
    unsure = _unsure(results)
    if not bad:
        detail = [*also[1:], *_unsure_details(unsure)]
        return Headline(f"The window changed: {also[0][0].lower()}{also[0][1:]}", " ".join(detail), Mark.BAD)
    calm = compared - len(bad) - len(fewer) - (len(unsure) if unit != "attribution" else 0)
    began = min(bad, key=lambda each: (each.since or "~", _subject(each) in outputs))
    since = since_text(began.since, window)
    name = _subject(began)
    change = change_of(began, with_values=with_values)
    whole = f"{len(bad):,} of {counted(compared, unit)}"
    whole += " changed" if unit != "metric" else " is violated" if len(bad) == 1 else " are violated"
    if unit == "attribution":
        text = f"{_capital(OF_OUTPUTS)} changed{since and f', since {since}'}: {name} {change}."
    elif len(bad) == 1:
        text = f"{whole}{since and f', since {since}'}: {name} {change}."
    elif since and any(each.since != began.since for each in bad):
        alone = sum(each.since == began.since for each in bad) == 1
        if alone:
            text = f"{whole}. It began at {since} with {name}, which {change}."
        else:
            text = ""
        text = text or f"{whole}, the first of them since {since}. The largest of those is {name}, which {change}."
    else:
        text = f"{whole}{since and f', all since {since}'}. The largest is {name}, which {change}."
    rest = [each for each in bad if each is not began]
    followed = [each for each in rest if _subject(each) in outputs and name not in outputs]
    others = [_subject(each) for each in rest if each not in followed]
    detail = list(also)
    if began.guess and with_values:
        detail.append(f"{name}: {began.guess}" + "." * (not began.guess.endswith("?")))
    if followed:
        moved = "; ".join(f"{_subject(each)} {change_of(each, with_values=with_values)}" for each in followed[:2])
        detail.append(f"The model's outputs followed: {moved}.")
    if others:
        detail.append(f"Also: {some_of(others)}.")
    detail += _unsure_details(unsure)
    if calm > 0:
        detail.append(_describe_others(calm, unit))
    detail += _list_exceptions(fewer, not_compared(results, bad))
    has_violations = any(check_result.is_violation for check_result in results)
    mark = Mark.BAD if has_violations else Mark.NONE
    return Headline(text, " ".join(detail), mark)


def _has_no_common_column(check_results: Iterable[CheckResult]) -> bool:
    """Whether every column is only in the data or only in the baseline."""
    judged = [
        check_result
        for check_result in check_results
        if check_result.status is not CheckStatus.NOT_JUDGED and _subject(check_result) not in OF_ALL
    ]
    violated = {check_result.check for check_result in judged if check_result.is_violation}
    return {check_result.check for check_result in judged} == violated == COLUMN_CHECKS


def tally(results: Sequence[CheckResult]) -> tuple[list[CheckResult], int, str]:
    """One result for each change, the largest first; the number of compared items; what they are, in the singular."""
    unit = _unit(results)
    found = _beside(results) if unit == "attribution" else []
    found = found or [each for alike in by_cause(results) for each in alike if each.is_violation]
    bad = _one_each(each for each in found if not _is_of_all(each))
    keys = set(map(_key, bad))
    for check_result in _judged(results, unit):
        # A rule that holds, or a relation between columns, is no feature
        if check_result.check not in (*BETWEEN_COLUMNS, EXPECTATION):
            keys.add(_key(check_result))
    return bad, len(keys.difference(map(_key, not_compared(results, bad)))), unit


def _without_a_change(results: Sequence[CheckResult], compared: int, unit: str, fewer: Sequence[str]) -> Headline:
    unsure = _unsure(results)
    if unsure:
        return _cannot_tell(unsure, compared, unit)
    judged = _judged(results, unit)
    if not judged:
        reasons = {check_result.reason for check_result in results}
        why = reasons.pop() if len(reasons) == 1 else None
        nothing = ": there is no baseline to compare with, or nothing in it that could be compared"
        return Headline(f"Nothing was checked{f'; {why}' if why else nothing}.")
    count = counted(compared, unit)
    if unit == "feature":
        detail = " ".join(_list_exceptions(fewer, not_compared(results)))
        rules = sum(check_result.check == EXPECTATION for check_result in judged)
        hold = "the rule holds" if rules == 1 else f"all {rules:,} rules hold"
        if not compared:
            return Headline(f"No change seen: {hold}." if rules else NOTHING_COMPARED, detail, Mark.GOOD)
        also = f"; {hold}" if rules else ""
        return Headline(f"No {'other ' * bool(fewer)}change seen in {count}{also}.", detail, Mark.GOOD)
    if unit == "attribution":
        ends = [abs(end) for each in judged if each.check in BESIDE for end in each.interval or ()]
        calm = ""
        if ends:
            most = number_text(max(ends), 2)
            calm = f"None of {counted(compared, 'feature')} moves them by over {most} more or less than it did."
        return Headline(f"No change seen in {OF_OUTPUTS}.", calm, Mark.GOOD)
    if unit == "metric":
        said = "none is beyond its threshold by more than chance"
    else:
        said = "no change seen"
    detail = ""
    unjudged = []
    for check_result in results:
        if check_result.status is CheckStatus.NOT_JUDGED and not check_result.is_of_one_segment:
            unjudged.append(check_result)
    names = {_key(each) for each in unjudged}.difference(map(_key, judged))
    if unit == "bias metric" and names:
        detail = f"{counted(len(names), 'other')} could not be judged: {unjudged[0].reason or 'checks.json says why'}."
    if unit == "metric" and (closest := _closest_to_violation(judged)) is not None:
        limit = f"{SIDES.get(closest.check, '')}{number_text(closest.threshold)}"
        if closest.p is None:
            chance = ""
        else:
            chance = f"; by chance alone: {once_in(closest.p)}"
        detail = f"The closest is {closest.metric}: {number_text(closest.observed)}, {limit} is asked for{chance}."
        beyond = [metric for metric in judged if _is_beyond_threshold(metric)]
        if beyond:
            are = "is" if len(beyond) == 1 else "are"
            names_beyond = some_of([str(metric.metric) for metric in beyond])
            detail = f"{names_beyond} {are} beyond, by no more than chance explains. {detail}"
    return Headline(f"{count} checked: {said}.", detail, Mark.GOOD)


def _unsure(check_results: Sequence[CheckResult]) -> list[FeatureOutcome]:
    """The features of which nobody can tell whether they changed; metrics that say the same in other units count once."""
    unsure = unsure_features(check_results)
    names = {feature.name for feature in unsure}
    repeated = {check_result.full_name for check_result in check_results if check_result.same_as in names}
    return [feature for feature in unsure if feature.name not in repeated]


def _cannot_tell(unsure: Sequence[FeatureOutcome], compared: int, unit: str) -> Headline:
    """Nothing is violated, but nobody can tell whether some features changed."""
    names = some_of([short_name(feature.name) for feature in unsure])
    if unit == "attribution":
        text = f"Cannot tell whether {OF_OUTPUTS} changed: {names}."
    else:
        compared = max(compared, len(unsure))
        text = f"Cannot tell whether {len(unsure):,} of {counted(compared, unit)} changed: {names}."
    detail = _unsure_details(unsure)
    calm = compared - len(unsure)
    if calm and unit != "attribution":
        detail.append(_describe_others(calm, unit))
    return Headline(text, " ".join(detail), Mark.UNSURE)


def _describe_others(number: int, unit: str) -> str:
    """`The other 3 features look as they did.`"""
    noun = "feature" if unit == "attribution" else unit
    if number == 1:
        return f"The other {noun} {FINE[unit].format(s='s', they='it')}."
    return f"The other {counted(number, noun)} {FINE[unit].format(s='', they='they')}."


def _unsure_details(unsure: Sequence[FeatureOutcome]) -> list[str]:
    """Why nobody can tell, and what to do: for features with the same advice the first one's reason."""
    features_by_advice: dict[tuple[str, bool], list[FeatureOutcome]] = {}
    for feature in unsure:
        key = feature.advice or "", bool(feature.possible_change)
        features_by_advice.setdefault(key, []).append(feature)
    sentences = []
    for (advice, _), features in [*features_by_advice.items()][:REASONS_NAMED]:
        names = some_of([short_name(feature.name) for feature in features])
        what_to_do = f" To find out: {advice}." if advice else ""
        sentences.append(f"{names}: {features[0].reason or 'the reason is unknown'}.{what_to_do}")
    if len(features_by_advice) > REASONS_NAMED:
        sentences.append("checks.json has the reasons of all.")
    return sentences


def _is_beyond_threshold(metric: CheckResult) -> bool:
    """Whether a metric of all rows lies on the wrong side of its threshold, by however little."""
    if metric.observed is None or metric.threshold is None or metric.where:
        return False
    if metric.check == "LessThanThreshold":
        return metric.observed < metric.threshold
    return metric.check == "GreaterThanThreshold" and metric.observed > metric.threshold


def _closest_to_violation(check_results: Sequence[CheckResult]) -> CheckResult | None:
    """The metric of all rows that is the least likely by chance; the closest to its threshold where these decide alone."""
    metrics = [
        check_result
        for check_result in check_results
        if None not in (check_result.observed, check_result.threshold) and not check_result.where
    ]
    tested = [(metric.p, index) for index, metric in enumerate(metrics) if metric.p is not None]
    if tested:
        return metrics[min(tested)[1]]
    return min(metrics, key=lambda metric: abs((metric.observed or 0.0) - (metric.threshold or 0.0)), default=None)


def _judged(results: Iterable[CheckResult], unit: str) -> list[CheckResult]:
    """The results that count as checked; for attributions, those of features."""
    found = [each for each in results if each.status is not CheckStatus.NOT_JUDGED and not _is_of_all(each)]
    return [each for each in found if unit != "attribution" or not each.metric] or found


def not_compared(results: Iterable[CheckResult], bad: Sequence[CheckResult] = ()) -> list[CheckResult]:
    """One drift result of each feature whose values were compared with no reference, such as keys, except changed features
    and columns of dates, which have checks of their own."""
    unjudged: dict[str, CheckResult] = {}
    compared = set(map(_key, bad))
    for check_result in results:
        is_judged = check_result.status is not CheckStatus.NOT_JUDGED
        if check_result.check in (DATE_VALUE, DRIFT) and is_judged:
            compared.add(_key(check_result))
        elif check_result.check == DRIFT:
            unjudged.setdefault(_key(check_result), check_result)
    return [check_result for name, check_result in unjudged.items() if name not in compared]


def _fewer_missing(results: Sequence[CheckResult], bad: Sequence[CheckResult], hints: Iterable[Hint]) -> list[str]:
    """Features without a change in any check, but with fewer missing values."""
    named = dict.fromkeys(short_name(name) for hint in hints if hint.hint == FEWER_MISSING for name in hint.features)
    judged = set(map(_key, _judged(results, "feature"))).difference(map(_key, (*bad, *not_compared(results, bad))))
    return [name for name in named if name in judged]


def _list_exceptions(fewer: Sequence[str], left_out: Sequence[CheckResult] = ()) -> list[str]:
    if fewer:
        sentences = [f"Fewer values are missing in {some_of(fewer)}."]
    else:
        sentences = []
    if left_out:
        are = "is" if len(left_out) == 1 else "are"
        names = some_of([*map(_subject, left_out)])
        sentences.append(f"{names} {are} not compared.")
    return sentences


def kind_of_change(results: Iterable[CheckResult]) -> str | None:
    """Covariate shift or concept drift, in words; None without both labels and scores."""
    return next((each.reason for each in results if each.check == CONCEPT_DRIFT and each.reason), None)


def no_more_than(results: Iterable[CheckResult]) -> str:
    """The largest change that may have gone unseen, or the limit of a metric; else why it was not compared."""
    for check_result in results:
        is_beside = check_result.check in BESIDE
        if is_beside:
            reference = 0.0
        else:
            reference = check_result.threshold or 0.0
        ends = [abs(end - reference) for end in check_result.interval or ()]
        if check_result.smallest_change is not None and check_result.change:
            return check_result.change
        if check_result.check in SIDES:
            return f"{SIDES[check_result.check]}{number_text(check_result.threshold)} is asked for"
        is_violated = check_result.status is CheckStatus.VIOLATED
        if ends and not is_violated and (is_beside or check_result.metric != "ndcg"):
            return number_text(max(ends), 2)
        if check_result.check == DRIFT and check_result.reason:
            reason = check_result.reason.partition(";")[0]
            if check_result.status is CheckStatus.NOT_JUDGED:
                return f"not compared: {reason}"
            return reason
    return "–"


def place_of(result: CheckResult, *, with_values: bool = True) -> str:
    """The segment of a change and the origin of its rows, in words; empty if unknown, or if all rows are alike."""
    where = result.where or ""
    before, _, after = where.partition(ONE_SEGMENT)
    told = after.partition(": ")[2]
    named = f"{before}{result.segment}{told and f': {told}'}"
    if with_values and after and result.segment:
        where = named
    first = result.cause[0] if result.cause else None
    said = "" if first is None else first.words
    if first is not None and first.value is not None and with_values:
        said = said.replace(f"{ONE_VALUE} of {first.key}", f"{first.key} {first.value}")
    return "; ".join(filter(None, (where, said)))


def change_of(result: CheckResult, *, with_values: bool = True) -> str:
    """What changed, in words that follow the name, and where."""
    where = place_of(result, with_values=with_values)
    if result.change:
        changed = result.change
        if with_values and result.values:
            value = result.values[0]
            changed = changed.replace(ONE_VALUE, f"the value {value if value.strip() else repr(value)}")
            if changed.endswith(NEW_VALUES):
                changed += f", such as {', '.join(result.values[:NAMED])}"
        return f"{changed}, {where}" if where else changed
    said = result.words or plain_words(result)
    name = whose(result)[0]
    change = said.removeprefix(name).removeprefix(f" of {whose(result)[1]}").lstrip(": ")
    # the words of a limit have no verb: `completeness, 0.9 where the baseline asks for 1`
    if change.startswith(check_in_words(result)):
        return f"violates {change}"
    return change


def since_text(since: str | None, window: RunWindow | None) -> str:
    """When it began: `18:00`, with the day if it differs from the window's."""
    if since is None:
        return ""
    began = time_of(since)
    same_day = window is not None and time_of(window.start).date() == began.date()
    if same_day:
        return f"{began:%H:%M}"
    return f"{day_text(began)}, {began:%H:%M} UTC"


def day_text(time: datetime) -> str:
    """`4 March 2024`."""
    return f"{time.day} {time:%B %Y}"


def window_text(window: RunWindow | None) -> str:
    """`4 March 2024, 20:00 to 21:00 UTC`."""
    if window is None:
        return ""
    start = time_of(window.start)
    end = time_of(window.end)
    if end.date() == start.date():
        until = f"{end:%H:%M}"
    else:
        until = f"{day_text(end)}, {end:%H:%M}"
    return f"{day_text(start)}, {start:%H:%M} to {until} UTC"


def moved(before: float, now: float, deviation: float | None = None) -> tuple[str, str]:
    """How a number moved, in words that follow its name, and short: `is about 95 times what it was`, `× 95`.

    deviation: the baseline's standard deviation; a mean that is small relative to it is not a useful unit, so the change is
    given in the data's unit and, short, in standard deviations.
    """
    if not (math.isfinite(before) and math.isfinite(now)):
        return f"went from {number_text(before, 3)} to {number_text(now, 3)}", ""
    if deviation and abs(before) < deviation / 4:
        apart = (now - before) / deviation
        side = "higher" if apart > 0 else "lower"
        sign = "+" if apart > 0 else "−"
        return f"is {number_text(abs(now - before), 3)} {side}", f"{sign} {abs(apart):.2g} sd"
    if not before or before * now <= 0:
        return f"went from {number_text(before, 3)} to {number_text(now, 3)}", ""
    ratio = now / before
    if ratio >= 2:
        return f"is about {_rough(ratio)} times what it was", f"× {_rough(ratio)}"
    if ratio <= 0.5:
        return f"is about 1/{_rough(1 / ratio)} of what it was", f"÷ {_rough(1 / ratio)}"
    if abs(ratio - 1) >= 0.01:
        by = f"{abs(ratio - 1):.0%}".replace("%", " %")
    else:
        by = f"{100 * abs(ratio - 1):.2g} %"
    if abs(now) > abs(before):
        side = "higher"
        sign = "+"
    else:
        side = "lower"
        sign = "−"
    return f"is {by} {side}", f"{sign} {by}"


def evidence_of(result: CheckResult) -> str:
    """Why a change is not noise, in one readable line."""
    told = []
    by_distance = not result.observes_p_value and result.method is not None
    if by_distance and (result.observed or 0) > (result.threshold or 0):
        told.append(f"distance {number_text(result.observed, 2)}, limit {number_text(result.threshold, 2)}")
    elif result.distance is not None:
        told.append(f"largest difference {percent(result.distance)} of the records")
    elif result.observed is not None and result.threshold is not None:
        what = "change" if result.check in BESIDE else "found"
        told.append(f"{what} {number_text(result.observed, 3)}, limit {number_text(result.threshold, 3)}")
    if (p := result.adjusted_p if result.adjusted_p is not None else result.p) is not None:
        told.append(f"by chance alone: {once_in(p)}")
    return " · ".join(told)


NEVER = 1e-9  # once in 100,000 years of hourly windows


def once_in(p: float) -> str:
    """How often it happens by chance: `once in 700 windows`, `once in 20,000,000 windows`, `practically never`."""
    if p < NEVER:
        return "practically never"
    if p < 0.5:
        return f"once in {float(f'{1 / p:.2g}'):,.0f} windows"
    return "every other window"


def _rough(ratio: float) -> str:
    if ratio >= 10:
        return f"{ratio:,.0f}"
    return f"{ratio:.2g}"


def _beside(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Changes that are reported without being violations, the largest first."""
    others = (each for each in results if each.status is CheckStatus.VIOLATED and each.change)
    return sorted(others, key=lambda each: -abs(each.observed or 0.0))


def _one_each(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The first result of each feature, and of each set of equivalent metrics."""
    found: dict[str, CheckResult] = {}
    for each in results:
        found.setdefault(_key(each), each)
    return list(found.values())


def _is_of_all(check_result: CheckResult) -> bool:
    """Whether a result is about the data set or the window, unless a feature has the name of such a result."""
    subject = _subject(check_result)
    return subject == OF_THE_WINDOW or (subject in OF_ALL and check_result.check in CHECKS_OF_ALL)


def _key(result: CheckResult) -> str:
    if result.metric:
        return cause(result)
    return _subject(result)


def _subject(result: CheckResult) -> str:
    name, part = whose(result)
    return short_name(f"{name or OF_THE_WINDOW} of {part}" if part and result.metric else name or part or OF_THE_WINDOW)


def _unit(results: Sequence[CheckResult]) -> str:
    if any((each.model_extra or {}).get(LABEL) is not None for each in results):
        return "attribution"
    if any(each.metric for each in results):
        if any(each.feature for each in results):
            return "bias metric"
        return "metric"
    return "feature"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
