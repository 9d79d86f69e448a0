"""The rows behind a violation: the ids that the run stored, and the rows themselves if the data can still be read."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from spark_model_monitor.data.profiling.row_sample import read_rows_with_ids
from spark_model_monitor.data.reading.data import read_again
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.run_description import RunDescription
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.history.archive import read_archived_table
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import read_current_run, read_document
from spark_model_monitor.storage import join, opening_session, read_if_there

EXAMPLES = "examples.parquet"


def read_rows_behind(run_path: str, feature: str, source: str | None = None) -> Iterator[str]:
    """One line for each row that a run stored as an example of a violated feature: the row's id and its file. With a source,
    also the row's cells; the cells of all features that the row is an example of stand between `>` and `<`.

    Raises BadInput if the run stored no row of the feature, or if the source has none of these rows; BadState if the run's file
    can't be read.
    """
    path = join(run_path, EXAMPLES)
    content = read_if_there(path)
    # The error distinguishes a wrong path from a run that had no examples to store
    if content is None:
        if read_current_run(run_path) is None:
            raise BadInput(f"{run_path}: no run was published here; name the output path of a monitoring job")
        raise BadInput(f"{path} is not there: nothing was violated, or the run was made without --keep-examples 20")
    table = read_archived_table(content, path)
    # The rows of this feature, and every feature that each row is an example of
    example_rows = table.filter(pc.equal(table["feature"], feature)).to_pylist()
    if not example_rows:
        feature_names = ", ".join(sorted(set(table["feature"].to_pylist()))) or "none"
        raise BadInput(f"{path}: has no row of {feature!r}; it has rows of: {feature_names}")
    # Ids alone need no access to the data, which may be gone or elsewhere
    if source is None:
        yield from ("\t".join(map(printable, filter(None, (row["id"], row["file"])))) for row in example_rows)
        return
    # The source is read as the run has read it: with the same format, names of columns and ids
    examples: dict[str, set[str]] = {}
    for row in table.to_pylist():
        examples.setdefault(row["id"], set()).add(row["feature"])
    run = read_current_run(run_path)
    described, constraints = (read_document(run, kind) if run else None for kind in (RunDescription, Constraints))
    names = None
    if isinstance(constraints, Constraints):
        names = tuple(feature.name for feature in constraints.features)
    read_by = (described.read_by if isinstance(described, RunDescription) else None) or {}
    id_column = (table.schema.metadata or {}).get(b"id_column", b"").decode() or None
    # One pass over the data finds all rows by their ids
    with read_again(source, read_by, names, opening_session()) as dataset:
        if id_column is not None and id_column not in dataset.names:
            raise BadInput(f"{source}: has no column {id_column!r}, which has the ids; name the data of this run")
        position = None
        if id_column is not None:
            position = dataset.names.index(id_column)
        rows = read_rows_with_ids(dataset, {row["id"] for row in example_rows}, position)
        if not rows:
            raise BadInput(f"{source}: has none of the {len(example_rows)} rows; name the data that this run has read")
        for row_id, cells in rows:
            named_cells = zip(dataset.names, ("" if cell is None else cell for cell in cells), strict=True)
            marked = (
                f"{name}=>{cell}<" if name in examples[row_id] else f"{name}={cell}" for name, cell in named_cells
            )
            yield f"{printable(row_id)}\t{printable(', '.join(marked))}"
