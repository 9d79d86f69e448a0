"""Facet and prediction columns from data sets of their own, joined with the data set that they describe.

Rows are matched by the column that `joinsource_name_or_index` names, otherwise by position. The join is done in the
driver's memory.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import replace_nan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.frames import read_arrow
from spark_model_monitor.data.records.locations import BLOCK_START, FILE
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.documents.analysis_config import AnalysisConfig, NamedColumns
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.bias.bias_measures import SECOND_DATA_SET_MEMBERS


def join_data_sets(
    dataset: Dataset, facets: Dataset | None, predictions: Dataset | None, config: AnalysisConfig
) -> Dataset:
    """The data set with the columns of `facets` appended, and then the predicted label from `predictions`.

    With a join source, a row is left out if the facets or the predictions have no row for it. Predictions that are scores
    become labels if the configuration has a `probability_threshold`.
    Raises BadInput if a line can't be read, a join value is repeated, or the numbers of rows differ without a join
    source; BadConfiguration if a column doesn't exist, or there is no join source for data sets of several files.
    Source: B1.2.
    """
    source = config.joinsource_name_or_index
    key = None
    if source is not None:
        key = _find_column(dataset, "joinsource_name_or_index", source)
    rows = _read_rows(dataset, "the data set")
    for member, second_data_set in zip(SECOND_DATA_SET_MEMBERS, (facets, predictions), strict=True):
        if second_data_set is None:
            continue
        second_rows = _read_rows(second_data_set, member)
        if key is None or source is None:
            # Rows are paired by position, but rows of several files have no common order
            if max(len(dataset.files), len(second_data_set.files)) > 1:
                raise BadConfiguration(
                    f"{member}: a data set of several files has no order of rows; name the column that rows are joined by as "
                    "joinsource_name_or_index"
                )
            if second_rows.num_rows != rows.num_rows:
                raise BadInput(
                    f"{member} has {second_rows.num_rows:,} rows and the data set {rows.num_rows:,}, which belong together by "
                    "their place; write a row for each, or name the column that rows are joined by as joinsource_name_or_index"
                )
        else:
            join_source = key if key in second_data_set.names else source
            join_column = _find_column(second_data_set, f"{member}: joinsource_name_or_index", join_source)
            # A missing value has no partner, and may be there twice
            second_rows = second_rows.filter(second_rows[join_column].is_valid())
            if len(pc.unique(second_rows[join_column])) < second_rows.num_rows:
                raise BadInput(f"{member}: column {join_column!r}, which rows are joined by, has a value twice")
            # For each row the position of its partner; null for rows without one, which are left out
            row_indexes = pc.index_in(rows[key], second_rows[join_column])
            rows = rows.filter(row_indexes.is_valid())
            second_rows = second_rows.take(row_indexes.drop_null()).drop_columns([join_column])
        if second_data_set is predictions:
            second_rows = _read_predicted_labels(second_data_set, second_rows, config)
        for name in second_rows.column_names:
            rows = rows.append_column(name, second_rows[name])
    return replace(read_arrow(dataset.engine, rows), listing=dataset.listing)


def _find_column(dataset: Dataset, member: str, name_or_index: str | int) -> str:
    columns = NamedColumns(dataset.names, AnalysisConfig.FILE_NAME)
    name = columns.named(member, name_or_index)
    columns.require_all_found()
    return name


def _read_rows(dataset: Dataset, data_set_name: str) -> pa.Table:
    """The rows in the order of their files, without header lines."""
    rows = pa.Table.from_batches(dataset.table.batches(), dataset.table.schema)
    if dataset.refusable:
        rows = rows.take(pc.sort_indices(rows, [(FILE, "ascending"), (BLOCK_START, "ascending")]))  # a stable order
        for refusal in (Refusal.REPEATED_HEADER, Refusal.SEPARATOR_LINE):
            rows = rows.filter(pc.not_equal(rows[REASON], int(refusal)))
        # A row that is left out would shift all rows below it by one
        if unreadable_count := pc.sum(pc.not_equal(rows[REASON], 0)).as_py():
            raise BadInput(
                f"{data_set_name}: {unreadable_count:,} of its lines can't be read, and joined rows need all of them; correct or "
                "drop these"
            )
    return rows.select(range(len(dataset.names))).rename_columns(list(dataset.names))


def _read_predicted_labels(dataset: Dataset, rows: pa.Table, config: AnalysisConfig) -> pa.Table:
    """The column of predicted labels: the configured column, or the only one. Scores become labels by the threshold."""
    default_column = 0 if len(dataset.names) == 1 else "predicted_label"
    name_or_index = default_column if config.predicted_label is None else config.predicted_label
    name = _find_column(dataset, "predicted_label", name_or_index)
    labels = rows[name]
    if config.probability_threshold is not None:
        try:
            scores = replace_nan(pc.cast(labels, pa.float64()))
        except pa.ArrowInvalid:  # texts that aren't numbers are labels already
            return rows.select([name])
        # Whole numbers are labels already; only fractions are scores
        if pc.any(pc.not_equal(scores, pc.round(scores))).as_py():
            labels = pc.cast(pc.cast(pc.greater(scores, config.probability_threshold), pa.int8()), pa.string())
    return pa.table({name: labels})
