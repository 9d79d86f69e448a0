"""Runs a user's preprocessing script on executors, once per record. No pyspark in here."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor import stopping
from spark_model_monitor.data.engine.protocol import PARTITION, Engine, Lines, Task
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.arrays import is_writable
from spark_model_monitor.data.records.captured_lines import InferenceRecord, has_known_types
from spark_model_monitor.data.records.decoded_rows import Decoded
from spark_model_monitor.data.records.decoding import CSV, JSON, Reading, decode, opened
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE, PLACE_FIELDS, PLACES
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.errors import NO_DATA, SCRIPT_FAILED, BadConfiguration, BadInput, NoData, ScriptFailed
from spark_model_monitor.stopping import exits_refused, require_going_on

HANDLER = "preprocess_handler"

# values of the column `outcome`; other values are `Refusal`s
KEPT = 0
DROPPED = -1

OUTCOME_SCHEMA = pa.schema(
    [
        ("row", pa.map_(pa.string(), pa.string())),
        ("outcome", pa.int32()),
        ("part", pa.int32()),
        ("problem", pa.string()),
        *zip(PLACES, (pa.binary(), pa.string(), pa.int64()), strict=True),
    ]
)
"""The columns of `run_handler`'s output. part: 0 for the first row of a record, 1 for the second, …"""


@dataclass(frozen=True, slots=True)
class Script:
    """A user's script. name: file name, for messages; source: the script's text."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """One row that a handler returned for a record, or None for no row. problem: why, without any value."""

    row: Mapping[str, str | None] | None
    kind: int
    problem: str | None = None


def handler_of(script: Script) -> Callable[[Any], Any]:
    """The script's `preprocess_handler`, called with the record and, if it takes a second argument, a logger.

    Raises whatever the script raises while it is loaded, and ValueError if it has no handler.
    """
    namespace: dict[str, Any] = {"__name__": "preprocessor", "__file__": script.name}
    with exits_refused():
        exec(compile(script.source, script.name, "exec"), namespace)
    handler = namespace.get(HANDLER)
    if not callable(handler):
        raise ValueError(f"there is no function {HANDLER}(inference_record) in it")
    if takes_logger(handler):
        logger = logging.getLogger("spark_model_monitor.script")
        return lambda record: handler(record, logger)
    return handler  # type: ignore[no-any-return]


def takes_logger(handler: Callable[..., Any]) -> bool:
    """Whether a handler has a second positional parameter without a default, for the logger (C8a)."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(handler).parameters.values()
    return sum(parameter.kind in kinds and parameter.default is parameter.empty for parameter in parameters) > 1


def outcomes_of_bytes(handler: Callable[[Any], Any], line: bytes, script: Script) -> list[ScriptResult]:
    """A handler's results for one line, or the refusal of a line that is not text."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return [ScriptResult(None, Refusal.NOT_UTF_8)]
    return outcomes_of(handler, text, script)


def outcomes_of(handler: Callable[[Any], Any], record: Any, script: Script) -> list[ScriptResult]:
    """A handler's results for one record; an exception is a result, too, reported by its type and line.

    Using the returned value also runs the script's code: converting it to text or to a boolean may raise. Nothing that
    a script raises ends a worker, not even `sys.exit()` or `os._exit()`. An exception that tells the process to end
    does not count as the script's, even if it was raised, or swallowed, within the script.
    """
    require_going_on()
    try:
        with exits_refused():
            return _results_of(handler(record))
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        require_going_on()
        return [_failed(problem_of(fault, script))]


def _results_of(answer: Any) -> list[ScriptResult]:
    # a table, empty or not, is not a row, and has no truth value
    if isinstance(answer, list):
        rows = answer
    elif hasattr(answer, "shape") or answer:
        rows = [answer]
    else:
        rows = []
    if not rows:
        return [ScriptResult(None, DROPPED)]
    outcomes = []
    for row in rows:
        if not isinstance(row, Mapping):
            return [_failed(f"returned a {type(row).__name__} where a flat dict is wanted")]
        nested = [type(value).__name__ for value in row.values() if isinstance(value, (Mapping, list, tuple, set))]
        if nested:
            return [_failed(f"returned a dict that holds a {nested[0]}; a flat dict is wanted")]
        cells = {str(key): cell_text(value) for key, value in row.items()}
        if not all(is_writable(text) for cell in cells.items() for text in cell if text is not None):
            return [_failed("returned a text that is no UTF-8")]
        outcomes.append(ScriptResult(cells, KEPT))
    return outcomes


def _failed(problem: str) -> ScriptResult:
    return ScriptResult(None, Refusal.SCRIPT_ERROR, problem)


def problem_of(fault: BaseException, script: Script) -> str:
    """Type and line of an exception within the script; its text is omitted, since it may contain a record's values."""
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == script.name]
    if lines:
        place = f" (line {lines[-1]} of {script.name})"
    else:
        place = f" ({script.name})"
    return f"{type(fault).__name__}{place}"


