"""What a job's configuration requests: the measures of each kind's scan, the tolerances of its verdicts, and the model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat, MergedFormat
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.bias.bias_measures import (
    FLIP_TEST_ROWS,
    SECOND_DATA_SET_MEMBERS,
    BiasMeasures,
    resolve_methods,
)
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.explainability.attribution_measures import (
    SAMPLED_ROWS,
    AttributionMeasures,
    require_in_scope,
)
from spark_model_monitor.monitors.explainability.attribution_results import Tolerances as AttributionTolerances
from spark_model_monitor.monitors.explainability.kernel import DEFAULT_SAMPLES
from spark_model_monitor.monitors.predictors import PREDICTORS, Model
from spark_model_monitor.monitors.predictors.http import EndpointFormat
from spark_model_monitor.monitors.predictors.model_loading import infer_flavour, resolve_model
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.option_types import IntervalMethod, read_analysis_config
from spark_model_monitor.running.inputs.run_inputs import PREVIOUS, metric_name
from spark_model_monitor.statistics.states.outcome_plan import THRESHOLD, OutcomePlan
from spark_model_monitor.statistics.user_choices import Algorithm, ProblemType

log = logging.getLogger(__name__)

# Positions in a record, in which label and prediction follow the features
LAST_POSITION = -1
SECOND_LAST_POSITION = -2


def find_requested_model(config: JobConfig, analysis: AnalysisConfig) -> Model:
    """The model. Raises BadConfiguration if none is named, or its kind or its requests can't be determined."""
    # The service's configuration names a model of its own registry, which nobody can load from here
    if config.model is None:
        raise BadConfiguration(
            f"model is missing; write --model with the file of {analysis.predictor_settings.title}, its address or "
            "module:function"
        )
    if config.model_flavour:
        flavour = PREDICTORS.get(config.model_flavour).name
    else:
        flavour = infer_flavour(config.model)
    model = resolve_model(
        config.model,
        _describe_model_request(config, analysis),
        flavour=flavour,
        allows_pickle=config.allow_pickle,
        trusted=config.trust_type,
        sha256=config.model_sha256,
    )
    # Made once here, so that faults of the request show before any data is read
    if flavour == "http":
        EndpointFormat(model.request)
    return model


def _describe_model_request(config: JobConfig, analysis: AnalysisConfig) -> dict[str, Json]:
    """How to write a request to the model and to read its answer; if the analysis configuration doesn't locate the scores,
    `probability_attribute` or `inference_attribute` does.
    """
    members = analysis.predictor_settings.plain()
    address = config.probability_attribute or config.inference_attribute
    # A location in the analysis configuration has priority over the attributes
    if address is not None and not members.keys() & {"probability", "label"}:
        members["probability"] = int(address) if address.isdecimal() else address
    return members


def outcome_plan(config: JobConfig, labels: Mapping[str, Sequence[str]] | None = None) -> OutcomePlan:
    """The plan for the outcomes that the configuration describes. labels: the baseline's segments, by the cut that makes them.

    The prediction is used if it is configured, otherwise the probability with its threshold.
    Raises BadConfiguration listing everything missing or inconsistent.
    Source: C1.1, C11d.
    """
    BadConfiguration.raise_for(_find_faults(config))
    assert config.problem_type is not None  # a missing type is one of the faults
    problem_type = config.problem_type
    threshold = config.probability_threshold_attribute
    # A regression has no scores: a probability that a template sets there is ignored
    return OutcomePlan(
        problem_type,
        with_scores=config.probability_attribute is not None and problem_type is not ProblemType.REGRESSION,
        with_predictions=config.inference_attribute is not None,
        threshold=THRESHOLD if threshold is None else threshold,
        positive_label=config.positive_label,
        values=tuple(map(metric_name, config.metrics)),
        segments=tuple(labels or config.segments),
        labels=labels or {},
        group_column=None if config.replays_service else config.group_column,
    )


