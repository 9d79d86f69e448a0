"""Rows of features, read as Clarify's configuration says: what the explainability monitor looks at."""

from __future__ import annotations

from model_monitor.configuration.bias_options import read_analysis_config
from model_monitor.configuration.contract import JobConfig
from model_monitor.data.engine import Session
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.formats import CsvFormat
from model_monitor.data.records.decoding import Reading
from model_monitor.data.records.outcome_payloads import INPUT
from model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.inputs.attribution_measures import reads_label
from model_monitor.inputs.bias import read_headed_csv, read_records
from model_monitor.inputs.bias_measures import features_path, has_records
from model_monitor.inputs.features import read_columns, without
from model_monitor.monitors.explainability.comparison import AttributionBaseline
from model_monitor.monitors.protocol import StoredBaseline


def read_explained(session: Session, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set that the configuration names; of captured records the model's input alone.

    Raises NoData if there is nothing to read, BadInput if it can't be read as that format, BadConfiguration if the
    configuration's headers don't fit it.
    """
    analysis = read_analysis_config(config.analysis_config or "")
    if has_records(config, analysis):
        dataset = _records(session, config, analysis, baseline)
    elif isinstance(config.dataset_format, CsvFormat):
        dataset = read_headed_csv(session, config, config.dataset_format, analysis)
    else:
        dataset = read_columns(session, config.model_copy(update={"flatten_json": True}))
    return without(dataset, config.exclude_features_attribute)


def _records(session: Session, config: JobConfig, analysis: AnalysisConfig, baseline: StoredBaseline | None) -> Dataset:
    label = analysis.label if reads_label(config, analysis) else None

    def reading(records: Reading) -> OutcomeReading:
        path = features_path(config, analysis)
        return OutcomeReading(
            None if label is None else str(label),
            None,
            None,
            with_label=label is not None,
            keeps_missing=True,
            records=records,
            features=FeatureReading(path),
        )

    headers = _features_of(baseline) if analysis.headers is None else analysis.headers
    if headers is not None and label is None:
        headers = tuple(name for name in headers if name not in (analysis.label, analysis.predicted_label))
    return read_records(session, config, analysis.model_copy(update={"headers": headers}), reading, (INPUT,))


def _features_of(baseline: StoredBaseline | None) -> tuple[str, ...] | None:
    """The features of the baseline's columns, in their order."""
    if not isinstance(baseline, AttributionBaseline):
        return None
    return next((tuple(values) for values in baseline.constraints.values.values()), None)
