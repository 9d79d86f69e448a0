"""The checks of attributions: each a registered function in the file named after it. Pure.

Registered under its `constraint_check_type`. A check takes one output beside its baseline and gives a `Finding` for each feature
that it is about, None for all of them together. It never logs and never raises for data; a new file in this folder is found by
being there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.explainability.analysis import OutputComparison
from model_monitor.monitors.protocol import Finding
from model_monitor.registry import Registry

AttributionCheck = Callable[[OutputComparison], Iterator[tuple[str | None, Finding]]]

CHECKS: Registry[AttributionCheck] = Registry("attribution check")


def unknown(output: OutputComparison, threshold: float | None) -> Finding | None:
    """The verdict on an output that the baseline lacks, or that too few rows speak of; None if it can be judged."""
    if output.baseline is None:
        return Finding.not_judged(threshold, "the baseline does not have this output")
    if output.known is not None and output.known.baseline != output.state.baseline:
        return Finding.not_judged(threshold, "the baseline's attributions are held against other baseline rows")
    least = output.tolerances.min_rows
    if output.rows < least * output.likeness:
        fewer = f", which say as much as {output.rows / output.likeness:,.0f} by themselves"
        alike = fewer if output.likeness > 1 else ""
        reason = f"{output.rows:,} rows{alike}; at least {least:,} are asked for"
        return Finding(CheckStatus.CANNOT_TELL, threshold, m=output.rows, reason=reason)
    return None
