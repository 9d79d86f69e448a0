"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case. The help text
(`help.py`) and the reading of flags, environment and files (`reading.py`) are made from it. Driver only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import partial
from types import NoneType
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from model_monitor.data.reading.data import EngineName
from model_monitor.data.reading.formats import SparkFormat, TableFormat
from model_monitor.data.records.locations import MAX_RECORD_BYTES
from model_monitor.documents.constraints import CATEGORICAL_DRIFT_METHODS, COMPARISON_METHODS, Rows
from model_monitor.documents.run_description import AnalysisType
from model_monitor.monitors.data_quality.comparison import COLUMNS
from model_monitor.monitors.data_quality.documents import DEFAULT_SETTINGS, MAX_DOMAIN_SIZE
from model_monitor.monitors.predictors import FLAVOURS
from model_monitor.monitors.predictors.sums import Algorithm
from model_monitor.reports.alerts import SPELLINGS
from model_monitor.running.configuration import options as kinds
from model_monitor.running.configuration.bias_options import (
    IntervalMethod,
    LocalAnalysisConfig,
    NeutralValue,
    RangesByMetric,
    TypesByColumn,
)
from model_monitor.running.configuration.encryption import S3Encryption, only_with_kms
from model_monitor.running.configuration.options import Option, Placeholder, named_in, read_name, threshold_of
from model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from model_monitor.statistics.states.outcomes import ProblemType
from model_monitor.storage.lease import WAIT

_WITH_FEATURES = (AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY)
_OF_QUALITY = (AnalysisType.MODEL_QUALITY, AnalysisType.ESTIMATED_QUALITY)
ANALYSES_OF_MODELS = (*_OF_QUALITY, *_WITH_FEATURES)
_DATA_QUALITY = (AnalysisType.DATA_QUALITY,)
_MODEL_QUALITY = (AnalysisType.MODEL_QUALITY,)
_BIAS = (AnalysisType.MODEL_BIAS,)
_EXPLAINABILITY = (AnalysisType.MODEL_EXPLAINABILITY,)
_BASELINE = ("baseline",)
_MONITOR = ("monitor",)
_ANALYSER = ("baseline", "monitor")
_MERGE = ("merge",)
_IN_A_WINDOW = ("monitor", "merge")

_USUAL = "the method's usual one"


def _option(help: str, placeholder: str = "", *, initial: Any = None, **facts: Any) -> Any:
    """A field with its `Option`. initial: its value where no source has one, `...` if it can't do without."""
    field = Field(initial)
    field.metadata.append(Option(help, placeholder, **facts))
    return field


_of_contract = partial(_option, ours=False)
_of_monitoring = partial(_option, jobs=_MONITOR)
_of_merge = partial(_option, jobs=_MERGE)
_of_analysis = partial(_option, jobs=_ANALYSER)
_of_window = partial(_option, jobs=_IN_A_WINDOW)
_of_columns = partial(_of_analysis, analyses=_DATA_QUALITY)
_of_columns_in_a_window = partial(_of_monitoring, analyses=_DATA_QUALITY)
_of_outcomes = partial(_of_analysis, analyses=_MODEL_QUALITY)
_of_predictions = partial(_of_analysis, analyses=_OF_QUALITY)
_of_bias = partial(_of_analysis, analyses=_BIAS)
_of_bias_in_a_window = partial(_of_monitoring, analyses=_BIAS)
_of_attributions_in_a_window = partial(_of_monitoring, analyses=_EXPLAINABILITY)
_suggestion = partial(_option, jobs=_BASELINE, analyses=_DATA_QUALITY)
_of_model = partial(_of_contract, analyses=ANALYSES_OF_MODELS)
_of_called = partial(_of_analysis, analyses=_WITH_FEATURES)


