"""A column of a model's predictions, for a data set without predictions. No pyspark; the tasks run on executors.

Source: B1.1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.protocol import Broadcast, Partitions
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.predictors.loading import (
    Caller,
    are_numbers,
    convert_to_cells,
    convert_to_texts,
    read_content,
    simplify_type,
    without_path,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelling:
    """How a model's scores become labels.

    threshold: a single score above it means label 1. labels: the names of the classes, in the order of the scores.
    """

    threshold: float
    labels: tuple[Any, ...] | None = None

    def column(self, scores: NDArray[np.float64], kind: pa.DataType) -> pa.Array:
        """The labels of some rows as a column of this type.

        Raises BadInput if the number of labels differs from the number of scores.
        """
        count = scores.shape[1]
        if count > 1:
            classes = scores.argmax(axis=1)
        else:
            classes = (scores[:, 0] > self.threshold).astype(np.intp)
        if self.labels is None:
            return _typed(classes.astype(np.float64), kind)
        if len(self.labels) != max(count, 2):
            raise BadInput(
                f"predictor.label_headers has {len(self.labels)} names, and the model gives {count} scores; name every class"
            )
        return pa.array([self.labels[class_name] for class_name in classes], pa.string()).cast(kind)

    def kind(self, label: pa.DataType, *, as_they_are: bool) -> pa.DataType:
        """The type of predictions next to labels of this type. as_they_are: whether the model returns labels."""
        if pa.types.is_string(label) or any(isinstance(name, str) for name in self.labels or ()):
            return pa.string()
        if as_they_are or pa.types.is_floating(label):
            return pa.float64()
        return pa.int64()


@dataclass(frozen=True)
class PredictionTask:
    """What is done with a partition.

    model: without its bytes, which are sent separately: content. features, places, numeric: its input. position: index
    of the new column in `schema`. reason: the column that says why a row is refused; such a row gets no prediction.
    """

    model: Model
    content: Broadcast[bytes]
    features: tuple[str, ...]
    places: tuple[int, ...]
    numeric: tuple[bool, ...]
    how: Labelling
    schema: pa.Schema
    position: int
    reason: str | None

    def caller(self) -> Caller:
        return Caller(replace(self.model, content=self.content.value), self.features, self.numeric)

    def labels(self, caller: Caller, cells: NDArray[Any]) -> pa.Array:
        """The model's predictions for some rows, as the new column."""
        kind = self.schema.field(self.position).type
        if self.model.labels:
            return _as_they_are(caller.labels(cells), kind)
        return self.how.column(caller(cells), kind)

    def is_kept(self, batch: pa.RecordBatch) -> pa.Array:
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
    how: Labelling,
    reason: str | None,
) -> Iterator[Partitions]:
    """The rows with the model's predictions after the first `len(names)` columns, computed once for this context."""
    places = tuple(names.index(name) for name in features)
    types = {place: table.schema.field(f"c{place}").type for place in (*places, names.index(label))}
    texts = [place for place in places if pa.types.is_string(simplify_type(pa.array([], types[place])).type)]
    if texts:
        words = _columns_with_words(table, texts, reason)
    else:
        words = set()
    fields = list(table.schema)
    added = pa.field(f"c{len(names)}", how.kind(types[names.index(label)], as_they_are=model.labels))
    schema = pa.schema([*fields[: len(names)], added, *fields[len(names) :]])
    with table.sent(read_content(model, table.engine.storage)) as content:
        numeric = tuple(place not in words for place in places)
        of_model = (without_path(model), content, tuple(features), places, numeric)
        task = PredictionTask(*of_model, how, schema, len(names), reason)
        kept = table.mapped(partial(predictions_of_partition, task), schema).kept()
        try:
            yield kept
        finally:
            kept.release()


def _columns_with_words(table: Partitions, places: Sequence[int], reason: str | None) -> set[int]:
    """The text columns in which some cell doesn't look like a number. One pass over them."""
    columns = [f"c{place}" for place in places]
    kept = [*columns, *([reason] if reason else [])]
    rows = table.selected(kept, kept)
    schema = pa.schema([("column", pa.string())])
    found = rows.mapped(partial(_words_of_partition, tuple(columns), reason, schema), schema).batches()
    return {int(name[1:]) for batch in found for name in batch.column(0).to_pylist()}


def _words_of_partition(
    columns: tuple[str, ...], reason: str | None, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    found: set[str] = set()
    for batch in batches:
        if reason is None:
            kept = batch
        else:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        found |= {name for name in columns if name not in found and not are_numbers(kept.column(name))}
    yield pa.RecordBatch.from_pydict({"column": sorted(found)}, schema)


def predictions_of_partition(task: PredictionTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of a partition with their predictions."""
    caller: Caller | None = None
    for batch in batches:
        is_kept = task.is_kept(batch)
        kept = batch.filter(is_kept)
        column = pa.nulls(batch.num_rows, task.schema.field(task.position).type)
        if kept.num_rows:
            caller = caller or task.caller()
            columns = [simplify_type(kept.column(f"c{place}")) for place in task.places]
            cells = convert_to_cells(columns, task.features, task.numeric)
            column = pc.replace_with_mask(column, is_kept, task.labels(caller, cells))
        columns = batch.columns
        yield pa.RecordBatch.from_arrays(
            [*columns[: task.position], column, *columns[task.position :]], schema=task.schema
        )


def _typed(numbers: NDArray[np.float64], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(convert_to_texts(numbers), kind)
    return pa.array(numbers, pa.float64()).cast(kind)


def _as_they_are(labels: NDArray[np.object_], kind: pa.DataType) -> pa.Array:
    """The model's own labels for rows: as text if the true labels are text, otherwise as numbers."""
    if pa.types.is_string(kind):
        return pa.array(convert_to_texts(labels), kind)
    try:
        return _typed(labels.astype(np.float64), kind)
    except ValueError:
        raise BadInput(
            "the model answers words, and the labels of the data set are numbers; give data whose labels are words"
        ) from None
