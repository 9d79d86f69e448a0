"""Data sets of outcomes (labels with predictions) from tables, merged and captured records and JSON Lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import format_texts, is_number, parse_doubles, replace_nan
from spark_model_monitor.data.engine.engine_protocol import LINE_KEY, Batches, Engine, Partitions
from spark_model_monitor.data.profiling.outcome_scan import OutcomeMetric
from spark_model_monitor.data.profiling.scan_plan import CUT_NO_ROWS, NO_GROUPS, VALUE
from spark_model_monitor.data.profiling.segment_cuts import Cut, parse_cuts
from spark_model_monitor.data.reading.csv_lines import find_listed_long_lines
from spark_model_monitor.data.reading.data_reader import Data, read_data
from spark_model_monitor.data.reading.dataset import MAX_LISTED_NAMES, Dataset, require_group_column
from spark_model_monitor.data.reading.formats import ADDRESS_OPTIONS, DatasetFormat
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records import INDEX_NAMES
from spark_model_monitor.data.records.decoded_rows import add_reason_field
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.locations import FILE_KEY, LOCATION_COLUMNS, LOCATION_FIELDS
from spark_model_monitor.data.records.outcome_payloads import parse_index
from spark_model_monitor.data.records.outcome_records import (
    IDENTITY,
    LABEL,
    PREDICTION,
    PROBABILITY,
    ColumnDecoder,
    Decoder,
    LineDecoder,
    decode_blocks,
)
from spark_model_monitor.data.records.outcome_values import NO_RECORDS, FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadConfiguration, BadInput, suggest_names
from spark_model_monitor.statistics.states.outcome_builder import find_correct
from spark_model_monitor.statistics.states.outcome_plan import ClassKey, OutcomePlan, require_plan
from spark_model_monitor.statistics.states.segments import has_columns
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.monitors.predictors.error_model import ErrorModel

FIELDS = (
    pa.field("c0", pa.string()),
    pa.field("c1", pa.string()),
    pa.field("c2", pa.float64()),
    pa.field(REASON, pa.int32()),
    pa.field(CELLS, pa.int32()),
)
"""The columns of outcomes row by row: label, prediction and probability, then the columns for counting records."""

OPTIONS = {**ADDRESS_OPTIONS, IDENTITY: "id_attribute"}  # by outcome, the option that names its column
EXPECTED = "prediction and expected error"  # name of the column that stands in for the labels


@value_class
class OutcomeColumn:
    """A column of a table. as_number: whether its cells become numbers."""

    position: int
    as_number: bool = False

    @property
    def name(self) -> str:
        return f"c{self.position}"


@value_class
class OutcomeMark:
    """Assigns rows to bins: 2 for a right prediction, 3 for a wrong one; for numbers by the absolute error.

    columns: as in `OutcomeDataset`. schema: of the raw rows. cuts: bin edges.
    """

    decoder: Decoder
    plan: OutcomePlan
    columns: Mapping[str, OutcomeColumn]
    schema: pa.Schema
    cuts: tuple[float, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the raw rows that are needed."""
        # Lines are decoded here; columns of a table are converted to the decoder's types first
        if not self.columns:
            return self.decoder.columns
        return tuple(column.name for column in self.columns.values())

    @property
    def bins(self) -> int:
        """The number of bins; rows with outcomes are in bins 2 and above."""
        return 2 + max(2, len(self.cuts) + 1)

    def assign_bins(self, rows: pa.RecordBatch) -> NDArray[np.int16]:
        """The bin of each row; missing for refused rows."""
        block = rows
        if self.columns:
            [block] = _convert_columns(self.columns, self.schema, [rows])
        outcomes = self.decoder(block)
        accepted_outcomes = outcomes.where(outcomes.kept)
        if self.plan.is_regression:
            errors = np.abs(
                np.asarray(accepted_outcomes.labels, np.float64) - np.asarray(accepted_outcomes.predictions, np.float64)
            )
            bin_numbers = np.searchsorted(self.cuts, errors, side="left")
        else:
            is_correct = find_correct(
                accepted_outcomes.labels, accepted_outcomes.predictions, accepted_outcomes.scores, self.plan
            )
            bin_numbers = np.where(is_correct, 0, 1)
        bins = np.zeros(rows.num_rows, np.int16)
        bins[accepted_outcomes.sources] = bin_numbers + 2
        return bins


