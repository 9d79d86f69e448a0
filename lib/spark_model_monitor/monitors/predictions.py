"""A column of a model's predictions, for a data set without predictions. No pyspark; the tasks run on executors.

Source: B1.1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Batches, Broadcast, Partitions
from spark_model_monitor.data.records.arrays import drop_rejected
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors import Cells, Model
from spark_model_monitor.monitors.predictors.model_loading import (
    ModelCaller,
    are_numbers,
    convert_to_cells,
    convert_to_texts,
    prepare_for_tasks,
    read_content,
    simplify_type,
)
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)


@value_class
class LabelRule:
    """How a model's scores become labels.

    threshold: a single score above it means label 1. labels: the names of the classes, in the order of the scores.
    """

    threshold: float
    labels: tuple[Any, ...] | None = None

    def convert_scores(self, scores: Doubles, arrow_type: pa.DataType) -> pa.Array:
        """The labels of some rows as a column of this type.

        Raises BadInput if the number of labels differs from the number of scores.
        """
        count = scores.shape[1]
        # The class with the highest score; or for a single score, whether it is above the threshold
        classes = (scores[:, 0] > self.threshold).astype(np.intp)
        if count > 1:
            classes = scores.argmax(axis=1)
        if self.labels is None:
            return _convert_labels(classes.astype(np.float64), arrow_type)
        if len(self.labels) != max(count, 2):
            raise BadInput(
                f"predictor.label_headers has {len(self.labels)} names, and the model gives {count} scores; name every class"
            )
        return pa.array([self.labels[index] for index in classes], pa.string()).cast(arrow_type)

    def find_type(self, label: pa.DataType, *, returns_labels: bool) -> pa.DataType:
        """The type of the predictions, which have to match labels of this type. returns_labels: whether the model returns
        labels.
        """
        if pa.types.is_string(label) or any(isinstance(name, str) for name in self.labels or ()):
            return pa.string()
        if returns_labels or pa.types.is_floating(label):
            return pa.float64()
        return pa.int64()


@value_class
class PredictionTask:
    """The task for a partition.

    model: the model without its bytes, which are sent separately: content.
    features, positions, numeric: name, column and type of each input of the model.
    position: index of the new column in `schema`.
    reason: the column with the reason why a row is refused; a refused row gets no prediction.
    """

    model: Model
    content: Broadcast[bytes]
    features: tuple[str, ...]
    positions: tuple[int, ...]
    numeric: tuple[bool, ...]
    label_rule: LabelRule
    schema: pa.Schema
    position: int
    reason: str | None

    def caller(self) -> ModelCaller:
        return ModelCaller(replace(self.model, content=self.content.value), self.features, self.numeric)

    def predict(self, caller: ModelCaller, cells: Cells) -> pa.Array:
        """The model's predictions for some rows, in the form of the new column."""
        arrow_type = self.schema.field(self.position).type
        if self.model.labels:
            return _convert_model_labels(caller.labels(cells), arrow_type)
        return self.label_rule.convert_scores(caller(cells), arrow_type)

    def find_accepted(self, batch: pa.RecordBatch) -> pa.Array:
        if self.reason is None:
            return pa.array(np.ones(batch.num_rows, bool))
        return pc.equal(batch.column(self.reason), 0)


