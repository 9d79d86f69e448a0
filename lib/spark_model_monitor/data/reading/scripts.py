"""Runs a user's preprocessing script on executors, once per record. Doesn't import pyspark."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor import stopping
from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, Engine, Lines
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records import CSV, JSON
from spark_model_monitor.data.records.arrays import is_writable
from spark_model_monitor.data.records.decoded_rows import DecodedRecord
from spark_model_monitor.data.records.decoding import Reading, decode, open_record
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE, LOCATION_COLUMNS, LOCATION_FIELDS
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.data.records.script_records import InferenceRecord, has_known_types
from spark_model_monitor.errors import NO_DATA, SCRIPT_FAILED, BadConfiguration, BadInput, NoData, ScriptFailed
from spark_model_monitor.stopping import raise_if_stopped, refuse_exits
from spark_model_monitor.value_class import value_class

HANDLER = "preprocess_handler"

# Values of the column `outcome`; its other values are `Refusal`s
ACCEPTED_RECORD = 0
DROPPED = -1
REASONS_WITHOUT_ROW = {
    DROPPED: "dropped by the preprocessor script",
    ACCEPTED_RECORD: "an empty row of the preprocessor script",
}

OUTCOME_SCHEMA = pa.schema(
    [
        ("row", pa.map_(pa.string(), pa.string())),
        ("outcome", pa.int32()),
        ("part", pa.int32()),
        ("problem", pa.string()),
        *zip(LOCATION_COLUMNS, (pa.binary(), pa.string(), pa.int64()), strict=True),
    ]
)
"""The columns of `run_handler`'s output. part: 0 for the first row of a record, 1 for the second, …"""

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[str | InferenceRecord], object]  # a script's function, which may return anything

PROBLEMS = 3  # number of a script's failures that are reported, without values of the data
COUNT_FIELDS = (pa.field(REASON, pa.int32()), pa.field(CELLS, pa.int32()))

TALLY_SCHEMA = pa.schema(
    [
        (PARTITION, pa.int32()),
        ("records", pa.map_(pa.int32(), pa.int64())),
        ("names", pa.map_(pa.string(), pa.int64())),
        ("problems", pa.list_(pa.string())),
    ]
)


@value_class
class Script:
    """A user's script. name: the name of its file, for messages. source: its text."""

    name: str
    source: str


@value_class
class ScriptResult:
    """One row that a handler returned for a record.

    row: None if there is no row. outcome: a value of the column `outcome`. problem: why the handler failed, without any value.
    """

    row: Mapping[str, str | None] | None
    outcome: int
    problem: str | None = None


def load_handler(script: Script) -> Handler:
    """The script's `preprocess_handler`, called with the record and, if it takes a second argument, a logger.

    Raises any exception that the script raises while it is loaded, and ValueError if it has no handler.
    """
    stopping.start_watcher()
    # The script gets globals of its own, without names of this module
    namespace: dict[str, Any] = {"__name__": "preprocessor", "__file__": script.name}
    with refuse_exits():
        exec(compile(script.source, script.name, "exec"), namespace)
    handler = namespace.get(HANDLER)
    if not callable(handler):
        raise ValueError(f"there is no function {HANDLER}(inference_record) in it")
    if has_logger_parameter(handler):
        logger = logging.getLogger("spark_model_monitor.script")
        return lambda record: handler(record, logger)
    return handler  # type: ignore[no-any-return]


def has_logger_parameter(handler: Handler) -> bool:
    """Whether a handler's second positional parameter is called `logger`, or has no default (C8a)."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [*inspect.signature(handler).parameters.values()][1:2]
    return any(
        parameter.kind in kinds and (parameter.name == "logger" or parameter.default is parameter.empty)
        for parameter in parameters
    )


def run_on_bytes(handler: Handler, line: bytes, script: Script) -> list[ScriptResult]:
    """A handler's results for one line; a line that is not UTF-8 is refused."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return [ScriptResult(None, Refusal.NOT_UTF_8)]
    return run_on_record(handler, text, script)


