"""attribution_change_check: a feature's attribution is as large as in the baseline. Ours."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.explainability import analysis
from model_monitor.monitors.explainability.analysis import OutputComparison
from model_monitor.monitors.explainability.checks import CHECKS, unknown
from model_monitor.monitors.protocol import Finding

FORMULA = (
    "the interval of the change beside {relative:g} of the feature's baseline value and {absolute:g} of the sum of all"
)


@CHECKS.register("attribution_change_check")
def attribution(output: OutputComparison) -> Iterator[tuple[str | None, Finding]]:
    """The change of each feature's global value is small, as far as chance lets one tell.

    Violated if its whole interval, at the level of the family, lies beyond the limit, passed if it lies within it, and in
    between nobody can tell.
    Source: E6.2.
    """
    tolerances = output.tolerances
    if not tolerances.with_changes:
        return
    unjudged = unknown(output, None)
    if unjudged is None and output.changes is None:
        of_one = bool(output.state.group_column) and not output.freedom
        why = "one group of rows alone has no interval" if of_one else "medians have no intervals"
        unjudged = Finding.not_judged(None, why)
    total = sum(map(abs, output.before.values()))
    formula = FORMULA.format(relative=tolerances.relative, absolute=tolerances.absolute)
    for name in output.state.features:
        if unjudged is not None:
            yield name, unjudged
            continue
        before = output.before.get(name, 0.0)
        limit = max(tolerances.relative * abs(before), tolerances.absolute * total)
        low, high = (output.changes or {})[name]
        status = CheckStatus.CANNOT_TELL
        if low > limit or high < -limit:
            status = CheckStatus.VIOLATED
        elif -limit <= low and high <= limit:
            status = CheckStatus.PASSED
        now = output.current.values[name]
        description = analysis.change(name, now, before, (low, high)) if status is CheckStatus.VIOLATED else None
        words = analysis.in_words(output.current.name, now, before) if status is CheckStatus.VIOLATED else None
        reason = "the interval reaches across the limit" if status is CheckStatus.CANNOT_TELL else None
        yield (
            name,
            Finding(
                *(status, limit, now - before, (low, high)),
                n=output.known.count if output.known else None,
                m=output.rows,
                formula=formula,
                change=words,
                reason=reason,
                description=description,
            ),
        )
