"""A challenger against the champion: matches two models' predictions by id and judges them, at any number of interim analyses.

    from spark_model_monitor import OutcomePlan, ProblemType, Trial, challenge

    trial = Trial(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True), planned_rows=20_000)
    result = challenge("captures/churn/blue", "captures/churn/green", trial, ground_truth="labels/")
    result.verdict

Pairs and their ranks need all rows at once, so this machine reads them, without a Spark session.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from spark_model_monitor.arguments import require_choice, require_instance
from spark_model_monitor.data.engine.local_engine import LocalEngine, LocalPartitions
from spark_model_monitor.data.reading.captures import list_captures, select_records
from spark_model_monitor.data.reading.data_reader import Data, read_data
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.reading.outcome_tables import OutcomeDataset, build_reading, outcomes, read_line_outcomes
from spark_model_monitor.data.records import INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.outcome_records import IDENTITY, LineDecoder
from spark_model_monitor.data.records.outcome_values import OF_CLASSES
from spark_model_monitor.data.records.refusals import MAX_QUARANTINED_SHARE, NOT_QUARANTINED, Refusal, describe_remedy
from spark_model_monitor.data.records.windows import Window, parse_time
from spark_model_monitor.documents.challenge_file import Challenge, ChallengeSide, Segment, TrialDesign
from spark_model_monitor.documents.change_description import name_change
from spark_model_monitor.documents.check_results import HIDDEN
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError, NoData
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.model_comparison import (
    Answers,
    Comparison,
    compare_answers,
    decide_verdict,
    find_disagreeing_segments,
    measure_disagreement,
)
from spark_model_monitor.monitors.model_quality.trial_page import create_trial_page, write_trial_verdict
from spark_model_monitor.monitors.protocol import select_violations
from spark_model_monitor.reports.outputs.printable import format_table, printable
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.running.merging.captured import RequestDecoder
from spark_model_monitor.running.merging.hourly_sources import containing_hour
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.merging.outcome_ids import add_ids
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.special_functions import normal_survival
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.states.outcome_builder import is_same_class
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan, require_plan
from spark_model_monitor.statistics.verdicts.sequential_boundary import ERROR
from spark_model_monitor.storage import join, read_if_exists, write_file
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

MIN_SHARED_ID_FRACTION = (
    0.5  # share of the smaller side's ids that must be on both sides if both models answered the same rows
)
SPLIT_ALPHA = 0.001  # significance level of the test whether the traffic was split as planned
CAPTURE_FORMATS = ("capture", "merged")


@dataclass(frozen=True, slots=True)
class Trial:
    """The plan of a trial, fixed before anybody looks at the results.

    Parameters
    ----------
    plan : OutcomePlan
        The problem type, and what the rows contain.
    metric : str, optional
        The metric that decides. By default auc, otherwise accuracy, otherwise mae.
    planned_rows : int, default 10000
        Planned number of rows with labels; in a split, of both sides together. The intervals stay valid beyond that number.
    least_gain : float, default 0
        Smallest useful gain, in the metric's unit: a challenger that certainly gains less is not promoted (`keep`).
    design : str, optional
        `"shadow"` if both models answered the same rows, `"split"` if each had its own. By default detected from the ids.
    share : float, optional
        For a split: planned share of the challenger's rows, 0 to 1; a deviation from it is reported.
    start : str, optional
        For captures: start of the trial, such as 2026-03-01T00:00:00Z.
    identity, label, prediction, probability : str, optional
        As in `outcomes`. The ids of captures are their inference ids, otherwise their event ids.

    Examples
    --------
    >>> from spark_model_monitor import OutcomePlan, ProblemType, Trial
    >>> Trial(OutcomePlan(ProblemType.REGRESSION), metric="rmse").planned_rows
    10000
    """

    plan: OutcomePlan
    metric: str | None = None
    planned_rows: int = 10_000
    least_gain: float = 0.0
    design: str | None = None
    share: float | None = None
    start: str | None = None
    identity: str | None = None
    label: str | None = None
    prediction: str | None = None
    probability: str | None = None

    def __post_init__(self) -> None:
        require_plan(self.plan)
        if self.planned_rows < 1:
            raise BadConfiguration(f"planned_rows is {self.planned_rows}; it has to be a number of rows, such as 10000")
        if self.design is not None:
            require_choice("design", self.design, [design.value for design in TrialDesign])
        if self.share is not None and not 0 < self.share < 1:
            raise BadConfiguration(f"share is {self.share}; it has to be above 0 and below 1 (a tenth is 0.1)")
        if self.start is not None and parse_time(self.start) is None:
            raise BadConfiguration(f"start is {self.start!r}; it has to be a time such as 2026-03-01T00:00:00Z")

    @property
    def window(self) -> Window | None:
        """From the start up to now."""
        start = parse_time(self.start or "")
        if start is None:
            return None
        return Window(start, datetime.now(timezone.utc))


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial so far, returned by `challenge`.

    Parameters
    ----------
    document : Challenge
        challenge.json.
    comparison : Comparison
        The comparison behind the document.
    names_values : bool, default True
        Whether the page names classes.

    Examples
    --------
    >>> from spark_model_monitor import TrialResult
    >>> TrialResult.verdict.__doc__
    '`promote`, `keep` or `cannot tell`.'
    """

    document: Challenge
    comparison: Comparison
    names_values: bool = True

    @property
    def without_values(self) -> TrialResult:
        """The result without classes and segments of the data."""
        hidden = tuple(segment.model_copy(update={"value": HIDDEN}) for segment in self.document.segments)
        return TrialResult(self.document.model_copy(update={"segments": hidden}), self.comparison, names_values=False)

    @property
    def verdict(self) -> str:
        """`promote`, `keep` or `cannot tell`."""
        return self.document.verdict.value

    def to_pandas(self) -> pd.DataFrame:
        """One row per metric."""
        import pandas as pd

        return pd.DataFrame([metric.plain() for metric in self.document.metrics]).set_index("name")

    def report(self) -> Report:
        """A page that compares both models."""
        return Report(create_trial_page(self.document, self.comparison.evidences, hide_values=not self.names_values))

    def write(self, output_path: str) -> None:
        """Write challenge.json and challenge.html.

        Raises BadConfiguration if the folder has a trial with a different plan.
        """
        path = join(output_path, Challenge.FILE_NAME)
        content = read_if_exists(path)
        earlier_plan = {}
        if content is not None:
            earlier_plan = Challenge.from_json(content, path).plain()
        plan = self.document.plain()
        # The intervals are valid for a plan that is fixed in advance, and not if it is changed after an interim analysis
        for name in ("metric", "planned_rows", "least_gain", "design"):
            if earlier_plan and earlier_plan[name] != plan[name]:
                raise BadConfiguration(
                    f"{path}: the trial there has {name} {earlier_plan[name]}, this one {plan[name]}; a plan that changes "
                    "after a look promises nothing: write the same, or another output path for a new trial"
                )
        write_file(path, self.document.to_json().encode())
        self.report().save(join(output_path, "challenge.html"))


