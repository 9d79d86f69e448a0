"""The rows behind a violation: the ids that the run stored, and the rows themselves if the data can still be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from spark_model_monitor.data.profiling.row_sample import read_rows_with_ids
from spark_model_monitor.data.reading.data_reader import read_again
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.history.state_files import read_archived_table
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_document, read_recorded_options
from spark_model_monitor.storage import get_current_session, join, read_if_exists

EXAMPLES = "examples.parquet"


def read_example_rows(run_path: str, feature: str, source: str | None = None) -> Iterator[str]:
    """One line for each row that a run stored as an example of a violated feature: the row's id and its file. With a source,
    also the row's cells; the cells of all features that the row is an example of stand between `>` and `<`.

    Raises BadInput if the run stored no row of the feature, or if the source has none of these rows; BadState if the run's file
    can't be read.
    """
    path = join(run_path, EXAMPLES)
    table = _read_examples(run_path, path)
    examples = table.to_pylist()
    # A row has an entry for each violated feature that it is an example of
    feature_examples = [example for example in examples if example["feature"] == feature]
    if not feature_examples:
        feature_names = ", ".join(sorted({example["feature"] for example in examples})) or "none"
        raise BadInput(f"{path}: has no row of {feature!r}; it has rows of: {feature_names}")
    # Ids alone need no access to the data, which may be gone or elsewhere
    if source is None:
        for example in feature_examples:
            texts = filter(None, (example["id"], example["file"]))
            yield "\t".join(map(printable, texts))
        return
    id_column = (table.schema.metadata or {}).get(b"id_column", b"").decode()
    row_ids = {example["id"] for example in feature_examples}
    names, rows = _read_source_rows(source, run_path, id_column, row_ids)
    if not rows:
        raise BadInput(f"{source}: has none of the {len(feature_examples)} rows; name the data that this run has read")
    # Every feature that each row is an example of
    features_by_id: dict[str, set[str]] = {}
    for example in examples:
        features_by_id.setdefault(example["id"], set()).add(example["feature"])
    for row_id, cells in rows:
        fields = []
        for name, cell in zip(names, cells, strict=True):
            text = "" if cell is None else cell
            fields.append(f"{name}=>{text}<" if name in features_by_id[row_id] else f"{name}={text}")
        yield f"{printable(row_id)}\t{printable(', '.join(fields))}"


def _read_examples(run_path: str, path: str) -> pa.Table:
    content = read_if_exists(path)
    if content is not None:
        return read_archived_table(content, path)
    # The error distinguishes a wrong path from a run that had no examples to store
    if read_current_run(run_path) is None:
        raise BadInput(f"{run_path}: no run was published here; name the output path of a monitoring job")
    raise BadInput(f"{path} is not there: nothing was violated, or the run was made without --keep-examples 20")


def _read_source_rows(
    source: str, run_path: str, id_column: str, row_ids: Collection[str]
) -> tuple[Sequence[str], list[tuple[str, tuple[str | None, ...]]]]:
    """The names of the columns, and the ids and cells of the rows with these ids."""
    # The source is read as the run has read it: with the same format, names of columns and ids
    run = read_current_run(run_path)
    constraints = read_document(run, Constraints) if run else None
    names = None
    if constraints is not None:
        names = tuple(feature.name for feature in constraints.features)
    # One pass over the data finds all rows by their ids
    with read_again(source, read_recorded_options(run), names, get_current_session()) as dataset:
        position = None
        if id_column and id_column not in dataset.names:
            raise BadInput(f"{source}: has no column {id_column!r}, which has the ids; name the data of this run")
        if id_column:
            position = dataset.names.index(id_column)
        return dataset.names, read_rows_with_ids(dataset, row_ids, position)
