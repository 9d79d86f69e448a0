"""The rows that a trial compares: each model's answers with their labels and ids, and the inputs that they were answers to."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

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
from spark_model_monitor.data.records.refusals import (
    MAX_QUARANTINED_SHARE,
    NOT_QUARANTINED,
    REASON,
    Refusal,
    describe_remedy,
)
from spark_model_monitor.documents.challenge_file import ChallengeSide, TrialDesign
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData
from spark_model_monitor.monitors.model_quality.model_comparison import (
    Answers,
)
from spark_model_monitor.running.merging.captured import RequestDecoder
from spark_model_monitor.running.merging.hourly_sources import containing_hour
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.merging.outcome_ids import add_ids
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.states.outcome_builder import is_same_class
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd

    from spark_model_monitor.running.runs.challenge import Trial

MIN_SHARED_ID_FRACTION = 0.5
"""The fraction of the smaller side's ids that must be on both sides if both models answered the same rows."""

CAPTURE_FORMATS = ("capture", "merged")


@value_class
class ModelRows:
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
        """The answers as arrays of what the plan compares."""

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

    def select_shared(self, other_model: ModelRows) -> ModelRows:
        """The rows with ids that the other model's rows have, too; rows are in the order of their ids."""
        is_shared = self.frame["id"].isin(other_model.frame["id"])
        return self.with_rows(self.frame[is_shared].reset_index(drop=True))

    def with_rows(self, frame: pd.DataFrame) -> ModelRows:
        """The same model with only these rows."""
        return replace(self, frame=frame, unmatched=self.unmatched + len(self.frame) - len(frame))


def read_labelled_rows(data: Data, name: str, trial: Trial, ground_truth: Data | None) -> ModelRows:
    """The labelled rows of one side."""
    # The name of this side in errors: its path, or which table it is
    path = name
    if isinstance(data, (str, os.PathLike)):
        path = os.fspath(data)
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
        source = path
        folder = TemporaryFolder()
        if are_records:
            source = _merge_labels(path, ground_truth, str(folder.path), trial)
        model_rows = _identify_rows(_read_captures(source, trial, with_label=with_label), path, trial)
    elif are_records:
        raise BadInput(f"{path}: ground-truth records meet captures; give a table of labels with the ids of this table")
    else:
        model_rows = _identify_rows(_read_table(data, trial, with_label=with_label), path, trial)
    if with_label:
        return model_rows
    if trial.identity is None or trial.label is None:
        raise BadConfiguration("a table of labels takes --id-attribute and --ground-truth-attribute, its columns")
    # The table of labels is read by the same code, with the labels as predictions
    label_trial = replace(trial, plan=OutcomePlan(trial.plan.problem_type), prediction=trial.label)
    labels = read_labelled_rows(ground_truth, "the table of labels", label_trial, None).frame  # type: ignore[arg-type]
    labelled_frame = model_rows.frame.drop(columns="label").merge(labels[["id", "label"]], on="id")
    if labelled_frame.empty:
        raise BadInput(f"{path}: none of its {len(model_rows.frame):,} ids has a label; the labels need the same ids")
    return model_rows.with_rows(labelled_frame)


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
    # Labels of hours outside the trial would match no capture
    request = MergeRequest(captures, os.fspath(labels), output_path)
    window = trial.window
    if window is not None:
        request = replace(request, first=containing_hour(window.start), last=containing_hour(window.end))
    merge(LocalEngine(), request)
    return output_path


def _identify_rows(dataset: OutcomeDataset, path: str, trial: Trial) -> ModelRows:
    """The rows with their ids, each id once. Raises BadInput if too many are refused, or an id has two answers."""
    value_type = pa.float64() if trial.plan.is_regression else pa.string()
    types = {"id": pa.string(), "row_index": pa.int64(), "label": value_type, "prediction": value_type}
    schema = pa.schema({**types, "score": pa.float64(), "reason": pa.int32(), "classes": OF_CLASSES})
    # The rows with their ids, and with the reasons of refused ones
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
    num_contradicted = int((is_repeated & ~frame.duplicated()).sum())
    if num_contradicted:
        raise BadInput(
            f"{path}: {num_contradicted:,} ids are there twice with different answers; keep one row of each, or name another id"
        )
    frame = frame[~is_repeated].rename_axis("record").reset_index()
    frame = frame.sort_values("id", ignore_index=True)  # makes sums independent of the order of the rows
    return ModelRows(path, frame, table["classes"].combine_chunks(), num_refused, int(is_repeated.sum()))


def find_design(champion: ModelRows, challenger: ModelRows, trial: Trial) -> TrialDesign:
    """The design of the trial: as planned, otherwise as the ids show.

    Raises BadInput if the ids don't show the design, or contradict the plan.
    """
    # The ids show the design, unless it is planned
    shared_ids = champion.frame["id"].isin(challenger.frame["id"]).sum()
    num_smaller = min(len(champion.frame), len(challenger.frame))
    # With some ids in common, but not most of them, either design would be a guess
    if trial.design is None and 0 < shared_ids < MIN_SHARED_ID_FRACTION * num_smaller:
        raise BadInput(
            f"{shared_ids:,} of {num_smaller:,} ids are on both sides: too many for split traffic, too few for models that "
            "answered the same rows; write --design shadow or --design split"
        )
    if trial.design == TrialDesign.SHADOW.value and not shared_ids:
        raise BadInput(
            f"{champion.path} and {challenger.path}: no id is on both sides, so there are no pairs; if each "
            "model had its own traffic, write --design split"
        )
    if trial.design == TrialDesign.SPLIT.value or not shared_ids:
        return TrialDesign.SPLIT
    return TrialDesign.SHADOW


def require_same_labels(champion: Answers, challenger: Answers, champion_path: str, challenger_path: str) -> None:
    """Raises BadInput if the same rows have different labels."""
    if champion.plan.is_regression:
        is_same = champion.labels == challenger.labels
    else:
        is_same = is_same_class(champion.labels, challenger.labels)
    num_differing = int((~is_same).sum())
    if num_differing:
        raise BadInput(
            f"{num_differing:,} ids have one label at {champion_path} and another at {challenger_path}; "
            "what was true is the same for both"
        )


def read_inputs_by_id(data: Data, trial: Trial) -> pd.DataFrame:
    """The inputs of a model, one row per id."""
    inputs = read_inputs(data, trial, with_ids=True)
    is_captured = _infer_format(data) in CAPTURE_FORMATS
    # The features, and what shows which rows count and what their ids are
    columns = inputs.feature_columns
    if inputs.refusable:
        columns.append(REASON)
    if is_captured:
        columns.append(LINE)
    rows = cast("LocalPartitions", inputs.table).select_columns(columns, columns)
    frame = pa.Table.from_batches(rows.batches()).to_pandas()
    # Refused rows have a reason other than 0
    if inputs.refusable:
        frame = frame[frame.pop(REASON) == 0]
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


def read_inputs(data: Data, trial: Trial, *, with_ids: bool = False) -> Dataset:
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