def challenge(champion: Data, challenger: Data, trial: Trial, *, ground_truth: Data | None = None) -> TrialResult:
    """Decide which of two models is better, with intervals that stay valid however often you look.

    Parameters
    ----------
    champion, challenger : path or table
        The predictions of each model: a variant's folder of captures, merged captures, or a table as in `read_data`, except Spark
        frames.
    trial : Trial
        The plan.
    ground_truth : path or table, optional
        The labels, if the predictions have none: ground-truth records as for the merge (for captures), or a table with the
        columns `trial.identity` and `trial.label`.

    Returns
    -------
    TrialResult
        The verdict and all numbers.

    Raises
    ------
    BadConfiguration
        If the plan is contradictory, or names something that doesn't exist.
    BadInput
        If the predictions can't be read, or can't be compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import OutcomePlan, ProblemType, Trial, challenge
    >>> plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    >>> blue = pd.DataFrame({"id": range(400), "label": [0, 1] * 200, "prediction": [0, 1, 1, 0] * 100})
    >>> green = blue.assign(prediction=blue["label"])
    >>> challenge(blue, green, Trial(plan, planned_rows=400, identity="id")).verdict
    'promote'
    """
    require_instance("trial", trial, Trial, "Trial(plan)")
    champion_rows = _read_labelled_rows(champion, "the champion's table", trial, ground_truth)
    challenger_rows = _read_labelled_rows(challenger, "the challenger's table", trial, ground_truth)
    # In a shadow deployment both models answered the same rows, which are compared in pairs; in a split each had its own
    design, model_rows = _match_rows([champion_rows, challenger_rows], trial)
    answers = [side_rows.create_answers(trial.plan) for side_rows in model_rows]
    is_shadow = design is TrialDesign.SHADOW
    if is_shadow:
        _require_same_labels(answers, model_rows)
    comparison = compare_answers(*answers, paired=is_shadow, planned_rows=trial.planned_rows)
    # Where both models disagree, if they answered the same rows
    disagreement = None
    segments: tuple[Segment, ...] = ()
    if is_shadow:
        disagreements = measure_disagreement(*answers)
        disagreement = float(disagreements.mean())
        segments = _find_segments(champion, model_rows[0], disagreements, trial)
    # All metrics are compared, and the plan's metric decides
    metric, verdict, reason, rows_to_tell = decide_verdict(
        comparison, trial.metric, trial.planned_rows, trial.least_gain
    )
    metric_differences = tuple(
        sorted(comparison.differences.values(), key=lambda difference: difference.name != metric)
    )
    log.info(f"{verdict.value} after {comparison.rows:,} rows: {reason}")
    # How the requests to both models differ, if each had its own
    unfair_differences: tuple[str, ...] = ()
    if not is_shadow:
        unfair_differences = tuple(_find_unfair_differences([champion, challenger], model_rows, trial))
    # The verdict and its numbers as a document
    document = Challenge(
        verdict=verdict,
        reason=reason,
        metric=metric,
        problem_type=trial.plan.problem_type.value,
        design=design,
        rows=comparison.rows,
        planned_rows=trial.planned_rows,
        rows_to_tell=rows_to_tell,
        least_gain=trial.least_gain,
        confidence=1 - ERROR,
        champion=model_rows[0].summarize(),
        challenger=model_rows[1].summarize(),
        unfair=unfair_differences,
        disagreement=disagreement,
        segments=segments,
        metrics=metric_differences,
    )
    return TrialResult(document, comparison)


