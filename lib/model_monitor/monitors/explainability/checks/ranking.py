"""feature_attribution_drift_check: the window ranks the features as the baseline does."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.explainability import analysis
from model_monitor.monitors.explainability.analysis import OutputComparison
from model_monitor.monitors.explainability.checks import CHECKS, unknown
from model_monitor.monitors.protocol import Finding

FORMULA = "normalised discounted cumulative gain of the window's ranking, gains being the baseline's values"


@CHECKS.register("feature_attribution_drift_check")
def ranking(output: OutputComparison) -> Iterator[tuple[str | None, Finding]]:
    """The normalised discounted cumulative gain of an output's ranking is at least the threshold.

    Source: E6.1.
    """
    threshold = output.tolerances.threshold
    unjudged = unknown(output, threshold)
    if unjudged is None and len(output.before) < 2:
        unjudged = Finding.not_judged(threshold, "one feature alone has no ranking")
    if unjudged is not None:
        yield None, unjudged
        return
    violated = output.ndcg < threshold
    yield (
        None,
        Finding(
            CheckStatus.VIOLATED if violated else CheckStatus.PASSED,
            threshold,
            output.ndcg,
            output.ndcg_interval,
            n=output.known.count if output.known else None,
            m=output.rows,
            formula=FORMULA,
            description=analysis.drift(output.ndcg, threshold) if violated else None,
        ),
    )
