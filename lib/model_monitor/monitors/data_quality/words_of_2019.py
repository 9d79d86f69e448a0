"""Violations in the words of the container of 2019, which a baseline of then is checked in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import InferredType
from model_monitor.monitors.data_quality import messages
from model_monitor.monitors.data_quality.evaluation import DRIFT_CHECK


def in_words_of_2019(results: Iterable[CheckResult], constraints: Constraints) -> tuple[CheckResult, ...]:
    """The same results, violations as the container of 2019 put them; of texts that drift its words are not known.

    Source: C4.4a.
    """
    texts = {feature.name for feature in constraints.features if feature.inferred_type is InferredType.STRING}

    def put(result: CheckResult) -> CheckResult:
        observed, threshold = result.observed, result.threshold
        if result.status is not CheckStatus.VIOLATED or observed is None or threshold is None:
            return result
        if result.check == "data_type_check":
            return result.model_copy(update={"description": messages.requirement_not_met(observed)})
        if result.check == DRIFT_CHECK and result.feature not in texts:
            return result.model_copy(update={"description": messages.numbers_drift_2019(observed, threshold)})
        return result

    return tuple(put(result) for result in results)