def describe_challenge(document: Challenge) -> str:
    """The verdict and every metric, as text for a terminal."""
    titles = ["metric", "champion", "challenger", "difference", "from", "to", "p"]
    rows = []
    for metric in document.metrics:
        low, high = metric.interval or (None, None)
        rows.append([metric.name, metric.champion, metric.challenger, metric.difference, low, high, metric.p])
    return f"{printable(write_trial_verdict(document))}\n\n{format_table(titles, rows)}"


@value_class
class _SideRows:
    """The answers of one model.

    Attributes
    ----------
    path: The path of the data, or the name of its table in errors.
    frame: Columns `id`, `label`, `prediction`, `score`, and `record`, the row's index in `class_probabilities`.
    class_probabilities: The probabilities of each class, if the problem has many classes.
    refused, repeated, unmatched: The numbers of rows that were left out, by reason.
    """

    path: str
    frame: pd.DataFrame
    class_probabilities: pa.ListArray
    refused: int = 0
    repeated: int = 0
    unmatched: int = 0

    def create_answers(self, plan: OutcomePlan) -> Answers:
        def column(name: str) -> Any:
            if plan.is_regression:
                return self.frame[name].to_numpy()
            return pa.array(self.frame[name], pa.string())

        # Rows are assigned to blocks by the hash of their id, and not by their order
        keys = hash_texts(pa.array(self.frame["id"], pa.string())).view(np.uint64)
        scores = None
        class_probabilities = None
        if plan.with_scores:
            scores = self.frame["score"].to_numpy()
            class_probabilities = self.class_probabilities.take(pa.array(self.frame["record"]))
        predictions = None
        if plan.with_predictions:
            predictions = column("prediction")
        return Answers(plan, column("label"), predictions, scores, keys, class_probabilities)

    def summarize(self) -> ChallengeSide:
        counts = {"refused": self.refused, "unmatched": self.unmatched, "repeated": self.repeated}
        return ChallengeSide(path=self.path, rows=len(self.frame), **counts)

    def with_rows(self, frame: pd.DataFrame) -> _SideRows:
        """The same side with only these rows."""
        return replace(self, frame=frame, unmatched=self.unmatched + len(self.frame) - len(frame))