def _find_faults(config: JobConfig) -> list[str]:
    faults = []
    if (problem := config.problem_type) is None:
        faults.append(
            f"problem_type is missing; write one of: {', '.join(problem_type.value for problem_type in ProblemType)}"
        )
    if config.inference_attribute is None and problem not in (None, ProblemType.BINARY_CLASSIFICATION):
        needs = f"{problem.value} needs the column, index or JSON path of the prediction"
        faults.append(f"inference_attribute is missing; {needs}")
    elif config.inference_attribute is None and config.probability_attribute is None:
        faults.append("inference_attribute and probability_attribute are both missing; name where the predictions are")
    # Metrics are called by their function's name alone, and two can't share one
    names = [metric_name(reference) for reference in config.metrics]
    repeated = sorted({name for name in names if names.count(name) > 1})
    faults += [f"metrics: {name!r} is there twice; rename one of the functions" for name in repeated]
    return faults


def bias_measures(config: JobConfig) -> BiasMeasures:
    """The measures of a bias job. Raises BadConfiguration listing all that its configuration lacks or can't request."""
    analysis, where = _read_analysis(config)
    for member in SECOND_DATA_SET_MEMBERS:
        if getattr(analysis, member) is not None and not isinstance(config.dataset_format, CsvFormat):
            sentence = f"{member} is read only together with CSV; write the data set as CSV, or join them first"
            raise BadConfiguration(f"{where}: {sentence}")
    has_predicted_labels = has_predictions(config, analysis)
    # Predictions in the data have priority over predictions of a model
    asks_model = config.model is not None and not has_predicted_labels
    methods = resolve_methods(analysis, has_predictions=has_predicted_labels or asks_model, where=where)
    label, prediction = _find_label_and_prediction(config, analysis, has_predicted_labels)
    if label is None:
        raise BadConfiguration(f"{where}: label is missing; name the label's column, or --ground-truth-attribute")
    model = None
    if asks_model and methods.post_training is not None:
        model = find_requested_model(config, analysis)
    return BiasMeasures(
        analysis,
        label,
        prediction,
        methods,
        dict(config.column_types),
        untyped_texts=isinstance(config.dataset_format, CsvFormat) or has_records(config, analysis),
        with_flip_test=config.flip_test,
        flip_rows=config.flip_test_rows or FLIP_TEST_ROWS,
        where=where,
        model=model,
        threshold=probability_threshold(config, analysis),
        as_service=config.replays_service,
        segments=() if config.replays_service else config.segments,
        group_column=None if config.replays_service else config.group_column,
    )


def _read_analysis(config: JobConfig) -> tuple[AnalysisConfig, str]:
    """The configuration of the analysis, and its file's name for errors. Raises BadConfiguration if none is named."""
    if config.analysis_config is None:
        raise BadConfiguration(
            "analysis_config is missing; write --analysis-config FILE, the configuration of the analysis"
        )
    return read_analysis_config(config.analysis_config), PurePosixPath(config.analysis_config).name


def probability_threshold(config: JobConfig, analysis: AnalysisConfig) -> float:
    """The probability above which a prediction is 1."""
    candidates = (config.probability_threshold_attribute, analysis.probability_threshold, THRESHOLD)
    return next(threshold for threshold in candidates if threshold is not None)


def bias_tolerances(config: JobConfig) -> Tolerances:
    """The tolerances by which bias metrics are judged."""
    with_our_rules = not config.replays_service
    return Tolerances(
        with_intervals=with_our_rules if config.bias_ci is None else config.bias_ci is IntervalMethod.BOOTSTRAP,
        min_rows=config.bias_min_rows or 0,
        neutral_di=with_our_rules if config.bias_di_neutral is None else bool(config.bias_di_neutral),
        ranges=dict(config.bias_ranges),
        false_alarm_budget=config.run_false_alarm_budget,
    )


