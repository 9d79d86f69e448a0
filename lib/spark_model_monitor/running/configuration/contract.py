"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case; what stands below
each is its sentence in --help, where `{choices}` are the option's. The help text (`help.py`) and the reading of flags,
environment and files (`reading.py`) are made from it. Driver only.
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

from spark_model_monitor.data.reading.data import EngineName
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
from spark_model_monitor.running.configuration import option_types as kinds
from spark_model_monitor.running.configuration.command_line import SETTINGS
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
    read_name,
)
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from spark_model_monitor.statistics.user_choices import FLAVOURS, Algorithm, ProblemType
from spark_model_monitor.storage.lease import WAIT

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

HALVES = {
    kinds.Halves.REQUEST: ENDPOINT_INDEXES[:1],
    kinds.Halves.RESPONSE: ENDPOINT_INDEXES[1:],
    kinds.Halves.BOTH: ENDPOINT_INDEXES,
}
"""The halves of a captured record, by the value of `--halves`."""

_USUAL = "the method's usual threshold"
_METHOD = "{}, but Simple if only a threshold is given"
_TEXT_METHODS = ", ".join(CATEGORICAL_METHODS)


def _declare_option(placeholder: str = "", *, initial: Any = None, **facts: Any) -> Any:
    """A field with its `Option`. initial: its value where no source has one, `...` if it can't do without."""
    field = Field(initial)
    field.metadata.append(Option(placeholder, **facts))
    return field


