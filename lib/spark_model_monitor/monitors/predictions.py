"""What executors ask a model: a column of its predictions, for a data set without predictions, and which records it doesn't
answer. No pyspark.

Source: B1.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Batches, Broadcast, Partitions
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.decoded_rows import add_reason_field, reject_records
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal, drop_rejected, read_reasons
from spark_model_monitor.errors import BadInput, UnansweredRows
from spark_model_monitor.monitors.predictors import Cells, Model
from spark_model_monitor.monitors.predictors.model_loading import (
    ModelCaller,
    convert_to_cells,
    convert_to_texts,
    flag_numbers,
    prepare_for_tasks,
    read_content,
    simplify_type,
)
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.value_class import value_class

# Of a model: scores of shape (rows, outputs), or labels of shape (rows,)
Answers: TypeAlias = Doubles | NDArray[np.object_]


@value_class
class LabelRule:
    """How a model's scores become labels.

    threshold: a single score above it means label 1. labels: the names of the classes, in the order of the scores.
    """

    threshold: float
    labels: tuple[Any, ...] | None = None

    def convert_scores(self, answers: Answers, arrow_type: pa.DataType) -> pa.Array:
        """The labels of some rows as a column of this type.

        Raises BadInput if the number of labels differs from the number of scores.
        """
        count = answers.shape[1]
        # The class with the highest score; or for a single score, whether it is above the threshold
        classes = (answers[:, 0] > self.threshold).astype(np.intp)
        if count > 1:
            classes = answers.argmax(axis=1)
        if self.labels is None:
            return _convert_labels(classes, arrow_type)
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
class PreparedModel:
    """A model in the form that is sent to executors.

    names, columns, numeric: name of each feature, its column in the data set, and whether it is numeric.
    else_numeric: the same for a model that doesn't answer otherwise.
    model: the model without its bytes, which are sent separately: content.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    else_numeric: tuple[bool, ...]
    model: Model
    content: Broadcast[bytes]

    def create_caller(self, *, shows_messages: bool = False) -> ModelCaller:
        return ModelCaller(replace(self.model, content=self.content.value), self.names, self.numeric, shows_messages)

    def convert_cells(self, rows: pa.RecordBatch, columns: Sequence[str]) -> Cells:
        """The cells of the features, taken from these columns."""
        return convert_to_cells([simplify_type(rows.column(name)) for name in columns], self.names, self.numeric)

    def ask_model(self, caller: ModelCaller, rows: pa.RecordBatch) -> Answers:
        """The model's labels or scores of some rows. Raises UnansweredRows if it has none for some row."""
        try:
            cells = self.convert_cells(rows, self.columns)
            if self.model.labels:
                return caller.labels(cells)
            return caller(cells)
        except UnansweredRows:
            if self.numeric == self.else_numeric:
                raise
        # Perhaps it takes no texts
        of_numbers = replace(self, numeric=self.else_numeric)
        return of_numbers.ask_model(of_numbers.create_caller(), rows)


@value_class
class PredictionTask:
    """Adds the model's predictions to the rows of a partition. Refused rows get none; the model doesn't get them.

    schema: with the new column, which is at this position.
    """

    prepared: PreparedModel
    label_rule: LabelRule
    schema: pa.Schema
    position: int

    def __call__(self, batches: Batches) -> Batches:
        caller = self.prepared.create_caller()
        field = self.schema.field(self.position)
        convert = self.label_rule.convert_scores
        if self.prepared.model.labels:
            convert = _convert_model_labels
        for batch in batches:
            is_accepted = read_reasons(batch) == 0
            is_unanswered = np.zeros(batch.num_rows, bool)
            predictions = pa.nulls(batch.num_rows, field.type)
            if is_accepted.any():
                try:
                    answers = self.prepared.ask_model(caller, batch.filter(pa.array(is_accepted)))
                except UnansweredRows:  # the rows are read again later to find out which (`AnswerTask`)
                    is_unanswered = is_accepted
                else:
                    predictions = pc.replace_with_mask(predictions, is_accepted, convert(answers, field.type))
            rows = batch.add_column(self.position, field, predictions)
            yield reject_records(rows, is_unanswered, Refusal.IN_UNANSWERED_BATCH, self.schema)


@contextmanager
def prepare_model(dataset: Dataset, features: tuple[str, ...], model: Model) -> Iterator[PreparedModel]:
    """The model with these features of the data set, for its labels if it gives them; its bytes are sent once, for use inside
    the body.

    A column of texts is given as numbers if all its cells are numbers; if most of them are, then to a model that doesn't
    take texts.
    """
    table = dataset.table
    # Only texts have to be read to know what they are
    cells = table.schema.empty_table()
    columns = tuple(f"c{dataset.names.index(name)}" for name in features)
    is_text = [simplify_type(cells[column]).type == pa.string() for column in columns]
    text_features = [*compress(features, is_text)]
    text_shares = _measure_texts(dataset.select_features(text_features)) if text_features else {}
    # For each model, the features that it gets as numbers
    shares = [text_shares.get(name, 0) for name in features]
    numeric, else_numeric = (tuple(share <= limit for share in shares) for limit in (0, 0.5))
    with table.broadcast(read_content(model, dataset.engine.storage)) as content:
        model_of_labels = replace(prepare_for_tasks(model), labels=model.returns_labels)
        yield PreparedModel(features, columns, numeric, else_numeric, model_of_labels, content)


