"""How monitors report segments: one change is one violation; hints about how rows are divided. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from spark_model_monitor.documents.check_results import IN_SEGMENT, CheckResult, CheckStatus, Hint, plain_words, whose
from spark_model_monitor.documents.page import percent
from spark_model_monitor.statistics.states.segments import rest_of

OTHER_CUT = "rows that are cut by {cut!r} show the same change"


def told_in(result: CheckResult, where: str, label: str | None) -> CheckResult:
    """The result with its segment. label: the segment's name, None if it may not be shown."""
    members: dict[str, Any] = {"segment": label, "where": where}
    if result.is_violation:
        said = plain_words(result)
        members |= {
            "words": f"{said}, {where}",
            "change": said.removeprefix(f"{' of '.join(filter(None, whose(result)))} "),
        }
    if where.startswith(IN_SEGMENT) and result.description:
        members["description"] = f"{result.description}, {where if label is None else f'in {label}'}"
    return result.model_copy(update=members)


def with_segments(
    whole: Sequence[CheckResult],
    found: Mapping[Hashable, Mapping[tuple[str, str], CheckResult]],
    metric_of: Callable[[CheckResult], Hashable],
    *,
    hide_values: bool = False,
) -> Iterator[CheckResult]:
    """The results of all rows; a violation gets the segment where it is clearest, if one segment of a cut stands out.
    Then the results of segments; each change there is one violation.

    found: results by metric (named by `metric_of`), cut and segment.
    """
    for result in whole:
        broken = {of: each.p or 0.0 for of, each in found.get(metric_of(result), {}).items() if each.is_violation}
        times = Counter(cut for cut, _ in broken)
        alone = {of: p for of, p in broken.items() if times[of[0]] == 1}  # the only one of its cut
        if result.is_violation and alone:
            cut, label = min(alone, key=lambda of: alone[of])
            result = told_in(result, f"clearest {IN_SEGMENT}{cut}", None if hide_values else label)
        yield result
    violated = {metric_of(each): each.metric for each in whole if each.is_violation}
    for of, results in found.items():
        yield from told_once(results, violated.get(of))


def told_once(found: Mapping[tuple[str, str], CheckResult], said: str | None) -> Iterator[CheckResult]:
    """A metric's results in its segments: one change is one violation, of the whole or of the cut that shows it best.

    found: by cut and segment. said: what is violated for the whole; None if nothing is.
    """

    def chance(result: CheckResult) -> float:
        return (result.p if result.adjusted_p is None else result.adjusted_p) or 0.0

    violated = {of: each for of, each in found.items() if each.status is CheckStatus.VIOLATED}
    best = min(violated, key=lambda of: (chance(violated[of]), -(violated[of].effect or 0.0)), default=("", ""))
    for (cut, label), result in found.items():
        if (cut, label) in violated and (said is not None or cut != best[0]):
            if said is None:
                why = OTHER_CUT.format(cut=best[0])
            else:
                why = f"{said} is violated, and this is the same change"
            unjudged = {"status": CheckStatus.NOT_JUDGED, "decided_by": None, "reason": why, "description": None}
            result = result.model_copy(update=unjudged)
        yield result


MANY_OTHERS = 0.5  # share of a window's rows in no segment of the baseline, from which something is wrong
_RowsIn = Mapping[str, Mapping[str, int]]  # by cut and segment


def hints_of_segments(before: _RowsIn | None, found: _RowsIn) -> Iterator[Hint]:
    """Rows can't be divided like the baseline's, or most are in none of its segments; for a baseline, some are in none.

    before: the baseline's; None without one.
    Source: D4.13.
    """
    for cut in found if before is None else before:
        now = _shares(found, cut)
        rest_label = rest_of(cut)
        text = ""
        if cut not in found:
            text = "the data lacks the column, so that nothing is judged by them"
        elif before is None and rest_label in now:
            share = percent(now[rest_label])
            text = f"there are more than {len(now) - 1:,} values, and {share} of the rows have others"
        elif before is not None and now.get(rest_label, 0.0) >= MANY_OTHERS > _shares(before, cut).get(rest_label, 0.0):
            share = percent(now[rest_label])
            text = f"{share} of the rows have values that the baseline lacks; are they written otherwise?"
        if text:
            yield Hint(hint="segments", features=(), description=f"segments by {cut!r}: {text}")


def _shares(found: _RowsIn, cut: str) -> dict[str, float]:
    """The share of the rows in each segment."""
    rows = found.get(cut, {})
    total = sum(rows.values())
    if total:
        return {label: count / total for label, count in rows.items()}
    return {}