def run_on_record(handler: Handler, record: str | InferenceRecord, script: Script) -> list[ScriptResult]:
    """A handler's results for one record; an exception is a result, too, reported by its type and line.

    Using the returned value also runs the script's code: converting it to text or to a boolean may raise. Nothing that
    a script raises ends a worker, not even `sys.exit()` or `os._exit()`. An exception that tells the process to end
    does not count as the script's, even if it was raised, or swallowed, within the script.
    """
    raise_if_stopped()
    try:
        with refuse_exits():
            return _check_answer(handler(record))
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        raise_if_stopped()
        return [_make_failure(describe_problem(fault, script))]


def _check_answer(answer: object) -> list[ScriptResult]:
    rows = []
    # A table (with `shape`) has no truth value; it counts as a row, which is rejected below
    if isinstance(answer, list):
        rows = answer
    elif hasattr(answer, "shape") or answer:
        rows = [answer]
    # No row: the script dropped the record
    if not rows:
        return [ScriptResult(None, DROPPED)]
    outcomes = []
    for row in rows:
        if not isinstance(row, Mapping):
            return [_make_failure(f"returned a {type(row).__name__} where a flat dict is wanted")]
        # Each value of a row becomes a cell, so it can't be a container
        nested_types = [
            type(value).__name__ for value in row.values() if isinstance(value, (Mapping, list, tuple, set))
        ]
        if nested_types:
            return [_make_failure(f"returned a dict that holds a {nested_types[0]}; a flat dict is wanted")]
        cells = {str(key): format_cell(value) for key, value in row.items()}
        if not all(is_writable(text) for cell in cells.items() for text in cell if text is not None):
            return [_make_failure("returned a text that is no UTF-8")]
        outcomes.append(ScriptResult(cells, ACCEPTED_RECORD))
    return outcomes


def _make_failure(problem: str) -> ScriptResult:
    return ScriptResult(None, Refusal.SCRIPT_ERROR, problem)


def describe_problem(fault: BaseException, script: Script) -> str:
    """Type and line of an exception within the script; its text is omitted, since it may contain a record's values."""
    # Name only the line of the script, since the exception's text may quote the record
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == script.name]
    if lines:
        location = f" (line {lines[-1]} of {script.name})"
    else:
        location = f" ({script.name})"
    return f"{type(fault).__name__}{location}"


def is_raised_by_script(fault: BaseException, script: Script) -> bool:
    """Whether the script itself raised the exception; False for an interrupt from outside."""
    frames = [frame.filename for frame in traceback.extract_tb(fault.__traceback__)]
    return next(name for name in reversed(frames) if name != stopping.__file__) == script.name


def format_cell(value: object) -> str | None:
    """A value of a returned dict as the text of a cell; None and NaN are missing."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def run_handler(script: Script, reading: Reading | None, batches: Batches) -> Batches:
    """The rows that a script makes from lines or from captured records.

    reading: how to read captured records; None for lines. batches: with the columns line, file and block start, by position.
    """
    handler = load_handler(script)
    for batch in batches:
        lines, files, starts = batch.columns
        # Lines are handled as bytes, since they may not be UTF-8
        lines = lines.view(pa.binary())
        outcomes = []
        for line, path in zip(lines.to_pylist(), files.to_pylist(), strict=True):
            if reading is None:
                outcomes.append(run_on_bytes(handler, line, script))
            else:
                outcomes.append(run_on_captured_line(handler, line, path, script, reading))
        yield build_batch([lines, files, starts], outcomes)


def build_batch(locations: Sequence[pa.Array], results_of_lines: Sequence[Sequence[ScriptResult]]) -> pa.RecordBatch:
    """One row for each result, with the line that it came from and the line's location."""
    # The index of the line that each result came from
    source = pa.array(
        [index for index, script_results in enumerate(results_of_lines) for _ in script_results], pa.int64()
    )
    script_results = list(chain.from_iterable(results_of_lines))
    rows = [None if script_result.row is None else list(script_result.row.items()) for script_result in script_results]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(rows, pa.map_(pa.string(), pa.string())),
            pa.array([int(script_result.outcome) for script_result in script_results], pa.int32()),
            pa.array([part for line_results in results_of_lines for part in range(len(line_results))], pa.int32()),
            pa.array([script_result.problem for script_result in script_results], pa.string()),
            *[column.take(source) for column in locations],
        ],
        schema=OUTCOME_SCHEMA,
    )