@dataclass(frozen=True)
class OutcomeDataset(Dataset):
    """A data set of outcomes. Its rows have one outcome each; a scan reads the outcomes from their source instead.

    source: the data set from which the outcomes are read, with all other columns.
    raw: the rows as read, with the column LINE_KEY if they come from lines.
    placed: the rows of `raw` with the records' locations.
    decoder: turns raw rows into outcomes, on executors.
    metrics: the user's own metrics, each with its name.
    errors: the model that estimates the labels; None if the data has labels.
    cuts: the cuts of the rows into segments.
    group: the scan's name for the column that names groups of rows.
    group_column: the same column's name in the data.
    addresses: the outcomes' columns in a table, in the form of the arguments of `outcomes`.
    columns: the same columns, and those of groups and cuts, by their names in `raw`; empty for lines, which are decoded directly.
    """

    source: Dataset = field(kw_only=True, repr=False)
    raw: Partitions = field(kw_only=True, repr=False)
    placed: Partitions = field(kw_only=True, repr=False)
    decoder: Decoder = field(kw_only=True, repr=False)
    metrics: tuple[tuple[str, OutcomeMetric], ...] = ()
    errors: ErrorModel | None = field(default=None, repr=False)
    cuts: tuple[Cut, ...] = ()
    group: str | None = None
    group_column: str | None = None
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    columns: Mapping[str, OutcomeColumn] = field(default_factory=dict)

    def require_labels_apart(self) -> None:
        """Raises BadConfiguration if the label is also read as the prediction or as its probability."""
        reading = self.decoder.reading
        # Captured records have their label in a part of its own
        if not reading.with_label or reading.records is not NO_RECORDS:
            return
        if reading.label in (reading.prediction, reading.probability):
            raise BadConfiguration(
                f"the label {reading.label!r} is also the prediction or its probability, so it would always be right; name "
                "another column"
            )

    def read_beside_features(self, merged: Dataset, plan: OutcomePlan) -> OutcomeDataset:
        """The outcomes of merged records, read as these are, in a table with the features. Starts no Spark job."""
        from spark_model_monitor.data.reading.captures import find_input_columns
        from spark_model_monitor.data.reading.labelled_records import read_labelled

        reading = self.decoder.reading
        # Another data set has a window of its own
        selection = reading.records.selection._replace(window=merged.listing.window)
        records = replace(reading.records, halves=INDEX_NAMES, selection=selection)
        names = find_input_columns(merged.engine, merged.listing, records)
        reading = replace(reading, records=records, features=FeatureReading(names=names))
        table = read_labelled(merged.engine, merged.listing, reading, names, threshold=plan.threshold)
        table = replace(table, rows=table.table_with_lines)
        # By position: a feature may have the name of an outcome
        return outcomes(table, plan, label=len(names), prediction=len(names) + 1)

    def restrict_to_classes(self, classes: frozenset[ClassKey]) -> OutcomeDataset:
        """The same data set, with records of other classes refused."""
        decoder = replace(self.decoder, reading=replace(self.decoder.reading, classes=classes))
        return replace(self, decoder=decoder, rows=_decode_rows(self.placed, decoder))


