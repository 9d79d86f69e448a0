"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case. The help text
(`job_help.py`) and the reading of flags, environment and files (`reading.py`) are made from it. Driver only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

import model_monitor.monitors.predictors.loading  # noqa: F401 - registers the flavours
from model_monitor.data.reading.engines import EngineName
from model_monitor.data.records.locations import MAX_RECORD_BYTES
from model_monitor.documents.constraints import CATEGORICAL_DRIFT_METHODS, COMPARISON_METHODS, Rows
from model_monitor.documents.run_description import AnalysisType
from model_monitor.monitors.data_quality.comparison import COLUMNS
from model_monitor.monitors.data_quality.documents import DEFAULT_SETTINGS, MAX_DOMAIN_SIZE
from model_monitor.monitors.predictors.loading import FLAVOURS
from model_monitor.monitors.predictors.sums import Algorithm
from model_monitor.reports.alerts import SPELLINGS
from model_monitor.running.configuration.bias_options import (
    IntervalMethod,
    LocalAnalysisConfig,
    NeutralValue,
    RangesByMetric,
    S3Encryption,
    TypesByColumn,
    only_with_kms,
)
from model_monitor.running.configuration.options import (
    Chance,
    ColumnMetrics,
    Compatibility,
    DataFormat,
    Destinations,
    Duration,
    Enabled,
    Moment,
    Names,
    Number,
    Option,
    Period,
    Script,
    Share,
    Size,
    Switch,
    TableVersion,
    ThresholdsByFeature,
    ToleranceRule,
    UpTo100,
    Wait,
    Whole,
    as_compatible,
    at_least_the_datapoints,
    connect_address,
    member_of,
    named_in,
    table_or_folder,
    threshold_of,
)
from model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from model_monitor.statistics.states.outcomes import ProblemType
from model_monitor.storage.lease import WAIT

_WITH_FEATURES = (AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY)
ANALYSES_OF_MODELS = (AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY)
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


def _option(initial: Any, help: str, placeholder: str = "", **facts: Any) -> Any:
    """A field with its `Option`. initial: its value where no source has one, `...` if it can't do without."""
    field = Field(initial)
    field.metadata.append(Option(help, placeholder, **facts))
    return field


_of_contract = partial(_option, ours=False)
_of_monitoring = partial(_option, jobs=_MONITOR)
_of_merge = partial(_option, jobs=_MERGE)
_of_analysis = partial(_option, jobs=_ANALYSER)
_of_window = partial(_option, jobs=_IN_A_WINDOW)
_suggestion = partial(_option, jobs=_BASELINE, analyses=_DATA_QUALITY)
_of_model = partial(_of_contract, analyses=ANALYSES_OF_MODELS)
_of_called = partial(_of_analysis, analyses=_WITH_FEATURES)


