"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case. The help text
(`job_help.py`) and the reading of flags, environment and files (`configuration.py`) are made from it. Driver only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

import model_monitor.predictors.loading  # noqa: F401 - registers the flavours
from model_monitor.configuration.bias_options import (
    IntervalMethod,
    local_analysis_config,
    neutral_value,
    ranges_by_metric,
    types_by_column,
)
from model_monitor.configuration.options import (
    AnalysisType,
    Compatibility,
    Option,
    as_compatible,
    at_least_the_datapoints,
    chance,
    connect_address,
    data_format,
    destinations,
    duration,
    enabled,
    known_column_metrics,
    member_of,
    moment,
    named_in,
    names,
    number,
    period,
    script,
    share,
    size,
    switch,
    table_or_folder,
    threshold_of,
    thresholds_by_feature,
    tolerance_rule,
    up_to_100,
    version,
    wait,
    whole,
)
from model_monitor.configuration.s3 import S3Encryption, only_with_kms
from model_monitor.data_quality.comparison import COLUMNS
from model_monitor.data_quality.statistics import MAX_DOMAIN_SIZE
from model_monitor.data_quality.suggestion import DEFAULT_SETTINGS
from model_monitor.documents.constraints import CATEGORICAL_DRIFT_METHODS, COMPARISON_METHODS, Rows
from model_monitor.drift import CATEGORICAL_METHODS, NUMERIC_METHODS
from model_monitor.engine.table_versions import Version
from model_monitor.model_quality.tolerance import Tolerance
from model_monitor.outputs.notices.destinations import SPELLINGS, Destination
from model_monitor.predictors.loading import FLAVOURS
from model_monitor.predictors.sums import Algorithm
from model_monitor.reading.engines import EngineName
from model_monitor.reading.formats import DatasetFormat
from model_monitor.records.places import MAX_RECORD_BYTES
from model_monitor.states.contingency_plan import ValueKind
from model_monitor.states.outcomes import ProblemType
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

