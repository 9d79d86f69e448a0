"""The checks of attributions: each is a registered function that compares one output with its baseline. Pure.

A check is registered under its `constraint_check_type`. It yields a `Finding` for each feature that it is about; a finding
about all features together has None as its feature. A check never logs, and never raises because of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spark_model_monitor.documents.check_results import INTERVAL, LOWER_LIMIT
from spark_model_monitor.monitors.explainability.attribution_results import OutputComparison
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry

CHECKS: Registry[Callable[[OutputComparison], Iterator[tuple[str | None, Finding]]]] = Registry("attribution check")


GAIN = "normalised discounted cumulative gain of the window's ranking, gains being the baseline's values"
TOO_WIDE = "the interval of the score is wider than from the threshold to 1"
MORE_ROWS = "explain more rows, or take longer windows"


@CHECKS.register("feature_attribution_drift_check")
def ranking(output: OutputComparison) -> Iterator[tuple[str | None, Finding]]:
    """The normalised discounted cumulative gain of an output's ranking is at least the threshold: violated below it.

    Source: E6.1.
    """
    threshold = output.tolerances.threshold
    unjudged = _explain_unjudged(output, threshold)
    if unjudged is None and len(output.before) < 2:
        unjudged = Finding.not_judged(threshold, "one feature alone has no ranking")
    if unjudged is not None:
        yield None, unjudged
        return
    ndcg = output.ndcg
    interval = output.ndcg_interval
    n, m = output.rows
    finding = Finding(
        threshold=threshold,
        observed=ndcg,
        interval=interval,
        n=n,
        m=m,
        formula=GAIN,
        decided_by=LOWER_LIMIT,
        limit=threshold,
    )
    if ndcg < threshold:
        # The service says "exceeds" although the score is below its threshold. Source: E6.1; G25
        finding = finding.mark_violated(f"Feature attribution drift {ndcg} exceeds threshold {threshold}")
    # Half the interval is wider than the distance from the threshold to 1
    elif interval is not None and (interval[1] - interval[0]) / 2 > 1 - threshold:
        finding = finding.as_cannot_tell(TOO_WIDE, MORE_ROWS)
    yield None, finding


@CHECKS.register("attribution_change_check")
def attribution(output: OutputComparison) -> Iterator[tuple[str | None, Finding]]:
    """The change of each feature's global value is within the limit, as far as chance allows a verdict. Ours.

    Violated if the change's whole interval, at the level of the family, lies beyond the limit; `cannot tell` if it is wider
    than the limit on either side; otherwise passed.
    Source: E6.2.
    """
    if not output.tolerances.with_changes:
        return
    # A reason that prevents a verdict applies to all features of the output
    unjudged = _explain_unjudged(output, None)
    if unjudged is None and output.changes is None:
        reason = "medians have no intervals"
        if output.state.group_column and not output.freedom:
            reason = "one group of rows alone has no interval"
        unjudged = Finding.not_judged(None, reason)
    for name in output.state.features:
        if unjudged is not None:
            yield name, unjudged
        elif output.changes is not None:
            yield name, _judge_change(output, name, output.changes[name])


def _judge_change(compared: OutputComparison, name: str, interval: tuple[float, float]) -> Finding:
    """The finding on a feature's global value. interval: of its change."""
    tolerances = compared.tolerances
    now = compared.current.values[name]
    before = compared.before.get(name, 0.0)
    low, high = interval
    n, m = compared.rows
    # The limit depends on the feature's own value, or for features near 0 on the sum of all
    total = sum(map(abs, compared.before.values()))
    limit = max(tolerances.relative * abs(before), tolerances.absolute * total)
    formula = (
        f"the interval of the change compared with {tolerances.relative:g} of the feature's baseline value and "
        f"{tolerances.absolute:g} of the sum of all"
    )
    finding = Finding(
        threshold=limit,
        observed=now - before,
        interval=interval,
        n=n,
        m=m,
        formula=formula,
        decided_by=INTERVAL,
        limits=(-limit, limit),
    )
    # It is a violation only if the whole interval of the change lies beyond the limit
    if low > limit or high < -limit:
        text = (
            f"Attribution of {name} is {now:.4g} where the baseline has {before:.4g}; the change is between "
            f"{low:.4g} and {high:.4g}"
        )
        change = _describe_change(compared.current.name, now, before)
        return finding.mark_violated(text).copy_with(change=change)
    if (high - low) / 2 > limit:
        return finding.as_cannot_tell("the interval of the change is wider than the limit", MORE_ROWS)
    # The interval is short but includes the limit, so neither side is certain: it passes with a remark
    if low < -limit or high > limit:
        return finding.copy_with(reason="the interval reaches across the limit")
    return finding


def _explain_unjudged(output: OutputComparison, threshold: float | None) -> Finding | None:
    """The verdict on an output that the baseline lacks, or that has too few rows; None if the output can be judged."""
    if output.baseline is None:
        return Finding.not_judged(threshold, "the baseline does not have this output")
    # Attributions are relative to the baseline rows, so other baseline rows give other values
    if output.baseline_state is not None and output.baseline_state.baseline != output.state.baseline:
        return Finding.not_judged(threshold, None).as_cannot_tell(
            "the baseline's attributions are compared with other baseline rows", "make the baseline again"
        )
    min_rows = output.tolerances.min_rows
    _, rows = output.rows
    if rows >= min_rows * output.design_effect:
        return None
    group_note = ""
    if output.design_effect > 1:
        group_note = f", which say as much as {rows / output.design_effect:,.0f} by themselves"
    reason = f"{rows:,} rows{group_note}; at least {min_rows:,} are asked for"
    return Finding(threshold=threshold, m=rows).as_cannot_tell(reason, MORE_ROWS)


def _describe_change(output: str, now: float, before: float) -> str:
    """The change in words that follow the feature's name."""
    times = ""
    if before:
        times = f" {abs(now / before):.2g} times as much:"
    return f"moves {output}{times} by {now:.3g} on average, by {before:.3g} before"
