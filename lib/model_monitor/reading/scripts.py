"""Lines through a user's preprocessing script: the script runs once for each record, on the executors.

The names of the features are known only when every record has been through the script, so its rows are kept (memory, then
disk) between finding the names and the scan.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.engine import Session, engine_of
from model_monitor.engine.protocol import PARTITION, Lines, Partitions, Task
from model_monitor.errors import BadConfiguration, BadInput, ScriptFailed
from model_monitor.reading.decoded_lines import PLACE_FIELDS
from model_monitor.reading.handlers import (
    DROPPED,
    KEPT,
    OUTCOME_SCHEMA,
    Script,
    handler_of,
    is_of_script,
    problem_of,
    run_handler,
)
from model_monitor.records.places import BLOCK_START, FILE, LINE, PLACES
from model_monitor.records.refusals import CELLS, REASON, Refusal

log = logging.getLogger(__name__)

PROBLEMS = 3
"""So many places where a script failed are named, never with values."""

ACCOUNT = (pa.field(REASON, pa.int32()), pa.field(CELLS, pa.int32()))

TALLY_SCHEMA = pa.schema(
    [
        (PARTITION, pa.int32()),
        ("records", pa.map_(pa.int32(), pa.int64())),
        ("names", pa.list_(pa.string())),
        ("problems", pa.list_(pa.string())),
    ]
)

SCRIPT_FAILED = "Exception while invoking preprocessor script."
"""The service's text (C1.6); what went wrong is added to it."""


def read_script(path: str, session: Session) -> Script:
    """A preprocessing script, tried out as far as loading it goes.

    Raises BadConfiguration if it can't be read, ScriptFailed if loading it raises or if it has no handler.
    """
    try:
        source = engine_of(session).storage(path).read(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"record_preprocessor_script: {fault}") from fault
    script = Script(path.rsplit("/", 1)[-1], source)
    try:
        handler_of(script)
    except (Exception, SystemExit) as fault:
        if isinstance(fault, SystemExit) and not is_of_script(fault, script):
            raise  # the job itself is told to end
        problem = str(fault) if isinstance(fault, ValueError) and not fault.__cause__ else problem_of(fault, script)
        raise ScriptFailed(f"{SCRIPT_FAILED} {script.name} can't be loaded: {problem}") from fault
    return script


@dataclass(frozen=True, slots=True)
class Processed:
    """What a script made of the lines: text columns c0, c1, … with the account and the places of their records, the features'
    names, and how many records it was given, and dropped. The rows stand on `persisted`, which the caller gives back."""

    rows: Partitions
    persisted: Partitions
    names: tuple[str, ...]
    records: int
    dropped: int


def processed(lines: Lines, script: Script, *, first_error_fails: bool, runner: Task | None = None) -> Processed:
    """Run the script over the lines, which are counted in the same pass (on Spark one job).

    runner: what an executor does with its lines; without one the handler gets every line as it is.
    Names are in lexicographic order (C3.3f).
    Raises ScriptFailed if every record failed, or the first one with `first_error_fails`.
    """
    raw = lines.partitions(*PLACES)
    rows = raw.mapped(partial(_of_bytes, runner or partial(run_handler, script)), OUTCOME_SCHEMA).kept()
    found = [row for batch in rows.numbered().mapped(_tally, TALLY_SCHEMA).batches() for row in batch.to_pylist()]
    found.sort(key=itemgetter(PARTITION))
    records = Counter[int]()
    for row in found:
        records.update(dict(row["records"]))
    failed, kept = records[int(Refusal.SCRIPT_ERROR)], records[KEPT]
    problems = "; ".join([problem for row in found for problem in row["problems"]][:PROBLEMS])
    if failed and (first_error_fails or not kept):
        rows.release()
        raise ScriptFailed(f"{SCRIPT_FAILED} {failed:,} of {records.total():,} records failed: {problems}")
    if failed:
        log.warning("the preprocessor script failed on %s records: %s", f"{failed:,}", problems)
    names = tuple(sorted({name for row in found for name in row["names"]}))
    cells = [pa.field(f"c{position}", pa.string()) for position in range(len(names))]
    schema = pa.schema([*cells, *ACCOUNT, *PLACE_FIELDS])
    return Processed(rows.mapped(partial(_cells, names), schema), rows, names, records.total(), records[DROPPED])


def _of_bytes(runner: Task, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What the runner makes of lines that are bytes, whatever they hold."""
    for batch in batches:
        lines, *places = batch.columns
        yield from runner([pa.RecordBatch.from_arrays([lines.view(pa.binary()), *places], names=list(PLACES))])


def _tally(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What became of a partition's records, the keys that they have, and where the first ones failed with what exception."""
    records, names, problems, partition = Counter[int](), set[str](), list[str](), 0
    for batch in batches:
        partition = batch.column(PARTITION)[0].as_py() if batch.num_rows else partition
        outcomes = batch.column("outcome")
        records.update(outcomes.filter(pc.equal(batch.column("part"), 0)).to_pylist())
        names.update(batch.column("row").filter(pc.equal(outcomes, KEPT)).keys.unique().to_pylist())
        if len(problems) < PROBLEMS:
            failed = batch.filter(pc.equal(outcomes, int(Refusal.SCRIPT_ERROR)))
            problems += [f"{row[FILE]}: {row['problem']}" for row in failed.select([FILE, "problem"]).to_pylist()]
    tally = {PARTITION: partition, "records": list(records.items()), "names": sorted(names)}
    yield pa.RecordBatch.from_pylist([{**tally, "problems": problems[:PROBLEMS]}], TALLY_SCHEMA)


def _cells(names: tuple[str, ...], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows that the script did not drop, with a column for each name."""
    for batch in batches:
        kept = batch.filter(pc.not_equal(batch.column("outcome"), DROPPED))
        row, outcomes, part = (kept.column(name) for name in ("row", "outcome", "part"))
        offsets = row.offsets.to_numpy()
        keys, items = (of.slice(offsets[0], offsets[-1] - offsets[0]) for of in (row.keys, row.items))
        place = pc.index_in(keys, pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
        of_row = np.repeat(np.arange(len(row)), np.diff(offsets))
        columns = []
        for position in range(len(names)):
            cell = np.full(len(row), -1)
            found = np.flatnonzero(place == position)
            cell[of_row[found]] = found
            columns.append(items.take(pa.array(cell, mask=cell < 0)))
        is_first = pc.and_(pc.equal(part, 0), pc.equal(outcomes, KEPT))
        columns += [pc.max_element_wise(outcomes, pa.scalar(0, pa.int32()))]
        columns += [pc.if_else(is_first, pa.scalar(len(names), pa.int32()), pa.scalar(0, pa.int32()))]
        columns += [kept.column(LINE).view(pa.string()), kept.column(FILE), kept.column(BLOCK_START)]
        called = [*(f"c{position}" for position in range(len(names))), REASON, CELLS, *PLACES]
        yield pa.RecordBatch.from_arrays(columns, names=called)
