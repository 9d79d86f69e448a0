"""The rows behind a violation: their ids as the run kept them, and the rows themselves if the data is readable."""

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
    """One line for each row that a run kept of a violated feature: its id and its file; with a source its cells, with
    those of features that it is an example of between `>` and `<`.

    Raises BadInput if the run kept no such row, or the source has none of them; BadState if the file can't be read.
    """
    path = join(run_path, EXAMPLES)
    content = read_if_there(path)
    # Tell a wrong path from a run that had nothing to keep
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
    # Read as the run has read it: its format, its names of columns, its ids
    bad: dict[str, set[str]] = {}
    for row in table.to_pylist():
        bad.setdefault(row["id"], set()).add(row["feature"])
    run = read_current_run(run_path)
    described, constraints = (read_document(run, kind) if run else None for kind in (RunDescription, Constraints))
    names = None
    if isinstance(constraints, Constraints):
        names = tuple(feature.name for feature in constraints.features)
    read_by = (described.read_by if isinstance(described, RunDescription) else None) or {}
    id_column = (table.schema.metadata or {}).get(b"id_column", b"").decode() or None
    # Rows are found by their ids, in one pass over the data
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
            shown = zip(dataset.names, ("" if cell is None else cell for cell in cells), strict=True)
            marked = (f"{name}=>{cell}<" if name in bad[row_id] else f"{name}={cell}" for name, cell in shown)
            yield f"{printable(row_id)}\t{printable(', '.join(marked))}"