def _read_labelled_rows(data: Data, name: str, trial: Trial, ground_truth: Data | None) -> _SideRows:
    """The labelled rows of one side."""
    # The name of this side in errors: its path, or which table it is
    if isinstance(data, (str, os.PathLike)):
        path = os.fspath(data)
    else:
        path = name
    data_format = _infer_format(data)
    truth_format = None
    if ground_truth is not None:
        truth_format = _infer_format(ground_truth)
    are_records = truth_format in ("json", "jsonl")  # ground-truth records, as the merge expects them
    with_label = ground_truth is None or are_records
    # Captures and ground-truth records are joined like in the merge job, in a temporary folder
    if data_format in CAPTURE_FORMATS:
        if data_format == "capture" and ground_truth is None:
            raise BadInput(f"{path}: captures have no labels; name them with --ground-truth, or give what a merge left")
        folder = TemporaryFolder()
        if are_records:
            source = _merge_labels(path, ground_truth, str(folder.path), trial)
        else:
            source = path
        side_rows = _identify_rows(_read_captures(source, trial, with_label=with_label), path, trial)
    elif are_records:
        raise BadInput(f"{path}: ground-truth records meet captures; give a table of labels with the ids of this table")
    else:
        side_rows = _identify_rows(_read_table(data, trial, with_label=with_label), path, trial)
    if with_label:
        return side_rows
    if trial.identity is None or trial.label is None:
        raise BadConfiguration("a table of labels takes --id-attribute and --ground-truth-attribute, its columns")
    # The table of labels is read by the same code, with the labels as predictions
    label_trial = replace(trial, plan=OutcomePlan(trial.plan.problem_type), prediction=trial.label)
    labels = _read_labelled_rows(ground_truth, "the table of labels", label_trial, None).frame  # type: ignore[arg-type]
    labelled_frame = side_rows.frame.drop(columns="label").merge(labels[["id", "label"]], on="id")
    if labelled_frame.empty:
        raise BadInput(f"{path}: none of its {len(side_rows.frame):,} ids has a label; the labels need the same ids")
    return side_rows.with_rows(labelled_frame)


def _infer_format(data: Data) -> str | None:
    """The format of files, None for tables in memory."""
    is_spark_table = isinstance(data, Dataset) and not isinstance(data.table, LocalPartitions)
    if is_spark_table or type(data).__module__.startswith("pyspark."):
        raise BadConfiguration(
            "challenge compares on this machine, and takes no frame of Spark; write frame.toPandas()"
        )
    if isinstance(data, (str, os.PathLike)):
        return detect_format(LocalEngine(), os.fspath(data))
    return None


def _read_table(data: Data, trial: Trial, *, with_label: bool) -> OutcomeDataset:
    if trial.identity is None and trial.design != TrialDesign.SPLIT.value:
        raise BadConfiguration(
            "id_attribute is missing; name the column that says which row is which, or write --design split"
        )
    column_by_role = {"prediction": trial.prediction, "probability": trial.probability, "label": trial.label}
    addresses: dict[str, Any] = {name: address for name, address in column_by_role.items() if address is not None}
    if not with_label:
        addresses["label"] = None
    return outcomes(data, trial.plan, identity=trial.identity, engine="local", **addresses)


def _read_captures(path: str, trial: Trial, *, with_label: bool) -> OutcomeDataset:
    engine = LocalEngine()
    records = select_records(OUTPUT_INDEXES, ReadOptions(window=trial.window))
    addresses = trial.label, trial.prediction, trial.probability
    decoder = LineDecoder(build_reading(trial.plan, *addresses, records, with_label=with_label))
    return read_line_outcomes(engine, list_captures(engine, path, trial.window), decoder)


def _merge_labels(captures: str, labels: Any, output_path: str, trial: Trial) -> str:
    request = MergeRequest(captures, os.fspath(labels), output_path)
    window = trial.window
    if window is not None:
        request = replace(request, first=containing_hour(window.start), last=containing_hour(window.end))
    merge(LocalEngine(), request)
    return output_path