def is_of_script(fault: BaseException, script: Script) -> bool:
    """Whether the script itself raised the exception; False for an interrupt from outside."""
    frames = [frame.filename for frame in traceback.extract_tb(fault.__traceback__)]
    return next(name for name in reversed(frames) if name != stopping.__file__) == script.name


def cell_text(value: object) -> str | None:
    """A value of a returned dict as the text of a cell; None and NaN are missing."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def run_handler(script: Script, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows that a script makes from lines; batches have columns line (bytes), file, block start, by position."""
    handler = handler_of(script)
    for batch in batches:
        outcomes = [outcomes_of_bytes(handler, line, script) for line in batch.column(0).to_pylist()]
        yield batch_of(batch, outcomes)


def batch_of(batch: pa.RecordBatch, outcomes: Sequence[Sequence[ScriptResult]]) -> pa.RecordBatch:
    """The results for a batch's lines, one row each, with the lines they came from."""
    source = pa.array([index for index, rows in enumerate(outcomes) for _ in rows], pa.int64())
    flat = [outcome for rows in outcomes for outcome in rows]
    rows = [outcome.row and list(outcome.row.items()) for outcome in flat]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(rows, pa.map_(pa.string(), pa.string())),
            pa.array([int(outcome.kind) for outcome in flat], pa.int32()),
            pa.array([part for rows in outcomes for part in range(len(rows))], pa.int32()),
            pa.array([outcome.problem for outcome in flat], pa.string()),
            *[column.take(source) for column in batch.columns],
        ],
        names=["row", "outcome", "part", "problem", *batch.schema.names],
    )