@contextmanager
def with_predictions(
    dataset: Dataset, features: tuple[str, ...], label: str, model: Model, label_rule: LabelRule
) -> Iterator[Partitions]:
    """The rows with the model's predictions as the last feature. They are computed once and kept while the body runs."""
    position = len(dataset.names)
    # The original columns, the prediction after them, and the engine's columns
    columns = dataset.feature_columns
    columns += [name for name in (REASON, CELLS) if name in dataset.table.columns]
    table = dataset.table.select_columns(columns, columns)
    fields = list(table.schema)
    label_type = fields[dataset.names.index(label)].type
    prediction = pa.field(f"c{position}", label_rule.find_type(label_type, returns_labels=model.returns_labels))
    schema = add_reason_field(pa.schema([*fields[:position], prediction, *fields[position:]]))
    with prepare_model(dataset, features, model) as prepared:
        task = PredictionTask(prepared, label_rule, schema, position)
        # The rows are kept while they are in use
        rows = table.map_batches(task, schema).persist()
        try:
            yield rows
        finally:
            rows.release()


def _measure_texts(dataset: Dataset) -> dict[str, float]:
    """The share of each feature's cells that are texts and no numbers. One pass."""
    task = partial(_count_texts, len(dataset.names))
    batches = dataset.table.map_batches(task, COUNTS_SCHEMA).batches()
    counts = [row for batch in batches for row in batch.column(0).to_pylist()]
    rows, *texts = np.sum([[0] * (len(dataset.names) + 1), *counts], axis=0)
    return {name: count / max(1, rows) for name, count in zip(dataset.names, texts, strict=True)}


COUNTS_SCHEMA = pa.schema([("counts", pa.list_(pa.int64()))])


def _count_texts(features: int, batches: Batches) -> Batches:
    """Yield the number of rows of each batch, and of the texts in each column that aren't numbers."""
    for batch in batches:
        accepted = drop_rejected(batch)
        counts = [
            accepted.num_rows,
            *((~flag_numbers(simplify_type(column))).sum() for column in accepted.columns[:features]),
        ]
        yield pa.RecordBatch.from_pydict({"counts": [counts]}, COUNTS_SCHEMA)


def reject_unanswered(model: PreparedModel, dataset: Dataset) -> Dataset:
    """The data set in which records without an answer of the model are refused; the model is called when rows are read."""
    table = dataset.table_with_lines
    task = AnswerTask(model, add_reason_field(table.schema))
    return replace(dataset, rows=table.map_batches(task, task.schema), refusable=True)


@value_class
class AnswerTask:
    """Refuses records for which the model has no finite answer.

    If many rows have no answer, the fault is in the model: then its exception for all rows is raised.
    """

    prepared: PreparedModel
    schema: pa.Schema

    def __call__(self, batches: Batches) -> Batches:
        caller = self.prepared.create_caller()
        for batch in batches:
            is_accepted = read_reasons(batch) == 0
            rows = batch.filter(pa.array(is_accepted))
            is_unanswered = np.zeros(batch.num_rows, bool)
            if rows.num_rows:
                is_unanswered[is_accepted] = self._find_unanswered(caller, rows)
            # With so many, the model is at fault, not the records; asking again raises its error
            if is_unanswered.sum() > max(MAX_REFUSED_ROWS, rows.num_rows * MAX_REFUSED_SHARE):
                self.prepared.ask_model(caller, rows)
            yield reject_records(batch, is_unanswered, Refusal.UNANSWERED, self.schema)

    def _find_unanswered(self, caller: ModelCaller, rows: pa.RecordBatch) -> Flags:
        try:
            self.prepared.ask_model(caller, rows)
        except UnansweredRows:
            # Divide into halves until single rows fail, which takes few calls if few rows fail
            half = rows.num_rows // 2
            if not half:
                return np.ones(1, bool)
            parts = (rows.slice(0, half), rows.slice(half))
            return np.concatenate([self._find_unanswered(caller, part) for part in parts])
        return np.zeros(rows.num_rows, bool)


MAX_REFUSED_ROWS = 8  # maximum number of rows in a batch that the model may leave unanswered without being at fault
MAX_REFUSED_SHARE = 0.125  # the same for a large batch, as a share of its rows


def _convert_labels(labels: Cells, arrow_type: pa.DataType) -> pa.Array:
    if pa.types.is_string(arrow_type):
        return pa.array(convert_to_texts(labels), arrow_type)
    return pa.array(labels.astype(np.float64)).cast(arrow_type)


def _convert_model_labels(answers: Answers, arrow_type: pa.DataType) -> pa.Array:
    """The labels that the model returns, as texts if the true labels are texts, otherwise as numbers."""
    try:
        return _convert_labels(answers, arrow_type)
    except ValueError:
        raise BadInput(
            "the model answers words, and the labels of the data set are numbers; give data whose labels are words"
        ) from None