class JobConfig(BaseModel):
    """What one run was told, all of it valid.

    Source: C1.1, C1.2, C2, C11.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    job: str
    """The job's name: baseline, monitor or merge."""

    ignored: tuple[str, ...] = ()
    """Variables that were given and that this job doesn't use, as they were given."""

    doubtful: tuple[str, ...] = ()
    """Variables that look like ours but are not, each with the nearest name."""

    dataset_source: str = _of_contract(
        "", "File or directory with the data, which is searched; PATH alone does.", "PATH", free=True
    )
    """Empty only if the format names the data itself (a table, a Spark reader without paths)."""

    dataset_format: DataFormat = _of_contract(
        ...,
        "What the data is: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, table:NAME, the "
        'contract\'s JSON, or any reader of Spark as {"spark": {"format": "orc", "options": {}}}.',
        "FORMAT",
        default="what local files look like",
        presets={"merge": "capture"},
    )

    output_path: str = _of_contract(
        ...,
        "Directory that the results are written to.",
        "DIRECTORY",
        default="for a local data.csv data-baseline, data-report, data-merged",
    )

    analysis_type: Annotated[AnalysisType, member_of(AnalysisType)] = _of_contract(
        AnalysisType.DATA_QUALITY, "Which monitor: " + ", ".join(AnalysisType) + ".", "TYPE", jobs=_ANALYSER
    )

    publish_cloudwatch_metrics: Enabled | None = _of_contract(
        None, "Whether metrics are written.", "Enabled|Disabled", default="Enabled in a container, else Disabled"
    )

    problem_type: Annotated[ProblemType | None, member_of(ProblemType)] = _of_model(
        None,
        "What the model predicts: " + ", ".join(problem.value for problem in ProblemType) + ".",
        "TYPE",
        analyses=_MODEL_QUALITY,
    )

    inference_attribute: str | None = _of_model(None, "Column, index or JSON path of the prediction.", "FEATURE")

    probability_attribute: str | None = _of_model(None, "Column, index or JSON path of the probability.", "FEATURE")

    probability_threshold_attribute: Number | None = _of_model(
        None, "A probability above it means label 1.", "NUMBER", default="0.5"
    )

    ground_truth_attribute: str | None = _of_model(None, "Column, index or JSON path of the label.", "FEATURE")

    ground_truth_source: str | None = _of_contract(
        None, "File or directory with the ground truth.", "PATH", jobs=_MERGE, required_by=_MERGE
    )

    features_attribute: str | None = _of_contract(
        None, "JSON path of the features in a record.", "PATH", analyses=_WITH_FEATURES
    )

    exclude_features_attribute: Names = _of_contract(
        (), "Columns to leave out: names or 0-based indices, with commas.", "FEATURES", jobs=_ANALYSER, default="none"
    )

    record_preprocessor_script: Script | None = _of_contract(
        None, "Python file whose preprocess_handler(record) makes the rows.", "FILE", jobs=_ANALYSER
    )

    post_analytics_processor_script: Script | None = _of_contract(
        None, "Python file whose postprocess_handler() runs after the results are written.", "FILE", jobs=_ANALYSER
    )

    baseline_constraints: str | None = _of_contract(None, "constraints.json of the baseline.", "FILE", jobs=_MONITOR)

    baseline_statistics: str | None = _of_contract(
        None, "statistics.json of the baseline.", "FILE", jobs=_MONITOR, analyses=_DATA_QUALITY
    )

    baseline: str | None = _of_monitoring(
        None,
        "Output path of the run to compare with, instead of the two files; previous: the run before this one.",
        "PATH|previous",
    )

    start_time: Moment | None = _of_contract(
        None, "First moment of the window, such as 2021-05-06T22:00:00Z.", "TIME", jobs=_IN_A_WINDOW
    )

    end_time: Moment | None = _of_contract(None, "First moment after the window.", "TIME", jobs=_IN_A_WINDOW)

    scheduled_time: Moment | None = _of_window(
        None,
        "Time that the run is scheduled for; its full hour, and the two offsets from it, are a window, too.",
        "TIME",
    )

    start_time_offset: Duration = _of_window(
        timedelta(hours=-1),
        "From the scheduled time to the start of the window, as an ISO 8601 duration, such as -P8D.",
        "DURATION",
        default="-PT1H",
    )

    end_time_offset: Duration = _of_window(timedelta(0), "The same to its end.", "DURATION", default="PT0H")

    late_labels: Period | None = _of_merge(
        None,
        "How long labels are waited for, such as P7D: a later run merges the hours again whose labels have come.",
        "DURATION",
        default="not at all",
    )

    absent_label: str | None = _of_merge(
        None, "Label of captures that got none within --after, such as 0 for no click.", "LABEL"
    )

    after: Period | None = _of_merge(
        None, "How long after its hour a capture is labelled as absent, such as PT24H.", "DURATION"
    )

    to_label: Whole | None = _of_merge(
        None, "So many captures without a label are listed for people to label, from all ranges of the score.", "NUMBER"
    )

    to_label_seed: Whole = _of_merge(1, "Another number gives another list of them.", "NUMBER")

    score_attribute: str = _of_merge(
        "0",
        "Where in the model's output its score is, for --to-label: index of a CSV cell, or path of a JSON member.",
        "PATH",
    )

    metric_time: Moment | None = _of_contract(
        None, "Time stamp of the metrics.", "TIME", jobs=_IN_A_WINDOW, default="start_time, or the start of the run"
    )

    as_of: TableVersion | None = _of_analysis(
        None,
        "Version of a Delta table, or snapshot of an Iceberg one, that is read: its number, or a time when it was current.",
        "VERSION|TIME",
        default="the newest",
    )

    since: TableVersion | None = _of_analysis(
        None, "Only the rows that were appended to such a table after this version, or this time.", "VERSION|TIME"
    )

    lenient_window: Switch = _of_monitoring(
        False,
        "Whether all records of the window's hour folders are taken, whatever their own time.",
        opposite="strict_window",
    )

    sample: Share | None = _of_monitoring(
        None, "Share of the captured events to look at, the same ones in every run.", "SHARE"
    )

    allow_mixed_encodings: Switch = _of_monitoring(
        False,
        "Whether input and output of a capture may have different encodings; without it the job fails, as the service's.",
        opposite="one_encoding",
    )

    omit_empty_violations: Switch = _of_monitoring(
        False,
        "Whether constraint_violations.json is left out when there are none, for scripts that take it for an alarm.",
        opposite="always_violations",
    )

    fail_on_violations: Switch = _of_monitoring(
        False, "Whether the job ends with exit status 4 if there are violations.", opposite="succeed_on_violations"
    )

    hide_values: Switch = _of_monitoring(
        False,
        "Whether alarms are told without values of the data: no categories or classes in mails, pages, checks.json.",
        analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
        opposite="show_values",
    )

    report: Switch = _of_analysis(True, "Whether report.html is written, the run as a page.", opposite="no_report")

    sink: Destinations = _of_monitoring(
        (),
        f"Where to send alerts: {SPELLINGS}; several with commas, or in several flags.",
        "SINK",
        default="nobody",
        repeatable=True,
    )

    sink_required: Switch = _of_monitoring(
        False,
        "Whether the job fails if a sink could not be told; without it that is a warning.",
        opposite="sink_optional",
    )

    every: Switch = _of_monitoring(
        False,
        "Whether webhooks, mail and topics are told of every run, not only when the alert changes.",
        opposite="on_transition",
    )

    datapoints_to_alert: UpTo100 = _of_monitoring(
        1, "How many of the last windows have to have violations for an alert.", "NUMBER"
    )

    evaluation_period: Annotated[UpTo100 | None, AfterValidator(at_least_the_datapoints)] = _of_monitoring(
        None, "How many of the last windows are looked at for that.", "NUMBER", default="datapoints_to_alert"
    )

    min_traffic: Share | None = _of_monitoring(
        None,
        "Share of the records that are usual at a window's hour below which traffic fell, and the sinks are told.",
        "SHARE",
        default="not looked at",
    )

    log_values: Switch = _option(
        False,
        "Whether the trace of an unexpected error has the error's text, which may repeat values of the data.",
        opposite="log_no_values",
    )

    sagemaker_endpoint_name: str | None = _of_contract(
        None, "The model's endpoint: what notices are of, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_monitoring_schedule_name: str | None = _of_contract(
        None, "The schedule's name, in notices, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_endpoint_datacapture_prefix: str | None = _of_contract(
        None, "Prefix that the captures lie under.", "PATH", jobs=()
    )

    categorical_drift_method: Annotated[str, named_in(CATEGORICAL_DRIFT_METHODS)] = _of_contract(
        DEFAULT_SETTINGS.categorical_drift_method,
        f"How texts are compared; written into the suggested constraints: {', '.join(CATEGORICAL_METHODS)}.",
        "METHOD",
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
    )

    comparison_method: Annotated[str, named_in(COMPARISON_METHODS)] = _suggestion(
        DEFAULT_SETTINGS.comparison_method,
        f"How numbers are compared; written into the suggested constraints: {', '.join(NUMERIC_METHODS)}.",
        "METHOD",
    )

    comparison_threshold: Annotated[
        float, threshold_of("comparison_method", NUMERIC_METHODS), Field(validate_default=True)
    ] = _suggestion(
        None,
        "Distance of distributions above which a feature has drifted; written into the suggested constraints.",
        "NUMBER",
        default=_USUAL,
    )

    categorical_comparison_threshold: Annotated[
        float, threshold_of("categorical_drift_method", CATEGORICAL_METHODS), Field(validate_default=True)
    ] = _suggestion(None, "The same for texts.", "NUMBER", default=_USUAL)

    datatype_check_threshold: Share = _suggestion(
        DEFAULT_SETTINGS.datatype_check_threshold,
        "Share of values that have to be of the inferred type; written into the suggested constraints.",
        "SHARE",
    )

    domain_content_threshold: Share = _suggestion(
        DEFAULT_SETTINGS.domain_content_threshold,
        "Share of texts that have to be among the known ones; written into the suggested constraints.",
        "SHARE",
    )

    false_alarm_budget: Chance = _suggestion(
        DEFAULT_SETTINGS.false_alarm_budget,
        "Share of the healthy runs that may have any violation; data quality writes it into the suggested constraints.",
        "SHARE",
        default="1/720",
        also=tuple(("monitor", analysis) for analysis in ANALYSES_OF_MODELS),
    )

    rows: Annotated[Rows, member_of(Rows)] = _suggestion(
        Rows.CLUSTERED,
        "How rows depend on each other: clustered, as those of one user do, or independent, so that small drifts are seen; "
        "written into the suggested constraints.",
        "clustered|independent",
    )

    max_domain_size: Whole = _suggestion(
        MAX_DOMAIN_SIZE, "A text feature with more distinct values than this gets no list of known ones.", "NUMBER"
    )

    with_sketches: Switch | None = _of_analysis(
        None,
        "Whether statistics.json holds the sketches; states/ has them anyway.",
        analyses=_DATA_QUALITY,
        opposite="without_sketches",
        default="with, up to 300 columns",
    )

    column_metrics: ColumnMetrics = _of_analysis(
        (),
        "Metrics of numeric features beyond those of the service, by name, with commas; docs/files.md lists them.",
        "METRICS",
        analyses=_DATA_QUALITY,
        default="none",
    )

    predictions: Names = _option(
        (),
        "Columns that the model puts out, by name, with commas: their drift has its own part of the budget.",
        "FEATURES",
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
        default="none",
    )

    time_column: str | None = _of_analysis(
        None,
        "Column with the times of the rows: the parts of a baseline that say how data varies are neighbours by it, and a "
        "window's rows of a table are told by it.",
        "COLUMN",
    )

    checks: str | None = _of_analysis(
        None,
        "Deequ checks of your own: module:function, or a JSON file of analyzers and assertions.",
        "CHECKS",
        analyses=_DATA_QUALITY,
    )

    allow_second_scan: Switch = _of_analysis(
        False,
        "Whether a check that needs it may read the data once more.",
        analyses=_DATA_QUALITY,
        opposite="no_second_scan",
    )

    positive_label: str | None = _of_analysis(
        None, "The class that a binary problem is about.", "LABEL", analyses=_MODEL_QUALITY, default="1 or true"
    )

    tolerance: ToleranceRule | None = _of_analysis(
        None,
        "How far the suggested thresholds lie from the baseline's values: interval, absolute:0.02, relative:5%, or none.",
        "TOLERANCE",
        analyses=_MODEL_QUALITY,
        default="interval, but none with --compat service",
    )

    window_rows: Whole | None = _of_analysis(
        None,
        "Rows that a window will have at least: what suggested limits allow for.",
        "NUMBER",
        analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
        default="as many as the baseline",
    )

    min_samples: Whole | None = _of_monitoring(
        None,
        "Rows that a metric has to rest on to be judged; with fewer checks.json says that nobody can tell.",
        "NUMBER",
        analyses=_MODEL_QUALITY,
    )

    metrics: Names = _of_analysis(
        (),
        "Metrics of your own, a value for each outcome: module:function, several with commas.",
        "METRICS",
        analyses=_MODEL_QUALITY,
        default="none",
    )

    analysis_config: LocalAnalysisConfig | None = _of_analysis(
        None,
        "Clarify's analysis_config.json: label, facets, metrics; a local file.",
        "FILE",
        analyses=_WITH_FEATURES,
    )

    column_types: TypesByColumn = _of_analysis(
        {},
        "How columns are taken, whatever their values look like: COLUMN=categorical or COLUMN=continuous, with commas.",
        "COLUMNS",
        analyses=_BIAS,
        default="as their values look",
    )

    flip_test: Switch = _of_analysis(
        True,
        "Whether the flip test is made, the one metric that looks at rows again.",
        analyses=_BIAS,
        opposite="no_flip_test",
    )

    flip_test_rows: Whole | None = _of_analysis(
        None, "Rows of a side above which the flip test looks at a sample.", "NUMBER", analyses=_BIAS, default="200,000"
    )

    bias_ci: Annotated[IntervalMethod | None, member_of(IntervalMethod)] = _of_monitoring(
        None,
        "bootstrap: a metric has drifted only if chance can't explain it; none: if its value has.",
        "none|bootstrap",
        analyses=_BIAS,
        default="bootstrap, but none with --compat service",
    )

    bias_min_rows: Whole | None = _of_monitoring(
        None,
        "Rows that a group and the rest have to have to be judged; with fewer checks.json says that nobody can tell.",
        "NUMBER",
        analyses=_BIAS,
    )

    bias_di_neutral: NeutralValue | None = _of_monitoring(
        None,
        "Value that disparate impact is measured from: 0 as the service does, or 1, where it is neutral.",
        "0|1",
        analyses=_BIAS,
        default="1, but 0 with --compat service",
    )

    bias_ranges: RangesByMetric = _of_monitoring(
        {},
        "Ranges that metrics have to lie in whatever the baseline says: METRIC=LOW:HIGH, with commas.",
        "RANGES",
        analyses=_BIAS,
        default="none",
    )

    model: str | None = _of_called(None, "The model: its file, its address (http, https), or module:function.", "MODEL")

    model_flavour: str | None = _of_called(
        None, "What the model is, where its name does not tell.", "|".join(FLAVOURS), default="told by the name"
    )

    allow_pickle: Switch = _of_called(False, "Whether a model may be a pickle, which runs code when it is loaded.")

    trust_type: Names = _of_called(
        (),
        "Types of a skops file that may be loaded beside those that are known, with commas.",
        "TYPES",
        default="none",
    )

    shap_sampled_rows: Whole | None = _of_called(
        None,
        "Rows that baseline rows are made of, and partial dependence is computed from.",
        "NUMBER",
        analyses=_EXPLAINABILITY,
        default="10,000",
    )

    shap_algorithm: Annotated[Algorithm, member_of(Algorithm)] = _of_called(
        Algorithm.AUTO,
        "auto: without coalitions where a linear model or trees give the same values so; kernel: always with them.",
        "auto|kernel",
        analyses=_EXPLAINABILITY,
        default="auto; kernel with --compat service",
    )

    attribution_threshold: Share | None = _of_monitoring(
        None,
        "Normalised discounted cumulative gain below which attributions have drifted.",
        "SHARE",
        analyses=_EXPLAINABILITY,
        default="0.9",
    )

    attribution_min_rows: Whole | None = _of_monitoring(
        None,
        "Rows that a window has to have for its attributions to be judged; with --compat service every window is.",
        "NUMBER",
        analyses=_EXPLAINABILITY,
        default="100",
    )

    attribution_ci: Annotated[IntervalMethod | None, member_of(IntervalMethod)] = _of_monitoring(
        None,
        "bootstrap: each feature's attribution is judged, too, by the interval of its change, in checks.json alone.",
        "none|bootstrap",
        analyses=_EXPLAINABILITY,
        default="bootstrap; none with --compat service",
    )

    max_quarantined_share: Share = _option(0.01, "Share of unreadable records above which the job fails.", "SHARE")

    max_record_size: Size = _option(
        MAX_RECORD_BYTES,
        "Longest line that is read as a record, such as 64MB; longer ones are refused, and never held whole.",
        "SIZE",
        default="256MB",
    )

    accept_exponents: Switch | None = _of_analysis(
        None, "Whether 1e-5 in text is a number.", opposite="no_exponents", default="yes, but no with --compat service"
    )

    flatten_json: Switch = _of_analysis(
        False,
        "Whether nested JSON objects become features called outer.inner; without it they are refused.",
        opposite="no_flatten_json",
    )

    max_runtime: Period | None = _option(
        None,
        "How long the job may take before it publishes, such as PT1H; then it is stopped with nothing published.",
        "DURATION",
        default="as long as it takes",
    )

    lease_wait: Wait = _option(
        WAIT,
        "How long to wait for another run that writes to the same output, such as PT1H; PT0S: not at all.",
        "DURATION",
        default="PT10M",
    )

    s3_encryption: Annotated[S3Encryption | None, member_of(S3Encryption)] = _option(
        None,
        "Encryption that every write to S3 asks for: SSE-S3, or SSE-KMS.",
        "SSE-S3|SSE-KMS",
        default="the bucket's own",
    )

    s3_kms_key: Annotated[str | None, AfterValidator(only_with_kms)] = _option(
        None, "Key for SSE-KMS: its ARN, or its id in the bucket's account.", "KEY", default="AWS's own for S3"
    )

    threshold: ThresholdsByFeature = _of_monitoring(
        {},
        "Drift thresholds of features, over those of the baseline: FEATURE=NUMBER, with commas; may be repeated.",
        "THRESHOLDS",
        analyses=_DATA_QUALITY,
        default="none",
        repeatable=True,
    )

    thresholds: str | None = _of_monitoring(
        None,
        'File with thresholds of any checks, over those of the baseline: {"FEATURE": {"CHECK": NUMBER}}.',
        "FILE",
        analyses=_DATA_QUALITY,
        default="none",
    )

    attributions: str | None = _of_monitoring(
        None,
        "analysis.json of explainability, or its output path: what moves the model more stands first on pages and in mails.",
        "PATH",
        analyses=_DATA_QUALITY,
    )

    compat: Annotated[Compatibility, member_of(Compatibility)] = _option(
        Compatibility.NONE,
        "service: the very numbers of the service (one partition, its type classes, its rules); none: the right ones.",
        "none|service",
    )

    columns: Annotated[
        str | None, named_in(dict(zip(COLUMNS, COLUMNS, strict=True))), AfterValidator(as_compatible)
    ] = _of_monitoring(
        None,
        "How columns with names are held against the baseline's. name: each that only one side has is a violation beside the "
        "others; exact: another number of columns is the only one, and other names go by position.",
        "|".join(COLUMNS),
        analyses=_DATA_QUALITY,
        default="name, but exact with --compat service",
    )

    engine: Annotated[EngineName, member_of(EngineName)] = _of_analysis(
        EngineName.AUTO,
        "What reads and counts: spark, local (this machine's processes, without a JVM), or auto: Spark within spark-submit, "
        "for what it alone opens, and above 1 GB.",
        "ENGINE",
    )

    remote: Annotated[str | None, AfterValidator(connect_address)] = _of_analysis(
        None, "Spark Connect server that reads and counts; documents are written here.", "sc://HOST:PORT"
    )

    results_table: Annotated[str | None, AfterValidator(table_or_folder)] = _of_analysis(
        None,
        "Where summary and checks go as tables for SQL: a folder, or NAME_summary and NAME_checks of Spark's catalog.",
        "NAME|PATH",
    )

    progress: Switch | None = _option(
        None, "Whether a bar shows the stages.", opposite="no_progress", default="on a terminal"
    )

    env_file: str | None = _option(
        None, "File of variables, NAME=VALUE a line, used where the environment has none.", "FILE"
    )

    container_root: str = _option("/", "Where opt/ml of a container is looked for.", "DIRECTORY")

    @property
    def replays_service(self) -> bool:
        """Whether the numbers of the service are wanted, its faults included."""
        return self.compat is Compatibility.SERVICE

    @property
    def takes_exponents(self) -> bool:
        """Whether 1e-5 in text is a number: as told, else unless the service is replayed."""
        return not self.replays_service if self.accept_exponents is None else self.accept_exponents


OPTIONS: Mapping[str, Option] = {
    name: fact for name, field in JobConfig.model_fields.items() for fact in field.metadata if isinstance(fact, Option)
}
"""Every option by its attribute's name, in the order of --help."""
