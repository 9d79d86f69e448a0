"""How monitors report segments: each change is one violation. Also hints about how rows are divided into segments. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from spark_model_monitor.documents.check_results import IN_SEGMENT, CheckResult, CheckStatus, Hint
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.statistics.states.segments import BY_HOUR, format_rest_label


def locate_result(result: CheckResult, where: str, label: str) -> CheckResult:
    """The result with its segment. label: the name of the segment."""
    members = {"segment": label, "where": where}
    # A result about the segment's rows names it in the description; a result about all rows only says where the change is
    # clearest
    if result.description and where.startswith(IN_SEGMENT):
        members["description"] = f"{result.description}, in {label}"
    return result.model_copy(update=members)


def add_segment_results(
    overall_results: Sequence[CheckResult],
    results_by_metric: Mapping[Hashable, Mapping[tuple[str, str], CheckResult]],
    metric_of: Callable[[CheckResult], Hashable],
) -> Iterator[CheckResult]:
    """First the results of all rows; a violation gets the segment in which it is clearest, if a single segment of a cut is
    violated. Then the results of segments, in which each change is only one violation.

    results_by_metric: the results of segments by metric (as `metric_of` returns it), then by cut and segment.
    """
    violated: dict[Hashable, str | None] = {}
    for check_result in overall_results:
        metric = metric_of(check_result)
        if check_result.is_violation:
            violated[metric] = check_result.metric
            clearest = _find_clearest_segment(results_by_metric.get(metric, {}))
            if clearest is not None:
                cut, label = clearest
                check_result = locate_result(check_result, f"clearest {IN_SEGMENT}{cut}", label)
        yield check_result
    for metric, results_by_segment in results_by_metric.items():
        yield from report_once(results_by_segment, violated.get(metric))


def _find_clearest_segment(results_by_segment: Mapping[tuple[str, str], CheckResult]) -> tuple[str, str] | None:
    """The cut and label of the violated segment with the smallest p-value, among segments that are the only violated one
    in their cut.
    """
    violations = {segment: violation for segment, violation in results_by_segment.items() if violation.is_violation}
    p_values = {segment: violation.p or 0.0 for segment, violation in violations.items()}
    # If several segments of a cut are violated, the change is in all rows
    violations_by_cut = Counter(cut for cut, _ in p_values)
    candidates = [(cut, label) for cut, label in p_values if violations_by_cut[cut] == 1]
    return min(candidates, key=p_values.__getitem__, default=None)


def report_once(
    results_by_segment: Mapping[tuple[str, str], CheckResult], violated_overall: str | None
) -> Iterator[CheckResult]:
    """A metric's results in its segments, with one violation for each change: of all rows, or of the cut that shows it most
    clearly.

    results_by_segment: by cut and segment. violated_overall: the name of the metric if it is violated in all rows; else None.
    """
    # The clearest violation has the smallest adjusted p-value, then the largest effect
    ranks = {
        segment: (check_result.decisive_p_value or 0.0, -(check_result.effect or 0.0))
        for segment, check_result in results_by_segment.items()
        if check_result.is_violated
    }
    clearest_cut, _ = min(ranks, key=ranks.__getitem__, default=("", ""))
    # All other violations are the same change
    for segment, check_result in results_by_segment.items():
        cut, _ = segment
        reason = None
        if segment in ranks and violated_overall is not None:
            reason = f"{violated_overall} is violated, and this is the same change"
        elif segment in ranks and cut != clearest_cut:
            reason = f"rows that are cut by {clearest_cut!r} show the same change"
        if reason is not None:
            unjudged = {"status": CheckStatus.NOT_JUDGED, "decided_by": None, "reason": reason, "description": None}
            check_result = check_result.model_copy(update=unjudged)
        yield check_result


MANY_OTHERS = 0.5  # from this share of a window's rows in no segment of the baseline on, something is wrong
NEARLY_CERTAIN = 1e-6  # maximum probability that chance explains the number of these rows
RowsBySegment = Mapping[str, Mapping[str, int]]  # by cut and label


def write_segment_hints(before: RowsBySegment | None, rows_by_cut: RowsBySegment) -> Iterator[Hint]:
    """Hints that rows can't be divided into the baseline's segments, or that most rows are in none of them; for a baseline,
    that some rows are in no segment.

    before: the rows by segment in the baseline; None without one.
    Source: D4.13.
    """
    for cut in rows_by_cut if before is None else before:
        text = _describe_mismatch(cut, before, rows_by_cut)
        if text is not None:
            yield Hint(hint="segments", features=(), description=f"segments by {cut!r}: {text}")


def _describe_mismatch(cut: str, before: RowsBySegment | None, rows_by_cut: RowsBySegment) -> str | None:
    """What is wrong with the segments of a cut; None if nothing is."""
    if cut not in rows_by_cut:
        return "the data lacks the column, so that nothing is judged by them"
    segments = rows_by_cut[cut]
    rest_label = format_rest_label(cut)
    rows_of_none = segments.get(rest_label, 0)
    rows = sum(segments.values())
    share = format_percent(rows_of_none / max(rows, 1))
    if before is None:
        if rows_of_none:
            return f"there are more than {len(segments) - 1:,} values, and {share} of the rows have others"
        return None
    # A baseline has only the segments that it lists, and a window only those of its baseline, except for segments by hour
    if rows_of_none < MANY_OTHERS * rows or cut.endswith(BY_HOUR):
        return None
    usual_rows_of_none = before[cut].get(rest_label, 0)
    usual_rows = sum(before[cut].values())
    p = hypergeometric_tail(usual_rows_of_none, usual_rows, rows_of_none, rows)
    if usual_rows_of_none >= MANY_OTHERS * usual_rows or p > NEARLY_CERTAIN:
        return None
    finding = "have values that the baseline lacks"
    if usual_rows_of_none:
        finding = "are in none of the baseline's segments"
    return f"{share} of the rows {finding}; are they written otherwise?"