_of_contract = partial(_declare_option, ours=False)
_of_monitoring = partial(_declare_option, jobs=_MONITOR)
_of_merge = partial(_declare_option, jobs=_MERGE)
_of_analysis = partial(_declare_option, jobs=_ANALYSER)
_of_window = partial(_declare_option, jobs=_IN_A_WINDOW)
_of_columns = partial(_of_analysis, analyses=_DATA_QUALITY)
_of_columns_in_a_window = partial(_of_monitoring, analyses=_DATA_QUALITY)
_of_outcomes = partial(_of_analysis, analyses=_MODEL_QUALITY)
_of_predictions = partial(_of_analysis, analyses=_OF_QUALITY)
_of_bias = partial(_of_analysis, analyses=_BIAS)
_of_bias_in_a_window = partial(_of_monitoring, analyses=_BIAS)
_of_attributions_in_a_window = partial(_of_monitoring, analyses=_EXPLAINABILITY)
_suggestion = partial(_declare_option, jobs=_BASELINE, analyses=_DATA_QUALITY)
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
    """File or directory with the data (recursive); PATH works without the flag."""

    query: str | None = _of_analysis("SQL", analyses=_DATA_QUALITY)
    """The query whose rows are the data, where --dataset-source is a database: adbc:URI."""

    dataset_format: kinds.DataFormat = _of_contract(
        initial=..., default="detected from local files", presets={"merge": "capture"}, remembered=True
    )
    """Format of the data: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, kserve, databricks, azure-ml,
    vertex, captures.yaml, table:NAME, the contract's JSON, or a Spark reader: {"spark": {"format": "orc"}}."""

    output_path: str = _of_contract(
        "DIRECTORY", initial=..., default="data-baseline, data-report or data-merged for a local data.csv"
    )
    """Directory for the results."""

    analysis_type: AnalysisType = _of_contract("TYPE", initial=AnalysisType.DATA_QUALITY, jobs=_ANALYSER)
    """Monitor type: {choices}."""

    publish_cloudwatch_metrics: kinds.Enabled | None = _of_contract(
        default="Enabled in a container, otherwise Disabled"
    )
    """Whether to write CloudWatch metrics."""

    problem_type: ProblemType | None = _of_model("TYPE", analyses=_OF_QUALITY)
    """What the model predicts: {choices}."""

    inference_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the prediction."""

    probability_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the probability."""

    probability_threshold_attribute: kinds.Number | None = _of_model(default="0.5")
    """Probability above which the predicted label is 1."""

    ground_truth_attribute: str | None = _of_model("FEATURE")
    """Column, index or JSON path of the label."""

    ground_truth_source: str | None = _of_contract("PATH", jobs=_MERGE, required_by=_MERGE)
    """File or directory with the ground truth."""

    features_attribute: str | None = _of_contract("PATH", analyses=_WITH_FEATURES)
    """JSON path of the features in a record."""

    exclude_features_attribute: Names = _of_contract(
        initial=(), jobs=_ANALYSER, default="none; for a monitor, those that the baseline left out", remembered=True
    )
    """Columns to leave out: names or 0-based indices, comma-separated."""

    record_preprocessor_script: kinds.Script | None = _of_contract(jobs=_ANALYSER)
    """Python file with preprocess_handler(record), which turns a record into rows."""

    post_analytics_processor_script: kinds.Script | None = _of_contract(jobs=_ANALYSER)
    """Python file with postprocess_handler(), which runs after the results are written."""

    baseline_constraints: str | None = _of_contract("FILE", jobs=_MONITOR)
    """constraints.json of the baseline."""

    baseline_statistics: str | None = _of_contract(
        "FILE",
        jobs=_MONITOR,
        analyses=(*_DATA_QUALITY, *_OF_QUALITY),
        needs=(
            "baseline_constraints",
            "baseline",
        ),
    )
    """statistics.json of the baseline."""

    baseline: str | None = _of_monitoring("PATH|previous")
    """Output path of the run to compare with, instead of two baseline files; previous: the run before this one."""

    start_time: kinds.Moment | None = _of_contract(jobs=_IN_A_WINDOW)
    """Start of the window (inclusive), such as 2021-05-06T22:00:00Z."""

    end_time: kinds.Moment | None = _of_contract(jobs=_IN_A_WINDOW)
    """End of the window (exclusive)."""

    scheduled_time: kinds.Moment | None = _of_window()
    """Scheduled time of the run. Its full hour plus the two offsets gives the window, in place of start and end."""

    start_time_offset: kinds.Duration = _of_window(
        initial=timedelta(hours=-1), default="-PT1H", needs=("scheduled_time",)
    )
    """Offset from the scheduled time to the start of the window: an ISO 8601 duration, such as -P8D."""

    end_time_offset: kinds.Duration = _of_window(initial=timedelta(0), default="PT0H", needs=("scheduled_time",))
    """Offset from the scheduled time to the end of the window."""

    late_labels: kinds.Period | None = _of_merge(default="not at all")
    """How long to wait for labels, such as P7D: a later run merges an hour again when its labels have arrived."""

    absent_label: str | None = _of_merge("LABEL")
    """Label for captures that got none within --after, such as 0 for no click."""

    after: kinds.Period | None = _of_merge()
    """Time after a capture's hour until it gets --absent-label, such as PT24H."""

    to_label: WholeNumber | None = _of_merge()
    """Number of captures without a label to list for labelling, from all ranges of the score."""

    to_label_seed: WholeNumber = _of_merge(initial=1)
    """Seed for --to-label: another number gives another list."""

    score_attribute: str = _of_merge("PATH", initial="0")
    """Where the score is in the model's output, for --to-label: index of a CSV cell, or path of a JSON member."""

    metric_time: kinds.Moment | None = _of_contract(
        jobs=_IN_A_WINDOW,
        default="start_time, or the start of the run",
        needs=(
            "publish_cloudwatch_metrics",
            "sink",
            "compat",
        ),
    )
    """Timestamp of the metrics."""

    as_of: kinds.TableVersion | None = _of_analysis(default="the newest")
    """Version of a Delta table or snapshot of an Iceberg table to read: its number, or a time when it was current."""

    since: kinds.TableVersion | None = _of_analysis()
    """Read only the rows that were appended to the Delta or Iceberg table after this version or time."""

    each_commit: Switch = _of_columns_in_a_window(initial=False, opposite="whole_window")
    """Make each commit of a table since the last run a window, and compare it with the commits before it."""

    lenient_window: Switch = _of_monitoring(initial=False, opposite="strict_window")
    """Take all records in the window's hour folders, whatever their own time."""

    sample: Share | None = _of_monitoring()
    """Share of the captured events to read, the same ones in every run."""

    target_model: str | None = _of_analysis("NAME", default="all")
    """For captures of a multi-model endpoint: read only those of this targetModel; - for those without."""

    manifest_root: str | None = _of_window("PATH", default="no file is a manifest")
    """For a batch transform's captures: folder or bucket of the files that manifests may name."""

    allow_mixed_encodings: Switch = _of_analysis(initial=False, opposite="one_encoding")
    """Allow a capture's input and output to have different encodings; otherwise the job fails, like the service's."""

    omit_empty_violations: Switch = _of_monitoring(initial=False, opposite="always_violations")
    """Don't write constraint_violations.json without violations, for scripts that treat the file as an alarm."""

    fail_on_violations: Switch = _of_monitoring(initial=False, opposite="succeed_on_violations")
    """End with exit status 4 if there are violations."""

    fail_on: kinds.FailOn | None = _of_monitoring()
    """Outcome that ends with a status of its own: violations (4), or cannot-tell (5 if a change that matters may have gone
    unseen, 4 for violations)."""

    junit: str | None = _of_monitoring("FILE")
    """File for the checks as JUnit XML, for CI servers: one test case per check; a violation is a failure."""

    hide_values: Switch = _of_monitoring(
        initial=False, analyses=(*_DATA_QUALITY, *_OF_QUALITY, *_BIAS), opposite="show_values"
    )
    """The same as --values hide; no is --values show."""

    values: Annotated[kinds.ShownValues | None, AfterValidator(kinds.require_hidden_once)] = _of_analysis(
        default="show"
    )
    """Where categories, classes and segments of the data are named: hide them everywhere, even on pages and in checks.json; show
    them on pages and terminals; or send them to sinks, too."""

    find_causes: Switch = _of_monitoring(
        initial=True,
        analyses=(*_DATA_QUALITY, AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS),
        opposite="without_causes",
    )
    """If anything is violated, read the data again to find which segment, files, times, or clients it comes from."""

    keep_examples: WholeNumber = _of_monitoring(initial=0, analyses=_DATA_QUALITY, needs=("find_causes",))
    """Number of row ids to keep in examples.parquet for each violated feature; spark-model-monitor rows prints them."""

    id_column: str | None = _of_monitoring("COLUMN", analyses=_DATA_QUALITY, needs=("keep_examples",))
    """Column with the row ids; captured events have their own ids."""

    report: Switch = _of_analysis(initial=True, opposite="no_report")
    """Write report.html, which shows the run as a page."""

    sink: kinds.Destinations = _of_monitoring(initial=(), default="nowhere", repeatable=True, choices=SPELLINGS)
    """Where to send alerts: {choices}. For several, separate them with commas or repeat the flag."""

    sink_required: Switch = _of_monitoring(initial=False, opposite="sink_optional", needs=("sink",))
    """Fail the job if a sink can't be notified; otherwise that is a warning."""

    every: Switch = _of_monitoring(initial=False, opposite="on_transition", needs=("sink",))
    """Notify webhooks, mail, and topics of every run, not only when the alert changes."""

    datapoints_to_alert: kinds.UpTo100 = _of_monitoring(initial=1)
    """How many of the last windows must have violations for an alert."""

    evaluation_period: Annotated[kinds.UpTo100 | None, AfterValidator(kinds.require_enough_windows)] = _of_monitoring(
        "NUMBER", default="datapoints_to_alert"
    )
    """How many of the last windows datapoints_to_alert looks at."""

    min_traffic: Share | None = _of_monitoring(default="not checked")
    """Notify the sinks if a window has less than this share of the records usual for its hour of the day."""

    log_values: Switch = _declare_option(initial=False, opposite="log_no_values")
    """Log the text of an unexpected error with its trace; the text may repeat values of the data."""

    sagemaker_endpoint_name: str | None = _of_contract("NAME", jobs=_IN_A_WINDOW)
    """Name of the model's endpoint, for notifications and as a dimension of the metrics."""

    sagemaker_monitoring_schedule_name: str | None = _of_contract("NAME", jobs=_IN_A_WINDOW)
    """Name of the schedule, for notifications and as a dimension of the metrics."""

    sagemaker_endpoint_datacapture_prefix: str | None = _of_contract("PATH", jobs=())
    """Prefix of the path of the captures."""

    categorical_drift_method: Annotated[str | None, choose_from(monitoring_settings.CATEGORICAL_DRIFT_METHODS)] = (
        _of_contract(
            "METHOD", default=_METHOD.format("LInfinity"), jobs=_BASELINE, analyses=_DATA_QUALITY, choices=_TEXT_METHODS
        )
    )
    """Distance for text features: {choices}; written into the suggested constraints."""

    comparison_method: Annotated[str | None, choose_from(monitoring_settings.COMPARISON_METHODS)] = _suggestion(
        "METHOD", default=_METHOD.format("Robust"), choices=", ".join(NUMERIC_METHODS)
    )
    """Distance for numeric features: {choices}; written into the suggested constraints."""

    comparison_threshold: Annotated[float | None, parse_threshold_by("comparison_method", NUMERIC_METHODS)] = (
        _suggestion("NUMBER", default=_USUAL)
    )
    """Distance above which a numeric feature has drifted, without allowance for noise; written into the suggested constraints."""

    categorical_comparison_threshold: Annotated[
        float | None, parse_threshold_by("categorical_drift_method", CATEGORICAL_METHODS)
    ] = _suggestion("NUMBER", default=_USUAL)
    """Distance above which a text feature has drifted, without allowance for noise; written into the suggested constraints."""

    datatype_check_threshold: Share | None = _suggestion(default=f"{monitoring_settings.SUGGESTED_SHARE:g}")
    """Minimum share of values of the inferred type, without allowance for noise; written into the suggested constraints."""

    domain_content_threshold: Share | None = _suggestion(default=f"{monitoring_settings.SUGGESTED_SHARE:g}")
    """Minimum share of text values in the baseline's domain, without allowance for noise; written into the suggested
    constraints."""

    false_alarm_budget: kinds.Chance = _suggestion(
        initial=DEFAULT_SETTINGS.false_alarm_budget,
        default="1/720",
        also=tuple(("monitor", analysis) for analysis in ANALYSES_OF_MODELS),
    )
    """Share of healthy runs that may have any violation; data quality writes it into the suggested constraints."""

    run_budget: kinds.Chance | None = _of_monitoring(default="the share of the baseline or the job")
    """Share of healthy runs that may have any violation, if less than the share of the baseline or the job; run-due sets it for
    schedules that share alarms_per_month."""

    rows: monitoring_settings.Rows = _suggestion(initial=monitoring_settings.Rows.CLUSTERED)
    """How rows depend on each other: clustered, like the rows of one user, or independent, which detects small drifts; written
    into the suggested constraints."""

    segments: Names = _suggestion(
        "CUTS", initial=(), also=(("baseline", AnalysisType.MODEL_QUALITY), ("baseline", AnalysisType.MODEL_BIAS))
    )
    """How to cut rows into segments: plan by value, age:30:50 by range, ordered:hour by hour of the day, plan*age:40 by both,
    comma-separated. Each segment's drift, or model metrics or bias, is judged, too; written into the suggested constraints."""

    group_column: str | None = _suggestion(
        "COLUMN",
        also=tuple(("baseline", analysis) for analysis in (AnalysisType.MODEL_QUALITY, *_WITH_FEATURES)),
        default="estimated from neighbouring rows",
    )
    """Column that groups rows that belong together, such as the user's id; verdicts then count groups, not rows. Windows of
    this baseline use the same column."""

    max_domain_size: WholeNumber = _suggestion(initial=MAX_DOMAIN_SIZE)
    """Maximum distinct values in a domain; a text feature with more gets no domain."""

    with_pairs: Switch | None = _of_columns(
        opposite="without_pairs", default="no for a baseline; for a window, as in its baseline"
    )
    """Look for relations between columns in a baseline, and judge them in a window."""

    with_sketches: Switch | None = _of_columns(opposite="without_sketches", default="yes, up to 300 columns")
    """Put the sketches into statistics.json; states/ has them in any case."""

    predictions: Names = _declare_option(initial=(), jobs=_BASELINE, analyses=_DATA_QUALITY)
    """Columns with the model's output: names, comma-separated. Their drift has its own part of the budget."""

    time_column: str | None = _of_analysis("COLUMN")
    """Column with the time of each row. It orders a baseline, whose parts show how the data varies, and selects the rows of a
    window from a table."""

    checks: Annotated[str | None, AfterValidator(kinds.require_function_or_file)] = _of_columns("CHECKS")
    """Your own Deequ checks: module:function, or a JSON file of analyzers and assertions."""

    expectations: str | None = _of_columns_in_a_window("FILE")
    """Your own rules, in YAML, JSON, DQDL or a data contract: an unmet rule is a violation or a hint. No baseline is needed."""

    skip_unsupported: Switch = _of_columns_in_a_window(
        initial=False, opposite="no_skip_unsupported", needs=("expectations",)
    )
    """Skip rules of DQDL and data contracts that can't be evaluated; the run then cannot tell, and names them."""

    suggest_expectations: str | None = _suggestion("FILE")
    """File for suggested rules that the baseline meets, for a person to choose from; in DQDL or as a data contract if its name
    ends in .dqdl or .odcs.yaml."""

    allow_second_scan: Switch = _of_columns(initial=False, opposite="no_second_scan", needs=("checks",))
    """Allow a check that needs it to read the data a second time."""

    positive_label: str | None = _of_predictions("LABEL", default="1 or true")
    """Positive class of a binary problem."""

    tolerance: kinds.ToleranceRule | None = _of_outcomes(default="interval, but none with --compat service")
    """Thresholds: interval, the baseline's own values, with allowance for noise; absolute:0.02 or relative:5%, so much worse,
    without allowance; none, as interval, in the service's file."""

    min_samples: WholeNumber | None = _of_monitoring(analyses=_OF_QUALITY)
    """Minimum number of rows for a verdict on a metric; with fewer, checks.json says 'cannot tell'."""

    cost_matrix: kinds.Costs | None = _of_monitoring(analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """Value of true and false positives and negatives: tp=40,fp=-5,fn=-20; business_value is the mean per row."""

    error_model: str | None = _of_monitoring("FILE", analyses=(AnalysisType.ESTIMATED_QUALITY,))
    """Model file from --learn-errors or ErrorModel.learnt, which estimates how far predicted numbers are off."""

    learn_errors: str | None = _declare_option("FILE", jobs=_BASELINE, analyses=_MODEL_QUALITY)
    """File, such as errors.skops, for a model of how far predicted numbers are off, learnt from up to 100,000 rows."""

    metrics: Names = _of_outcomes("METRICS", initial=())
    """Your own metrics, with a value for each outcome: module:function, comma-separated."""

    analysis_config: kinds.LocalAnalysisConfig | None = _of_analysis(analyses=_WITH_FEATURES)
    """Clarify's analysis_config.json: label, facets, metrics; local or on S3."""

    column_types: kinds.TypesByColumn = _of_bias(initial={}, default="detected from their values")
    """Types of columns: COLUMN=categorical or COLUMN=continuous, comma-separated, whatever the values look like."""

    flip_test: Switch = _of_bias(initial=True, opposite="no_flip_test")
    """Compute the flip test, the only metric that reads rows again."""

    flip_test_rows: WholeNumber | None = _of_bias(default="200,000", needs=("flip_test",))
    """Rows per side above which the flip test takes a sample."""

    bias_ci: kinds.IntervalMethod | None = _of_bias_in_a_window(default="bootstrap, but none with --compat service")
    """bootstrap: a metric has drifted only if chance can't explain it; none: its value alone decides."""

    bias_min_rows: WholeNumber | None = _of_bias_in_a_window()
    """Minimum number of rows, in a group and in the rest, for a verdict; with fewer, checks.json says 'cannot tell'."""

    bias_di_neutral: kinds.NeutralValue | None = _of_bias_in_a_window(default="1, but 0 with --compat service")
    """Value from which disparate impact is measured: 0, as the service does, or 1, its neutral value."""

    bias_ranges: kinds.RangesByMetric = _of_bias_in_a_window(initial={})
    """Ranges that metrics must stay in, whatever the baseline says: METRIC=LOW:HIGH, comma-separated."""

    model: str | None = _of_called("MODEL")
    """The model: its file, its address (http, https), or module:function."""

    model_flavour: str | None = _of_called("|".join(FLAVOURS), default="detected from the name", needs=("model",))
    """Type of the model, if its name doesn't show the type."""

    model_sha256: kinds.Sha256 | None = _of_called(needs=("model",))
    """SHA-256 that the model's file must have; a file with another one is not loaded."""

    allow_pickle: Switch = _of_called(initial=False, needs=("model",))
    """Allow the model to be a pickle, which runs code when it is loaded."""

    trust_type: Names = _of_called("TYPES", initial=(), needs=("model",))
    """Types in a skops file that may be loaded in addition to the known types, comma-separated."""

    shap_sampled_rows: WholeNumber | None = _of_called(analyses=_EXPLAINABILITY, default="10,000")
    """Number of rows sampled to make baseline rows and to compute partial dependence."""

    shap_algorithm: Algorithm = _of_called(
        initial=Algorithm.AUTO, analyses=_EXPLAINABILITY, default="auto; kernel with --compat service"
    )
    """auto: no coalitions if a linear model or trees give the same values without them; kernel: always coalitions."""

    attribution_threshold: Share | None = _of_attributions_in_a_window(default="0.9")
    """Normalised discounted cumulative gain (NDCG) below which attributions have drifted."""

    attribution_min_rows: WholeNumber | None = _of_attributions_in_a_window(default="100")
    """Minimum number of rows for a verdict on attributions; with --compat service, every window is judged."""

    attribution_ci: kinds.IntervalMethod | None = _of_attributions_in_a_window(
        default="bootstrap; none with --compat service"
    )
    """bootstrap: also judge each feature's attribution by the interval of its change, in checks.json only."""

    max_quarantined_share: Share = _declare_option(initial=0.01)
    """Share of unreadable records above which the job fails."""

    max_record_size: kinds.Size = _declare_option(initial=MAX_RECORD_BYTES, default="256MB")
    """Maximum length of a record's line, such as 64MB; longer lines are refused, and never held in memory whole."""

    follow_links: Switch = _declare_option(initial=False, opposite="refuse_links")
    """Read files of this machine that are behind a link that leads out of the data's path."""

    accept_exponents: Switch | None = _of_analysis(
        opposite="no_exponents", default="yes, but no with --compat service", remembered=True
    )
    """Treat text such as 1e-5 as a number."""

    missing_values: Names = _of_columns("TEXTS", initial=(), remembered=True)
    """Texts of CSV, JSON and captures that stand for a missing value, such as NA,?; comma-separated."""

    flatten_json: Switch | None = _of_analysis(
        opposite="no_flatten_json",
        default="yes, but no with --compat service, or if a container's variable has the format",
        remembered=True,
    )
    """Turn nested JSON objects, and arrays within captured rows, into features named outer.inner; otherwise they are refused."""

    max_runtime: kinds.Period | None = _declare_option(default="no limit")
    """Maximum time until the job publishes, such as PT1H; after that, the job is stopped and publishes nothing."""

    lease_wait: kinds.Wait = _declare_option(initial=WAIT, default="PT10M")
    """How long to wait for another run that writes to the same output, such as PT1H; PT0S: don't wait."""

    s3_encryption: S3Encryption | None = _declare_option(default="the bucket's default")
    """Encryption to request for every write to S3: SSE-S3 or SSE-KMS."""

    s3_kms_key: Annotated[str | None, AfterValidator(require_kms)] = _declare_option(
        "KEY", default="AWS's own key for S3"
    )
    """Key for SSE-KMS: its ARN, or its id in the bucket's account."""

    threshold: kinds.ThresholdsByFeature = _of_columns_in_a_window(initial={}, repeatable=True)
    """Drift thresholds of features, in place of the baseline's: FEATURE=NUMBER, *=NUMBER for the others; repeatable."""

    thresholds: str | None = _of_columns_in_a_window("FILE", default="none")
    """File with thresholds of any checks, in place of the baseline's: {"FEATURE": {"CHECK": NUMBER}}."""

    halves: kinds.Halves | None = _of_analysis(default="those that the log has", remembered=True)
    """Which halves of captures become columns: the model's request, its response, or both."""

    label: str | None = _of_columns_in_a_window("COLUMN", default="found in the first window of captures")
    """Column of the baseline that captures lack, because it is known later; it is not compared."""

    attributions: str | None = _of_columns_in_a_window("PATH")
    """analysis.json of explainability, or its output path: pages and mails then list influential features first."""

    compat: kinds.Compatibility = _declare_option(initial=kinds.Compatibility.NONE)
    """service: exactly the service's numbers (one partition, its type classes, its rules); none: correct numbers."""

    columns: Annotated[
        str | None,
        choose_from(dict(zip(COLUMNS, COLUMNS, strict=True))),
        AfterValidator(kinds.require_compatible_matching),
    ] = _of_columns_in_a_window("|".join(COLUMNS), default="name, but exact with --compat service")
    """How to match named columns. name: a column that only one side has is a violation, others are judged; exact: a different
    number of columns is the only violation, and names that differ match by position."""

    engine: EngineName = _declare_option("ENGINE", initial=EngineName.AUTO)
    """What reads and counts the data: spark, local (processes on this machine, no JVM), or auto: Spark within spark-submit, for
    data that only Spark opens, and above 1 GB (captures 2, Parquet and CSV 10)."""

    remote: Annotated[str | None, AfterValidator(kinds.require_connect_address)] = _of_analysis("sc://HOST:PORT")
    """Spark Connect server that reads and counts the data; documents are written on this machine."""

    results_table: Annotated[str | None, AfterValidator(kinds.require_engine_of_table)] = _of_analysis("NAME|PATH")
    """Where to write runs and violations as SQL tables: a folder, or NAME_runs, NAME_violations of Spark's catalog."""

    results_rows: kinds.ResultRows = _of_analysis(
        "violations|all", initial=kinds.ResultRows.VIOLATIONS, needs=("results_table",)
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
    def _member(cls, value: Any, info: ValidationInfo) -> Any:
        """A member of an enumeration by its value, without regard to case."""
        # Values are compared without case, as people write shadow, Shadow and SHADOW
        kind = find_enum(cls.model_fields[info.field_name or ""])
        if kind is None:
            return value
        return read_name({str(member.value): member for member in kind}, value)

    @property
    def fails_on(self) -> kinds.FailOn | None:
        """Which outcomes have an exit status of their own; None if a run that completed ends with 0."""
        if self.fail_on is None and self.fail_on_violations:
            return kinds.FailOn.VIOLATIONS
        return self.fail_on

    @property
    def hides_values(self) -> bool:
        """Whether no page and no file but those made of values names values of the data."""
        return self.hide_values or self.values is kinds.ShownValues.HIDE

    @property
    def sends_values(self) -> bool:
        """Whether sinks, JUnit files and result tables may name values of the data."""
        return self.values is kinds.ShownValues.SEND

    @property
    def replays_service(self) -> bool:
        """Whether the numbers of the service are wanted, its errors included."""
        return self.compat is kinds.Compatibility.SERVICE

    @property
    def budget_of_a_run(self) -> float:
        """The share of the healthy runs that may have any violation, of monitors whose baselines don't say it."""
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
        """Whether nested JSON becomes features: as told, else unless the service is replayed."""
        if self.flatten_json is None:
            return not self.replays_service
        return self.flatten_json

    @property
    def takes_exponents(self) -> bool:
        """Whether 1e-5 in text is a number: as told, else unless the service is replayed."""
        if self.accept_exponents is None:
            return not self.replays_service
        return self.accept_exponents

    def find_window(self) -> Window | None:
        """The window of `start_time` and `end_time`, or of a scheduled time; None if none of them is given.

        Raises BadConfiguration if only one of the two is, if they are in the wrong order, or if there are two windows.
        """
        if self.scheduled_time is not None:
            return self._find_scheduled_window(self.scheduled_time)
        if self.start_time is None and self.end_time is None:
            return None
        if self.start_time is None or self.end_time is None:
            # One alone is a mistake, however it came about
            if self.start_time is None:
                missing = "start_time"
            else:
                missing = "end_time"
            raise BadConfiguration(
                f"{missing} is missing; a window has a start_time and an end_time, or neither of them"
            )
        return Window(self.start_time, self.end_time)

    def _find_scheduled_window(self, scheduled: datetime) -> Window:
        """The window from the scheduled time's full hour, as a run may start some minutes late, by the two offsets."""
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
        """Whether it is data quality, without code or a library of others; a sink may be theirs."""
        return self.analysis_type is AnalysisType.DATA_QUALITY and not self._uses_foreign_code

    @property
    def needs_no_pandas(self) -> bool:
        """Whether nothing runs that may import pandas: code, libraries, sinks or models of others, or the learning of errors."""
        may_import_it = self._uses_foreign_code or self.sink or self.model or self.learn_errors is not None
        return not may_import_it

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
    """The option of a field, with what its type and its initial value say of it."""
    # Metadata may be of the field itself, or of an alias of its type
    annotated = (field, *(alias for alias in get_args(field.annotation) if hasattr(alias, "__metadata__")))
    declared = [metadata for where in annotated for metadata in getattr(where, "__metadata__", field.metadata)]
    names = "|".join(str(member.value) for member in find_enum(field) or ())
    usual_placeholder = next((metadata.text for metadata in declared if isinstance(metadata, Placeholder)), names)
    for option in declared:
        if isinstance(option, Option):
            default = "none" if option.default is None and field.default in ((), {}) else option.default
            yield replace(option, placeholder=option.placeholder or usual_placeholder, default=default)


def find_enum(field: FieldInfo) -> type[Enum] | None:
    """The enumeration whose members a field holds; None if it holds something else."""
    alternatives = get_args(field.annotation)
    kinds = (field.annotation, *(alternatives if NoneType in alternatives else ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)), None)


OPTIONS: Mapping[str, Option] = {
    name: replace(option, has_flag=name not in SETTINGS)
    for name, field in JobConfig.model_fields.items()
    for option in _read_declared_option(field)
}
"""Every option by its attribute's name, in the order of --help."""


def is_without_input(name: str, texts: Mapping[str, str]) -> bool:
    """Whether none of the options is set that this one needs. texts: those that are given, by option."""
    needs = OPTIONS[name].needs
    on_by_default = {need: "true" for need in needs if JobConfig.model_fields[need].default is True}
    texts_of_needs = [text for need, text in {**on_by_default, **texts}.items() if need in needs]
    return bool(needs) and all(text.strip().lower() in (*kinds.NO, "none") for text in texts_of_needs)