def has_predictions(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether the data contains the model's predictions: merged records always do."""
    locations = (
        analysis.predicted_label,
        analysis.predicted_label_dataset_uri,
        config.inference_attribute,
        config.probability_attribute,
    )
    return isinstance(config.dataset_format, MergedFormat) or any(location is not None for location in locations)


def has_records(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether rows are made from JSON paths and payloads rather than from a table's columns."""
    if isinstance(config.dataset_format, JsonFormat):
        return features_path(config, analysis) is not None
    return isinstance(config.dataset_format, CaptureFormat | MergedFormat)


def features_path(config: JobConfig, analysis: AnalysisConfig) -> str | None:
    """The JMESPath of the features in a record; None if the record's cells or members are the features."""
    if config.features_attribute is not None:
        return config.features_attribute
    return analysis.features


def _find_label_and_prediction(
    config: JobConfig, analysis: AnalysisConfig, has_predicted_labels: bool
) -> tuple[str | int | None, str | int | None]:
    """The columns of label and prediction."""
    if isinstance(config.dataset_format, CaptureFormat):  # without ground truth the label is one of the features
        return analysis.label, LAST_POSITION if has_predicted_labels else None
    if has_records(config, analysis):
        if has_predicted_labels:
            return (SECOND_LAST_POSITION, LAST_POSITION)
        return (LAST_POSITION, None)
    # In tables: by name or index
    label = analysis.label if analysis.label is not None else config.ground_truth_attribute
    if not has_predicted_labels:
        return label, None
    if analysis.predicted_label_dataset_uri is not None:
        return label, LAST_POSITION  # the last column that is joined to the data set
    if config.inference_attribute is None and analysis.predicted_label is None:
        return label, LAST_POSITION  # computed from the probability while reading
    return label, config.inference_attribute if config.inference_attribute is not None else analysis.predicted_label


def attribution_measures(config: JobConfig) -> AttributionMeasures:
    """The measures of an explainability job.

    Raises BadConfiguration listing all that its configuration lacks, or can't request.
    """
    analysis, where = _read_analysis(config)
    require_in_scope(analysis, where)
    if analysis.segment_config:
        log.warning("segment_config parts the metrics of bias alone; attributions are those of all rows")
    # The number of coalitions of features that the estimator samples for each row
    samples = None
    if analysis.methods is not None and analysis.methods.shap is not None:
        samples = analysis.methods.shap.num_samples
    if config.replays_service and samples and samples <= DEFAULT_SAMPLES:
        log.warning(
            "num_samples is %d, below 2 × features + 2,048; the service's estimator lies further from the exact values there "
            "than ours, so its values differ (docs/explainability.md says how)",
            samples,
        )
    return AttributionMeasures(
        analysis.model_copy(update={"features": features_path(config, analysis)}),
        find_requested_model(config, analysis),
        _list_other_columns(config, analysis),
        baseline=config.output_path if config.baseline == PREVIOUS else config.baseline,
        sampled_rows=config.shap_sampled_rows or SAMPLED_ROWS,
        algorithm=Algorithm.KERNEL if config.replays_service else config.shap_algorithm,
        where=where,
        group_column=None if config.replays_service else config.group_column,
    )


def reads_label(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether records have a label that is not a feature: JSON, if the configuration gives its location."""
    return isinstance(config.dataset_format, JsonFormat) and analysis.label is not None


def _list_other_columns(config: JobConfig, analysis: AnalysisConfig) -> tuple[str | int, ...]:
    """The columns that are not features: for records only the label, after the features."""
    if has_records(config, analysis):
        if reads_label(config, analysis):
            return (LAST_POSITION,)
        return ()
    label = config.ground_truth_attribute if analysis.label is None else analysis.label
    prediction = None
    if analysis.predicted_label_dataset_uri is None:
        prediction = analysis.predicted_label
    columns = (label, prediction, config.inference_attribute, config.probability_attribute)
    return tuple(name for name in columns if name is not None)


def attribution_tolerances(config: JobConfig) -> AttributionTolerances:
    """The tolerances by which attributions are judged."""
    defaults = AttributionTolerances()
    # The service judges neither by the number of rows nor by intervals
    min_rows = 0
    if not config.replays_service:
        min_rows = defaults.min_rows if config.attribution_min_rows is None else config.attribution_min_rows
    with_changes = not config.replays_service
    if config.attribution_ci is not None:
        with_changes = config.attribution_ci is IntervalMethod.BOOTSTRAP
    return AttributionTolerances(
        threshold=defaults.threshold if config.attribution_threshold is None else config.attribution_threshold,
        min_rows=min_rows,
        budget=config.run_false_alarm_budget,
        with_changes=with_changes,
    )