@contextmanager
def with_predictions(
    table: Partitions,
    names: Sequence[str],
    features: Sequence[str],
    label: str,
    model: Model,
    label_rule: LabelRule,
    reason: str | None,
) -> Iterator[Partitions]:
    """The rows with the model's predictions after the first `len(names)` columns. They are computed once and kept while
    the body runs.
    """
    positions = tuple(names.index(name) for name in features)
    types = {position: table.schema.field(f"c{position}").type for position in (*positions, names.index(label))}
    string_columns = [
        position for position in positions if pa.types.is_string(simplify_type(pa.array([], types[position])).type)
    ]
    # String columns in which all cells are numbers are given to the model as numbers
    text_columns: set[int] = set()
    if string_columns:
        text_columns = _find_text_columns(table, string_columns, reason)
    # The new column comes after the data's columns and before the engine's
    fields = list(table.schema)
    prediction_type = label_rule.find_type(types[names.index(label)], returns_labels=model.labels)
    prediction = pa.field(f"c{len(names)}", prediction_type)
    schema = pa.schema([*fields[: len(names)], prediction, *fields[len(names) :]])
    # The model's bytes are sent once, and the rows are kept while they are in use
    with table.broadcast(read_content(model, table.engine.storage)) as content:
        numeric = tuple(position not in text_columns for position in positions)
        task = PredictionTask(
            prepare_for_tasks(model),
            content,
            tuple(features),
            positions,
            numeric,
            label_rule,
            schema,
            len(names),
            reason,
        )
        rows = table.map_batches(partial(predict_partition, task), schema).persist()
        try:
            yield rows
        finally:
            rows.release()


def _find_text_columns(table: Partitions, positions: Sequence[int], reason: str | None) -> set[int]:
    """The text columns with a cell that doesn't look like a number. One pass over these columns."""
    columns = [f"c{position}" for position in positions]
    selected_columns = [*columns]
    if reason:
        selected_columns.append(reason)
    rows = table.select_columns(selected_columns, selected_columns)
    schema = pa.schema([("column", pa.string())])
    batches = rows.map_batches(
        partial(_find_text_columns_of_partition, tuple(columns), reason, schema), schema
    ).batches()
    return {int(name[1:]) for batch in batches for name in batch.column(0).to_pylist()}


def _find_text_columns_of_partition(
    columns: tuple[str, ...], reason: str | None, schema: pa.Schema, batches: Batches
) -> Batches:
    text_columns: set[str] = set()
    for batch in batches:
        accepted = drop_rejected(batch, reason)
        for name in columns:
            # A column with one text needn't be examined any further
            if name not in text_columns and not are_numbers(accepted.column(name)):
                text_columns.add(name)
    yield pa.RecordBatch.from_pydict({"column": sorted(text_columns)}, schema)


def predict_partition(task: PredictionTask, batches: Batches) -> Batches:
    """Yield the rows of a partition with their predictions."""
    caller: ModelCaller | None = None
    for batch in batches:
        is_accepted = task.find_accepted(batch)
        accepted = batch.filter(is_accepted)
        predictions = pa.nulls(batch.num_rows, task.schema.field(task.position).type)
        # Refused rows get no prediction; the model doesn't get them
        if accepted.num_rows:
            caller = caller or task.caller()
            columns = [simplify_type(accepted.column(f"c{position}")) for position in task.positions]
            cells = convert_to_cells(columns, task.features, task.numeric)
            predictions = pc.replace_with_mask(predictions, is_accepted, task.predict(caller, cells))
        columns = batch.columns
        yield pa.RecordBatch.from_arrays(
            [*columns[: task.position], predictions, *columns[task.position :]], schema=task.schema
        )


def _convert_labels(numbers: Doubles, arrow_type: pa.DataType) -> pa.Array:
    if pa.types.is_string(arrow_type):
        return pa.array(convert_to_texts(numbers), arrow_type)
    return pa.array(numbers, pa.float64()).cast(arrow_type)


def _convert_model_labels(labels: NDArray[np.object_], arrow_type: pa.DataType) -> pa.Array:
    """The labels that the model returns, as texts if the true labels are texts, otherwise as numbers."""
    if pa.types.is_string(arrow_type):
        return pa.array(convert_to_texts(labels), arrow_type)
    try:
        return _convert_labels(labels.astype(np.float64), arrow_type)
    except ValueError:
        raise BadInput(
            "the model answers words, and the labels of the data set are numbers; give data whose labels are words"
        ) from None
