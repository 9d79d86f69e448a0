"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case; what stands below
each is its sentence in --help, where `{choices}` are the option's. The help text (`help.py`) and the reading of flags,
environment and files (`reading.py`) are made from it. Driver only.
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


def _option(placeholder: str = "", *, initial: Any = None, **facts: Any) -> Any:
    """A field with its `Option`. initial: its value where no source has one, `...` if it can't do without."""
    field = Field(initial)
    field.metadata.append(Option(placeholder, **facts))
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
    """What one run was told, all of it valid. Source: C1.1, C1.2, C2, C11."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    job: str  # the job's name: baseline, monitor or merge
    ignored: tuple[str, ...] = ()  # variables that were given and that this job doesn't use, as they were given
    doubtful: tuple[str, ...] = ()  # variables that look like ours but are not, each with the nearest name
    remembered: Mapping[str, str] = {}  # how the data is read, by option: what a baseline's run.json keeps

    # empty only if the format names the data itself (a table, a Spark reader without paths)
    dataset_source: str = _of_contract("PATH", initial="", free=True)
    """File or directory with the data, which is searched; PATH alone does."""

    dataset_format: kinds.DataFormat = _of_contract(
        initial=..., default="what local files look like", presets={"merge": "capture"}, remembered=True
    )
    """What the data is: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, table:NAME, the contract's JSON,
    or any reader of Spark as {"spark": {"format": "orc", "options": {}}}."""

    output_path: str = _of_contract(
        "DIRECTORY", initial=..., default="for a local data.csv data-baseline, data-report, data-merged"
    )
    """Directory that the results are written to."""

    analysis_type: AnalysisType = _of_contract("TYPE", initial=AnalysisType.DATA_QUALITY, jobs=_ANALYSER)
    """Which monitor: {choices}."""

    publish_cloudwatch_metrics: kinds.Enabled | None = _of_contract(default="Enabled in a container, else Disabled")
    """Whether metrics are written."""

    problem_type: ProblemType | None = _of_model("TYPE", analyses=_OF_QUALITY)
    """What the model predicts: {choices}."""

    inference_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the prediction."""

    probability_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the probability."""

    probability_threshold_attribute: kinds.Number | None = _of_model(default="0.5")
    """A probability above it means label 1."""

    ground_truth_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the label."""

    ground_truth_source: str | None = _of_contract("PATH", jobs=_MERGE, required_by=_MERGE)
    """File or directory with the ground truth."""

    features_attribute: str | None = _of_contract("PATH", analyses=_WITH_FEATURES)
    """JSON path of the features in a record."""

    exclude_features_attribute: kinds.Names = _of_contract(
        initial=(), jobs=_ANALYSER, default="none; of a monitor those that the baseline left out", remembered=True
    )
    """Columns to leave out: names or 0-based indices, with commas."""

    record_preprocessor_script: kinds.Script | None = _of_contract(jobs=_ANALYSER)
    """Python file whose preprocess_handler(record) makes the rows."""

    post_analytics_processor_script: kinds.Script | None = _of_contract(jobs=_ANALYSER)
    """Python file whose postprocess_handler() runs after the results are written."""

    baseline_constraints: str | None = _of_contract("FILE", jobs=_MONITOR)
    """constraints.json of the baseline."""

    baseline_statistics: str | None = _of_contract("FILE", jobs=_MONITOR, analyses=_DATA_QUALITY)
    """statistics.json of the baseline."""

    baseline: str | None = _of_monitoring("PATH|previous")
    """Output path of the run to compare with, instead of the two files; previous: the run before this one."""

    start_time: kinds.Moment | None = _of_contract(jobs=_IN_A_WINDOW)
    """First moment of the window, such as 2021-05-06T22:00:00Z."""

    end_time: kinds.Moment | None = _of_contract(jobs=_IN_A_WINDOW)
    """First moment after the window."""

    scheduled_time: kinds.Moment | None = _of_window()
    """Time that the run is scheduled for; its full hour, and the two offsets from it, are a window, too."""

    start_time_offset: kinds.Duration = _of_window(initial=timedelta(hours=-1), default="-PT1H")
    """From the scheduled time to the start of the window, as an ISO 8601 duration, such as -P8D."""

    end_time_offset: kinds.Duration = _of_window(initial=timedelta(0), default="PT0H")
    """The same to its end."""

    late_labels: kinds.Period | None = _of_merge(default="not at all")
    """How long labels are waited for, such as P7D: a later run merges the hours again whose labels have come."""

    absent_label: str | None = _of_merge("LABEL")
    """Label of captures that got none within --after, such as 0 for no click."""

    after: kinds.Period | None = _of_merge()
    """How long after its hour a capture is labelled as absent, such as PT24H."""

    to_label: kinds.Whole | None = _of_merge()
    """So many captures without a label are listed for people to label, from all ranges of the score."""

    to_label_seed: kinds.Whole = _of_merge(initial=1)
    """Another number gives another list of them."""

    score_attribute: str = _of_merge("PATH", initial="0")
    """Where in the model's output its score is, for --to-label: index of a CSV cell, or path of a JSON member."""

    metric_time: kinds.Moment | None = _of_contract(jobs=_IN_A_WINDOW, default="start_time, or the start of the run")
    """Time stamp of the metrics."""

    as_of: kinds.TableVersion | None = _of_analysis(default="the newest")
    """Version of a Delta table, or snapshot of an Iceberg one, that is read: its number, or a time when it was current."""

    since: kinds.TableVersion | None = _of_analysis()
    """Only the rows that were appended to such a table after this version, or this time."""

    each_commit: kinds.Switch = _of_columns_in_a_window(initial=False, opposite="whole_window")
    """Whether each commit of a table since the last run is a window, compared with the commits before it."""

    look_every: kinds.Period | None = _of_columns_in_a_window(default="never")
    """How often the window is looked at before it is over, such as PT5M; all looks share its budget."""

    look_until: kinds.Moment | None = _of_columns_in_a_window(default="all of it")
    """Judge what came of the window up to this time."""

    lenient_window: kinds.Switch = _of_monitoring(initial=False, opposite="strict_window")
    """Whether all records of the window's hour folders are taken, whatever their own time."""

    sample: kinds.Share | None = _of_monitoring()
    """Share of the captured events to look at, the same ones in every run."""

    target_model: str | None = _of_analysis("NAME", default="all")
    """Of captures of a multi-model endpoint those of this targetModel."""

    allow_mixed_encodings: kinds.Switch = _of_monitoring(initial=False, opposite="one_encoding")
    """Whether input and output of a capture may have different encodings; without it the job fails, as the service's."""

    omit_empty_violations: kinds.Switch = _of_monitoring(initial=False, opposite="always_violations")
    """Whether constraint_violations.json is left out when there are none, for scripts that take it for an alarm."""

    fail_on_violations: kinds.Switch = _of_monitoring(initial=False, opposite="succeed_on_violations")
    """Whether the job ends with exit status 4 if there are violations."""

    junit: str | None = _of_monitoring("FILE")
    """File that gets the checks as JUnit XML, which CI servers show: a test case for each, violations fail."""

    hide_values: kinds.Switch = _of_monitoring(
        initial=False, analyses=(*_DATA_QUALITY, *_OF_QUALITY), opposite="show_values"
    )
    """Whether alarms are told without values of the data: no categories or classes in mails, pages, checks.json."""

    find_causes: kinds.Switch = _of_monitoring(
        initial=True,
        analyses=(*_DATA_QUALITY, AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS),
        opposite="without_causes",
    )
    """Whether the data is read again where something is violated, to say in which segment, and from which files, times or
    clients, it is."""

    keep_examples: kinds.Whole = _of_monitoring(initial=0, analyses=_DATA_QUALITY)
    """So many ids of rows behind each violated feature are kept in examples.parquet, for model-monitor rows."""

    id_column: str | None = _of_monitoring("COLUMN", analyses=_DATA_QUALITY)
    """Column with the ids of rows; captured events have ids of their own."""

    report: kinds.Switch = _of_analysis(initial=True, opposite="no_report")
    """Whether report.html is written, the run as a page."""

    sink: kinds.Destinations = _of_monitoring(initial=(), default="nobody", repeatable=True, choices=SPELLINGS)
    """Where to send alerts: {choices}; several with commas, or in several flags."""

    sink_required: kinds.Switch = _of_monitoring(initial=False, opposite="sink_optional")
    """Whether the job fails if a sink could not be told; without it that is a warning."""

    every: kinds.Switch = _of_monitoring(initial=False, opposite="on_transition")
    """Whether webhooks, mail and topics are told of every run, not only when the alert changes."""

    datapoints_to_alert: kinds.UpTo100 = _of_monitoring(initial=1)
    """How many of the last windows have to have violations for an alert."""

    evaluation_period: Annotated[kinds.UpTo100 | None, AfterValidator(kinds.at_least_the_datapoints)] = _of_monitoring(
        "NUMBER", default="datapoints_to_alert"
    )
    """How many of the last windows are looked at for that."""

    min_traffic: kinds.Share | None = _of_monitoring(default="not looked at")
    """Share of the records that are usual at a window's hour below which traffic fell, and the sinks are told."""

    log_values: kinds.Switch = _option(initial=False, opposite="log_no_values")
    """Whether the trace of an unexpected error has the error's text, which may repeat values of the data."""

    sagemaker_endpoint_name: str | None = _of_contract("NAME", jobs=_IN_A_WINDOW)
    """The model's endpoint: what notices are of, and a dimension of the metrics."""

    sagemaker_monitoring_schedule_name: str | None = _of_contract("NAME", jobs=_IN_A_WINDOW)
    """The schedule's name, in notices, and a dimension of the metrics."""

    sagemaker_endpoint_datacapture_prefix: str | None = _of_contract("PATH", jobs=())
    """Prefix that the captures lie under."""

    categorical_drift_method: Annotated[str, named_in(CATEGORICAL_DRIFT_METHODS)] = _of_contract(
        "METHOD",
        initial=DEFAULT_SETTINGS.categorical_drift_method,
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
        choices=", ".join(CATEGORICAL_METHODS),
    )
    """How texts are compared; written into the suggested constraints: {choices}."""

    comparison_method: Annotated[str, named_in(COMPARISON_METHODS)] = _suggestion(
        "METHOD", initial=DEFAULT_SETTINGS.comparison_method, choices=", ".join(NUMERIC_METHODS)
    )
    """How numbers are compared; written into the suggested constraints: {choices}."""

    comparison_threshold: Annotated[
        float, threshold_of("comparison_method", NUMERIC_METHODS), Field(validate_default=True)
    ] = _suggestion("NUMBER", default=_USUAL)
    """Distance of distributions above which a feature has drifted; written into the suggested constraints."""

    categorical_comparison_threshold: Annotated[
        float, threshold_of("categorical_drift_method", CATEGORICAL_METHODS), Field(validate_default=True)
    ] = _suggestion("NUMBER", default=_USUAL)
    """The same for texts."""

    datatype_check_threshold: kinds.Share = _suggestion(initial=DEFAULT_SETTINGS.datatype_check_threshold)
    """Share of values that have to be of the inferred type; written into the suggested constraints."""

    domain_content_threshold: kinds.Share = _suggestion(initial=DEFAULT_SETTINGS.domain_content_threshold)
    """Share of texts that have to be among the known ones; written into the suggested constraints."""

    false_alarm_budget: kinds.Chance = _suggestion(
        initial=DEFAULT_SETTINGS.false_alarm_budget,
        default="1/720",
        also=tuple(("monitor", analysis) for analysis in ANALYSES_OF_MODELS),
    )
    """Share of the healthy runs that may have any violation; data quality writes it into the suggested constraints."""

    run_budget: kinds.Chance | None = _of_monitoring(default="what those have")
    """Share of the healthy runs that may have any violation, where that is less than the baseline or the job has; run-due says it
    of schedules that share alarms_per_month."""

    rows: Rows = _suggestion(initial=Rows.CLUSTERED)
    """How rows depend on each other: clustered, as those of one user do, or independent, so that small drifts are seen; written
    into the suggested constraints."""

    segments: kinds.Names = _suggestion(
        "CUTS", initial=(), also=(("baseline", AnalysisType.MODEL_QUALITY), ("baseline", AnalysisType.MODEL_BIAS))
    )
    """How rows are cut into segments, in each of which drift, or a model's metrics or bias, are judged, too: plan by value,
    age:30:50 by range, plan*age:40 by both, with commas; written into the suggested constraints."""

    group_column: str | None = _suggestion(
        "COLUMN",
        also=tuple(("baseline", analysis) for analysis in (AnalysisType.MODEL_QUALITY, *_WITH_FEATURES)),
        default="neighbouring rows show it",
    )
    """Column that says which rows belong together, such as the user's id: a window's groups count then, not its rows; windows of
    this baseline take it from there."""

    max_domain_size: kinds.Whole = _suggestion(initial=MAX_DOMAIN_SIZE)
    """A text feature with more distinct values than this gets no list of known ones."""

    with_pairs: kinds.Switch | None = _of_columns(
        opposite="without_pairs", default="a baseline without, a window as its baseline"
    )
    """Whether columns that have to do with each other are looked for in a baseline, and judged in a window."""

    with_sketches: kinds.Switch | None = _of_columns(opposite="without_sketches", default="with, up to 300 columns")
    """Whether statistics.json holds the sketches; states/ has them anyway."""

    column_metrics: kinds.ColumnMetrics = _of_columns(initial=())
    """Metrics of numeric features beyond those of the service, by name, with commas; docs/files.md lists them."""

    predictions: kinds.Names = _option(initial=(), jobs=_BASELINE, analyses=_DATA_QUALITY)
    """Columns that the model puts out, by name, with commas: their drift has its own part of the budget."""

    time_column: str | None = _of_analysis("COLUMN")
    """Column with the times of the rows: the parts of a baseline that say how data varies are neighbours by it, and a window's
    rows of a table are told by it."""

    checks: str | None = _of_columns("CHECKS")
    """Deequ checks of your own: module:function, or a JSON file of analyzers and assertions."""

    expectations: str | None = _of_columns_in_a_window("FILE")
    """Rules of your own, YAML or JSON: one that is not met is a violation, or a hint. No baseline is needed."""

    suggest_expectations: str | None = _suggestion("FILE")
    """File that gets rules which the baseline meets, for a person to choose from."""

    allow_second_scan: kinds.Switch = _of_columns(initial=False, opposite="no_second_scan")
    """Whether a check that needs it may read the data once more."""

    positive_label: str | None = _of_predictions("LABEL", default="1 or true")
    """The class that a binary problem is about."""

    tolerance: kinds.ToleranceRule | None = _of_outcomes(default="interval, but none with --compat service")
    """How far the suggested thresholds lie from the baseline's values: interval, absolute:0.02, relative:5%, or none."""

    window_rows: kinds.Whole | None = _of_analysis(
        analyses=(*_DATA_QUALITY, *_MODEL_QUALITY), default="as many as the baseline"
    )
    """Rows that a window will have at least: what suggested limits allow for."""

    min_samples: kinds.Whole | None = _of_monitoring(analyses=_OF_QUALITY)
    """Rows that a metric has to rest on to be judged; with fewer checks.json says that nobody can tell."""

    cost_matrix: kinds.Costs | None = _of_monitoring(analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """What true and false positives and negatives are worth: tp=40,fp=-5,fn=-20; business_value is their mean."""

    error_model: str | None = _of_monitoring("FILE", analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """File of the model that tells how far predicted numbers are off, as --learn-errors or ErrorModel.learnt wrote it."""

    learn_errors: str | None = _option("FILE", jobs=_BASELINE, analyses=_MODEL_QUALITY)
    """File, such as errors.skops, that gets a model of how far predicted numbers are off, learnt from up to 100,000 rows."""

    metrics: kinds.Names = _of_outcomes("METRICS", initial=())
    """Metrics of your own, a value for each outcome: module:function, several with commas."""

    analysis_config: LocalAnalysisConfig | None = _of_analysis(analyses=_WITH_FEATURES)
    """Clarify's analysis_config.json: label, facets, metrics; local or on S3."""

    column_types: TypesByColumn = _of_bias(initial={}, default="as their values look")
    """How columns are taken, whatever their values look like: COLUMN=categorical or COLUMN=continuous, with commas."""

    flip_test: kinds.Switch = _of_bias(initial=True, opposite="no_flip_test")
    """Whether the flip test is made, the one metric that looks at rows again."""

    flip_test_rows: kinds.Whole | None = _of_bias(default="200,000")
    """Rows of a side above which the flip test looks at a sample."""

    bias_ci: IntervalMethod | None = _of_bias_in_a_window(default="bootstrap, but none with --compat service")
    """bootstrap: a metric has drifted only if chance can't explain it; none: if its value has."""

    bias_min_rows: kinds.Whole | None = _of_bias_in_a_window()
    """Rows that a group and the rest have to have to be judged; with fewer checks.json says that nobody can tell."""

    bias_di_neutral: NeutralValue | None = _of_bias_in_a_window(default="1, but 0 with --compat service")
    """Value that disparate impact is measured from: 0 as the service does, or 1, where it is neutral."""

    bias_ranges: RangesByMetric = _of_bias_in_a_window(initial={})
    """Ranges that metrics have to lie in whatever the baseline says: METRIC=LOW:HIGH, with commas."""

    model: str | None = _of_called("MODEL")
    """The model: its file, its address (http, https), or module:function."""

    model_flavour: str | None = _of_called("|".join(FLAVOURS), default="told by the name")
    """What the model is, where its name does not tell."""

    model_sha256: kinds.Sha256 | None = _of_called()
    """The SHA-256 that the model's file has to have; another one is not loaded."""

    allow_pickle: kinds.Switch = _of_called(initial=False)
    """Whether a model may be a pickle, which runs code when it is loaded."""

    trust_type: kinds.Names = _of_called("TYPES", initial=())
    """Types of a skops file that may be loaded beside those that are known, with commas."""

    shap_sampled_rows: kinds.Whole | None = _of_called(analyses=_EXPLAINABILITY, default="10,000")
    """Rows that baseline rows are made of, and partial dependence is computed from."""

    shap_algorithm: Algorithm = _of_called(
        initial=Algorithm.AUTO, analyses=_EXPLAINABILITY, default="auto; kernel with --compat service"
    )
    """auto: without coalitions where a linear model or trees give the same values so; kernel: always with them."""

    attribution_threshold: kinds.Share | None = _of_attributions_in_a_window(default="0.9")
    """Normalised discounted cumulative gain below which attributions have drifted."""

    attribution_min_rows: kinds.Whole | None = _of_attributions_in_a_window(default="100")
    """Rows that a window has to have for its attributions to be judged; with --compat service every window is."""

    attribution_ci: IntervalMethod | None = _of_attributions_in_a_window(
        default="bootstrap; none with --compat service"
    )
    """bootstrap: each feature's attribution is judged, too, by the interval of its change, in checks.json alone."""

    max_quarantined_share: kinds.Share = _option(initial=0.01)
    """Share of unreadable records above which the job fails."""

    max_record_size: kinds.Size = _option(initial=MAX_RECORD_BYTES, default="256MB")
    """Longest line that is read as a record, such as 64MB; longer ones are refused, and never held whole."""

    accept_exponents: kinds.Switch | None = _of_analysis(
        opposite="no_exponents", default="yes, but no with --compat service", remembered=True
    )
    """Whether 1e-5 in text is a number."""

    flatten_json: kinds.Switch = _of_analysis(initial=False, opposite="no_flatten_json", remembered=True)
    """Whether nested JSON objects become features called outer.inner; without it they are refused."""

    max_runtime: kinds.Period | None = _option(default="as long as it takes")
    """How long the job may take before it publishes, such as PT1H; then it is stopped with nothing published."""

    lease_wait: kinds.Wait = _option(initial=WAIT, default="PT10M")
    """How long to wait for another run that writes to the same output, such as PT1H; PT0S: not at all."""

    s3_encryption: S3Encryption | None = _option(default="the bucket's own")
    """Encryption that every write to S3 asks for: SSE-S3, or SSE-KMS."""

    s3_kms_key: Annotated[str | None, AfterValidator(only_with_kms)] = _option("KEY", default="AWS's own for S3")
    """Key for SSE-KMS: its ARN, or its id in the bucket's account."""

    threshold: kinds.ThresholdsByFeature = _of_columns_in_a_window(initial={}, repeatable=True)
    """Drift thresholds of features, over those of the baseline: FEATURE=NUMBER, with commas; may be repeated."""

    thresholds: str | None = _of_columns_in_a_window("FILE", default="none")
    """File with thresholds of any checks, over those of the baseline: {"FEATURE": {"CHECK": NUMBER}}."""

    attributions: str | None = _of_columns_in_a_window("PATH")
    """analysis.json of explainability, or its output path: what moves the model more stands first on pages and in mails."""

    compat: kinds.Compatibility = _option(initial=kinds.Compatibility.NONE)
    """service: the very numbers of the service (one partition, its type classes, its rules); none: the right ones."""

    columns: Annotated[
        str | None, named_in(dict(zip(COLUMNS, COLUMNS, strict=True))), AfterValidator(kinds.as_compatible)
    ] = _of_columns_in_a_window("|".join(COLUMNS), default="name, but exact with --compat service")
    """How columns with names are held against the baseline's. name: each that only one side has is a violation beside the others;
    exact: another number of columns is the only one, and other names go by position."""

    engine: EngineName = _option("ENGINE", initial=EngineName.AUTO)
    """What reads and counts: spark, local (this machine's processes, without a JVM), or auto: Spark within spark-submit, for what
    it alone opens, and above 1 GB (captures 2, Parquet and CSV 10)."""

    remote: Annotated[str | None, AfterValidator(kinds.connect_address)] = _of_analysis("sc://HOST:PORT")
    """Spark Connect server that reads and counts; documents are written here."""

    results_table: Annotated[str | None, AfterValidator(kinds.table_or_folder)] = _of_analysis("NAME|PATH")
    """Where summary and checks go as tables for SQL: a folder, or NAME_summary and NAME_checks of Spark's catalog."""

    progress: kinds.Switch | None = _option(opposite="no_progress", default="on a terminal")
    """Whether a bar shows the stages."""

    env_file: str | None = _option("FILE")
    """File of variables, NAME=VALUE a line, used where the environment has none."""

    container_root: str = _option("DIRECTORY", initial="/")
    """Where opt/ml of a container is looked for."""

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