def run_on_captured_line(
    handler: Handler, line: bytes, path: str, script: Script, reading: Reading
) -> list[ScriptResult]:
    """A handler's results for one captured line. path: path of its file."""
    document = open_record(line, reading, path)
    if isinstance(document, Refusal):
        return [ScriptResult(None, document)]
    if not has_known_types(document):
        return [ScriptResult(None, Refusal.NOT_A_CAPTURE)]
    # If a script returns the record itself, the record is read as without a script
    record = InferenceRecord(document)
    answers: list[object] = []

    def handle(inference_record: str | InferenceRecord) -> object:
        answer = handler(inference_record)
        answers.append(answer)
        return [] if answer is inference_record else answer

    outcomes = run_on_record(handle, record, script)
    if answers and answers[0] is record:
        return _decode_unchanged(line, reading)
    return outcomes


def _decode_unchanged(line: bytes, reading: Reading) -> list[ScriptResult]:
    """The record read as without a script, for a script that returns the record itself."""
    decoded = DecodedRecord(Refusal.NO_PAYLOAD)
    # Try CSV, then JSON; the first encoding that the payloads have decides
    for encoding in (CSV, JSON):
        decoded = decode(line, replace(reading.drop_limits(), encoding=encoding))
        if decoded.reason is not Refusal.ANOTHER_ENCODING:
            break
    if decoded.reason is not None:
        return [ScriptResult(None, decoded.reason)]
    names = _choose_names(decoded, reading)
    return [ScriptResult(dict(zip(names, row, strict=True)), ACCEPTED_RECORD) for row in decoded.rows]


def _choose_names(decoded: DecodedRecord, reading: Reading) -> tuple[str, ...]:
    if len(reading.names) == decoded.width:
        return reading.names
    if len(decoded.keys) == decoded.width:
        return decoded.keys
    return tuple(f"_c{position:05d}" for position in range(decoded.width))


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
        load_handler(script)
    except (Exception, SystemExit) as fault:
        raise_if_stopped()
        if isinstance(fault, SystemExit) and not is_raised_by_script(fault, script):
            raise  # the exit was requested for the whole process, not by the script
        problem = describe_problem(fault, script)
        if isinstance(fault, ValueError) and not fault.__cause__:
            problem = str(fault)
        raise ScriptFailed(f"{SCRIPT_FAILED} {script.name} can't be loaded: {problem}") from fault
    return script


def process_lines(
    lines: Lines, listing: Listing, script: Script, *, first_error_fails: bool, reading: Reading | None = None
) -> Dataset:
    """The rows that a script makes from the lines: text columns, whose names are in lexicographic order (C3.3f).

    The same pass counts the rows (one Spark job). The data set holds the rows until it is left.
    reading: how to read captured records, with which the handler is then called; None: the handler is called with each line.
    Raises ScriptFailed if every record failed, or, with `first_error_fails`, any record; NoData if no row is left.
    """
    # The script runs only once; its rows are persisted for the scan
    line_partitions = lines.partitions(*LOCATION_COLUMNS)
    rows = line_partitions.map_batches(partial(run_handler, script, reading), OUTCOME_SCHEMA).persist()
    batches = rows.add_partition_number().map_batches(_count_outcomes, TALLY_SCHEMA).batches()
    tallies = sorted(chain.from_iterable(batch.to_pylist() for batch in batches), key=itemgetter(PARTITION))
    # Counts, names and problems of all partitions, in their order
    records = Counter[int]()
    rows_by_name = Counter[str]()
    problems_of_records: list[str] = []
    for tally in tallies:
        records.update(dict(tally["records"]))
        rows_by_name.update(dict(tally["names"]))
        problems_of_records += tally["problems"]
    num_failures = records[int(Refusal.SCRIPT_ERROR)]
    problems = "; ".join(problems_of_records[:PROBLEMS])
    # The run ends if every record failed or, as in the service, at the first failure; otherwise failures are counted
    if num_failures and (first_error_fails or not records[ACCEPTED_RECORD]):
        rows.release()
        raise ScriptFailed(f"{SCRIPT_FAILED} {num_failures:,} of {records.total():,} records failed: {problems}")
    if num_failures:
        log.warning(f"the preprocessor script failed on {num_failures:,} records: {problems}")
    # The columns are the names of all rows, sorted as in the service
    names = tuple(sorted(rows_by_name))
    if not names:
        rows.release()
        raise _make_no_rows_error(records)
    cells = [pa.field(f"c{position}", pa.string()) for position in range(len(names))]
    schema = pa.schema([*cells, *COUNT_FIELDS, *LOCATION_FIELDS])
    return Dataset(
        rows.map_batches(partial(_build_columns, names), schema),
        names,
        listing,
        refusable=True,
        dropped_by_script=records[DROPPED],
        persisted=rows,
        record_cells=len(names),
        counts_of_few={name: count for name, count in rows_by_name.items() if 2 * count < records[ACCEPTED_RECORD]},
    )


