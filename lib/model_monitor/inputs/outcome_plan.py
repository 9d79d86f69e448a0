"""What a model-quality job is told of its model: the plan of its scan."""

from __future__ import annotations

from model_monitor.configuration.contract import JobConfig
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.user_metrics import metric_name
from model_monitor.statistics.states import OutcomePlan, ProblemType
from model_monitor.statistics.states.outcomes import THRESHOLD


def outcome_plan(config: JobConfig) -> OutcomePlan:
    """The plan for the outcomes that the configuration describes.

    The prediction counts where there is one, else the probability's threshold.
    Raises BadConfiguration with all that is missing or makes no sense.
    Source: C1.1, C11d.
    """
    faults = list(_faults(config))
    if faults:
        raise BadConfiguration.gathered(faults)
    assert config.problem_type is not None  # else it is a fault
    problem_type = config.problem_type
    threshold = config.probability_threshold_attribute
    return OutcomePlan(
        problem_type,
        with_scores=config.probability_attribute is not None and problem_type is not ProblemType.REGRESSION,
        with_predictions=config.inference_attribute is not None,
        threshold=THRESHOLD if threshold is None else threshold,
        positive_label=config.positive_label,
        values=tuple(map(metric_name, config.metrics)),
    )


def _faults(config: JobConfig) -> list[str]:
    faults = []
    if config.problem_type is None:
        choices = ", ".join(problem.value for problem in ProblemType)
        faults.append(f"problem_type is missing; write one of: {choices}")
    if config.inference_attribute is None and config.problem_type in (
        ProblemType.REGRESSION,
        ProblemType.MULTICLASS_CLASSIFICATION,
    ):
        faults.append(
            f"inference_attribute is missing; {config.problem_type.value} needs the column, index or JSON path of the prediction"
        )
    elif config.inference_attribute is None and config.probability_attribute is None:
        faults.append("inference_attribute and probability_attribute are both missing; name where the predictions are")
    threshold = config.probability_threshold_attribute
    if threshold is not None and not 0 <= threshold <= 1:
        faults.append(f"probability_threshold_attribute is {threshold}; it has to be a number from 0 to 1")
    names = [metric_name(reference) for reference in config.metrics]
    faults += [f"metrics: {name!r} is there twice; rename one of the functions" for name in _repeated(names)]
    return faults


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