def run_capture_handler(
    script: Script, reading: Reading, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The rows that a script makes from captured records; batches as in `run_handler`."""
    handler = handler_of(script)
    for batch in batches:
        lines, files, _ = batch.columns
        outcomes = [
            outcomes_of_line(handler, line, path, script, reading)
            for line, path in zip(lines.to_pylist(), files.to_pylist(), strict=True)
        ]
        yield batch_of(batch, outcomes)


def outcomes_of_line(
    handler: Callable[[Any], Any], line: bytes, path: str, script: Script, reading: Reading
) -> list[ScriptResult]:
    """A handler's results for one captured line. path: path of its file."""
    document = opened(line, reading, path)
    if isinstance(document, Refusal):
        return [ScriptResult(None, document)]
    if not has_known_types(document):
        return [ScriptResult(None, Refusal.NOT_A_CAPTURE)]
    record = InferenceRecord(document)
    returned: list[object] = []

    def handle(given: InferenceRecord) -> Any:
        answer = handler(given)
        returned.append(answer)
        return [] if answer is given else answer

    outcomes = outcomes_of(handle, record, script)
    if returned and returned[0] is record:
        return _as_they_are(line, reading)
    return outcomes


def _as_they_are(line: bytes, reading: Reading) -> list[ScriptResult]:
    """The record read as without a script, for a script that returns the record itself."""
    anything = replace(reading, window=None, sample=None, columns=None)
    found = Decoded(Refusal.NO_PAYLOAD)
    for encoding in (CSV, JSON):
        found = decode(line, replace(anything, encoding=encoding))
        if found.reason is not Refusal.ANOTHER_ENCODING:
            break
    if found.reason is not None:
        return [ScriptResult(None, found.reason)]
    names = _names(found, reading)
    return [ScriptResult(dict(zip(names, row, strict=True)), KEPT) for row in found.rows]


def _names(found: Decoded, reading: Reading) -> tuple[str, ...]:
    if len(reading.names) == found.cells:
        return reading.names
    if len(found.keys) == found.cells:
        keys = found.keys
    else:
        keys = ()
    return keys or tuple(f"_c{position:05d}" for position in range(found.cells))


log = logging.getLogger(__name__)

PROBLEMS = 3  # number of reported script failures, always without values

ACCOUNT = (pa.field(REASON, pa.int32()), pa.field(CELLS, pa.int32()))

TALLY_SCHEMA = pa.schema(
    [
        (PARTITION, pa.int32()),
        ("records", pa.map_(pa.int32(), pa.int64())),
        ("names", pa.list_(pa.string())),
        ("problems", pa.list_(pa.string())),
    ]
)


def read_script(path: str, engine: Engine) -> Script:
    """A preprocessing script; loads it as a test.

    Raises BadConfiguration if it can't be read, ScriptFailed if loading it raises or if it has no handler.
    """
    try:
        source = engine.storage(path).read(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"record_preprocessor_script: {fault}") from fault
    script = Script(path.rsplit("/", 1)[-1], source)
    try:
        handler_of(script)
    except (Exception, SystemExit) as fault:
        require_going_on()
        if isinstance(fault, SystemExit) and not is_of_script(fault, script):
            raise  # the host process is told to end
        if isinstance(fault, ValueError) and not fault.__cause__:
            problem = str(fault)
        else:
            problem = problem_of(fault, script)
        raise ScriptFailed(f"{SCRIPT_FAILED} {script.name} can't be loaded: {problem}") from fault
    return script


def processed(
    lines: Lines, listing: Listing, script: Script, *, first_error_fails: bool, runner: Task | None = None
) -> Dataset:
    """The rows that a script makes from the lines, counted in the same pass (one Spark job): text columns, whose names
    are in lexicographic order (C3.3f). The rows depend on resources that the data set releases at its end.

    runner: processes an executor's lines; by default, the handler is called with every line.
    Raises ScriptFailed if every record failed, or, with `first_error_fails`, any record; NoData if it dropped all.
    """
    raw = lines.partitions(*PLACES)
    rows = raw.mapped(partial(_of_bytes, runner or partial(run_handler, script)), OUTCOME_SCHEMA).kept()
    found = [row for batch in rows.numbered().mapped(_tally, TALLY_SCHEMA).batches() for row in batch.to_pylist()]
    found.sort(key=itemgetter(PARTITION))
    records = Counter[int]()
    for row in found:
        records.update(dict(row["records"]))
    failed = records[int(Refusal.SCRIPT_ERROR)]
    kept = records[KEPT]
    problems = "; ".join([problem for row in found for problem in row["problems"]][:PROBLEMS])
    if failed and (first_error_fails or not kept):
        rows.release()
        raise ScriptFailed(f"{SCRIPT_FAILED} {failed:,} of {records.total():,} records failed: {problems}")
    if failed:
        log.warning("the preprocessor script failed on %s records: %s", f"{failed:,}", problems)
    names = tuple(sorted({name for row in found for name in row["names"]}))
    if not names:
        rows.release()
        if runner is None:
            told = "dropped all {:,} records"
        else:
            told = "gave no row for any of {:,} records"
        raise NoData(f"{NO_DATA}: the preprocessor script {told.format(records.total())}")
    cells = [pa.field(f"c{position}", pa.string()) for position in range(len(names))]
    schema = pa.schema([*cells, *ACCOUNT, *PLACE_FIELDS])
    return Dataset(
        rows.mapped(partial(_cells, names), schema),
        names,
        listing,
        refusable=True,
        dropped_by_script=records[DROPPED],
        persisted=rows,
        record_cells=len(names),
    )


def _of_bytes(runner: Task, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The runner's results for lines as bytes, which may have any content."""
    for batch in batches:
        lines, *places = batch.columns
        yield from runner([pa.RecordBatch.from_arrays([lines.view(pa.binary()), *places], names=list(PLACES))])


def _tally(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The outcomes of a partition's records, their keys, and the exceptions and locations of the first failures."""
    records = Counter[int]()
    names = set[str]()
    problems = list[str]()
    partition = 0
    for batch in batches:
        if batch.num_rows:
            partition = batch.column(PARTITION)[0].as_py()
        outcomes = batch.column("outcome")
        records.update(outcomes.filter(pc.equal(batch.column("part"), 0)).to_pylist())
        names.update(batch.column("row").filter(pc.equal(outcomes, KEPT)).keys.unique().to_pylist())
        if len(problems) < PROBLEMS:
            failed = batch.filter(pc.equal(outcomes, int(Refusal.SCRIPT_ERROR)))
            problems += [f"{row[FILE]}: {row['problem']}" for row in failed.select([FILE, "problem"]).to_pylist()]
    tally = {PARTITION: partition, "records": list(records.items()), "names": sorted(names)}
    yield pa.RecordBatch.from_pylist([{**tally, "problems": problems[:PROBLEMS]}], TALLY_SCHEMA)


def _cells(names: tuple[str, ...], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows that the script kept, with a column for each name."""
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