def _make_no_rows_error(records: Counter[int]) -> NoData:
    """The error for records that were all dropped by the script, or refused before it. records: their number by outcome."""
    texts = {int(refusal): refusal.text for refusal in Refusal} | REASONS_WITHOUT_ROW
    reasons = ", ".join(f"{texts[outcome]}: {count:,}" for outcome, count in sorted(records.items()))
    return NoData(f"{NO_DATA}: no row is left of {records.total():,} records ({reasons})")


def _count_outcomes(batches: Batches) -> Batches:
    """The outcomes of a partition's records, their keys, and the exceptions and locations of the first failures."""
    records = Counter[int]()
    names = Counter[str]()
    problems = list[str]()
    partition = 0
    for batch in batches:
        if batch.num_rows:
            partition = batch.column(PARTITION)[0].as_py()
        outcomes = batch.column("outcome")
        records.update(outcomes.filter(pc.equal(batch.column("part"), 0)).to_pylist())
        keys = batch.column("row").filter(pc.equal(outcomes, ACCEPTED_RECORD)).keys
        names.update(dict(zip(*map(pa.Array.to_pylist, pc.value_counts(keys).flatten()), strict=True)))
        # All failures are counted, but only a few are described
        if len(problems) < PROBLEMS:
            failed_rows = batch.filter(pc.equal(outcomes, int(Refusal.SCRIPT_ERROR)))
            problems += [f"{row[FILE]}: {row['problem']}" for row in failed_rows.select([FILE, "problem"]).to_pylist()]
    tally = {PARTITION: partition, "records": list(records.items()), "names": sorted(names.items())}
    yield pa.RecordBatch.from_pylist([{**tally, "problems": problems[:PROBLEMS]}], TALLY_SCHEMA)


def _build_columns(names: tuple[str, ...], batches: Batches) -> Batches:
    """The rows that the script didn't drop, with a column for each name."""
    for batch in batches:
        rows = batch.filter(pc.not_equal(batch.column("outcome"), DROPPED))
        row, outcomes, part = (rows.column(name) for name in ("row", "outcome", "part"))
        # The entries of all rows' maps, as one column of names and one of values
        offsets = row.offsets.to_numpy()
        keys, items = (column.slice(offsets[0], offsets[-1] - offsets[0]) for column in (row.keys, row.items))
        name_indices = np.asarray(pc.index_in(keys, pa.array(names, pa.string())))
        row_indices = np.repeat(np.arange(len(row)), np.diff(offsets))
        # Each column has the row's entry of this name, or null
        columns = []
        for position in range(len(names)):
            cell = np.full(len(row), -1)
            indices = np.flatnonzero(name_indices == position)
            cell[row_indices[indices]] = indices
            columns.append(items.take(pa.array(cell, mask=cell < 0)))
        # A record is counted by its first row
        is_first = pc.and_(pc.equal(part, 0), pc.equal(outcomes, ACCEPTED_RECORD))
        zero = pa.scalar(0, pa.int32())
        columns += [pc.max_element_wise(outcomes, zero)]
        columns += [pc.if_else(is_first, pa.scalar(len(names), pa.int32()), zero)]
        columns += [rows.column(LINE).view(pa.string()), rows.column(FILE), rows.column(BLOCK_START)]
        new_names = [*(f"c{position}" for position in range(len(names))), REASON, CELLS, *LOCATION_COLUMNS]
        yield pa.RecordBatch.from_arrays(columns, names=new_names)