def _identify_rows(dataset: OutcomeDataset, path: str, trial: Trial) -> _SideRows:
    """The rows with their ids, each id once. Raises BadInput if too many are refused, or an id has two answers."""
    if trial.plan.is_regression:
        value = pa.float64()
    else:
        value = pa.string()
    types = {"id": pa.string(), "row_index": pa.int64(), "label": value, "prediction": value}
    schema = pa.schema({**types, "score": pa.float64(), "reason": pa.int32(), "classes": OF_CLASSES})
    raw: Any = dataset.raw.map_batches(partial(add_ids, dataset.decoder, schema), schema)
    table = pa.Table.from_batches(raw.batches(), schema)
    frame = table.drop_columns("classes").to_pandas()
    # Rows of split traffic without ids get the path and a number as their id
    if not {IDENTITY, LINE} & set(dataset.raw.columns):
        frame["id"] = path + frame.index.astype(str)
    frame.loc[(frame["reason"] == 0) & frame["id"].fillna("").eq(""), "reason"] = int(Refusal.NO_ID)
    counts = Counter(map(Refusal, frame.loc[frame["reason"] > 0, "reason"]))
    # The first header of each file is not a record. Counter's subtraction also drops counts of 0
    counts -= Counter({Refusal.REPEATED_HEADER: dataset.header_lines})
    refused_counts = {reason.text: count for reason, count in counts.items() if reason not in NOT_QUARANTINED}
    frame = frame[frame["reason"] == 0]
    # The same share may be refused as in a run
    num_refused = sum(refused_counts.values())
    if num_refused > MAX_QUARANTINED_SHARE * (num_refused + len(frame)):
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in refused_counts.items())
        raise BadInput(
            f"{path}: {num_refused:,} of {num_refused + len(frame):,} records can't be used ({reasons}); "
            f"{describe_remedy(refused_counts)}"
        )
    if frame.empty:
        raise NoData(f"{path}: there are no answers to compare")
    # The rows of a reply with several rows have the ids id, id#1, id#2, …
    frame["id"] += np.where(frame["row_index"] > 0, "#" + frame["row_index"].astype(str), "")
    frame = frame[["id", "label", "prediction", "score"]]
    # A repeated row is a retried request, but two different answers to one id are an error
    is_repeated = frame.duplicated("id")
    is_same_row = frame.duplicated()
    if num_contradicted := int((is_repeated & ~is_same_row).sum()):
        raise BadInput(
            f"{path}: {num_contradicted:,} ids are there twice with different answers; keep one row of each, or name another id"
        )
    frame = frame[~is_repeated].rename_axis("record").reset_index()
    frame = frame.sort_values("id", ignore_index=True)  # makes sums independent of the order of the rows
    return _SideRows(path, frame, table["classes"].combine_chunks(), num_refused, int(is_repeated.sum()))


def _match_rows(model_rows: list[_SideRows], trial: Trial) -> tuple[TrialDesign, list[_SideRows]]:
    """The design of the trial, and the rows of both sides; for a shadow deployment the same rows in the same order.

    Raises BadInput if the ids don't show the design, or contradict the trial's.
    """
    common_ids = model_rows[0].frame[["id"]].merge(model_rows[1].frame[["id"]], on="id")["id"].sort_values()
    num_smaller = min(len(side_rows.frame) for side_rows in model_rows)
    # With some ids in common, but not most of them, either design would be a guess
    if trial.design is None and 0 < len(common_ids) < MIN_SHARED_ID_FRACTION * num_smaller:
        raise BadInput(
            f"{len(common_ids):,} of {num_smaller:,} ids are on both sides: too many for split traffic, too few for models that "
            "answered the same rows; write --design shadow or --design split"
        )
    if trial.design == TrialDesign.SHADOW.value and common_ids.empty:
        raise BadInput(
            f"{model_rows[0].path} and {model_rows[1].path}: no id is on both sides, so there are no pairs; if each "
            "model had its own traffic, write --design split"
        )
    if trial.design == TrialDesign.SPLIT.value or common_ids.empty:
        return TrialDesign.SPLIT, model_rows
    frames = [side_rows.frame.set_index("id").loc[common_ids].reset_index() for side_rows in model_rows]
    return TrialDesign.SHADOW, [side_rows.with_rows(frame) for side_rows, frame in zip(model_rows, frames, strict=True)]


