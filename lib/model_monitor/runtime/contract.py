"""The configuration of a job: each variable of the container's contract and each option of ours, declared once.

`JobConfig` is the table. Its attributes are the variables' own names, the flags are the same in kebab case. The help text
(`job_help.py`) and the reading of flags, environment and files (`configuration.py`) are made from it. Driver only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from model_monitor.data_quality.statistics import MAX_DOMAIN_SIZE
from model_monitor.data_quality.suggestion import DEFAULT_SETTINGS
from model_monitor.documents.constraints import CategoricalDriftMethod, ComparisonMethod
from model_monitor.reading.formats import DatasetFormat
from model_monitor.runtime.options import (
    AnalysisType,
    Compatibility,
    Option,
    ProblemType,
    data_format,
    enabled,
    member_of,
    moment,
    names,
    number,
    script,
    share,
    switch,
    whole,
)

ANALYSES_OF_MODELS = (AnalysisType.MODEL_QUALITY, AnalysisType.MODEL_BIAS, AnalysisType.MODEL_EXPLAINABILITY)
_DATA_QUALITY = (AnalysisType.DATA_QUALITY,)
_BASELINE = ("baseline",)
_MONITOR = ("monitor",)
_ANALYSER = ("baseline", "monitor")

_suggestion = partial(Option, ours=True, jobs=_BASELINE, analyses=_DATA_QUALITY)
_of_model = partial(Option, analyses=ANALYSES_OF_MODELS)


class JobConfig(BaseModel):
    """What one run was told, all of it valid.

    Source: contract.md sections 1.1, 1.2, 2 and 11.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    job: str
    """The job's name: baseline, monitor or merge."""

    ignored: tuple[str, ...] = ()
    """Variables that were given and that this job doesn't use, as they were given."""

    doubtful: tuple[str, ...] = ()
    """Variables that look like ours but are not, each with the nearest name."""

    dataset_source: Annotated[str, Option("File or directory with the data; directories are searched.", "PATH")] = ""
    """Empty only if the format names the data itself (a table, a Spark reader without paths)."""

    dataset_format: Annotated[
        DatasetFormat,
        data_format,
        Option(
            "What the data is: csv, csv-without-header, jsonl, json, parquet, capture, merged, table:NAME, the "
            'contract\'s JSON, or any reader of Spark as {"spark": {"format": "orc", "options": {}}}.',
            "FORMAT",
        ),
    ]

    output_path: Annotated[str, Option("Directory that the results are written to.", "DIRECTORY")]

    analysis_type: Annotated[
        AnalysisType, member_of(AnalysisType), Option("Which monitor: " + ", ".join(AnalysisType) + ".", "TYPE")
    ] = AnalysisType.DATA_QUALITY

    publish_cloudwatch_metrics: Annotated[
        bool | None,
        enabled,
        Option("Whether metrics are written.", "Enabled|Disabled", default="Enabled in a container, else Disabled"),
    ] = None

    problem_type: Annotated[
        ProblemType | None,
        member_of(ProblemType),
        _of_model("What the model predicts: " + ", ".join(ProblemType) + ".", "TYPE"),
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

    ground_truth_attribute: Annotated[str | None, _of_model("Column of the label.", "FEATURE")] = None

    ground_truth_source: Annotated[
        str | None, Option("File or directory with the ground truth.", "PATH", jobs=("merge",))
    ] = None

    features_attribute: Annotated[str | None, _of_model("JSON path of the features in a record.", "PATH")] = None

    exclude_features_attribute: Annotated[
        tuple[str, ...],
        names,
        Option("Columns to leave out: names or 0-based indices, with commas.", "FEATURES", default="none"),
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
        Option("First moment of the window, such as 2021-05-06T22:00:00Z.", "TIME", jobs=_MONITOR),
    ] = None

    end_time: Annotated[datetime | None, moment, Option("First moment after the window.", "TIME", jobs=_MONITOR)] = None

    metric_time: Annotated[
        datetime | None,
        moment,
        Option("Time stamp of the metrics.", "TIME", jobs=_MONITOR, default="start_time, or the start of the run"),
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

    sagemaker_endpoint_name: Annotated[
        str | None, Option("The endpoint's name: a dimension of the metrics.", "NAME", jobs=_MONITOR)
    ] = None

    sagemaker_monitoring_schedule_name: Annotated[
        str | None, Option("The schedule's name: a dimension of the metrics.", "NAME", jobs=_MONITOR)
    ] = None

    sagemaker_endpoint_datacapture_prefix: Annotated[
        str | None, Option("Prefix that the captures lie under.", "PATH", jobs=())
    ] = None

    categorical_drift_method: Annotated[
        CategoricalDriftMethod,
        member_of(CategoricalDriftMethod),
        Option(
            "Written into the suggested constraints: "
            + ", ".join(method.value for method in CategoricalDriftMethod)
            + ".",
            "METHOD",
            jobs=_BASELINE,
            analyses=_DATA_QUALITY,
        ),
    ] = DEFAULT_SETTINGS.categorical_drift_method

    comparison_method: Annotated[
        ComparisonMethod,
        AfterValidator(attrgetter("canonical")),
        member_of(ComparisonMethod),
        _suggestion("Written into the suggested constraints: Simple or Robust.", "METHOD"),
    ] = DEFAULT_SETTINGS.comparison_method

    comparison_threshold: Annotated[
        float,
        share,
        _suggestion(
            "Distance of distributions above which a feature has drifted; written into the suggested constraints.",
            "SHARE",
        ),
    ] = DEFAULT_SETTINGS.comparison_threshold

    categorical_comparison_threshold: Annotated[
        float,
        share,
        _suggestion("The same for categories.", "SHARE"),
    ] = DEFAULT_SETTINGS.categorical_comparison_threshold

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

    max_quarantined_share: Annotated[
        float, share, Option("Share of unreadable records above which the job fails.", "SHARE", ours=True)
    ] = 0.01

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

    compat: Annotated[
        Compatibility,
        member_of(Compatibility),
        Option(
            "service: the very numbers of the service (one partition, its type classes, its rules); none: the right ones.",
            "none|service",
            ours=True,
        ),
    ] = Compatibility.NONE

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
