"""What an explainability job is told of its data and its model: the measures of its scan, and how it judges."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath

from model_monitor.configuration.bias_options import IntervalMethod, read_analysis_config
from model_monitor.configuration.contract import JobConfig
from model_monitor.data.reading.formats import JsonFormat
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.baselines import PREVIOUS
from model_monitor.inputs.bias_measures import LAST, features_path, has_records
from model_monitor.inputs.models import model_asked
from model_monitor.monitors.explainability.comparison import Tolerances
from model_monitor.monitors.explainability.measures import SAMPLED_ROWS, AttributionMeasures, require_in_scope
from model_monitor.monitors.predictors.sums import Algorithm

log = logging.getLogger(__name__)


def attribution_measures(config: JobConfig) -> AttributionMeasures:
    """The measures of an explainability job.

    Raises BadConfiguration with all that its configuration lacks, or asks for in vain.
    """
    if config.analysis_config is None:
        raise BadConfiguration(
            "analysis_config is missing; write --analysis-config FILE, the configuration of the analysis"
        )
    analysis = read_analysis_config(config.analysis_config)
    where = PurePosixPath(config.analysis_config).name
    require_in_scope(analysis, where)
    if analysis.segment_config:
        log.warning("segment_config parts the metrics of bias alone; attributions are those of all rows")
    return AttributionMeasures(
        analysis.model_copy(update={"features": features_path(config, analysis)}),
        model_asked(config, analysis),
        _others(config, analysis),
        baseline=config.output_path if config.baseline == PREVIOUS else config.baseline,
        sampled_rows=config.shap_sampled_rows or SAMPLED_ROWS,
        algorithm=Algorithm.KERNEL if config.replays_service else config.shap_algorithm,
        where=where,
    )


def reads_label(config: JobConfig, analysis: AnalysisConfig) -> bool:
    """Whether records bring a label that is no feature: of JSON, where the configuration says where it is."""
    return isinstance(config.dataset_format, JsonFormat) and analysis.label is not None


def _others(config: JobConfig, analysis: AnalysisConfig) -> tuple[str | int, ...]:
    """The columns that are no features: of records the label alone, behind the features."""
    if has_records(config, analysis):
        return (LAST,) if reads_label(config, analysis) else ()
    label = config.ground_truth_attribute if analysis.label is None else analysis.label
    named = (label, analysis.predicted_label, config.inference_attribute, config.probability_attribute)
    return tuple(name for name in named if name is not None)


def tolerances_of(config: JobConfig) -> Tolerances:
    """How attributions are judged."""
    usual, asked = Tolerances(), config.attribution_ci
    least = usual.min_rows if config.attribution_min_rows is None else config.attribution_min_rows
    return Tolerances(
        threshold=usual.threshold if config.attribution_threshold is None else config.attribution_threshold,
        min_rows=0 if config.replays_service else least,
        budget=config.false_alarm_budget,
        with_changes=not config.replays_service if asked is None else asked is IntervalMethod.BOOTSTRAP,
    )