def _require_same_labels(answers: list[Answers], model_rows: list[_SideRows]) -> None:
    champion_labels, challenger_labels = (answer.labels for answer in answers)
    if answers[0].plan.is_regression:
        is_same = champion_labels == challenger_labels
    else:
        is_same = is_same_class(champion_labels, challenger_labels)
    if num_differing := int((~is_same).sum()):
        raise BadInput(
            f"{num_differing:,} ids have one label at {model_rows[0].path} and another at {model_rows[1].path}; "
            "what was true is the same for both"
        )


def _find_unfair_differences(data_sets: list[Data], model_rows: list[_SideRows], trial: Trial) -> Iterator[str]:
    """Differences between the requests to both models, as sentences."""
    rows = len(model_rows[1].frame)
    total_rows = sum(len(side_rows.frame) for side_rows in model_rows)
    # Two-sided z test of a proportion, the challenger's share of the rows: if it isn't as planned, the router may prefer
    # some requests
    if trial.share is not None:
        z_score = abs(rows - trial.share * total_rows) / (total_rows * trial.share * (1 - trial.share)) ** 0.5
        if 2 * normal_survival(z_score) < SPLIT_ALPHA:
            share = format_percent(rows / total_rows)
            yield f"the challenger has {share} of the rows, and {format_percent(trial.share)} were planned"
    try:
        # Drift between the inputs: the champion's are the baseline, the challenger's the window
        inputs = [_read_inputs(data, trial) for data in data_sets]
        if inputs[0].names:
            baseline = run_baseline(inputs[0], DataQualityMonitor())
            findings = run_monitoring(inputs[1], DataQualityMonitor(), baseline)
            yield from map(name_change, select_violations(findings.results))
        else:
            yield "there are no inputs with the answers, so nobody can tell whether both were asked the same"
    except MonitorError as error:
        yield f"the inputs can't be compared: {error}"


def _find_segments(data: Data, side_rows: _SideRows, disagreements: Doubles, trial: Trial) -> tuple[Segment, ...]:
    """Where the models disagree, by the inputs of the model; empty if the inputs can't be read."""
    try:
        inputs = _read_inputs_by_id(data, trial)
    except MonitorError as error:
        log.info("where both disagree is unknown: %s", error)
        return ()
    return find_disagreeing_segments(inputs.reindex(side_rows.frame["id"]), disagreements)


def _read_inputs_by_id(data: Data, trial: Trial) -> pd.DataFrame:
    """The inputs of a model, one row per id."""
    inputs = _read_inputs(data, trial, with_ids=True)
    is_captured = _infer_format(data) in CAPTURE_FORMATS
    columns = inputs.feature_columns
    if inputs.reason:
        columns.append(inputs.reason)
    if is_captured:
        columns.append(LINE)
    rows = cast("LocalPartitions", inputs.table).select_columns(columns, columns)
    frame = pa.Table.from_batches(rows.batches()).to_pandas()
    # Refused rows have a reason other than 0
    if inputs.reason:
        frame = frame[frame.pop(inputs.reason) == 0]
    names = dict(zip(columns, inputs.names, strict=False))
    if is_captured:
        lines = frame.pop(LINE)
        # Rows of the same captured line are adjacent, and their ids are numbered as in `_identify_rows`
        position = lines.groupby(lines.ne(lines.shift()).cumsum()).cumcount()
        keys = RequestDecoder()(pa.array(lines, pa.string())).keys.to_pandas()
        ids = keys.set_axis(lines.index) + np.where(position > 0, "#" + position.astype(str), "")
    else:
        ids = frame.pop(next(column for column, name in names.items() if name == trial.identity)).astype(str)
    inputs_by_id: pd.DataFrame = frame.rename(columns=names).set_axis(ids)
    return inputs_by_id[~inputs_by_id.index.duplicated()]


def _read_inputs(data: Data, trial: Trial, *, with_ids: bool = False) -> Dataset:
    """The inputs of a model: the inputs of captures, the other columns of tables."""
    if _infer_format(data) in CAPTURE_FORMATS:
        return read_data(data, CaptureFormat((INPUT,)), window=trial.window, engine="local")
    table = read_data(data, engine="local")
    # All other columns of a table are inputs of the model
    output_names = {
        None if with_ids else trial.identity,
        trial.label or "label",
        trial.prediction or "prediction",
        trial.probability or "probability",
    }
    return table.select_features([name for name in table.names if name not in output_names])
