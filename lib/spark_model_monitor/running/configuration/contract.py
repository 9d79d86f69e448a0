"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes have the variables' own names; flags are the same names in kebab case. The text below
an attribute is its sentence in --help, in which `{choices}` stands for the option's values. `help.py` writes the help text
from the table, `sources.py` reads flags, environment and files by it, and `reading.py` builds it. Driver only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from types import NoneType
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from spark_model_monitor.data.reading.data_reader import EngineName
from spark_model_monitor.data.reading.formats import CaptureFormat, DatasetFormat, SparkFormat, TableFormat
from spark_model_monitor.data.records import ENDPOINT_INDEXES
from spark_model_monitor.data.records.locations import MAX_RECORD_BYTES
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents import monitoring_settings
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.baseline.documents import DEFAULT_SETTINGS, MAX_DOMAIN_SIZE
from spark_model_monitor.monitors.data_quality.baseline_comparison import COLUMNS
from spark_model_monitor.reports.alerts import SPELLINGS
from spark_model_monitor.running.configuration import option_types
from spark_model_monitor.running.configuration.command_line import SETTINGS, read_name
from spark_model_monitor.running.configuration.encryption import S3Encryption, require_kms
from spark_model_monitor.running.configuration.offsets import full_hour
from spark_model_monitor.running.configuration.option_types import (
    Names,
    Option,
    Placeholder,
    Share,
    Switch,
    WholeNumber,
    choose_from,
    parse_threshold_by,
)
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from spark_model_monitor.statistics.user_choices import FLAVOURS, Algorithm, ProblemType
from spark_model_monitor.storage.lease import WAIT

_FEATURE_ANALYSES = (AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY)
_QUALITY_ANALYSES = (AnalysisType.MODEL_QUALITY, AnalysisType.ESTIMATED_QUALITY)
MODEL_ANALYSES = (*_QUALITY_ANALYSES, *_FEATURE_ANALYSES)
_DATA_QUALITY_ANALYSIS = (AnalysisType.DATA_QUALITY,)
_MODEL_QUALITY_ANALYSIS = (AnalysisType.MODEL_QUALITY,)
_BIAS_ANALYSIS = (AnalysisType.MODEL_BIAS,)
_EXPLAINABILITY_ANALYSIS = (AnalysisType.MODEL_EXPLAINABILITY,)
_BASELINE_JOB = ("baseline",)
_MONITOR_JOB = ("monitor",)
_ANALYSIS_JOBS = ("baseline", "monitor")
_MERGE_JOB = ("merge",)
_WINDOW_JOBS = ("monitor", "merge")

HALVES = {
    option_types.Halves.REQUEST: ENDPOINT_INDEXES[:1],
    option_types.Halves.RESPONSE: ENDPOINT_INDEXES[1:],
    option_types.Halves.BOTH: ENDPOINT_INDEXES,
}
"""The halves of a captured record, by the value of `--halves`."""

WINDOW_OPTIONS = ("start_time", "end_time", "scheduled_time", "start_time_offset", "end_time_offset")

_DEFAULT_THRESHOLD = "the method's usual threshold"
_DEFAULT_METHOD = "{}, but Simple if only a threshold is given"
_TEXT_METHODS = ", ".join(CATEGORICAL_METHODS)


def _declare_option(placeholder: str = "", *, initial: Any = None, **members: Any) -> Any:
    """A field with its `Option`. initial: its value if no source sets it; `...` if it is required. members: those of `Option`."""
    field = Field(initial)
    field.metadata.append(Option(placeholder, **members))
    return field


_contract_option = partial(_declare_option, is_valid_name=False)
_monitoring_option = partial(_declare_option, jobs=_MONITOR_JOB)
_merge_option = partial(_declare_option, jobs=_MERGE_JOB)
_analysis_option = partial(_declare_option, jobs=_ANALYSIS_JOBS)
_window_option = partial(_declare_option, jobs=_WINDOW_JOBS)
_column_option = partial(_analysis_option, analyses=_DATA_QUALITY_ANALYSIS)
_window_column_option = partial(_monitoring_option, analyses=_DATA_QUALITY_ANALYSIS)
_outcome_option = partial(_analysis_option, analyses=_MODEL_QUALITY_ANALYSIS)
_bias_option = partial(_analysis_option, analyses=_BIAS_ANALYSIS)
_window_bias_option = partial(_monitoring_option, analyses=_BIAS_ANALYSIS)
_window_attribution_option = partial(_monitoring_option, analyses=_EXPLAINABILITY_ANALYSIS)
_suggestion_option = partial(_declare_option, jobs=_BASELINE_JOB, analyses=_DATA_QUALITY_ANALYSIS)
_model_option = partial(_contract_option, analyses=MODEL_ANALYSES)
_called_model_option = partial(_analysis_option, analyses=_FEATURE_ANALYSES)