def outcomes(
    data: Data,
    plan: OutcomePlan,
    *,
    label: str | int | None = LABEL,
    prediction: str | int = PREDICTION,
    probability: str | int = PROBABILITY,
    metrics: Mapping[str, OutcomeMetric] | None = None,
    errors: ErrorModel | None = None,
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
    label, prediction, probability : str or int, label optional
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
    require_plan(plan)
    if label is not None:
        label = str(label)
    prediction = str(prediction)
    probability = str(probability)
    dataset = read_data(data, dataset_format, spark=spark, engine=engine)
    if errors is not None:
        dataset = _add_expected_labels(dataset, errors, prediction)
        label = EXPECTED
    # The columns that the plan needs
    reading = build_reading(plan, label, prediction, probability, with_label=label is not None)
    addresses = {LABEL: label, PREDICTION: reading.prediction, PROBABILITY: reading.probability, IDENTITY: identity}
    columns = {}
    for name, address in addresses.items():
        if address is not None:
            as_number = name != IDENTITY and (reading.numeric or name == PROBABILITY)
            columns[name] = OutcomeColumn(_find_position(dataset, OPTIONS[name], address), as_number)
    decoder = ColumnDecoder(reading, (*columns, REASON))
    # Columns that group or cut the rows are read as texts and get the scan's names
    cuts = _parse_cuts(plan, dataset.names)
    group = _find_group_column(plan, dataset.names)
    if group is not None:
        columns[group] = OutcomeColumn(int(group.removeprefix(VALUE)))
        if pa.types.is_nested(dataset.table.schema.field(columns[group].name).type):
            raise BadConfiguration(NO_GROUPS)
    for cut_column in chain.from_iterable(cut.columns for cut in cuts):
        column = OutcomeColumn(cut_column.position)
        cut_type = dataset.table.schema.field(column.name).type
        if pa.types.is_nested(cut_type) or pa.types.is_binary(cut_type):
            raise BadConfiguration(CUT_NO_ROWS.format(name=cut_column.name))
        columns[f"{VALUE}{cut_column.position}"] = column

    # The scan needs only the outcomes; the quarantine and reports also need locations
    raw = prepare_outcomes(dataset.table, columns, [])
    with_lines = dataset.table_with_lines
    locations = [name for name in LOCATION_COLUMNS if name in with_lines.columns]
    placed = prepare_outcomes(with_lines, columns, locations)
    return replace(
        _build_dataset(dataset, raw, placed, decoder, metrics),
        record_cells=None,  # each row is a record
        errors=errors,
        cuts=cuts,
        group=group,
        group_column=plan.group_column,
        addresses={"label": label, "prediction": prediction, "probability": probability},
        columns=columns,
    )


def _parse_cuts(plan: OutcomePlan, names: Sequence[str]) -> tuple[Cut, ...]:
    """The cuts that the plan requests. A window may lack columns: cuts by absent columns are left out."""
    return tuple(
        parse_cuts([cut for cut in plan.segments if not plan.labels or has_columns(cut, names)], names, plan.labels)
    )


def _find_group_column(plan: OutcomePlan, names: Sequence[str]) -> str | None:
    """The scan's name for the column that names groups of rows. Raises BadConfiguration if it is absent."""
    if plan.group_column is None:
        return None
    require_group_column(plan.group_column, names)
    return f"{VALUE}{names.index(plan.group_column)}"


def _add_expected_labels(dataset: Dataset, errors: ErrorModel, prediction: str) -> Dataset:
    """The data set with a column appended: each prediction plus its expected error.

    Raises BadInput that names absent columns from which the errors were learnt.
    """
    absent_names = [name for name in errors.names if name not in dataset.names]
    if absent_names:
        raise BadInput(
            f"{dataset.listing.path or 'the data'}: has no {', '.join(map(repr, absent_names[:MAX_LISTED_NAMES]))}, which the "
            "model of errors has learnt from; give the columns that were there then, or learn it anew"
        )
    table = dataset.table
    # The model of errors needs the columns that it was learnt from, by name
    columns_by_name = {name: f"c{dataset.names.index(name)}" for name in errors.names}
    prediction_column = f"c{_find_position(dataset, OPTIONS[PREDICTION], prediction)}"
    new_column = f"c{len(dataset.names)}"
    schema = table.schema.append(pa.field(new_column, pa.float64()))
    rows = table.map_batches(
        partial(_append_expected_labels, errors, columns_by_name, prediction_column, schema), schema
    )
    return replace(dataset, rows=rows, names=(*dataset.names, EXPECTED))


def _append_expected_labels(
    errors: ErrorModel,
    columns_by_name: dict[str, str],
    prediction_column: str,
    schema: pa.Schema,
    batches: Batches,
) -> Batches:
    for batch in batches:
        predictions = parse_doubles(replace_nan(batch.column(prediction_column)))
        if batch.num_rows:
            expected_errors = errors({name: batch.column(column) for name, column in columns_by_name.items()})
        else:
            expected_errors = np.zeros(0)
        yield pa.RecordBatch.from_arrays(
            [*batch.columns, pc.add(predictions, pa.array(expected_errors))], schema=schema
        )


def build_reading(
    plan: OutcomePlan,
    label: str | None,
    prediction: str | None,
    probability: str | None,
    records: Reading = NO_RECORDS,
    *,
    with_label: bool = True,
) -> OutcomeReading:
    """How to read the outcomes that the plan requests. records: selects the records. with_label: whether they have labels.

    Raises BadConfiguration if the plan requests something without an address.
    """
    # Each requested outcome needs an address
    for is_requested, address, name in (
        (plan.with_predictions, prediction, PREDICTION),
        (plan.with_scores, probability, PROBABILITY),
    ):
        if is_requested and address is None:
            raise BadConfiguration(f"{OPTIONS[name]} is missing; name the column, its index or the JSON path")
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
    decoder: LineDecoder,
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
    lines = engine.lines(source.paths_to_read, in_order=as_service)
    if FILE_KEY in decoder.columns:
        decoder = replace(decoder, files=lines.files_by_key())
    placed = lines.partitions(*dict.fromkeys((*decoder.columns, *LOCATION_COLUMNS)))
    dataset = Dataset(
        placed,
        (),
        source,
        refusable=True,
        max_partition_count=source.max_partition_count(engine, partition_bytes, in_order=as_service),
        record_cells=1,
        long_lines=find_listed_long_lines(engine, source),
    )
    # Without locations for the scan: Spark computes all of `_metadata` once it is named, even if it is not used
    raw = lines.partitions(*decoder.columns, LINE_KEY)
    dataset_of_outcomes = _build_dataset(dataset, raw, placed, decoder, metrics)
    features = decoder.reading.features
    if cut_by is None or features is None:
        return dataset_of_outcomes
    cuts = _parse_cuts(cut_by, features.names)
    group = _find_group_column(cut_by, features.names)
    return replace(dataset_of_outcomes, cuts=cuts, group=group, group_column=cut_by.group_column)


def _build_dataset(
    source: Dataset, raw: Partitions, placed: Partitions, decoder: Decoder, metrics: Mapping[str, OutcomeMetric] | None
) -> OutcomeDataset:
    """The outcomes of a data set. raw, placed: as in `OutcomeDataset`."""
    members = {field.name: getattr(source, field.name) for field in fields(Dataset)}
    members |= {"rows": _decode_rows(placed, decoder), "names": (LABEL, PREDICTION, PROBABILITY), "refusable": True}
    return OutcomeDataset(
        **members, source=source, raw=raw, placed=placed, decoder=decoder, metrics=tuple((metrics or {}).items())
    )


def _decode_rows(placed: Partitions, decoder: Decoder) -> Partitions:
    """The outcomes row by row, with their locations if there are any; a scan decodes the raw rows instead."""
    locations = [location for location in LOCATION_FIELDS if location.name in placed.columns]
    task = partial(decode_blocks, decoder, tuple(location.name for location in locations))
    return placed.map_batches(task, pa.schema([*FIELDS, *locations]))


def _find_position(dataset: Dataset, option: str, address: str) -> int:
    if address in dataset.names:
        return dataset.names.index(address)
    # A column by its 0-based index, or as `_c0`
    index = parse_index(address)
    if index is not None and index < len(dataset.names):
        return index
    hint = suggest_names(address, dataset.names, f"the columns are {list_names(dataset.names, MAX_LISTED_NAMES)}")
    raise BadConfiguration(f"{option} is {address!r}, which is no column of the data; {hint}")


def prepare_outcomes(table: Partitions, columns: Mapping[str, OutcomeColumn], locations: Sequence[str]) -> Partitions:
    """Columns in the form for executors: texts unchanged, numbers as doubles or texts, lists as lists; NaN is missing.

    columns: by new name.
    """
    types = [
        (name, _choose_type(table.schema.field(column.name).type, column.as_number)) for name, column in columns.items()
    ]
    # Refused rows keep their reason; rows without one get a column of zeros
    reason_field = add_reason_field(table.schema).field(REASON)
    schema = pa.schema([*types, reason_field, *map(table.schema.field, locations)])
    return table.map_batches(partial(_convert_columns, columns, schema), schema)


def _choose_type(data_type: pa.DataType, as_number: bool) -> pa.DataType:
    cell_type = pa.float64() if as_number else pa.string()
    if pa.types.is_list(data_type):
        return pa.list_(cell_type)
    if is_number(data_type):
        return cell_type
    return pa.string()


def _convert_columns(columns: Mapping[str, OutcomeColumn], schema: pa.Schema, batches: Batches) -> Batches:
    for batch in batches:
        cells = [_convert_cells(batch.column(column.name), as_number=column.as_number) for column in columns.values()]
        for name in schema.names[len(cells) :]:
            is_present = name in batch.schema.names
            cells.append(batch.column(name) if is_present else pa.array(np.zeros(batch.num_rows, np.int32)))
        yield pa.RecordBatch.from_arrays(cells, schema=schema)


def _convert_cells(values: pa.Array, *, as_number: bool) -> pa.Array:
    # The probabilities of all classes in one cell
    if pa.types.is_list(values.type):
        elements = (parse_doubles if as_number else format_texts)(values.values)
        return pa.ListArray.from_arrays(values.offsets, elements, mask=values.is_null() if values.null_count else None)
    present_values = replace_nan(values)
    if as_number and is_number(values.type):
        return parse_doubles(present_values)
    return format_texts(present_values)