_suggestion = partial(Option, ours=True, jobs=_BASELINE, analyses=_DATA_QUALITY)
_of_model = partial(Option, analyses=ANALYSES_OF_MODELS)
_of_called = partial(Option, ours=True, jobs=_ANALYSER, analyses=_WITH_FEATURES)


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

    dataset_source: Annotated[
        str,
        Option("File or directory with the data, which is searched; PATH alone does.", "PATH", free=True),
    ] = ""
    """Empty only if the format names the data itself (a table, a Spark reader without paths)."""

    dataset_format: Annotated[
        DatasetFormat,
        data_format,
        Option(
            "What the data is: csv, csv-without-header, jsonl, json, parquet, capture, merged, delta, table:NAME, the "
            'contract\'s JSON, or any reader of Spark as {"spark": {"format": "orc", "options": {}}}.',
            "FORMAT",
            default="what local files look like",
            presets={"merge": "capture"},
        ),
    ]

    output_path: Annotated[
        str,
        Option(
            "Directory that the results are written to.",
            "DIRECTORY",
            default="for a local data.csv data-baseline, data-report, data-merged",
        ),
    ]

    analysis_type: Annotated[
        AnalysisType,
        member_of(AnalysisType),
        Option("Which monitor: " + ", ".join(AnalysisType) + ".", "TYPE", jobs=_ANALYSER),
    ] = AnalysisType.DATA_QUALITY

    publish_cloudwatch_metrics: Annotated[
        bool | None,
        enabled,
        Option("Whether metrics are written.", "Enabled|Disabled", default="Enabled in a container, else Disabled"),
    ] = None

    problem_type: Annotated[
        ProblemType | None,
        member_of(ProblemType),
        _of_model(
            "What the model predicts: " + ", ".join(problem.value for problem in ProblemType) + ".",
            "TYPE",
            analyses=_MODEL_QUALITY,
        ),
    ] = None

    inference_attribute: Annotated[
        str | None,
        _of_model("Column, index or JSON path of the prediction.", "FEATURE"),
    ] = None

    probability_attribute: Annotated[
        str | None,
        _of_model("Column, index or JSON path of the probability.", "FEATURE"),
    ] = None

    probability_threshold_attribute: Annotated[
        float | None,
        number,
        _of_model("A probability above it means label 1.", "NUMBER", default="0.5"),
    ] = None

    ground_truth_attribute: Annotated[str | None, _of_model("Column, index or JSON path of the label.", "FEATURE")] = (
        None
    )

    ground_truth_source: Annotated[
        str | None,
        Option("File or directory with the ground truth.", "PATH", jobs=_MERGE, required_by=_MERGE),
    ] = None

    features_attribute: Annotated[
        str | None,
        Option("JSON path of the features in a record.", "PATH", analyses=_WITH_FEATURES),
    ] = None

    exclude_features_attribute: Annotated[
        tuple[str, ...],
        names,
        Option(
            "Columns to leave out: names or 0-based indices, with commas.", "FEATURES", jobs=_ANALYSER, default="none"
        ),
    ] = ()

    record_preprocessor_script: Annotated[
        str | None,
        script,
        Option("Python file whose preprocess_handler(record) makes the rows.", "FILE", jobs=_ANALYSER),
    ] = None

    post_analytics_processor_script: Annotated[
        str | None,
        script,
        Option("Python file whose postprocess_handler() runs after the results are written.", "FILE", jobs=_ANALYSER),
    ] = None

    baseline_constraints: Annotated[str | None, Option("constraints.json of the baseline.", "FILE", jobs=_MONITOR)] = (
        None
    )

    baseline_statistics: Annotated[
        str | None, Option("statistics.json of the baseline.", "FILE", jobs=_MONITOR, analyses=_DATA_QUALITY)
    ] = None

    baseline: Annotated[
        str | None,
        Option(
            "Output path of the run to compare with, instead of the two files; previous: the run before this one.",
            "PATH|previous",
            ours=True,
            jobs=_MONITOR,
        ),
    ] = None

    start_time: Annotated[
        datetime | None,
        moment,
        Option("First moment of the window, such as 2021-05-06T22:00:00Z.", "TIME", jobs=_IN_A_WINDOW),
    ] = None

    end_time: Annotated[
        datetime | None, moment, Option("First moment after the window.", "TIME", jobs=_IN_A_WINDOW)
    ] = None

    scheduled_time: Annotated[
        datetime | None,
        moment,
        Option(
            "Time that the run is scheduled for; its full hour, and the two offsets from it, are a window, too.",
            "TIME",
            ours=True,
            jobs=_IN_A_WINDOW,
        ),
    ] = None

    start_time_offset: Annotated[
        timedelta,
        duration,
        Option(
            "From the scheduled time to the start of the window, as an ISO 8601 duration, such as -P8D.",
            "DURATION",
            ours=True,
            jobs=_IN_A_WINDOW,
            default="-PT1H",
        ),
    ] = timedelta(hours=-1)

    end_time_offset: Annotated[
        timedelta,
        duration,
        Option("The same to its end.", "DURATION", ours=True, jobs=_IN_A_WINDOW, default="PT0H"),
    ] = timedelta(0)

    late_labels: Annotated[
        timedelta | None,
        period,
        Option(
            "How long labels are waited for, such as P7D: a later run merges the hours again whose labels have come.",
            "DURATION",
            ours=True,
            jobs=_MERGE,
            default="not at all",
        ),
    ] = None

    absent_label: Annotated[
        str | None,
        Option(
            "Label of captures that got none within --after, such as 0 for no click.", "LABEL", ours=True, jobs=_MERGE
        ),
    ] = None

    after: Annotated[
        timedelta | None,
        period,
        Option(
            "How long after its hour a capture is labelled as absent, such as PT24H.",
            "DURATION",
            ours=True,
            jobs=_MERGE,
        ),
    ] = None

    to_label: Annotated[
        int | None,
        whole,
        Option(
            "So many captures without a label are listed for people to label, from all ranges of the score.",
            "NUMBER",
            ours=True,
            jobs=_MERGE,
        ),
    ] = None

    to_label_seed: Annotated[
        int, whole, Option("Another number gives another list of them.", "NUMBER", ours=True, jobs=_MERGE)
    ] = 1

    score_attribute: Annotated[
        str,
        Option(
            "Where in the model's output its score is, for --to-label: index of a CSV cell, or path of a JSON member.",
            "PATH",
            ours=True,
            jobs=_MERGE,
        ),
    ] = "0"

    metric_time: Annotated[
        datetime | None,
        moment,
        Option("Time stamp of the metrics.", "TIME", jobs=_IN_A_WINDOW, default="start_time, or the start of the run"),
    ] = None

    as_of: Annotated[
        Version | None,
        version,
        Option(
            "Version of a Delta table, or snapshot of an Iceberg one, that is read: its number, or a time when it was current.",
            "VERSION|TIME",
            ours=True,
            jobs=_ANALYSER,
            default="the newest",
        ),
    ] = None

    since: Annotated[
        Version | None,
        version,
        Option(
            "Only the rows that were appended to such a table after this version, or this time.",
            "VERSION|TIME",
            ours=True,
            jobs=_ANALYSER,
        ),
    ] = None

    lenient_window: Annotated[
        bool,
        switch,
        Option(
            "Whether all records of the window's hour folders are taken, whatever their own time.",
            ours=True,
            jobs=_MONITOR,
            opposite="strict_window",
        ),
    ] = False

    sample: Annotated[
        float | None,
        share,
        Option(
            "Share of the captured events to look at, the same ones in every run.", "SHARE", ours=True, jobs=_MONITOR
        ),
    ] = None

    allow_mixed_encodings: Annotated[
        bool,
        switch,
        Option(
            "Whether input and output of a capture may have different encodings; without it the job fails, as the service's.",
            ours=True,
            jobs=_MONITOR,
            opposite="one_encoding",
        ),
    ] = False

    omit_empty_violations: Annotated[
        bool,
        switch,
        Option(
            "Whether constraint_violations.json is left out when there are none, for scripts that take it for an alarm.",
            ours=True,
            jobs=_MONITOR,
            opposite="always_violations",
        ),
    ] = False

    fail_on_violations: Annotated[
        bool,
        switch,
        Option(
            "Whether the job ends with exit status 4 if there are violations.",
            ours=True,
            jobs=_MONITOR,
            opposite="succeed_on_violations",
        ),
    ] = False

    hide_values: Annotated[
        bool,
        switch,
        Option(
            "Whether alarms are told without values of the data: no categories or classes in mails, pages, checks.json.",
            ours=True,
            jobs=_MONITOR,
            analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
            opposite="show_values",
        ),
    ] = False

    report: Annotated[
        bool,
        switch,
        Option("Whether report.html is written, the run as a page.", ours=True, jobs=_ANALYSER, opposite="no_report"),
    ] = True

    sink: Annotated[
        tuple[Destination, ...],
        destinations,
        Option(
            f"Where to send alerts: {SPELLINGS}; several with commas, or in several flags.",
            "SINK",
            ours=True,
            jobs=_MONITOR,
            default="nobody",
            repeatable=True,
        ),
    ] = ()

    sink_required: Annotated[
        bool,
        switch,
        Option(
            "Whether the job fails if a sink could not be told; without it that is a warning.",
            ours=True,
            jobs=_MONITOR,
            opposite="sink_optional",
        ),
    ] = False

    every: Annotated[
        bool,
        switch,
        Option(
            "Whether webhooks, mail and topics are told of every run, not only when the alert changes.",
            ours=True,
            jobs=_MONITOR,
            opposite="on_transition",
        ),
    ] = False

    datapoints_to_alert: Annotated[
        int,
        up_to_100,
        Option(
            "How many of the last windows have to have violations for an alert.", "NUMBER", ours=True, jobs=_MONITOR
        ),
    ] = 1

    evaluation_period: Annotated[
        int | None,
        up_to_100,
        AfterValidator(at_least_the_datapoints),
        Option(
            "How many of the last windows are looked at for that.",
            "NUMBER",
            ours=True,
            jobs=_MONITOR,
            default="datapoints_to_alert",
        ),
    ] = None

    min_traffic: Annotated[
        float | None,
        share,
        Option(
            "Share of the records that are usual at a window's hour below which traffic fell, and the sinks are told.",
            "SHARE",
            ours=True,
            jobs=_MONITOR,
            default="not looked at",
        ),
    ] = None

    log_values: Annotated[
        bool,
        switch,
        Option(
            "Whether the trace of an unexpected error has the error's text, which may repeat values of the data.",
            ours=True,
            opposite="log_no_values",
        ),
    ] = False

    sagemaker_endpoint_name: Annotated[
        str | None,
        Option("The model's endpoint: what notices are of, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW),
    ] = None

    sagemaker_monitoring_schedule_name: Annotated[
        str | None,
        Option("The schedule's name, in notices, and a dimension of the metrics.", "NAME", jobs=_IN_A_WINDOW),
    ] = None

    sagemaker_endpoint_datacapture_prefix: Annotated[
        str | None, Option("Prefix that the captures lie under.", "PATH", jobs=())
    ] = None

    categorical_drift_method: Annotated[
        str,
        named_in(CATEGORICAL_DRIFT_METHODS),
        Option(
            f"How texts are compared; written into the suggested constraints: {', '.join(CATEGORICAL_METHODS)}.",
            "METHOD",
            jobs=_BASELINE,
            analyses=_DATA_QUALITY,
        ),
    ] = DEFAULT_SETTINGS.categorical_drift_method

    comparison_method: Annotated[
        str,
        named_in(COMPARISON_METHODS),
        _suggestion(
            f"How numbers are compared; written into the suggested constraints: {', '.join(NUMERIC_METHODS)}.", "METHOD"
        ),
    ] = DEFAULT_SETTINGS.comparison_method

    comparison_threshold: Annotated[
        float,
        threshold_of("comparison_method", NUMERIC_METHODS),
        _suggestion(
            "Distance of distributions above which a feature has drifted; written into the suggested constraints.",
            "NUMBER",
            default=_USUAL,
        ),
    ] = Field(default=None, validate_default=True)

    categorical_comparison_threshold: Annotated[
        float,
        threshold_of("categorical_drift_method", CATEGORICAL_METHODS),
        _suggestion("The same for texts.", "NUMBER", default=_USUAL),
    ] = Field(default=None, validate_default=True)

    datatype_check_threshold: Annotated[
        float,
        share,
        _suggestion(
            "Share of values that have to be of the inferred type; written into the suggested constraints.", "SHARE"
        ),
    ] = DEFAULT_SETTINGS.datatype_check_threshold

    domain_content_threshold: Annotated[
        float,
        share,
        _suggestion(
            "Share of texts that have to be among the known ones; written into the suggested constraints.", "SHARE"
        ),
    ] = DEFAULT_SETTINGS.domain_content_threshold

    false_alarm_budget: Annotated[
        float,
        chance,
        _suggestion(
            "Share of the healthy runs that may have any violation; data quality writes it into the suggested constraints.",
            "SHARE",
            default="1/720",
            also=tuple(("monitor", analysis) for analysis in _WITH_FEATURES),
        ),
    ] = DEFAULT_SETTINGS.false_alarm_budget

    rows: Annotated[
        Rows,
        member_of(Rows),
        _suggestion(
            "How rows depend on each other: clustered, as those of one user do, or independent, so that small drifts are seen; "
            "written into the suggested constraints.",
            "clustered|independent",
        ),
    ] = Rows.CLUSTERED

    max_domain_size: Annotated[
        int,
        whole,
        _suggestion("A text feature with more distinct values than this gets no list of known ones.", "NUMBER"),
    ] = MAX_DOMAIN_SIZE

    with_sketches: Annotated[
        bool | None,
        switch,
        Option(
            "Whether statistics.json holds the sketches; states/ has them anyway.",
            ours=True,
            jobs=_ANALYSER,
            analyses=_DATA_QUALITY,
            opposite="without_sketches",
            default="with, up to 300 columns",
        ),
    ] = None

    column_metrics: Annotated[
        tuple[str, ...],
        known_column_metrics,
        Option(
            "Metrics of numeric features beyond those of the service, by name, with commas; docs/files.md lists them.",
            "METRICS",
            ours=True,
            jobs=_ANALYSER,
            analyses=_DATA_QUALITY,
            default="none",
        ),
    ] = ()

    predictions: Annotated[
        tuple[str, ...],
        names,
        Option(
            "Columns that the model puts out, by name, with commas: their drift has its own part of the budget.",
            "FEATURES",
            ours=True,
            jobs=_BASELINE,
            analyses=_DATA_QUALITY,
            default="none",
        ),
    ] = ()

    time_column: Annotated[
        str | None,
        Option(
            "Column with the times of the rows: the parts of a baseline that say how data varies are neighbours by it, and a "
            "window's rows of a table are told by it.",
            "COLUMN",
            ours=True,
            jobs=_ANALYSER,
        ),
    ] = None

    checks: Annotated[
        str | None,
        Option(
            "Deequ checks of your own: module:function, or a JSON file of analyzers and assertions.",
            "CHECKS",
            ours=True,
            jobs=_ANALYSER,
            analyses=_DATA_QUALITY,
        ),
    ] = None

    allow_second_scan: Annotated[
        bool,
        switch,
        Option(
            "Whether a check that needs it may read the data once more.",
            ours=True,
            jobs=_ANALYSER,
            analyses=_DATA_QUALITY,
            opposite="no_second_scan",
        ),
    ] = False

    positive_label: Annotated[
        str | None,
        Option(
            "The class that a binary problem is about.",
            "LABEL",
            ours=True,
            jobs=_ANALYSER,
            analyses=_MODEL_QUALITY,
            default="1 or true",
        ),
    ] = None

    tolerance: Annotated[
        Tolerance | None,
        tolerance_rule,
        Option(
            "How far the suggested thresholds lie from the baseline's values: interval, absolute:0.02, relative:5%, or none.",
            "TOLERANCE",
            ours=True,
            jobs=_ANALYSER,
            analyses=_MODEL_QUALITY,
            default="interval, but none with --compat service",
        ),
    ] = None

    window_rows: Annotated[
        int | None,
        whole,
        Option(
            "Rows that a window will have at least: what suggested limits allow for.",
            "NUMBER",
            ours=True,
            jobs=_ANALYSER,
            analyses=(*_DATA_QUALITY, *_MODEL_QUALITY),
            default="as many as the baseline",
        ),
    ] = None

    min_samples: Annotated[
        int | None,
        whole,
        Option(
            "Rows that a metric has to rest on to be judged; with fewer checks.json says that nobody can tell.",
            "NUMBER",
            ours=True,
            jobs=_MONITOR,
            analyses=_MODEL_QUALITY,
        ),
    ] = None

    metrics: Annotated[
        tuple[str, ...],
        names,
        Option(
            "Metrics of your own, a value for each outcome: module:function, several with commas.",
            "METRICS",
            ours=True,
            jobs=_ANALYSER,
            analyses=_MODEL_QUALITY,
            default="none",
        ),
    ] = ()

    analysis_config: Annotated[
        str | None,
        local_analysis_config,
        Option(
            "Clarify's analysis_config.json: label, facets, metrics; a local file.",
            "FILE",
            ours=True,
            jobs=_ANALYSER,
            analyses=(AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY),
        ),
    ] = None

    column_types: Annotated[
        Mapping[str, ValueKind],
        types_by_column,
        Option(
            "How columns are taken, whatever their values look like: COLUMN=categorical or COLUMN=continuous, with commas.",
            "COLUMNS",
            ours=True,
            jobs=_ANALYSER,
            analyses=_BIAS,
            default="as their values look",
        ),
    ] = {}

    flip_test: Annotated[
        bool,
        switch,
        Option(
            "Whether the flip test is made, the one metric that looks at rows again.",
            ours=True,
            jobs=_ANALYSER,
            analyses=_BIAS,
            opposite="no_flip_test",
        ),
    ] = True

    flip_test_rows: Annotated[
        int | None,
        whole,
        Option(
            "Rows of a side above which the flip test looks at a sample.",
            "NUMBER",
            ours=True,
            jobs=_ANALYSER,
            analyses=_BIAS,
            default="200,000",
        ),
    ] = None

    bias_ci: Annotated[
        IntervalMethod | None,
        member_of(IntervalMethod),
        Option(
            "bootstrap: a metric has drifted only if chance can't explain it; none: if its value has.",
            "none|bootstrap",
            ours=True,
            jobs=_MONITOR,
            analyses=_BIAS,
            default="bootstrap, but none with --compat service",
        ),
    ] = None

    bias_min_rows: Annotated[
        int | None,
        whole,
        Option(
            "Rows that a group and the rest have to have to be judged; with fewer checks.json says that nobody can tell.",
            "NUMBER",
            ours=True,
            jobs=_MONITOR,
            analyses=_BIAS,
        ),
    ] = None

    bias_di_neutral: Annotated[
        int | None,
        neutral_value,
        Option(
            "Value that disparate impact is measured from: 0 as the service does, or 1, where it is neutral.",
            "0|1",
            ours=True,
            jobs=_MONITOR,
            analyses=_BIAS,
            default="1, but 0 with --compat service",
        ),
    ] = None

    bias_ranges: Annotated[
        Mapping[str, tuple[float, float]],
        ranges_by_metric,
        Option(
            "Ranges that metrics have to lie in whatever the baseline says: METRIC=LOW:HIGH, with commas.",
            "RANGES",
            ours=True,
            jobs=_MONITOR,
            analyses=_BIAS,
            default="none",
        ),
    ] = {}

    model: Annotated[
        str | None,
        _of_called("The model: its file, its address (http, https), or module:function.", "MODEL"),
    ] = None

    model_flavour: Annotated[
        str | None,
        _of_called("What the model is, where its name does not tell.", "|".join(FLAVOURS), default="told by the name"),
    ] = None

    allow_pickle: Annotated[
        bool,
        switch,
        _of_called("Whether a model may be a pickle, which runs code when it is loaded."),
    ] = False

    trust_type: Annotated[
        tuple[str, ...],
        names,
        _of_called(
            "Types of a skops file that may be loaded beside those that are known, with commas.",
            "TYPES",
            default="none",
        ),
    ] = ()

    shap_sampled_rows: Annotated[
        int | None,
        whole,
        _of_called(
            "Rows that baseline rows are made of, and partial dependence is computed from.",
            "NUMBER",
            analyses=_EXPLAINABILITY,
            default="10,000",
        ),
    ] = None

    shap_algorithm: Annotated[
        Algorithm,
        member_of(Algorithm),
        _of_called(
            "auto: without coalitions where a linear model or trees give the same values so; kernel: always with them.",
            "auto|kernel",
            analyses=_EXPLAINABILITY,
            default="auto; kernel with --compat service",
        ),
    ] = Algorithm.AUTO

    attribution_threshold: Annotated[
        float | None,
        share,
        Option(
            "Normalised discounted cumulative gain below which attributions have drifted.",
            "SHARE",
            ours=True,
            jobs=_MONITOR,
            analyses=_EXPLAINABILITY,
            default="0.9",
        ),
    ] = None

    attribution_min_rows: Annotated[
        int | None,
        whole,
        Option(
            "Rows that a window has to have for its attributions to be judged; with --compat service every window is.",
            "NUMBER",
            ours=True,
            jobs=_MONITOR,
            analyses=_EXPLAINABILITY,
            default="100",
        ),
    ] = None

    attribution_ci: Annotated[
        IntervalMethod | None,
        member_of(IntervalMethod),
        Option(
            "bootstrap: each feature's attribution is judged, too, by the interval of its change, in checks.json alone.",
            "none|bootstrap",
            ours=True,
            jobs=_MONITOR,
            analyses=_EXPLAINABILITY,
            default="bootstrap; none with --compat service",
        ),
    ] = None

    max_quarantined_share: Annotated[
        float, share, Option("Share of unreadable records above which the job fails.", "SHARE", ours=True)
    ] = 0.01

    max_record_size: Annotated[
        int,
        size,
        Option(
            "Longest line that is read as a record, such as 64MB; longer ones are refused, and never held whole.",
            "SIZE",
            ours=True,
            default="256MB",
        ),
    ] = MAX_RECORD_BYTES

    accept_exponents: Annotated[
        bool | None,
        switch,
        Option(
            "Whether 1e-5 in text is a number.",
            ours=True,
            jobs=_ANALYSER,
            opposite="no_exponents",
            default="yes, but no with --compat service",
        ),
    ] = None

    flatten_json: Annotated[
        bool,
        switch,
        Option(
            "Whether nested JSON objects become features called outer.inner; without it they are refused.",
            ours=True,
            jobs=_ANALYSER,
            opposite="no_flatten_json",
        ),
    ] = False

    max_runtime: Annotated[
        timedelta | None,
        period,
        Option(
            "How long the job may take before it publishes, such as PT1H; then it is stopped with nothing published.",
            "DURATION",
            ours=True,
            default="as long as it takes",
        ),
    ] = None

    lease_wait: Annotated[
        timedelta,
        wait,
        Option(
            "How long to wait for another run that writes to the same output, such as PT1H; PT0S: not at all.",
            "DURATION",
            ours=True,
            default="PT10M",
        ),
    ] = WAIT

    s3_encryption: Annotated[
        S3Encryption | None,
        member_of(S3Encryption),
        Option(
            "Encryption that every write to S3 asks for: SSE-S3, or SSE-KMS.",
            "SSE-S3|SSE-KMS",
            ours=True,
            default="the bucket's own",
        ),
    ] = None

    s3_kms_key: Annotated[
        str | None,
        AfterValidator(only_with_kms),
        Option(
            "Key for SSE-KMS: its ARN, or its id in the bucket's account.", "KEY", ours=True, default="AWS's own for S3"
        ),
    ] = None

    threshold: Annotated[
        Mapping[str, float],
        thresholds_by_feature,
        Option(
            "Drift thresholds of features, over those of the baseline: FEATURE=NUMBER, with commas; may be repeated.",
            "THRESHOLDS",
            ours=True,
            jobs=_MONITOR,
            analyses=_DATA_QUALITY,
            default="none",
            repeatable=True,
        ),
    ] = {}

    thresholds: Annotated[
        str | None,
        Option(
            'File with thresholds of any checks, over those of the baseline: {"FEATURE": {"CHECK": NUMBER}}.',
            "FILE",
            ours=True,
            jobs=_MONITOR,
            analyses=_DATA_QUALITY,
            default="none",
        ),
    ] = None

    attributions: Annotated[
        str | None,
        Option(
            "analysis.json of explainability, or its output path: what moves the model more stands first on pages and in mails.",
            "PATH",
            ours=True,
            jobs=_MONITOR,
            analyses=_DATA_QUALITY,
        ),
    ] = None

    compat: Annotated[
        Compatibility,
        member_of(Compatibility),
        Option(
            "service: the very numbers of the service (one partition, its type classes, its rules); none: the right ones.",
            "none|service",
            ours=True,
        ),
    ] = Compatibility.NONE

    columns: Annotated[
        str | None,
        named_in(dict(zip(COLUMNS, COLUMNS, strict=True))),
        AfterValidator(as_compatible),
        Option(
            "How columns with names are held against the baseline's. name: each that only one side has is a violation beside the "
            "others; exact: another number of columns is the only one, and other names go by position.",
            "|".join(COLUMNS),
            ours=True,
            jobs=_MONITOR,
            analyses=_DATA_QUALITY,
            default="name, but exact with --compat service",
        ),
    ] = None

    engine: Annotated[
        EngineName,
        member_of(EngineName),
        Option(
            "What reads and counts: spark, local (this machine's processes, without a JVM), or auto: Spark within spark-submit, "
            "for what it alone opens, and above 1 GB.",
            "ENGINE",
            ours=True,
            jobs=_ANALYSER,
        ),
    ] = EngineName.AUTO

    remote: Annotated[
        str | None,
        AfterValidator(connect_address),
        Option(
            "Spark Connect server that reads and counts; documents are written here.",
            "sc://HOST:PORT",
            ours=True,
            jobs=_ANALYSER,
        ),
    ] = None

    results_table: Annotated[
        str | None,
        AfterValidator(table_or_folder),
        Option(
            "Where summary and checks go as tables for SQL: a folder, or NAME_summary and NAME_checks of Spark's catalog.",
            "NAME|PATH",
            ours=True,
            jobs=_ANALYSER,
        ),
    ] = None

    progress: Annotated[
        bool | None,
        switch,
        Option("Whether a bar shows the stages.", ours=True, opposite="no_progress", default="on a terminal"),
    ] = None

    env_file: Annotated[
        str | None,
        Option("File of variables, NAME=VALUE a line, used where the environment has none.", "FILE", ours=True),
    ] = None

    container_root: Annotated[str, Option("Where opt/ml of a container is looked for.", "DIRECTORY", ours=True)] = "/"

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
