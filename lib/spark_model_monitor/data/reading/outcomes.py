"""Data sets of outcomes (labels with predictions) from tables, merged and captured records, JSON and JSON Lines."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import double_of, is_number, text_of, without_nan
from spark_model_monitor.data.engine.protocol import LINE_KEY, Engine, Partitions
from spark_model_monitor.data.profiling.outcomes import OutcomeMetric
from spark_model_monitor.data.profiling.plan import CUT_NO_ROWS, NO_GROUPS, VALUE
from spark_model_monitor.data.profiling.segments import Cut, cuts_of
from spark_model_monitor.data.reading.captures import FILES_LOOKED_AT, RECORDS_LOOKED_AT
from spark_model_monitor.data.reading.data import Data, read_data
from spark_model_monitor.data.reading.dataset import NAMES_LISTED, Dataset, DecodedLines
from spark_model_monitor.data.reading.formats import DatasetFormat
from spark_model_monitor.data.reading.headers import first_lines
from spark_model_monitor.data.reading.lines import long_lines_in
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.locations import FILE_KEY, NO_FILES, PLACE_FIELDS, PLACES
from spark_model_monitor.data.records.outcome_payloads import index_of
from spark_model_monitor.data.records.outcome_records import (
    IDENTITY,
    LABEL,
    PREDICTION,
    PROBABILITY,
    ColumnDecoder,
    Decoder,
    DocumentDecoder,
    LabelledRecords,
    LineDecoder,
    document_of,
    predicted,
    record_of,
    rows_of_blocks,
)
from spark_model_monitor.data.records.outcome_values import NO_RECORDS, OUTCOMES, FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.errors import BadConfiguration, BadInput, did_you_mean, no_group_column
from spark_model_monitor.statistics.states.blocks import BlockSums
from spark_model_monitor.statistics.states.outcomes import THRESHOLD, ClassKey, OutcomePlan
from spark_model_monitor.statistics.states.segments import fits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


log = logging.getLogger(__name__)


class Errors(Protocol):
    """Estimates the error of predicted numbers (`predictors.errors.ErrorModel`)."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def worth(self) -> BlockSums: ...

    def __call__(self, columns: Mapping[str, pa.Array]) -> NDArray[np.float64]: ...


# names of these columns if no header names them
LABEL_COLUMN = "label"
PREDICTION_COLUMN = "predicted_label"