class JobConfig(BaseModel):
    """The validated configuration of one run. Source: C1.1, C1.2, C2, C11."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    job: str  # the job's name: baseline, monitor or merge
    ignored: tuple[
        str, ...
    ] = ()  # flags and variables that are set but that this job doesn't use, as they were written
    doubtful: tuple[str, ...] = ()  # variables that resemble ours but are unknown, each with the nearest name
    remembered: Mapping[str, str] = {}  # texts of the options that say how to read the data, for a baseline's run.json

    # empty only if the format names the data itself (a table, a Spark reader without paths)
    dataset_source: str = _contract_option("PATH", initial="", is_positional=True)
    """File or directory with the data (recursive); PATH works without the flag."""

    query: str | None = _analysis_option("SQL", analyses=_DATA_QUALITY_ANALYSIS)
    """The query whose rows are the data, where --dataset-source is a database: adbc:URI."""

    dataset_format: option_types.DataFormat = _contract_option(
        initial=..., default="detected from local files", presets={"merge": "capture"}, remembered=True
    )
    """Format of the data: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, kserve, databricks, azure-ml,
    vertex, captures.yaml, table:NAME, the contract's JSON, or a Spark reader: {"spark": {"format": "orc"}}."""

    output_path: str = _contract_option(
        "DIRECTORY", initial=..., default="data-baseline, data-report or data-merged for a local data.csv"
    )
    """Directory for the results."""

    analysis_type: AnalysisType = _contract_option("TYPE", initial=AnalysisType.DATA_QUALITY, jobs=_ANALYSIS_JOBS)
    """Monitor type: {choices}."""

    publish_cloudwatch_metrics: option_types.Enabled | None = _contract_option(
        default="Enabled in a container, otherwise Disabled"
    )
    """Whether to write CloudWatch metrics."""

    problem_type: ProblemType | None = _model_option("TYPE", analyses=_QUALITY_ANALYSES)
    """What the model predicts: {choices}."""

    inference_attribute: str | None = _model_option("FEATURE")
    """Column, index or JSON path of the prediction."""

    probability_attribute: str | None = _model_option("FEATURE")
    """Column, index or JSON path of the probability."""

    probability_threshold_attribute: Share | None = _model_option(default="0.5")
    """Probability above which the predicted label is 1."""

    ground_truth_attribute: str | None = _model_option("FEATURE")
    """Column, index or JSON path of the label."""

    ground_truth_source: str | None = _contract_option("PATH", jobs=_MERGE_JOB, required_by=_MERGE_JOB)
    """File or directory with the ground truth."""

    features_attribute: str | None = _contract_option("PATH", analyses=_FEATURE_ANALYSES)
    """JSON path of the features in a record."""

    exclude_features_attribute: Names = _contract_option(
        initial=(),
        jobs=_ANALYSIS_JOBS,
        default="none; for a monitor, those that the baseline left out",
        remembered=True,
    )
    """Columns to leave out: names or 0-based indices, comma-separated."""

    record_preprocessor_script: option_types.Script | None = _contract_option(jobs=_ANALYSIS_JOBS)
    """Python file with preprocess_handler(record), which turns a record into rows."""

    post_analytics_processor_script: option_types.Script | None = _contract_option(jobs=_ANALYSIS_JOBS)
    """Python file with postprocess_handler(), which runs after the results are written."""

    baseline_constraints: str | None = _contract_option("FILE", jobs=_MONITOR_JOB)
    """constraints.json of the baseline."""

    baseline_statistics: str | None = _contract_option(
        "FILE",
        jobs=_MONITOR_JOB,
        analyses=(*_DATA_QUALITY_ANALYSIS, *_QUALITY_ANALYSES),
        needs=(
            "baseline_constraints",
            "baseline",
        ),
    )
    """statistics.json of the baseline."""

    baseline: str | None = _monitoring_option("PATH|previous")
    """Output path of the run to compare with, instead of two baseline files; previous: the run before this one."""

    start_time: option_types.Moment | None = _contract_option(jobs=_WINDOW_JOBS)
    """Start of the window (inclusive), such as 2021-05-06T22:00:00Z."""

    end_time: option_types.Moment | None = _contract_option(jobs=_WINDOW_JOBS)
    """End of the window (exclusive)."""

    scheduled_time: option_types.Moment | None = _window_option()
    """Scheduled time of the run. Its full hour plus the two offsets gives the window, in place of start and end."""

    start_time_offset: option_types.Duration = _window_option(
        initial=timedelta(hours=-1), default="-PT1H", needs=("scheduled_time",)
    )
    """Offset from the scheduled time to the start of the window: an ISO 8601 duration, such as -P8D."""

    end_time_offset: option_types.Duration = _window_option(
        initial=timedelta(0), default="PT0H", needs=("scheduled_time",)
    )
    """Offset from the scheduled time to the end of the window."""

    late_labels: option_types.Period | None = _merge_option(default="not at all")
    """How long to wait for labels, such as P7D: a later run merges an hour again when its labels have arrived."""

    absent_label: str | None = _merge_option("LABEL")
    """Label for captures that got none within --after, such as 0 for no click."""

    after: option_types.Period | None = _merge_option()
    """Time after a capture's hour until it gets --absent-label, such as PT24H."""

    to_label: WholeNumber | None = _merge_option()
    """Number of captures without a label to list for labelling, from all ranges of the score."""

    to_label_seed: WholeNumber = _merge_option(initial=1)
    """Seed for --to-label: another number gives another list."""

    score_attribute: str = _merge_option("PATH", initial="0")
    """Where the score is in the model's output, for --to-label: index of a CSV cell, or path of a JSON member."""

    metric_time: option_types.Moment | None = _contract_option(
        jobs=_WINDOW_JOBS,
        default="start_time, or the start of the run",
        needs=(
            "publish_cloudwatch_metrics",
            "sink",
            "compat",
        ),
    )
    """Timestamp of the metrics."""

    as_of: option_types.TableVersion | None = _analysis_option(default="the newest")
    """Version of a Delta table or snapshot of an Iceberg table to read: its number, or a time when it was current."""

    since: option_types.TableVersion | None = _analysis_option()
    """Read only the rows that were appended to the Delta or Iceberg table after this version or time."""

    each_commit: Switch = _window_column_option(initial=False, opposite="whole_window")
    """Make each commit of a table since the last run a window, and compare it with the commits before it."""

    lenient_window: Switch = _monitoring_option(initial=False, opposite="strict_window")
    """Take all records in the window's hour folders, whatever their own time."""

    sample: Share | None = _monitoring_option()
    """Share of the captured events to read, the same ones in every run."""

    target_model: str | None = _analysis_option("NAME", default="all")
    """For captures of a multi-model endpoint: read only those of this targetModel; - for those without."""

    manifest_root: str | None = _window_option("PATH", default="no file is a manifest")
    """For a batch transform's captures: folder or bucket of the files that manifests may name."""

    allow_mixed_encodings: Switch = _analysis_option(initial=False, opposite="one_encoding")
    """Allow a capture's input and output to have different encodings; otherwise the job fails, like the service's."""

    omit_empty_violations: Switch = _monitoring_option(initial=False, opposite="always_violations")
    """Don't write constraint_violations.json without violations, for scripts that treat the file as an alarm."""

    fail_on_violations: Switch = _monitoring_option(initial=False, opposite="succeed_on_violations")
    """End with exit status 4 if there are violations."""

    fail_on: option_types.FailOn | None = _monitoring_option()
    """Outcome that ends with a status of its own: violations (4), or cannot-tell (5 if a change that matters may have gone
    unseen, 4 for violations)."""

    junit: Annotated[str | None, AfterValidator(option_types.require_xml_name)] = _monitoring_option("FILE")
    """File for the checks as JUnit XML, for CI servers: one test case per check; a violation is a failure."""

    hide_values: Switch = _monitoring_option(
        initial=False, analyses=(*_DATA_QUALITY_ANALYSIS, *_QUALITY_ANALYSES, *_BIAS_ANALYSIS), opposite="show_values"
    )
    """The same as --values hide; no is --values show."""

    values: Annotated[option_types.ShownValues | None, AfterValidator(option_types.require_hidden_once)] = (
        _analysis_option(default="show")
    )
    """Where categories, classes and segments of the data are named: hide them everywhere, even on pages and in checks.json; show
    them on pages and terminals; or send them to sinks, too."""

    find_causes: Switch = _monitoring_option(
        initial=True,
        analyses=(*_DATA_QUALITY_ANALYSIS, AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS),
        opposite="without_causes",
    )
    """If anything is violated, read the data again to find which segment, files, times, or clients it comes from."""

    keep_examples: WholeNumber = _monitoring_option(initial=0, analyses=_DATA_QUALITY_ANALYSIS, needs=("find_causes",))
    """Number of row ids to keep in examples.parquet for each violated feature; spark-model-monitor rows prints them."""

    id_column: str | None = _monitoring_option("COLUMN", analyses=_DATA_QUALITY_ANALYSIS, needs=("keep_examples",))
    """Column with the row ids; captured events have their own ids."""

    report: Switch = _analysis_option(initial=True, opposite="no_report")
    """Write report.html, which shows the run as a page."""

    sink: option_types.Destinations = _monitoring_option(
        initial=(), default="nowhere", is_repeatable=True, choices=SPELLINGS
    )
    """Where to send alerts: {choices}. For several, separate them with commas or repeat the flag."""

    sink_required: Switch = _monitoring_option(initial=False, opposite="sink_optional", needs=("sink",))
    """Fail the job if a sink can't be notified; otherwise that is a warning."""

    every: Switch = _monitoring_option(initial=False, opposite="on_transition", needs=("sink",))
    """Notify webhooks, mail, and topics of every run, not only when the alert changes."""

    datapoints_to_alert: option_types.UpTo100 = _monitoring_option(initial=1)
    """How many of the last windows must have violations for an alert."""

    evaluation_period: Annotated[option_types.UpTo100 | None, AfterValidator(option_types.require_enough_windows)] = (
        _monitoring_option("NUMBER", default="datapoints_to_alert")
    )
    """How many of the last windows datapoints_to_alert looks at."""

    min_traffic: Share | None = _monitoring_option(default="not checked")
    """Notify the sinks if a window has less than this share of the records usual for its hour of the day."""

    log_values: Switch = _declare_option(initial=False, opposite="log_no_values")
    """Log the text of an unexpected error with its trace; the text may repeat values of the data."""

    sagemaker_endpoint_name: str | None = _contract_option("NAME", jobs=_WINDOW_JOBS)
    """Name of the model's endpoint, for notifications and as a dimension of the metrics."""

    sagemaker_monitoring_schedule_name: str | None = _contract_option("NAME", jobs=_WINDOW_JOBS)
    """Name of the schedule, for notifications and as a dimension of the metrics."""

    sagemaker_endpoint_datacapture_prefix: str | None = _contract_option("PATH", jobs=())
    """Prefix of the path of the captures."""

    categorical_drift_method: Annotated[str | None, choose_from(monitoring_settings.CATEGORICAL_DRIFT_METHODS)] = (
        _contract_option(
            "METHOD",
            default=_DEFAULT_METHOD.format("LInfinity"),
            jobs=_BASELINE_JOB,
            analyses=_DATA_QUALITY_ANALYSIS,
            choices=_TEXT_METHODS,
        )
    )
    """Distance for text features: {choices}; written into the suggested constraints."""

    comparison_method: Annotated[str | None, choose_from(monitoring_settings.COMPARISON_METHODS)] = _suggestion_option(
        "METHOD", default=_DEFAULT_METHOD.format("Robust"), choices=", ".join(NUMERIC_METHODS)
    )
    """Distance for numeric features: {choices}; written into the suggested constraints."""

    comparison_threshold: Annotated[float | None, parse_threshold_by("comparison_method", NUMERIC_METHODS)] = (
        _suggestion_option("NUMBER", default=_DEFAULT_THRESHOLD)
    )
    """Distance above which a numeric feature has drifted, without allowance for noise; written into the suggested constraints."""

    categorical_comparison_threshold: Annotated[
        float | None, parse_threshold_by("categorical_drift_method", CATEGORICAL_METHODS)
    ] = _suggestion_option("NUMBER", default=_DEFAULT_THRESHOLD)
    """Distance above which a text feature has drifted, without allowance for noise; written into the suggested constraints."""

    datatype_check_threshold: Share | None = _suggestion_option(default=f"{monitoring_settings.SUGGESTED_SHARE:g}")
    """Minimum share of values of the inferred type, without allowance for noise; written into the suggested constraints."""

    domain_content_threshold: Share | None = _suggestion_option(default=f"{monitoring_settings.SUGGESTED_SHARE:g}")
    """Minimum share of text values in the baseline's domain, without allowance for noise; written into the suggested
    constraints."""

    false_alarm_budget: option_types.Chance = _suggestion_option(
        initial=DEFAULT_SETTINGS.false_alarm_budget,
        default="1/720",
        further_uses=tuple(("monitor", analysis) for analysis in MODEL_ANALYSES),
    )
    """Share of healthy runs that may have any violation; data quality writes it into the suggested constraints."""

    run_budget: option_types.Chance | None = _monitoring_option(default="the share of the baseline or the job")
    """Share of healthy runs that may have any violation, if less than the share of the baseline or the job; run-due sets it for
    schedules that share alarms_per_month."""

    rows: monitoring_settings.Rows = _suggestion_option(initial=monitoring_settings.Rows.CLUSTERED)
    """How rows depend on each other: clustered, like the rows of one user, or independent, which detects small drifts; written
    into the suggested constraints."""

    segments: Names = _suggestion_option(
        "CUTS",
        initial=(),
        further_uses=(("baseline", AnalysisType.MODEL_QUALITY), ("baseline", AnalysisType.MODEL_BIAS)),
    )
    """How to cut rows into segments: plan by value, age:30:50 by range, ordered:hour by hour of the day, plan*age:40 by both,
    comma-separated. Each segment's drift, or model metrics or bias, is judged, too; written into the suggested constraints."""

    group_column: str | None = _suggestion_option(
        "COLUMN",
        further_uses=tuple(("baseline", analysis) for analysis in (AnalysisType.MODEL_QUALITY, *_FEATURE_ANALYSES)),
        default="estimated from neighbouring rows",
    )
    """Column that groups rows that belong together, such as the user's id; verdicts then count groups, not rows. Windows of
    this baseline use the same column."""

    max_domain_size: WholeNumber = _suggestion_option(initial=MAX_DOMAIN_SIZE)
    """Maximum distinct values in a domain; a text feature with more gets no domain."""

    with_pairs: Switch | None = _column_option(
        opposite="without_pairs", default="no for a baseline; for a window, as in its baseline"
    )
    """Look for relations between columns in a baseline, and judge them in a window."""

    with_sketches: Switch | None = _column_option(opposite="without_sketches", default="yes, up to 300 columns")
    """Put the sketches into statistics.json; states/ has them in any case."""

    predictions: Names = _declare_option(initial=(), jobs=_BASELINE_JOB, analyses=_DATA_QUALITY_ANALYSIS)
    """Columns with the model's output: names, comma-separated. Their drift has its own part of the budget."""

    time_column: str | None = _analysis_option("COLUMN", remembered=True)
    """Column with the time of each row. It orders a baseline, whose parts show how the data varies, and selects the rows of a
    window from a table."""

    checks: Annotated[str | None, AfterValidator(option_types.require_function_or_file)] = _column_option("CHECKS")
    """Your own Deequ checks: module:function, or a JSON file of analyzers and assertions."""

    expectations: str | None = _window_column_option("FILE")
    """Your own rules, in YAML, JSON, DQDL or a data contract: an unmet rule is a violation or a hint. No baseline is needed."""

    skip_unsupported: Switch = _window_column_option(
        initial=False, opposite="no_skip_unsupported", needs=("expectations",)
    )
    """Skip rules of DQDL and data contracts that can't be evaluated; the run then cannot tell, and names them."""

    suggest_expectations: str | None = _suggestion_option("FILE")
    """File for suggested rules that the baseline meets, for a person to choose from; in DQDL or as a data contract if its name
    ends in .dqdl or .odcs.yaml."""

    allow_second_scan: Switch = _column_option(initial=False, opposite="no_second_scan", needs=("checks",))
    """Allow a check that needs it to read the data a second time."""

    positive_label: str | None = _analysis_option("LABEL", analyses=_QUALITY_ANALYSES, default="1 or true")
    """Positive class of a binary problem."""

    tolerance: option_types.ToleranceRule | None = _outcome_option(default="interval, but none with --compat service")
    """Thresholds: interval, the baseline's own values, with allowance for noise; absolute:0.02 or relative:5%, so much worse,
    without allowance; none, as interval, in the service's file."""

    min_samples: WholeNumber | None = _monitoring_option(analyses=_QUALITY_ANALYSES)
    """Minimum number of rows for a verdict on a metric; with fewer, checks.json says 'cannot tell'."""

    cost_matrix: option_types.Costs | None = _monitoring_option(analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """Value of true and false positives and negatives: tp=40,fp=-5,fn=-20; business_value is the mean per row."""

    error_model: str | None = _monitoring_option("FILE", analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """Model file from --learn-errors or ErrorModel.learnt, which estimates how far predicted numbers are off."""

    learn_errors: str | None = _declare_option("FILE", jobs=_BASELINE_JOB, analyses=_MODEL_QUALITY_ANALYSIS)
    """File, such as errors.skops, for a model of how far predicted numbers are off, learnt from up to 100,000 rows."""

    metrics: Names = _outcome_option("METRICS", initial=())
    """Your own metrics, with a value for each outcome: module:function, comma-separated."""

    analysis_config: option_types.LocalAnalysisConfig | None = _analysis_option(analyses=_FEATURE_ANALYSES)
    """Clarify's analysis_config.json: label, facets, metrics; local or on S3."""

    column_types: option_types.TypesByColumn = _bias_option(initial={}, default="detected from their values")
    """Types of columns: COLUMN=categorical or COLUMN=continuous, comma-separated, whatever the values look like."""

    flip_test: Switch = _bias_option(initial=True, opposite="no_flip_test")
    """Compute the flip test, the only metric that reads rows again."""

    flip_test_rows: WholeNumber | None = _bias_option(default="200,000", needs=("flip_test",))
    """Rows per side above which the flip test takes a sample."""

    bias_ci: option_types.IntervalMethod | None = _window_bias_option(
        default="bootstrap, but none with --compat service"
    )
    """bootstrap: a metric has drifted only if chance can't explain it; none: its value alone decides."""

    bias_min_rows: WholeNumber | None = _window_bias_option()
    """Minimum number of rows, in a group and in the rest, for a verdict; with fewer, checks.json says 'cannot tell'."""

    bias_di_neutral: option_types.NeutralValue | None = _window_bias_option(default="1, but 0 with --compat service")
    """Value from which disparate impact is measured: 0, as the service does, or 1, its neutral value."""

    bias_ranges: option_types.RangesByMetric = _window_bias_option(initial={})
    """Ranges that metrics must stay in, whatever the baseline says: METRIC=LOW:HIGH, comma-separated."""

    model: str | None = _called_model_option("MODEL")
    """The model: its file, its address (http, https), or module:function."""

    model_flavour: str | None = _called_model_option(
        "|".join(FLAVOURS), default="detected from the name", needs=("model",)
    )
    """Type of the model, if its name doesn't show the type."""

    model_sha256: option_types.Sha256 | None = _called_model_option(needs=("model",))
    """SHA-256 that the model's file must have; a file with another one is not loaded."""

    allow_pickle: Switch = _called_model_option(initial=False, needs=("model",))
    """Allow the model to be a pickle, which runs code when it is loaded."""

    trust_type: Names = _called_model_option("TYPES", initial=(), needs=("model",))
    """Types in a skops file that may be loaded in addition to the known types, comma-separated."""

    shap_sampled_rows: WholeNumber | None = _called_model_option(analyses=_EXPLAINABILITY_ANALYSIS, default="10,000")
    """Number of rows sampled to make baseline rows and to compute partial dependence."""

    shap_algorithm: Algorithm = _called_model_option(
        initial=Algorithm.AUTO, analyses=_EXPLAINABILITY_ANALYSIS, default="auto; kernel with --compat service"
    )
    """auto: no coalitions if a linear model or trees give the same values without them; kernel: always coalitions."""

    attribution_threshold: Share | None = _window_attribution_option(default="0.9")
    """Normalised discounted cumulative gain (NDCG) below which attributions have drifted."""

    attribution_min_rows: WholeNumber | None = _window_attribution_option(default="100")
    """Minimum number of rows for a verdict on attributions; with --compat service, every window is judged."""

    attribution_ci: option_types.IntervalMethod | None = _window_attribution_option(
        default="bootstrap; none with --compat service"
    )
    """bootstrap: also judge each feature's attribution by the interval of its change, in checks.json only."""

    max_quarantined_share: Share = _declare_option(initial=0.01)
    """Share of unreadable records above which the job fails."""

    max_record_size: option_types.Size = _declare_option(initial=MAX_RECORD_BYTES, default="256MB")
    """Maximum length of a record's line, such as 64MB; longer lines are refused, and never held in memory whole."""

    follow_links: Switch = _declare_option(initial=False, opposite="refuse_links")
    """Read files of this machine that are behind a link that leads out of the data's path."""

    accept_exponents: Switch | None = _analysis_option(
        opposite="no_exponents", default="yes, but no with --compat service", remembered=True
    )
    """Treat text such as 1e-5 as a number."""

    missing_values: Names = _column_option("TEXTS", initial=(), remembered=True)
    """Texts of CSV, JSON and captures that stand for a missing value, such as NA,?; comma-separated."""

    flatten_json: Switch | None = _analysis_option(
        opposite="no_flatten_json",
        default="yes, but no with --compat service, or if a container's variable has the format",
        remembered=True,
    )
    """Turn nested JSON objects, and arrays within captured rows, into features named outer.inner; otherwise they are refused."""

    max_runtime: option_types.Period | None = _declare_option(default="no limit")
    """Maximum time until the job publishes, such as PT1H; after that, the job is stopped and publishes nothing."""

    lease_wait: option_types.Wait = _declare_option(initial=WAIT, default="PT10M")
    """How long to wait for another run that writes to the same output, such as PT1H; PT0S: don't wait."""

    s3_encryption: S3Encryption | None = _declare_option(default="the bucket's default")
    """Encryption to request for every write to S3: SSE-S3 or SSE-KMS."""

    s3_kms_key: Annotated[str | None, AfterValidator(require_kms)] = _declare_option(
        "KEY", default="AWS's own key for S3"
    )
    """Key for SSE-KMS: its ARN, or its id in the bucket's account."""

    threshold: option_types.ThresholdsByFeature = _window_column_option(initial={}, is_repeatable=True)
    """Drift thresholds of features, in place of the baseline's: FEATURE=NUMBER, *=NUMBER for the others; repeatable."""

    thresholds: str | None = _window_column_option("FILE", default="none")
    """File with thresholds of any checks, in place of the baseline's: {"FEATURE": {"CHECK": NUMBER}}."""

    halves: option_types.Halves | None = _analysis_option(default="those that the log has", remembered=True)
    """Which halves of captures become columns: the model's request, its response, or both."""

    label: str | None = _window_column_option("COLUMN", default="found in the first window of captures")
    """Column of the baseline that captures lack, because it is known later; it is not compared."""

    attributions: str | None = _window_column_option("PATH")
    """analysis.json of explainability, or its output path: pages and mails then list influential features first."""

    compat: option_types.Compatibility = _declare_option(initial=option_types.Compatibility.NONE)
    """service: exactly the service's numbers (one partition, its type classes, its rules); none: correct numbers."""

    columns: Annotated[
        str | None,
        choose_from(dict(zip(COLUMNS, COLUMNS, strict=True))),
        AfterValidator(option_types.require_compatible_matching),
    ] = _window_column_option("|".join(COLUMNS), default="name, but exact with --compat service")
    """How to match named columns. name: a column that only one side has is a violation, others are judged; exact: a different
    number of columns is the only violation, and names that differ match by position."""

    engine: EngineName = _declare_option("ENGINE", initial=EngineName.AUTO)
    """What reads and counts the data: spark, local (processes on this machine, no JVM), or auto: Spark within spark-submit, for
    data that only Spark opens, and above 1 GB (captures 2, Parquet and CSV 10)."""

    remote: Annotated[str | None, AfterValidator(option_types.require_connect_address)] = _analysis_option(
        "sc://HOST:PORT"
    )
    """Spark Connect server that reads and counts the data; documents are written on this machine."""

    results_table: Annotated[str | None, AfterValidator(option_types.require_engine_of_table)] = _analysis_option(
        "NAME|PATH"
    )
    """Where to write runs and violations as SQL tables: a folder, or NAME_runs, NAME_violations of Spark's catalog."""

    results_rows: option_types.ResultRows = _analysis_option(
        "violations|all", initial=option_types.ResultRows.VIOLATIONS, needs=("results_table",)
    )
    """What those tables have: a row for each run and violation, or also every check and the summary."""

    progress: Switch | None = _declare_option(opposite="no_progress", default="on a terminal")
    """Show a progress bar of the stages."""

    env_file: str | None = _declare_option("FILE")
    """File of variables, one NAME=VALUE per line; the environment has priority."""

    container_root: str = _declare_option("DIRECTORY", initial="/")
    """Directory in which to look for a container's opt/ml."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_enum_member(cls, value: Any, info: ValidationInfo) -> Any:
        """A member of an enumeration by its value, without regard to case."""
        # Values are compared without case, as people write shadow, Shadow and SHADOW
        enumeration = find_enum(cls.model_fields[info.field_name or ""])
        if enumeration is None:
            return value
        return read_name({str(member.value): member for member in enumeration}, value)

    @property
    def fails_on(self) -> option_types.FailOn | None:
        """Which outcomes have an exit status of their own; None if a run that completed ends with 0."""
        if self.fail_on is None and self.fail_on_violations:
            return option_types.FailOn.VIOLATIONS
        return self.fail_on

    @property
    def hides_values(self) -> bool:
        """Whether pages and files leave out values of the data. Files that consist of values, such as states, still have them."""
        return self.hide_values or self.values is option_types.ShownValues.HIDE

    @property
    def sends_values(self) -> bool:
        """Whether sinks, JUnit files and result tables may name values of the data."""
        return self.values is option_types.ShownValues.SEND

    @property
    def replays_service(self) -> bool:
        """Whether to reproduce the service's numbers exactly, including its known errors."""
        return self.compat is option_types.Compatibility.SERVICE

    @property
    def run_false_alarm_budget(self) -> float:
        """Share of healthy runs that may have any violation, for monitors whose baseline doesn't record it."""
        return min(self.false_alarm_budget, self.run_budget or 1.0)

    @property
    def selected_format(self) -> DatasetFormat:
        """The format, with the halves of captures that --halves names."""
        # Other data has no halves
        if self.halves is None or not isinstance(self.dataset_format, CaptureFormat):
            return self.dataset_format
        return replace(self.dataset_format, index_names=HALVES[self.halves])

    @property
    def flattens_json(self) -> bool:
        """Whether nested JSON becomes features: as configured; by default yes, unless the service is replayed."""
        if self.flatten_json is None:
            return not self.replays_service
        return self.flatten_json

    @property
    def takes_exponents(self) -> bool:
        """Whether 1e-5 in text is a number: as configured; by default yes, unless the service is replayed."""
        if self.accept_exponents is None:
            return not self.replays_service
        return self.accept_exponents

    def find_window(self) -> Window | None:
        """The window of `start_time` and `end_time`, or of a scheduled time; None if none of them is set.

        Raises BadConfiguration if only one of the two is set, if they are in the wrong order, or if there are two windows.
        """
        if self.scheduled_time is not None:
            return self._find_scheduled_window(self.scheduled_time)
        if self.start_time is None and self.end_time is None:
            return None
        if self.start_time is None or self.end_time is None:
            missing = "start_time" if self.start_time is None else "end_time"
            raise BadConfiguration(
                f"{missing} is missing; a window has a start_time and an end_time, or neither of them"
            )
        return Window(self.start_time, self.end_time)

    def _find_scheduled_window(self, scheduled: datetime) -> Window:
        """The window that the two offsets give from the full hour of the scheduled time; a run may start some minutes late."""
        if self.start_time is not None or self.end_time is not None:
            raise BadConfiguration(
                "scheduled_time is one window, start_time and end_time are another; write one of them"
            )
        # Offsets count from the hour, as the service's do
        hour = full_hour(scheduled)
        start = hour + self.start_time_offset
        end = hour + self.end_time_offset
        if not start < end:
            raise BadConfiguration(
                f"start_time_offset gives {start.isoformat()} and end_time_offset {end.isoformat()}; the start has to be before "
                "the end, such as -PT1H and PT0H, or -P8D and -P1D"
            )
        return Window(start, end)

    @property
    def leaves_no_trace(self) -> bool:
        """Whether a later job can use this process: it is data quality without code of the user, except perhaps in a sink."""
        return self.analysis_type is AnalysisType.DATA_QUALITY and not self._uses_foreign_code

    @property
    def needs_no_pandas(self) -> bool:
        """Whether nothing imports pandas: neither the user's code, sinks and models, nor the learning of errors."""
        return not (self._uses_foreign_code or self.sink or self.model or self.learn_errors is not None)

    @property
    def _uses_foreign_code(self) -> bool:
        foreign_code = (
            self.record_preprocessor_script,
            self.post_analytics_processor_script,
            self.checks,
            self.results_table,
        )
        return any(foreign_code) or isinstance(self.dataset_format, (TableFormat, SparkFormat))


def _read_declared_option(field: FieldInfo) -> Iterator[Option]:
    """The option of a field, completed by the placeholder of its type and the text of its default."""
    # Metadata may be of the field itself, or of an alias of its type
    annotated = (field, *(alias for alias in get_args(field.annotation) if hasattr(alias, "__metadata__")))
    declared = [metadata for owner in annotated for metadata in getattr(owner, "__metadata__", field.metadata)]
    names = "|".join(str(member.value) for member in find_enum(field) or ())
    default_placeholder = next((metadata.text for metadata in declared if isinstance(metadata, Placeholder)), names)
    for option in declared:
        if isinstance(option, Option):
            default = "none" if option.default is None and field.default in ((), {}) else option.default
            yield replace(option, placeholder=option.placeholder or default_placeholder, default=default)


def find_enum(field: FieldInfo) -> type[Enum] | None:
    """The enumeration whose members a field holds; None if it holds something else."""
    union_types = get_args(field.annotation)
    member_types = (field.annotation, *(union_types if NoneType in union_types else ()))
    return next(
        (
            member_type
            for member_type in member_types
            if isinstance(member_type, type) and issubclass(member_type, Enum)
        ),
        None,
    )


OPTIONS: Mapping[str, Option] = {
    name: replace(option, has_flag=name not in SETTINGS)
    for name, field in JobConfig.model_fields.items()
    for option in _read_declared_option(field)
}
"""Every option by its attribute's name, in the order of --help."""


def is_without_input(name: str, texts: Mapping[str, str]) -> bool:
    """Whether this option needs one of some other options, and none of them is set. texts: the texts that are set, by option."""
    needs = OPTIONS[name].needs
    on_by_default = {need: "true" for need in needs if JobConfig.model_fields[need].default is True}
    needed_texts = [text for need, text in {**on_by_default, **texts}.items() if need in needs]
    return bool(needs) and all(text.strip().lower() in (*option_types.NO, "none") for text in needed_texts)
