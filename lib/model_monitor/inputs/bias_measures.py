"""What a bias job is told of its data and its model: the measures of its scan, and how it judges."""

from __future__ import annotations

from pathlib import PurePosixPath

from model_monitor.configuration.bias_options import IntervalMethod, read_analysis_config
from model_monitor.configuration.contract import JobConfig
from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat, MergedFormat
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.models import model_asked
from model_monitor.monitors.bias.comparison import Tolerances
from model_monitor.monitors.bias.measures import FLIP_TEST_ROWS, BiasMeasures, methods_of
from model_monitor.statistics.states.outcomes import THRESHOLD

LAST, LAST_BUT_ONE = -1, -2
"""Where records have label and prediction: behind the features."""


def bias_measures(config: JobConfig) -> BiasMeasures:
    """The measures of a bias job.

    Raises BadConfiguration with all that its configuration lacks, or asks for in vain.
    """
    if config.analysis_config is None:
        raise BadConfiguration(
            "analysis_config is missing; write --analysis-config FILE, the configuration of the analysis"
        )
    analysis = read_analysis_config(config.analysis_config)
    where = PurePosixPath(config.analysis_config).name
    predicted = has_predictions(config, analysis)
    asks = config.model is not None and not predicted
    methods = methods_of(analysis, has_predictions=predicted or asks, where=where)
    label, prediction = _places(config, analysis, predicted)
    if label is None:
        raise BadConfiguration(f"{where}: label is missing; name the label's column, or --ground-truth-attribute")
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
        model=model_asked(config, analysis) if asks and methods.post_training is not None else None,
        threshold=threshold_of(config, analysis),
    )


def threshold_of(config: JobConfig, analysis: AnalysisConfig) -> float:
    """The probability above which a prediction is 1."""
    given = (config.probability_threshold_attribute, analysis.probability_threshold, THRESHOLD)
    return next(threshold for threshold in given if threshold is not None)


def tolerances_of(config: JobConfig) -> Tolerances:
    """How metrics are judged."""
    ours = not config.replays_service
    return Tolerances(
        with_intervals=ours if config.bias_ci is None else config.bias_ci is IntervalMethod.BOOTSTRAP,
        min_rows=config.bias_min_rows or 0,
        neutral_di=ours if config.bias_di_neutral is None else bool(config.bias_di_neutral),
        ranges=dict(config.bias_ranges),
        false_alarm_budget=config.false_alarm_budget,
    )


def has_predictions(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether the data brings the model's predictions: merged records always do."""
    named = (analysis.predicted_label, config.inference_attribute, config.probability_attribute)
    return isinstance(config.dataset_format, MergedFormat) or any(name is not None for name in named)


def has_records(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether rows are made of JSON paths and payloads, and not of a table's columns."""
    if isinstance(config.dataset_format, JsonFormat):
        return features_path(config, analysis) is not None
    return isinstance(config.dataset_format, CaptureFormat | MergedFormat)


def features_path(config: JobConfig, analysis: AnalysisConfig) -> str | None:
    """The JMESPath of a record's features, None if they are the cells or members that it has."""
    return config.features_attribute if config.features_attribute is not None else analysis.features


def _places(config: JobConfig, analysis: AnalysisConfig, predicted: bool) -> tuple[str | int | None, str | int | None]:
    """The columns of label and prediction."""
    if isinstance(config.dataset_format, CaptureFormat):  # without ground truth the label is one of the features
        return analysis.label, LAST if predicted else None
    if has_records(config, analysis):
        return (LAST_BUT_ONE, LAST) if predicted else (LAST, None)
    label = analysis.label if analysis.label is not None else config.ground_truth_attribute
    if not predicted:
        return label, None
    if config.inference_attribute is None and analysis.predicted_label is None:
        return label, LAST  # made of the probability when the data is read
    return label, config.inference_attribute if config.inference_attribute is not None else analysis.predicted_label
