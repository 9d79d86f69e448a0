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

_USUAL = "the method's usual threshold"


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
        "File or directory with the data (recursive); PATH works without the flag.", "PATH", initial="", free=True
    )
    """Empty only if the format names the data itself (a table, a Spark reader without paths)."""

    dataset_format: kinds.DataFormat = _of_contract(
        "Format of the data: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, table:NAME, the "
        'JSON of the container\'s contract, or any Spark reader as {"spark": {"format": "orc", "options": {}}}.',
        initial=...,
        default="detected from local files",
        presets={"merge": "capture"},
        remembered=True,
    )

    output_path: str = _of_contract(
        "Directory for the results.",
        "DIRECTORY",
        initial=...,
        default="data-baseline, data-report or data-merged for a local data.csv",
    )

    analysis_type: AnalysisType = _of_contract(
        "Monitor type: " + ", ".join(AnalysisType) + ".", "TYPE", initial=AnalysisType.DATA_QUALITY, jobs=_ANALYSER
    )

    publish_cloudwatch_metrics: kinds.Enabled | None = _of_contract(
        "Whether to write CloudWatch metrics.", default="Enabled in a container, otherwise Disabled"
    )

    problem_type: ProblemType | None = _of_model(
        "What the model predicts: " + ", ".join(problem.value for problem in ProblemType) + ".",
        "TYPE",
        analyses=_OF_QUALITY,
    )

    inference_attribute: str | None = _of_model("Column, index or JSON path of the prediction.", "FEATURE")

    probability_attribute: str | None = _of_model("Column, index or JSON path of the probability.", "FEATURE")

    probability_threshold_attribute: kinds.Number | None = _of_model(
        "Probability above which the predicted label is 1.", default="0.5"
    )

    ground_truth_attribute: str | None = _of_model("Column, index or JSON path of the label.", "FEATURE")

    ground_truth_source: str | None = _of_contract(
        "File or directory with the ground truth.", "PATH", jobs=_MERGE, required_by=_MERGE
    )

    features_attribute: str | None = _of_contract(
        "JSON path of the features in a record.", "PATH", analyses=_WITH_FEATURES
    )

    exclude_features_attribute: kinds.Names = _of_contract(
        "Columns to leave out: names or 0-based indices, comma-separated.",
        initial=(),
        jobs=_ANALYSER,
        default="none; for a monitor, those that the baseline left out",
        remembered=True,
    )

    record_preprocessor_script: kinds.Script | None = _of_contract(
        "Python file with preprocess_handler(record), which turns a record into rows.", jobs=_ANALYSER
    )

    post_analytics_processor_script: kinds.Script | None = _of_contract(
        "Python file with postprocess_handler(), which runs after the results are written.", jobs=_ANALYSER
    )

    baseline_constraints: str | None = _of_contract("constraints.json of the baseline.", "FILE", jobs=_MONITOR)

    baseline_statistics: str | None = _of_contract(
        "statistics.json of the baseline.", "FILE", jobs=_MONITOR, analyses=_DATA_QUALITY
    )

    baseline: str | None = _of_monitoring(
        "Output path of the run to compare with, instead of two baseline files; previous: the run before this one.",
        "PATH|previous",
    )

    start_time: kinds.Moment | None = _of_contract(
        "Start of the window (inclusive), such as 2021-05-06T22:00:00Z.", jobs=_IN_A_WINDOW
    )

    end_time: kinds.Moment | None = _of_contract("End of the window (exclusive).", jobs=_IN_A_WINDOW)

    scheduled_time: kinds.Moment | None = _of_window(
        "Scheduled time of the run. Its full hour plus the two offsets gives the window, in place of start and end."
    )

    start_time_offset: kinds.Duration = _of_window(
        "Offset from the scheduled time to the start of the window: an ISO 8601 duration, such as -P8D.",
        initial=timedelta(hours=-1),
        default="-PT1H",
    )

    end_time_offset: kinds.Duration = _of_window(
        "Offset from the scheduled time to the end of the window.", initial=timedelta(0), default="PT0H"
    )

    late_labels: kinds.Period | None = _of_merge(
        "How long to wait for labels, such as P7D: a later run merges an hour again when its labels have arrived.",
        default="not at all",
    )

    absent_label: str | None = _of_merge(
        "Label for captures that got none within --after, such as 0 for no click.", "LABEL"
    )

    after: kinds.Period | None = _of_merge("Time after a capture's hour until it gets --absent-label, such as PT24H.")

    to_label: kinds.Whole | None = _of_merge(
        "Number of captures without a label to list for labelling, from all ranges of the score."
    )

    to_label_seed: kinds.Whole = _of_merge("Seed for --to-label: another number gives another list.", initial=1)

    score_attribute: str = _of_merge(
        "Where the score is in the model's output, for --to-label: index of a CSV cell, or path of a JSON member.",
        "PATH",
        initial="0",
    )

    metric_time: kinds.Moment | None = _of_contract(
        "Timestamp of the metrics.", jobs=_IN_A_WINDOW, default="start_time, or the start of the run"
    )

    as_of: kinds.TableVersion | None = _of_analysis(
        "Version of a Delta table or snapshot of an Iceberg table to read: its number, or a time when it was current.",
        default="the newest",
    )

    since: kinds.TableVersion | None = _of_analysis(
        "Read only the rows that were appended to the Delta or Iceberg table after this version or time."
    )

    each_commit: kinds.Switch = _of_columns_in_a_window(
        "Make each commit of a table since the last run a window, and compare it with the commits before it.",
        initial=False,
        opposite="whole_window",
    )

    look_every: kinds.Period | None = _of_columns_in_a_window(
        "How often to look at the window before it is over, such as PT5M; all looks share the window's budget.",
        default="never",
    )

    look_until: kinds.Moment | None = _of_columns_in_a_window(
        "Judge only what arrived in the window up to this time.", default="the whole window"
    )

    lenient_window: kinds.Switch = _of_monitoring(
        "Take all records in the window's hour folders, whatever their own time.",
        initial=False,
        opposite="strict_window",
    )

    sample: kinds.Share | None = _of_monitoring("Share of the captured events to read, the same ones in every run.")

    target_model: str | None = _of_analysis(
        "For captures of a multi-model endpoint: read only those of this targetModel.", "NAME", default="all"
    )

    allow_mixed_encodings: kinds.Switch = _of_monitoring(
        "Allow a capture's input and output to have different encodings; otherwise the job fails, like the service's.",
        initial=False,
        opposite="one_encoding",
    )

    omit_empty_violations: kinds.Switch = _of_monitoring(
        "Don't write constraint_violations.json without violations, for scripts that treat the file as an alarm.",
        initial=False,
        opposite="always_violations",
    )

    fail_on_violations: kinds.Switch = _of_monitoring(
        "End with exit status 4 if there are violations.",
        initial=False,
        opposite="succeed_on_violations",
    )

    junit: str | None = _of_monitoring(
        "File for the checks as JUnit XML, for CI servers: one test case per check; a violation is a failure.", "FILE"
    )

    hide_values: kinds.Switch = _of_monitoring(
        "Keep values of the data out of alarms: no categories or classes in mails, pages, or checks.json.",
        initial=False,
        analyses=(*_DATA_QUALITY, *_OF_QUALITY),
        opposite="show_values",
    )

    find_causes: kinds.Switch = _of_monitoring(
        "If anything is violated, read the data again to find which segment, files, times, or clients it comes from.",
        initial=True,
        analyses=(*_DATA_QUALITY, AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS),
        opposite="without_causes",
    )

    keep_examples: kinds.Whole = _of_monitoring(
        "Number of row ids to keep in examples.parquet for each violated feature; model-monitor rows prints them.",
        initial=0,
        analyses=_DATA_QUALITY,
    )

    id_column: str | None = _of_monitoring(
        "Column with the row ids; captured events have their own ids.", "COLUMN", analyses=_DATA_QUALITY
    )

    report: kinds.Switch = _of_analysis(
        "Write report.html, which shows the run as a page.", initial=True, opposite="no_report"
    )

    sink: kinds.Destinations = _of_monitoring(
        f"Where to send alerts: {SPELLINGS}. For several, separate them with commas or repeat the flag.",
        initial=(),
        default="nowhere",
        repeatable=True,
    )

    sink_required: kinds.Switch = _of_monitoring(
        "Fail the job if a sink can't be notified; otherwise that is a warning.",
        initial=False,
        opposite="sink_optional",
    )

    every: kinds.Switch = _of_monitoring(
        "Notify webhooks, mail, and topics of every run, not only when the alert changes.",
        initial=False,
        opposite="on_transition",
    )

    datapoints_to_alert: kinds.UpTo100 = _of_monitoring(
        "How many of the last windows must have violations for an alert.", initial=1
    )

    evaluation_period: Annotated[kinds.UpTo100 | None, AfterValidator(kinds.at_least_the_datapoints)] = _of_monitoring(
        "How many of the last windows --datapoints-to-alert looks at.", "NUMBER", default="datapoints_to_alert"
    )

    min_traffic: kinds.Share | None = _of_monitoring(
        "Notify the sinks if a window has less than this share of the records usual for its hour of the day.",
        default="not checked",
    )

    log_values: kinds.Switch = _option(
        "Log the text of an unexpected error with its trace; the text may repeat values of the data.",
        initial=False,
        opposite="log_no_values",
    )

    sagemaker_endpoint_name: str | None = _of_contract(
        "Name of the model's endpoint, for notifications and as a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_monitoring_schedule_name: str | None = _of_contract(
        "Name of the schedule, for notifications and as a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW
    )

    sagemaker_endpoint_datacapture_prefix: str | None = _of_contract(
        "Prefix of the path of the captures.", "PATH", jobs=()
    )

    categorical_drift_method: Annotated[str, named_in(CATEGORICAL_DRIFT_METHODS)] = _of_contract(
        f"Distance for text features: {', '.join(CATEGORICAL_METHODS)}; written into the suggested constraints.",
        "METHOD",
        initial=DEFAULT_SETTINGS.categorical_drift_method,
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
    )

    comparison_method: Annotated[str, named_in(COMPARISON_METHODS)] = _suggestion(
        f"Distance for numeric features: {', '.join(NUMERIC_METHODS)}; written into the suggested constraints.",
        "METHOD",
        initial=DEFAULT_SETTINGS.comparison_method,
    )

    comparison_threshold: Annotated[
        float, threshold_of("comparison_method", NUMERIC_METHODS), Field(validate_default=True)
    ] = _suggestion(
        "Distance above which a numeric feature has drifted; written into the suggested constraints.",
        "NUMBER",
        default=_USUAL,
    )

    categorical_comparison_threshold: Annotated[
        float, threshold_of("categorical_drift_method", CATEGORICAL_METHODS), Field(validate_default=True)
    ] = _suggestion(
        "Distance above which a text feature has drifted; written into suggested constraints.", "NUMBER", default=_USUAL
    )

    datatype_check_threshold: kinds.Share = _suggestion(
        "Minimum share of values of the inferred type; written into the suggested constraints.",
        initial=DEFAULT_SETTINGS.datatype_check_threshold,
    )

    domain_content_threshold: kinds.Share = _suggestion(
        "Minimum share of text values in the baseline's domain; written into the suggested constraints.",
        initial=DEFAULT_SETTINGS.domain_content_threshold,
    )

    false_alarm_budget: kinds.Chance = _suggestion(
        "Share of healthy runs that may have any violation; data quality writes it into the suggested constraints.",
        initial=DEFAULT_SETTINGS.false_alarm_budget,
        default="1/720",
        also=tuple(("monitor", analysis) for analysis in ANALYSES_OF_MODELS),
    )

    run_budget: kinds.Chance | None = _of_monitoring(
        "Share of healthy runs that may have any violation, if less than the share of the baseline or the job; "
        "run-due sets it for schedules that share alarms_per_month.",
        default="the share of the baseline or the job",
    )

    rows: Rows = _suggestion(
        "How rows depend on each other: clustered, like the rows of one user, or independent, which detects small "
        "drifts; written into the suggested constraints.",
        initial=Rows.CLUSTERED,
    )

    segments: kinds.Names = _suggestion(
        "How to cut rows into segments: plan by value, age:30:50 by range, plan*age:40 by both, comma-separated. "
        "Each segment's drift, or model metrics or bias, is judged, too; written into the suggested constraints.",
        "CUTS",
        initial=(),
        also=(("baseline", AnalysisType.MODEL_QUALITY), ("baseline", AnalysisType.MODEL_BIAS)),
    )

    group_column: str | None = _suggestion(
        "Column that groups rows that belong together, such as the user's id; verdicts then count groups, not rows. "
        "Windows of this baseline use the same column.",
        "COLUMN",
        also=tuple(("baseline", analysis) for analysis in (AnalysisType.MODEL_QUALITY, *_WITH_FEATURES)),
        default="estimated from neighbouring rows",
    )

    max_domain_size: kinds.Whole = _suggestion(
        "Maximum distinct values in a domain; a text feature with more gets no domain.", initial=MAX_DOMAIN_SIZE
    )

    with_pairs: kinds.Switch | None = _of_columns(
        "Look for relations between columns in a baseline, and judge them in a window.",
        opposite="without_pairs",
        default="no for a baseline; for a window, as in its baseline",
    )

    with_sketches: kinds.Switch | None = _of_columns(
        "Put the sketches into statistics.json; states/ has them in any case.",
        opposite="without_sketches",
        default="yes, up to 300 columns",
    )

    column_metrics: kinds.ColumnMetrics = _of_columns(
        "Metrics of numeric features beyond those of the service: names, comma-separated; docs/files.md lists them.",
        initial=(),
    )

    predictions: kinds.Names = _option(
        "Columns with the model's output: names, comma-separated. Their drift has its own part of the budget.",
        initial=(),
        jobs=_BASELINE,
        analyses=_DATA_QUALITY,
    )

    time_column: str | None = _of_analysis(
        "Column with the time of each row. It orders a baseline, whose parts show how the data varies, and selects "
        "the rows of a window from a table.",
        "COLUMN",
    )

    checks: str | None = _of_columns(
        "Your own Deequ checks: module:function, or a JSON file of analyzers and assertions.", "CHECKS"
    )

    expectations: str | None = _of_columns_in_a_window(
        "Your own rules, in YAML or JSON: an unmet rule is a violation or a hint. No baseline is needed.", "FILE"
    )

    suggest_expectations: str | None = _suggestion(
        "File for suggested rules that the baseline meets, for a person to choose from.", "FILE"
    )

    allow_second_scan: kinds.Switch = _of_columns(
        "Allow a check that needs it to read the data a second time.", initial=False, opposite="no_second_scan"
    )

    positive_label: str | None = _of_predictions("Positive class of a binary problem.", "LABEL", default="1 or true")

    tolerance: kinds.ToleranceRule | None = _of_outcomes(
        "How far the suggested thresholds lie from the baseline's values: interval, absolute:0.02, relative:5%, or none.",
        default="interval, but none with --compat service",
    )

    window_rows: kinds.Whole | None = _of_analysis(
        "Minimum number of rows in a window; the suggested limits allow for windows of that size.",
        analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
        default="as many as the baseline",
    )

    min_samples: kinds.Whole | None = _of_monitoring(
        "Minimum number of rows for a verdict on a metric; with fewer, checks.json says 'cannot tell'.",
        analyses=_OF_QUALITY,
    )

    cost_matrix: kinds.Costs | None = _of_monitoring(
        "Value of true and false positives and negatives: tp=40,fp=-5,fn=-20; business_value is the mean per row.",
        analyses=(AnalysisType.ESTIMATED_QUALITY,),
    )

    error_model: str | None = _of_monitoring(
        "Model file from --learn-errors or ErrorModel.learnt, which estimates how far predicted numbers are off.",
        "FILE",
        analyses=(AnalysisType.ESTIMATED_QUALITY,),
    )

    learn_errors: str | None = _option(
        "File, such as errors.skops, for a model of how far predicted numbers are off, learnt from up to 100,000 rows.",
        "FILE",
        jobs=_BASELINE,
        analyses=_MODEL_QUALITY,
    )

    metrics: kinds.Names = _of_outcomes(
        "Your own metrics, with a value for each outcome: module:function, comma-separated.", "METRICS", initial=()
    )

    analysis_config: LocalAnalysisConfig | None = _of_analysis(
        "Clarify's analysis_config.json: label, facets, metrics; local or on S3.", analyses=_WITH_FEATURES
    )

    column_types: TypesByColumn = _of_bias(
        "Types of columns: COLUMN=categorical or COLUMN=continuous, comma-separated, whatever the values look like.",
        initial={},
        default="detected from their values",
    )

    flip_test: kinds.Switch = _of_bias(
        "Compute the flip test, the only metric that reads rows again.", initial=True, opposite="no_flip_test"
    )

    flip_test_rows: kinds.Whole | None = _of_bias(
        "Rows per side above which the flip test takes a sample.", default="200,000"
    )

    bias_ci: IntervalMethod | None = _of_bias_in_a_window(
        "bootstrap: a metric has drifted only if chance can't explain it; none: its value alone decides.",
        default="bootstrap, but none with --compat service",
    )

    bias_min_rows: kinds.Whole | None = _of_bias_in_a_window(
        "Minimum number of rows, in a group and in the rest, for a verdict; with fewer, checks.json says 'cannot tell'."
    )

    bias_di_neutral: NeutralValue | None = _of_bias_in_a_window(
        "Value from which disparate impact is measured: 0, as the service does, or 1, its neutral value.",
        default="1, but 0 with --compat service",
    )

    bias_ranges: RangesByMetric = _of_bias_in_a_window(
        "Ranges that metrics must stay in, whatever the baseline says: METRIC=LOW:HIGH, comma-separated.", initial={}
    )

    model: str | None = _of_called("The model: its file, its address (http, https), or module:function.", "MODEL")

    model_flavour: str | None = _of_called(
        "Type of the model, if its name doesn't show the type.", "|".join(FLAVOURS), default="detected from the name"
    )

    model_sha256: kinds.Sha256 | None = _of_called(
        "SHA-256 that the model's file must have; a file with another one is not loaded."
    )

    allow_pickle: kinds.Switch = _of_called(
        "Allow the model to be a pickle, which runs code when it is loaded.", initial=False
    )

    trust_type: kinds.Names = _of_called(
        "Types in a skops file that may be loaded in addition to the known types, comma-separated.", "TYPES", initial=()
    )

    shap_sampled_rows: kinds.Whole | None = _of_called(
        "Number of rows sampled to make baseline rows and to compute partial dependence.",
        analyses=_EXPLAINABILITY,
        default="10,000",
    )

    shap_algorithm: Algorithm = _of_called(
        "auto: no coalitions if a linear model or trees give the same values without them; kernel: always coalitions.",
        initial=Algorithm.AUTO,
        analyses=_EXPLAINABILITY,
        default="auto; kernel with --compat service",
    )

    attribution_threshold: kinds.Share | None = _of_attributions_in_a_window(
        "Normalised discounted cumulative gain (NDCG) below which attributions have drifted.", default="0.9"
    )

    attribution_min_rows: kinds.Whole | None = _of_attributions_in_a_window(
        "Minimum number of rows for a verdict on attributions; with --compat service, every window is judged.",
        default="100",
    )

    attribution_ci: IntervalMethod | None = _of_attributions_in_a_window(
        "bootstrap: also judge each feature's attribution by the interval of its change, in checks.json only.",
        default="bootstrap; none with --compat service",
    )

    max_quarantined_share: kinds.Share = _option("Share of unreadable records above which the job fails.", initial=0.01)

    max_record_size: kinds.Size = _option(
        "Maximum length of a record's line, such as 64MB; longer lines are refused, and never held in memory whole.",
        initial=MAX_RECORD_BYTES,
        default="256MB",
    )

    accept_exponents: kinds.Switch | None = _of_analysis(
        "Treat text such as 1e-5 as a number.",
        opposite="no_exponents",
        default="yes, but no with --compat service",
        remembered=True,
    )

    flatten_json: kinds.Switch = _of_analysis(
        "Turn nested JSON objects into features named outer.inner; otherwise they are refused.",
        initial=False,
        opposite="no_flatten_json",
        remembered=True,
    )

    max_runtime: kinds.Period | None = _option(
        "Maximum time until the job publishes, such as PT1H; after that, the job is stopped and publishes nothing.",
        default="no limit",
    )

    lease_wait: kinds.Wait = _option(
        "How long to wait for another run that writes to the same output, such as PT1H; PT0S: don't wait.",
        initial=WAIT,
        default="PT10M",
    )

    s3_encryption: S3Encryption | None = _option(
        "Encryption to request for every write to S3: SSE-S3 or SSE-KMS.", default="the bucket's default"
    )

    s3_kms_key: Annotated[str | None, AfterValidator(only_with_kms)] = _option(
        "Key for SSE-KMS: its ARN, or its id in the bucket's account.", "KEY", default="AWS's own key for S3"
    )

    threshold: kinds.ThresholdsByFeature = _of_columns_in_a_window(
        "Drift thresholds of features, in place of the baseline's: FEATURE=NUMBER, comma-separated; repeatable.",
        initial={},
        repeatable=True,
    )

    thresholds: str | None = _of_columns_in_a_window(
        'File with thresholds of any checks, in place of the baseline\'s: {"FEATURE": {"CHECK": NUMBER}}.',
        "FILE",
        default="none",
    )

    attributions: str | None = _of_columns_in_a_window(
        "analysis.json of explainability, or its output path: pages and mails then list influential features first.",
        "PATH",
    )

    compat: kinds.Compatibility = _option(
        "service: exactly the service's numbers (one partition, its type classes, its rules); none: correct numbers.",
        initial=kinds.Compatibility.NONE,
    )

    columns: Annotated[
        str | None, named_in(dict(zip(COLUMNS, COLUMNS, strict=True))), AfterValidator(kinds.as_compatible)
    ] = _of_columns_in_a_window(
        "How to match named columns. name: a column that only one side has is a violation, others are judged; exact: "
        "a different number of columns is the only violation, and names that differ match by position.",
        "|".join(COLUMNS),
        default="name, but exact with --compat service",
    )

    engine: EngineName = _option(
        "What reads and counts the data: spark, local (processes on this machine, no JVM), or auto: Spark within "
        "spark-submit, for data that only Spark opens, and above 1 GB (captures 2, Parquet and CSV 10).",
        "ENGINE",
        initial=EngineName.AUTO,
    )

    remote: Annotated[str | None, AfterValidator(kinds.connect_address)] = _of_analysis(
        "Spark Connect server that reads and counts the data; documents are written on this machine.", "sc://HOST:PORT"
    )

    results_table: Annotated[str | None, AfterValidator(kinds.table_or_folder)] = _of_analysis(
        "Where to write summary and checks as SQL tables: a folder, or NAME_summary, NAME_checks of Spark's catalog.",
        "NAME|PATH",
    )

    progress: kinds.Switch | None = _option(
        "Show a progress bar of the stages.", opposite="no_progress", default="on a terminal"
    )

    env_file: str | None = _option("File of variables, one NAME=VALUE per line; the environment has priority.", "FILE")

    container_root: str = _option("Directory in which to look for a container's opt/ml.", "DIRECTORY", initial="/")

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