class JobConfig(BaseModel):
    """What one run was told, all of it valid.

    Source: C1.1, C1.2, C2, C11.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    job: str  # the job's name: baseline, monitor or merge
    ignored: tuple[str, ...] = ()  # variables that were given and that this job doesn't use, as they were given
    doubtful: tuple[str, ...] = ()  # variables that look like ours but are not, each with the nearest name
    remembered: Mapping[str, str] = {}  # how the data is read, by option: what a baseline's run.json keeps

    dataset_source: str = _of_contract(
        "File or directory with the data, which is searched; PATH alone does.", "PATH", initial="", free=True
    )
    """Empty only if the format names the data itself (a table, a Spark reader without paths)."""

    dataset_format: kinds.DataFormat = _of_contract(
        "What the data is: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, table:NAME, the "
        'contract\'s JSON, or any reader of Spark as {"spark": {"format": "orc", "options": {}}}.',
        initial=...,
        default="what local files look like",
        presets={"merge": "capture"},
        remembered=True,
    )

    output_path: str = _of_contract(
        "Directory that the results are written to.",
        "DIRECTORY",
        initial=...,
        default="for a local data.csv data-baseline, data-report, data-merged",
    )

    analysis_type: AnalysisType = _of_contract(
        "Which monitor: " + ", ".join(AnalysisType) + ".", "TYPE", initial=AnalysisType.DATA_QUALITY, jobs=_ANALYSER
    )

    publish_cloudwatch_metrics: kinds.Enabled | None = _of_contract(
        "Whether metrics are written.", default="Enabled in a container, else Disabled"
    )

    problem_type: ProblemType | None = _of_model(
        "What the model predicts: " + ", ".join(problem.value for problem in ProblemType) + ".",
        "TYPE",
        analyses=_OF_QUALITY,
    )

    inference_attribute: str | None = _of_model("Column, index or JSON path of the prediction.", "FEATURE")

    probability_attribute: str | None = _of_model("Column, index or JSON path of the probability.", "FEATURE")

    probability_threshold_attribute: kinds.Number | None = _of_model(
        "A probability above it means label 1.", default="0.5"
    )

    ground_truth_attribute: str | None = _of_model("Column, index or JSON path of the label.", "FEATURE")

    ground_truth_source: str | None = _of_contract(
        "File or directory with the ground truth.", "PATH", jobs=_MERGE, required_by=_MERGE
    )

    features_attribute: str | None = _of_contract(
        "JSON path of the features in a record.", "PATH", analyses=_WITH_FEATURES
    )

    exclude_features_attribute: kinds.Names = _of_contract(
        "Columns to leave out: names or 0-based indices, with commas.",
        initial=(),
        jobs=_ANALYSER,
        default="none; of a monitor those that the baseline left out",
        remembered=True,
    )

    record_preprocessor_script: kinds.Script | None = _of_contract(
        "Python file whose preprocess_handler(record) makes the rows.", jobs=_ANALYSER
    )

    post_analytics_processor_script: kinds.Script | None = _of_contract(
        "Python file whose postprocess_handler() runs after the results are written.", jobs=_ANALYSER
    )

    baseline_constraints: str | None = _of_contract("constraints.json of the baseline.", "FILE", jobs=_MONITOR)

    baseline_statistics: str | None = _of_contract(
        "statistics.json of the baseline.", "FILE", jobs=_MONITOR, analyses=_DATA_QUALITY
    )

    baseline: str | None = _of_monitoring(
        "Output path of the run to compare with, instead of the two files; previous: the run before this one.",
        "PATH|previous",
    )

    start_time: kinds.Moment | None = _of_contract(
        "First moment of the window, such as 2021-05-06T22:00:00Z.", jobs=_IN_A_WINDOW
    )

    end_time: kinds.Moment | None = _of_contract("First moment after the window.", jobs=_IN_A_WINDOW)

    scheduled_time: kinds.Moment | None = _of_window(
        "Time that the run is scheduled for; its full hour, and the two offsets from it, are a window, too."
    )

    start_time_offset: kinds.Duration = _of_window(
        "From the scheduled time to the start of the window, as an ISO 8601 duration, such as -P8D.",
        initial=timedelta(hours=-1),
        default="-PT1H",
    )

    end_time_offset: kinds.Duration = _of_window("The same to its end.", initial=timedelta(0), default="PT0H")

    late_labels: kinds.Period | None = _of_merge(
        "How long labels are waited for, such as P7D: a later run merges the hours again whose labels have come.",
        default="not at all",
    )

    absent_label: str | None = _of_merge(
        "Label of captures that got none within --after, such as 0 for no click.", "LABEL"
    )

    after: kinds.Period | None = _of_merge("How long after its hour a capture is labelled as absent, such as PT24H.")

    to_label: kinds.Whole | None = _of_merge(
        "So many captures without a label are listed for people to label, from all ranges of the score."
    )

    to_label_seed: kinds.Whole = _of_merge("Another number gives another list of them.", initial=1)

    score_attribute: str = _of_merge(
        "Where in the model's output its score is, for --to-label: index of a CSV cell, or path of a JSON member.",
        "PATH",
        initial="0",
    )

    metric_time: kinds.Moment | None = _of_contract(
        "Time stamp of the metrics.", jobs=_IN_A_WINDOW, default="start_time, or the start of the run"
    )

    as_of: kinds.TableVersion | None = _of_analysis(
        "Version of a Delta table, or snapshot of an Iceberg one, that is read: its number, or a time when it was current.",
        default="the newest",
    )

    since: kinds.TableVersion | None = _of_analysis(
        "Only the rows that were appended to such a table after this version, or this time."
    )

    each_commit: kinds.Switch = _of_columns_in_a_window(
        "Whether each commit of a table since the last run is a window, compared with the commits before it.",
        initial=False,
        opposite="whole_window",
    )

    look_every: kinds.Period | None = _of_columns_in_a_window(
        "How often the window is looked at before it is over, such as PT5M; all looks share its budget.",
        default="never",
    )

    look_until: kinds.Moment | None = _of_columns_in_a_window(
        "Judge what came of the window up to this time.", default="all of it"
    )

    lenient_window: kinds.Switch = _of_monitoring(
        "Whether all records of the window's hour folders are taken, whatever their own time.",
        initial=False,
        opposite="strict_window",
    )

    sample: kinds.Share | None = _of_monitoring("Share of the captured events to look at, the same ones in every run.")

    target_model: str | None = _of_analysis(
        "Of captures of a multi-model endpoint those of this targetModel.", "NAME", default="all"
    )

    allow_mixed_encodings: kinds.Switch = _of_monitoring(
        "Whether input and output of a capture may have different encodings; without it the job fails, as the service's.",
        initial=False,
        opposite="one_encoding",
    )

    omit_empty_violations: kinds.Switch = _of_monitoring(
        "Whether constraint_violations.json is left out when there are none, for scripts that take it for an alarm.",
        initial=False,
        opposite="always_violations",
    )

    fail_on_violations: kinds.Switch = _of_monitoring(
        "Whether the job ends with exit status 4 if there are violations.",
        initial=False,
        opposite="succeed_on_violations",
    )

    junit: str | None = _of_monitoring(
        "File that gets the checks as JUnit XML, which CI servers show: a test case for each, violations fail.", "FILE"
    )

    hide_values: kinds.Switch = _of_monitoring(
        "Whether alarms are told without values of the data: no categories or classes in mails, pages, checks.json.",
        initial=False,
        analyses=(*_DATA_QUALITY, *_OF_QUALITY),
        opposite="show_values",
    )

    find_causes: kinds.Switch = _of_monitoring(
        "Whether the data is read again where something is violated, to say in which segment, and from which files, times or "
        "clients, it is.",
        initial=True,
        analyses=(*_DATA_QUALITY, AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS),
        opposite="without_causes",
    )

    keep_examples: kinds.Whole = _of_monitoring(
        "So many ids of rows behind each violated feature are kept in examples.parquet, for model-monitor rows.",
        initial=0,
        analyses=_DATA_QUALITY,
    )

    id_column: str | None = _of_monitoring(
        "Column with the ids of rows; captured events have ids of their own.", "COLUMN", analyses=_DATA_QUALITY
    )

    report: kinds.Switch = _of_analysis(
        "Whether report.html is written, the run as a page.", initial=True, opposite="no_report"
    )

    sink: kinds.Destinations = _of_monitoring(
        f"Where to send alerts: {SPELLINGS}; several with commas, or in several flags.",
        initial=(),
        default="nobody",
        repeatable=True,
    )

    sink_required: kinds.Switch = _of_monitoring(
        "Whether the job fails if a sink could not be told; without it that is a warning.",
        initial=False,
        opposite="sink_optional",
    )

    every: kinds.Switch = _of_monitoring(
        "Whether webhooks, mail and topics are told of every run, not only when the alert changes.",
        initial=False,
        opposite="on_transition",
    )

    datapoints_to_alert: kinds.UpTo100 = _of_monitoring(
        "How many of the last windows have to have violations for an alert.", initial=1
    )

    evaluation_period: Annotated[kinds.UpTo100 | None, AfterValidator(kinds.at_least_the_datapoints)] = _of_monitoring(
        "How many of the last windows are looked at for that.", "NUMBER", default="datapoints_to_alert"
    )

    min_traffic: kinds.Share | None = _of_monitoring(
        "Share of the records that are usual at a window's hour below which traffic fell, and the sinks are told.",
        default="not looked at",
    )

    log_values: kinds.Switch = _option(
        "Whether the trace of an unexpected error has the error's text, which may repeat values of the data.",
        initial=False,
        opposite="log_no_values",
    )

    sagemaker_endpoint_name: str | None = _of_contract(
        "The model's endpoint: what notices are of, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_monitoring_schedule_name: str | None = _of_contract(
        "The schedule's name, in notices, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_endpoint_datacapture_prefix: str | None = _of_contract(
        "Prefix that the captures lie under.", "PATH", jobs=()
    )

    categorical_drift_method: Annotated[str, named_in(CATEGORICAL_DRIFT_METHODS)] = _of_contract(
        f"How texts are compared; written into the suggested constraints: {', '.join(CATEGORICAL_METHODS)}.",
        "METHOD",
        initial=DEFAULT_SETTINGS.categorical_drift_method,
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
    )

    comparison_method: Annotated[str, named_in(COMPARISON_METHODS)] = _suggestion(
        f"How numbers are compared; written into the suggested constraints: {', '.join(NUMERIC_METHODS)}.",
        "METHOD",
        initial=DEFAULT_SETTINGS.comparison_method,
    )

    comparison_threshold: Annotated[
        float, threshold_of("comparison_method", NUMERIC_METHODS), Field(validate_default=True)
    ] = _suggestion(
        "Distance of distributions above which a feature has drifted; written into the suggested constraints.",
        "NUMBER",
        default=_USUAL,
    )

    categorical_comparison_threshold: Annotated[
        float, threshold_of("categorical_drift_method", CATEGORICAL_METHODS), Field(validate_default=True)
    ] = _suggestion("The same for texts.", "NUMBER", default=_USUAL)

    datatype_check_threshold: kinds.Share = _suggestion(
        "Share of values that have to be of the inferred type; written into the suggested constraints.",
        initial=DEFAULT_SETTINGS.datatype_check_threshold,
    )

    domain_content_threshold: kinds.Share = _suggestion(
        "Share of texts that have to be among the known ones; written into the suggested constraints.",
        initial=DEFAULT_SETTINGS.domain_content_threshold,
    )

    false_alarm_budget: kinds.Chance = _suggestion(
        "Share of the healthy runs that may have any violation; data quality writes it into the suggested constraints.",
        initial=DEFAULT_SETTINGS.false_alarm_budget,
        default="1/720",
        also=tuple(("monitor", analysis) for analysis in ANALYSES_OF_MODELS),
    )

    run_budget: kinds.Chance | None = _of_monitoring(
        "Share of the healthy runs that may have any violation, where that is less than the baseline or the job has; run-due "
        "says it of schedules that share alarms_per_month.",
        default="what those have",
    )

    rows: Rows = _suggestion(
        "How rows depend on each other: clustered, as those of one user do, or independent, so that small drifts are seen; "
        "written into the suggested constraints.",
        initial=Rows.CLUSTERED,
    )

    segments: kinds.Names = _suggestion(
        "How rows are cut into segments, in each of which drift, or a model's metrics or bias, are judged, too: plan by value, "
        "age:30:50 by range, plan*age:40 by both, with commas; written into the suggested constraints.",
        "CUTS",
        initial=(),
        also=(("baseline", AnalysisType.MODEL_QUALITY), ("baseline", AnalysisType.MODEL_BIAS)),
    )

    group_column: str | None = _suggestion(
        "Column that says which rows belong together, such as the user's id: a window's groups count then, not its rows; "
        "windows of this baseline take it from there.",
        "COLUMN",
        also=tuple(("baseline", analysis) for analysis in (AnalysisType.MODEL_QUALITY, *_WITH_FEATURES)),
        default="neighbouring rows show it",
    )

    max_domain_size: kinds.Whole = _suggestion(
        "A text feature with more distinct values than this gets no list of known ones.", initial=MAX_DOMAIN_SIZE
    )

    with_pairs: kinds.Switch | None = _of_columns(
        "Whether columns that have to do with each other are looked for in a baseline, and judged in a window.",
        opposite="without_pairs",
        default="a baseline without, a window as its baseline",
    )

    with_sketches: kinds.Switch | None = _of_columns(
        "Whether statistics.json holds the sketches; states/ has them anyway.",
        opposite="without_sketches",
        default="with, up to 300 columns",
    )

    column_metrics: kinds.ColumnMetrics = _of_columns(
        "Metrics of numeric features beyond those of the service, by name, with commas; docs/files.md lists them.",
        initial=(),
    )

    predictions: kinds.Names = _option(
        "Columns that the model puts out, by name, with commas: their drift has its own part of the budget.",
        initial=(),
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
    )

    time_column: str | None = _of_analysis(
        "Column with the times of the rows: the parts of a baseline that say how data varies are neighbours by it, and a "
        "window's rows of a table are told by it.",
        "COLUMN",
    )

    checks: str | None = _of_columns(
        "Deequ checks of your own: module:function, or a JSON file of analyzers and assertions.", "CHECKS"
    )

    expectations: str | None = _of_columns_in_a_window(
        "Rules of your own, YAML or JSON: one that is not met is a violation, or a hint. No baseline is needed.", "FILE"
    )

    suggest_expectations: str | None = _suggestion(
        "File that gets rules which the baseline meets, for a person to choose from.", "FILE"
    )

    allow_second_scan: kinds.Switch = _of_columns(
        "Whether a check that needs it may read the data once more.", initial=False, opposite="no_second_scan"
    )

    positive_label: str | None = _of_predictions(
        "The class that a binary problem is about.", "LABEL", default="1 or true"
    )

    tolerance: kinds.ToleranceRule | None = _of_outcomes(
        "How far the suggested thresholds lie from the baseline's values: interval, absolute:0.02, relative:5%, or none.",
        default="interval, but none with --compat service",
    )

    window_rows: kinds.Whole | None = _of_analysis(
        "Rows that a window will have at least: what suggested limits allow for.",
        analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
        default="as many as the baseline",
    )

    min_samples: kinds.Whole | None = _of_monitoring(
        "Rows that a metric has to rest on to be judged; with fewer checks.json says that nobody can tell.",
        analyses=_OF_QUALITY,
    )

    cost_matrix: kinds.Costs | None = _of_monitoring(
        "What true and false positives and negatives are worth: tp=40,fp=-5,fn=-20; business_value is their mean.",
        analyses=(AnalysisType.ESTIMATED_QUALITY,),
    )

    error_model: str | None = _of_monitoring(
        "File of the model that tells how far predicted numbers are off, as --learn-errors or ErrorModel.learnt wrote it.",
        "FILE",
        analyses=(AnalysisType.ESTIMATED_QUALITY,),
    )

    learn_errors: str | None = _option(
        "File, such as errors.skops, that gets a model of how far predicted numbers are off, learnt from up to 100,000 rows.",
        "FILE",
        jobs=_BASELINE,
        analyses=_MODEL_QUALITY,
    )

    metrics: kinds.Names = _of_outcomes(
        "Metrics of your own, a value for each outcome: module:function, several with commas.", "METRICS", initial=()
    )

    analysis_config: LocalAnalysisConfig | None = _of_analysis(
        "Clarify's analysis_config.json: label, facets, metrics; local or on S3.", analyses=_WITH_FEATURES
    )

    column_types: TypesByColumn = _of_bias(
        "How columns are taken, whatever their values look like: COLUMN=categorical or COLUMN=continuous, with commas.",
        initial={},
        default="as their values look",
    )

    flip_test: kinds.Switch = _of_bias(
        "Whether the flip test is made, the one metric that looks at rows again.", initial=True, opposite="no_flip_test"
    )

    flip_test_rows: kinds.Whole | None = _of_bias(
        "Rows of a side above which the flip test looks at a sample.", default="200,000"
    )

    bias_ci: IntervalMethod | None = _of_bias_in_a_window(
        "bootstrap: a metric has drifted only if chance can't explain it; none: if its value has.",
        default="bootstrap, but none with --compat service",
    )

    bias_min_rows: kinds.Whole | None = _of_bias_in_a_window(
        "Rows that a group and the rest have to have to be judged; with fewer checks.json says that nobody can tell."
    )

    bias_di_neutral: NeutralValue | None = _of_bias_in_a_window(
        "Value that disparate impact is measured from: 0 as the service does, or 1, where it is neutral.",
        default="1, but 0 with --compat service",
    )

    bias_ranges: RangesByMetric = _of_bias_in_a_window(
        "Ranges that metrics have to lie in whatever the baseline says: METRIC=LOW:HIGH, with commas.", initial={}
    )

    model: str | None = _of_called("The model: its file, its address (http, https), or module:function.", "MODEL")

    model_flavour: str | None = _of_called(
        "What the model is, where its name does not tell.", "|".join(FLAVOURS), default="told by the name"
    )

    model_sha256: kinds.Sha256 | None = _of_called(
        "The SHA-256 that the model's file has to have; another one is not loaded."
    )

    allow_pickle: kinds.Switch = _of_called(
        "Whether a model may be a pickle, which runs code when it is loaded.", initial=False
    )

    trust_type: kinds.Names = _of_called(
        "Types of a skops file that may be loaded beside those that are known, with commas.", "TYPES", initial=()
    )

    shap_sampled_rows: kinds.Whole | None = _of_called(
        "Rows that baseline rows are made of, and partial dependence is computed from.",
        analyses=_EXPLAINABILITY,
        default="10,000",
    )

    shap_algorithm: Algorithm = _of_called(
        "auto: without coalitions where a linear model or trees give the same values so; kernel: always with them.",
        initial=Algorithm.AUTO,
        analyses=_EXPLAINABILITY,
        default="auto; kernel with --compat service",
    )

    attribution_threshold: kinds.Share | None = _of_attributions_in_a_window(
        "Normalised discounted cumulative gain below which attributions have drifted.", default="0.9"
    )

    attribution_min_rows: kinds.Whole | None = _of_attributions_in_a_window(
        "Rows that a window has to have for its attributions to be judged; with --compat service every window is.",
        default="100",
    )

    attribution_ci: IntervalMethod | None = _of_attributions_in_a_window(
        "bootstrap: each feature's attribution is judged, too, by the interval of its change, in checks.json alone.",
        default="bootstrap; none with --compat service",
    )

    max_quarantined_share: kinds.Share = _option("Share of unreadable records above which the job fails.", initial=0.01)

    max_record_size: kinds.Size = _option(
        "Longest line that is read as a record, such as 64MB; longer ones are refused, and never held whole.",
        initial=MAX_RECORD_BYTES,
        default="256MB",
    )

    accept_exponents: kinds.Switch | None = _of_analysis(
        "Whether 1e-5 in text is a number.",
        opposite="no_exponents",
        default="yes, but no with --compat service",
        remembered=True,
    )

    flatten_json: kinds.Switch = _of_analysis(
        "Whether nested JSON objects become features called outer.inner; without it they are refused.",
        initial=False,
        opposite="no_flatten_json",
        remembered=True,
    )

    max_runtime: kinds.Period | None = _option(
        "How long the job may take before it publishes, such as PT1H; then it is stopped with nothing published.",
        default="as long as it takes",
    )

    lease_wait: kinds.Wait = _option(
        "How long to wait for another run that writes to the same output, such as PT1H; PT0S: not at all.",
        initial=WAIT,
        default="PT10M",
    )

    s3_encryption: S3Encryption | None = _option(
        "Encryption that every write to S3 asks for: SSE-S3, or SSE-KMS.", default="the bucket's own"
    )

    s3_kms_key: Annotated[str | None, AfterValidator(only_with_kms)] = _option(
        "Key for SSE-KMS: its ARN, or its id in the bucket's account.", "KEY", default="AWS's own for S3"
    )

    threshold: kinds.ThresholdsByFeature = _of_columns_in_a_window(
        "Drift thresholds of features, over those of the baseline: FEATURE=NUMBER, with commas; may be repeated.",
        initial={},
        repeatable=True,
    )

    thresholds: str | None = _of_columns_in_a_window(
        'File with thresholds of any checks, over those of the baseline: {"FEATURE": {"CHECK": NUMBER}}.',
        "FILE",
        default="none",
    )

    attributions: str | None = _of_columns_in_a_window(
        "analysis.json of explainability, or its output path: what moves the model more stands first on pages and in mails.",
        "PATH",
    )

    compat: kinds.Compatibility = _option(
        "service: the very numbers of the service (one partition, its type classes, its rules); none: the right ones.",
        initial=kinds.Compatibility.NONE,
    )

    columns: Annotated[
        str | None, named_in(dict(zip(COLUMNS, COLUMNS, strict=True))), AfterValidator(kinds.as_compatible)
    ] = _of_columns_in_a_window(
        "How columns with names are held against the baseline's. name: each that only one side has is a violation beside the "
        "others; exact: another number of columns is the only one, and other names go by position.",
        "|".join(COLUMNS),
        default="name, but exact with --compat service",
    )

    engine: EngineName = _option(
        "What reads and counts: spark, local (this machine's processes, without a JVM), or auto: Spark within spark-submit, "
        "for what it alone opens, and above 1 GB (captures 2, Parquet and CSV 10).",
        "ENGINE",
        initial=EngineName.AUTO,
    )

    remote: Annotated[str | None, AfterValidator(kinds.connect_address)] = _of_analysis(
        "Spark Connect server that reads and counts; documents are written here.", "sc://HOST:PORT"
    )

    results_table: Annotated[str | None, AfterValidator(kinds.table_or_folder)] = _of_analysis(
        "Where summary and checks go as tables for SQL: a folder, or NAME_summary and NAME_checks of Spark's catalog.",
        "NAME|PATH",
    )

    progress: kinds.Switch | None = _option(
        "Whether a bar shows the stages.", opposite="no_progress", default="on a terminal"
    )

    env_file: str | None = _option("File of variables, NAME=VALUE a line, used where the environment has none.", "FILE")

    container_root: str = _option("Where opt/ml of a container is looked for.", "DIRECTORY", initial="/")

    @field_validator("*", mode="before")
    @classmethod
    def _member(cls, value: Any, info: ValidationInfo) -> Any:
        """A member of an enumeration by its value, without regard to case."""
        kind = enum_of(cls.model_fields[info.field_name or ""])
        return value if kind is None else read_name({str(member.value): member for member in kind}, value)

    @property
    def replays_service(self) -> bool:
        """Whether the numbers of the service are wanted, its errors included."""
        return self.compat is kinds.Compatibility.SERVICE

    @property
    def budget_of_a_run(self) -> float:
        """The share of the healthy runs that may have any violation, of monitors whose baselines don't say it."""
        return min(self.false_alarm_budget, self.run_budget or 1.0)

    @property
    def takes_exponents(self) -> bool:
        """Whether 1e-5 in text is a number: as told, else unless the service is replayed."""
        return not self.replays_service if self.accept_exponents is None else self.accept_exponents

    @property
    def leaves_no_trace(self) -> bool:
        """Whether it is data quality, without a script or check of others, or a table's library; a sink may be theirs."""
        others = (
            self.record_preprocessor_script,
            self.post_analytics_processor_script,
            self.checks,
            self.results_table,
        )
        of_files = not isinstance(self.dataset_format, (TableFormat, SparkFormat))
        return self.analysis_type is AnalysisType.DATA_QUALITY and of_files and not any(others)

    @property
    def runs_our_code_alone(self) -> bool:
        """The same, and no sink of somebody else."""
        return self.leaves_no_trace and not self.sink


def _declared(field: FieldInfo) -> Iterator[Option]:
    """The option of a field, with what its type and its initial value say of it."""
    annotated = (field, *(alias for alias in get_args(field.annotation) if hasattr(alias, "__metadata__")))
    declared = [each for where in annotated for each in getattr(where, "__metadata__", field.metadata)]
    names = "|".join(str(member.value) for member in enum_of(field) or ())
    usual = next((each.text for each in declared if isinstance(each, Placeholder)), names)
    for option in declared:
        if isinstance(option, Option):
            default = "none" if option.default is None and field.default in ((), {}) else option.default
            yield replace(option, placeholder=option.placeholder or usual, default=default)


def enum_of(field: FieldInfo) -> type[Enum] | None:
    """The enumeration whose members a field holds; None if it holds something else."""
    alternatives = get_args(field.annotation)
    kinds = (field.annotation, *(alternatives if NoneType in alternatives else ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)), None)


OPTIONS: Mapping[str, Option] = {
    name: option for name, field in JobConfig.model_fields.items() for option in _declared(field)
}
"""Every option by its attribute's name, in the order of --help."""