def read_labelled(
    engine: Engine,
    source: Listing,
    reading: OutcomeReading,
    headers: Sequence[str] | None,
    *,
    threshold: float = THRESHOLD,
    documents: bool = False,
    whole_files: bool = False,
    as_service: bool = False,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed records as a data set. Starts no Spark job.

    headers: names of the features and, optionally, of the label and the prediction; None for `column_0`, ….
    documents: whether records are JSON documents, not captures; whole_files: one document per file, not per line.

    Raises BadConfiguration if there are too few or too many headers. Raises BadInput if no record can be read.
    """
    features = _features_of_the_first(engine, source, reading, documents, whole_files)
    names = _names(headers, features, reading)
    where = replace(reading.features or FeatureReading(), columns=features, names=tuple(headers or ())[:features])
    fixed = replace(reading, features=where)
    lines = engine.lines(
        source.places, in_order=as_service and not whole_files, with_blank=whole_files, whole_files=whole_files
    )
    if reading.records.window is None:
        files = NO_FILES
    else:
        files = lines.files_by_key()
    decoded = DecodedLines.of(lines, LabelledRecords(fixed, files, threshold, documents))
    at_most = source.partitions_at_most(engine, partition_bytes, in_order=as_service)
    long_lines = () if whole_files else long_lines_in(engine, source)
    return Dataset(
        decoded, names, source, refusable=True, partitions_at_most=at_most, record_cells=1, long_lines=long_lines
    )


def _names(headers: Sequence[str] | None, features: int, reading: OutcomeReading) -> tuple[str, ...]:
    """The names of the columns: the headers, then default names."""
    outcomes = [LABEL_COLUMN] * reading.with_label + [PREDICTION_COLUMN] * reading.with_prediction
    if headers is None:
        return (*(f"column_{position}" for position in range(features)), *outcomes)
    if not features <= len(headers) <= features + len(outcomes):
        if outcomes:
            more = f", or {features + len(outcomes)} with those of label and prediction"
        else:
            more = ""
        raise BadConfiguration(
            f"analysis_config.json: headers has {len(headers)} names, and a record has {features} features; "
            f"write {features} names{more}"
        )
    return (*headers, *outcomes[len(headers) - features :])


def _features_of_the_first(
    engine: Engine, source: Listing, reading: OutcomeReading, documents: bool, whole_files: bool
) -> int:
    """The most frequent number of features of the first readable records, regardless of their time.

    Raises BadInput if none of the first records is readable.
    """
    anything = replace(reading, records=replace(reading.records, window=None, sample=None))
    storage = engine.storage(source.path)
    reason = Refusal.NO_PAYLOAD
    widths: Counter[int] = Counter()
    for file in source.files[:FILES_LOOKED_AT]:
        lines = [storage.read(file.path)] if whole_files else first_lines(engine, file)
        for line in lines:
            if documents:
                found = document_of(line, anything)
            else:
                found = record_of(line, file.path, anything)
            if found.reason is None:
                widths[len(found.rows[0]) - OUTCOMES] += 1
            else:
                reason = found.reason
            if widths.total() >= RECORDS_LOOKED_AT:
                break
    if widths:
        return widths.most_common(1)[0][0]
    raise BadInput(
        f"{source.path}: none of the first records can be read ({reason.text}); name where features, label and prediction are "
        "with features, label and predicted_label in analysis_config.json, or with --features-attribute, "
        "--ground-truth-attribute and --inference-attribute"
    )


FIELDS = (
    *(pa.field("c0", pa.string()), pa.field("c1", pa.string()), pa.field("c2", pa.float64())),
    *(pa.field(REASON, pa.int32()), pa.field(CELLS, pa.int32())),
)
"""The columns of outcomes row by row: label, prediction, probability, and those for counting records."""


@dataclass(frozen=True)
class OutcomeSource:
    """The source of outcomes. addresses: their columns in a table, as `outcomes` takes them. columns: the same as
    `prepared_outcomes` takes them; None for lines, which are decoded directly.
    """

    dataset: Dataset
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    columns: Mapping[str, tuple[int, bool]] | None = None


@dataclass(frozen=True)
class OutcomeMark:
    """Whether a row's prediction was right, bin 2, or wrong, bin 3; for numbers the error's bin. cuts: bin edges."""

    decoder: Decoder
    plan: OutcomePlan
    columns: Mapping[str, tuple[int, bool]] | None
    schema: pa.Schema
    cuts: tuple[float, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        if self.columns is None:
            return self.decoder.columns
        return tuple(f"c{at}" for at, _ in self.columns.values())

    @property
    def bins(self) -> int:
        return 2 + max(2, len(self.cuts) + 1)

    def of_rows(self, rows: pa.RecordBatch) -> NDArray[np.int16]:
        """The bin of each row; missing for refused rows."""
        if self.columns is None:
            block = rows
        else:
            block = next(_as_wanted(dict(self.columns), self.schema, [rows]))
        outcomes = self.decoder(block)
        kept = outcomes.where(outcomes.kept)
        if self.plan.is_regression:
            off = np.abs(np.asarray(kept.labels, np.float64) - np.asarray(kept.predictions, np.float64))
            code = np.searchsorted(self.cuts, off, side="left")
        else:
            if self.plan.with_predictions:
                answers = kept.predictions
            else:
                answers = predicted(kept, self.plan.threshold)
            sides = (each.cast(pa.string()) for each in (kept.labels, answers) if each is not None)
            code = np.asarray(pc.not_equal(*sides))
        found = np.zeros(rows.num_rows, np.int16)
        found[kept.sources] = code + 2
        return found


@dataclass(frozen=True)
class OutcomeDataset(Dataset):
    """A data set of outcomes. Its rows have one outcome each; a scan reads the outcomes from their source instead.

    raw: the rows as read, with a column LINE_KEY if records have one. placed: the same with the records' locations.
    decoder: makes outcomes of raw rows on executors. metrics: the user's own, by name. errors: estimates labels.
    cuts: cuts of the rows into segments. group: the scan's name for the column that names groups of rows. source: the
    source of the outcomes, with all other columns.
    """

    raw: Partitions = field(kw_only=True, repr=False)
    placed: Partitions = field(kw_only=True, repr=False)
    decoder: Decoder = field(kw_only=True, repr=False)
    metrics: tuple[tuple[str, OutcomeMetric], ...] = ()
    errors: Errors | None = field(default=None, repr=False)
    cuts: tuple[Cut, ...] = ()
    group: str | None = None
    group_column: str | None = None
    source: OutcomeSource | None = field(default=None, repr=False)

    def of_classes(self, classes: frozenset[ClassKey]) -> OutcomeDataset:
        """The same data set, with records of other classes refused."""
        decoder = replace(self.decoder, reading=replace(self.decoder.reading, classes=classes))
        found = _dataset(self, self.raw, self.placed, decoder, dict(self.metrics))
        return replace(found, cuts=self.cuts, group=self.group, group_column=self.group_column, source=self.source)


def outcomes(
    data: Data,
    plan: OutcomePlan,
    *,
    label: str | None = LABEL,
    prediction: str = PREDICTION,
    probability: str = PROBABILITY,
    metrics: Mapping[str, OutcomeMetric] | None = None,
    errors: Errors | None = None,
    dataset_format: str | DatasetFormat | None = None,
    identity: str | None = None,
    spark: SparkSession | None = None,
    engine: str = "auto",
) -> OutcomeDataset:
    """A data set of labels and predictions for `ModelQualityMonitor`. Starts no Spark job.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table, pyspark.sql.DataFrame, path or Dataset
        A table with one row for each prediction with a known label.
    plan : OutcomePlan
        The problem type, and what the rows contain.
    label, prediction, probability : str, label optional
        Columns, by name, by 0-based index or as `_c0`. Prediction and probability may be arrays with the labels and
        the probabilities (0 to 1) of all classes. Without a label (None), the data is for `EstimatedQualityMonitor`.
    metrics : mapping of str to callable, optional
        Your own metrics by name: each function gets a pandas frame with the columns label, prediction and probability, and
        returns one number for each row.
    errors : ErrorModel, optional
        For predicted numbers without labels: estimates how far each label is from its prediction. The data needs the columns
        that the model was learnt from.
    dataset_format : str or format, optional
        For a path, as in `read_data`.
    identity : str, optional
        The column with the row ids, to compare models row by row (`challenge`).
    spark : pyspark.sql.SparkSession, optional
        As in `read_data`.
    engine : str, default "auto"
        As in `read_data`.

    Returns
    -------
    Dataset
        The outcomes.

    Raises
    ------
    BadConfiguration
        If a column is missing.
    BadInput
        If the data can't be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, outcomes, run_baseline
    >>> plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    >>> answers = pd.DataFrame({"churned": [1, 0, 1, 0], "called": [1, 0, 0, 0]})
    >>> data = outcomes(answers, plan, label="churned", prediction="called")
    >>> baseline = run_baseline(data, ModelQualityMonitor(plan))
    >>> float(baseline.to_pandas().loc["recall", "value"])
    0.5
    """
    dataset = read_data(data, dataset_format, spark=spark, engine=engine)
    if errors is not None:
        dataset = _with_errors(dataset, errors, prediction)
        label = EXPECTED
    reading = reading_of(plan, label, prediction, probability, with_label=label is not None)
    if label is None:
        asked = {}
    else:
        asked = {LABEL: ("ground_truth_attribute", label)}
    if reading.prediction is not None:
        asked[PREDICTION] = ("inference_attribute", prediction)
    if reading.probability is not None:
        asked[PROBABILITY] = ("probability_attribute", probability)
    if identity is not None:
        asked[IDENTITY] = ("id_attribute", identity)
    columns = {
        name: (_position(dataset, option, address), name != IDENTITY and (reading.numeric or name == PROBABILITY))
        for name, (option, address) in asked.items()
    }
    cuts = _cuts(plan, dataset.names)
    group = _group(plan, dataset.names)
    if group is not None:
        position = int(group.removeprefix(VALUE))
        if pa.types.is_nested(dataset.table.schema.field(f"c{position}").type):
            raise BadConfiguration(NO_GROUPS)
        columns[group] = (position, False)
    for part in (part for cut in cuts for part in cut.parts):
        if pa.types.is_nested(kind := dataset.table.schema.field(f"c{part.position}").type) or pa.types.is_binary(kind):
            raise BadConfiguration(CUT_NO_ROWS.format(name=part.name))
        columns[f"{VALUE}{part.position}"] = (part.position, False)
    reason = REASON if dataset.refusable else None
    raw = prepared_outcomes(dataset.table, columns, reason, [])
    with_lines = dataset.table_with_lines
    placed = prepared_outcomes(with_lines, columns, reason, [name for name in PLACES if name in with_lines.columns])
    decoder = ColumnDecoder(reading, (*asked, REASON))
    table = replace(dataset, record_cells=None)  # each row is a record
    where = OutcomeSource(dataset, {"label": label, "prediction": prediction, "probability": probability}, columns)
    found = _dataset(table, raw, placed, decoder, metrics)
    return replace(found, errors=errors, cuts=cuts, group=group, group_column=plan.group_column, source=where)


def _cuts(plan: OutcomePlan, names: Sequence[str]) -> tuple[Cut, ...]:
    """The cuts that the plan requests; for a window, only those whose columns it has."""
    return tuple(cuts_of([cut for cut in plan.segments if not plan.labels or fits(cut, names)], names, plan.labels))


def _group(plan: OutcomePlan, names: Sequence[str]) -> str | None:
    """The scan's name for the column that names groups of rows. Raises BadConfiguration if it is absent."""
    if plan.group_column is None:
        return None
    if plan.group_column not in names:
        raise no_group_column(plan.group_column, names)
    return f"{VALUE}{names.index(plan.group_column)}"


EXPECTED = "prediction and expected error"  # name of the column that replaces the labels


def _with_errors(dataset: Dataset, errors: Errors, prediction: str) -> Dataset:
    """The data set with a column appended: each prediction plus its expected error.

    Raises BadInput that names absent columns from which the errors were learnt.
    """
    absent = [name for name in errors.names if name not in dataset.names]
    if absent:
        raise BadInput(
            f"{dataset.listing.path or 'the data'}: has no {', '.join(map(repr, absent[:NAMES_LISTED]))}, which the model of "
            "errors has learnt from; give the columns that were there then, or learn it anew"
        )
    table = dataset.table
    places = {name: f"c{dataset.names.index(name)}" for name in errors.names}
    of_prediction = f"c{_position(dataset, 'inference_attribute', prediction)}"
    called = f"c{len(dataset.names)}"
    schema = table.schema.append(pa.field(called, pa.float64()))
    rows = table.mapped(partial(_off, errors, places, of_prediction, schema), schema)
    return replace(dataset, rows=rows, names=(*dataset.names, EXPECTED))


def _off(
    errors: Errors, places: dict[str, str], of_prediction: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        predictions = double_of(without_nan(batch.column(of_prediction)))
        if batch.num_rows:
            off = errors({name: batch.column(place) for name, place in places.items()})
        else:
            off = np.zeros(0)
        yield pa.RecordBatch.from_arrays([*batch.columns, pc.add(predictions, pa.array(off))], schema=schema)


def reading_of(
    plan: OutcomePlan,
    label: str | None,
    prediction: str | None,
    probability: str | None,
    records: Reading = NO_RECORDS,
    *,
    with_label: bool = True,
) -> OutcomeReading:
    """What the plan requests, and its addresses. records: selects the records. with_label: whether they have labels.

    Raises BadConfiguration if the plan requests something without an address.
    """
    for wanted, address, option in (
        (plan.with_predictions, prediction, "inference_attribute"),
        (plan.with_scores, probability, "probability_attribute"),
    ):
        if wanted and address is None:
            raise BadConfiguration(f"{option} is missing; name the column, its index or the JSON path")
    return OutcomeReading(
        label,
        prediction if plan.with_predictions else None,
        probability if plan.with_scores else None,
        numeric=plan.is_regression,
        binary=plan.is_binary,
        positive_label=plan.positive_label,
        with_label=with_label,
        records=records,
    )


def read_line_outcomes(
    engine: Engine,
    source: Listing,
    decoder: LineDecoder | DocumentDecoder,
    *,
    metrics: Mapping[str, OutcomeMetric] | None = None,
    cut_by: OutcomePlan | None = None,
    as_service: bool = False,
    partition_bytes: int | None = None,
) -> OutcomeDataset:
    """The outcomes of merged records, or of JSON Lines. cut_by: a plan with segments or groups by features, which are
    read as well. as_service: one partition in file order. Starts no Spark job.

    Raises BadConfiguration if a column to cut by is absent.
    """
    lines = engine.lines(source.places, in_order=as_service)
    if isinstance(decoder, LineDecoder) and FILE_KEY in decoder.columns:
        decoder = replace(decoder, files=lines.files_by_key())
    placed = lines.partitions(*dict.fromkeys((*decoder.columns, *PLACES)))
    at_most = source.partitions_at_most(engine, partition_bytes, in_order=as_service)
    long_lines = long_lines_in(engine, source)
    dataset = Dataset(
        placed, (), source, refusable=True, partitions_at_most=at_most, record_cells=1, long_lines=long_lines
    )
    # without locations for the scan: Spark computes all of `_metadata` once it is named, even if it is not used
    raw = lines.partitions(*decoder.columns, LINE_KEY)
    features = decoder.reading.features
    found = _dataset(dataset, raw, placed, decoder, metrics)
    if cut_by is not None and features is not None:
        cuts = _cuts(cut_by, features.names)
        group = _group(cut_by, features.names)
        found = replace(found, cuts=cuts, group=group, group_column=cut_by.group_column)
    return replace(found, source=OutcomeSource(dataset))


def _dataset(
    dataset: Dataset, raw: Partitions, placed: Partitions, decoder: Decoder, metrics: Mapping[str, OutcomeMetric] | None
) -> OutcomeDataset:
    """raw: rows for the scan. placed: the same with their locations, if they have any, for the outcomes row by row."""
    places = [place for place in PLACE_FIELDS if place.name in placed.columns]
    task = partial(rows_of_blocks, decoder, tuple(place.name for place in places))
    known = {field.name: getattr(dataset, field.name) for field in fields(Dataset)}
    known |= {"rows": placed.mapped(task, pa.schema([*FIELDS, *places])), "refusable": True}
    known["names"] = (LABEL, PREDICTION, PROBABILITY)
    return OutcomeDataset(**known, raw=raw, placed=placed, decoder=decoder, metrics=tuple((metrics or {}).items()))


def _position(dataset: Dataset, option: str, address: str) -> int:
    if address in dataset.names:
        return dataset.names.index(address)
    index = index_of(address)
    if index is not None and index < len(dataset.names):
        return index
    listed = f"{', '.join(dataset.names[:20])}{' …' if len(dataset.names) > 20 else ''}"
    hint = did_you_mean(address, dataset.names, f"the columns are {listed}")
    raise BadConfiguration(f"{option} is {address!r}, which is no column of the data; {hint}")


def prepared_outcomes(
    table: Partitions, columns: Mapping[str, tuple[int, bool]], reason: str | None, places: Sequence[str]
) -> Partitions:
    """Columns in the form for executors: texts unchanged, numbers as doubles or texts, lists as lists; NaN is missing.

    columns: by new name, the position of each column, and whether numbers are wanted.
    """
    kept = [table.schema.field(name) for name in ([reason] if reason else []) + list(places)]
    account = [] if reason else [pa.field(REASON, pa.int32())]
    types = {name: _type_of(table.schema.field(f"c{place}").type, number) for name, (place, number) in columns.items()}
    schema = pa.schema([*types.items(), *account, *kept])
    return table.mapped(partial(_as_wanted, dict(columns), schema), schema)


def _type_of(data_type: pa.DataType, as_number: bool) -> pa.DataType:
    wanted = pa.float64() if as_number else pa.string()
    if pa.types.is_list(data_type):
        return pa.list_(wanted)
    if is_number(data_type):
        return wanted
    return pa.string()


def _as_wanted(
    columns: dict[str, tuple[int, bool]], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        found = [_cells(batch.column(f"c{place}"), as_number=as_number) for place, as_number in columns.values()]
        for name in schema.names[len(found) :]:
            known = name in batch.schema.names
            found.append(batch.column(name) if known else pa.array(np.zeros(batch.num_rows, np.int32)))
        yield pa.RecordBatch.from_arrays(found, schema=schema)


def _cells(values: pa.Array, *, as_number: bool) -> pa.Array:
    if pa.types.is_list(values.type):
        elements = (double_of if as_number else text_of)(values.values)
        return pa.ListArray.from_arrays(values.offsets, elements, mask=values.is_null() if values.null_count else None)
    present = without_nan(values)
    if as_number and is_number(values.type):
        return double_of(present)
    return text_of(present)
