"""A user's preprocessing script on an executor: raw records in, rows of texts out. No pyspark in here.

The script's text travels with the task, so it needs to lie on the driver only. What a handler may return is C8d:
a flat dict is a row, a list of them several, `[]`, `{}` and None drop the record.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from model_monitor.records.line_bytes import is_writable
from model_monitor.records.places import PLACES
from model_monitor.records.refusals import Refusal

HANDLER = "preprocess_handler"

KEPT, DROPPED = 0, -1
"""What became of a record, in the column `outcome`; other numbers are those of `Refusal`."""

OUTCOME_SCHEMA = pa.schema(
    [
        ("row", pa.map_(pa.string(), pa.string())),
        ("outcome", pa.int32()),
        ("part", pa.int32()),
        ("problem", pa.string()),
        *zip(PLACES, (pa.binary(), pa.string(), pa.int64()), strict=True),
    ]
)
"""The columns that `run_handler` gives. part: 0 for the first row that a record gave, 1 for the second, …"""


@dataclass(frozen=True, slots=True)
class Script:
    """A user's script. name: its file's name, for messages; source: its text."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """One row that a handler gave for a record, or that it gave none (row None). problem: why, without any value."""

    row: Mapping[str, str | None] | None
    kind: int
    problem: str | None = None


def handler_of(script: Script) -> Callable[[Any], Any]:
    """The script's `preprocess_handler`, called with the record and, if it takes a second argument, a logger.

    Raises whatever the script raises while it is loaded, and ValueError if it has no handler.
    """
    namespace: dict[str, Any] = {"__name__": "preprocessor", "__file__": script.name}
    exec(compile(script.source, script.name, "exec"), namespace)
    handler = namespace.get(HANDLER)
    if not callable(handler):
        raise ValueError(f"there is no function {HANDLER}(inference_record) in it")
    if takes_logger(handler):
        logger = logging.getLogger("model_monitor.script")
        return lambda record: handler(record, logger)
    return handler  # type: ignore[no-any-return]


def takes_logger(handler: Callable[..., Any]) -> bool:
    """Whether a handler has a second positional parameter without a default: then the logger is passed (C8a)."""
    positional = [
        parameter
        for parameter in inspect.signature(handler).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    return len(positional) > 1


def outcomes_of_bytes(handler: Callable[[Any], Any], line: bytes, script: Script) -> list[ScriptResult]:
    """What a handler makes of one line, or that the line is no text at all."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return [ScriptResult(None, Refusal.NOT_UTF_8)]
    return outcomes_of(handler, text, script)


def outcomes_of(handler: Callable[[Any], Any], record: Any, script: Script) -> list[ScriptResult]:
    """What a handler makes of one record; an exception is an outcome, too, and told by its type and its place.

    Its answer runs the script's code as well: an object that is written, or asked whether it is true, may raise. What a
    script raises ends no worker, not even `sys.exit()`.
    """
    try:
        return _results_of(handler(record))
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        return [_failed(problem_of(fault, script))]


def _results_of(answer: Any) -> list[ScriptResult]:
    # a table, empty or not, is no row; whether one is true nobody can tell
    rows = answer if isinstance(answer, list) else [answer] if hasattr(answer, "shape") or answer else []
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
    """Type and line of an exception within the script; its text may hold a record's values and is left out."""
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == script.name]
    place = f" (line {lines[-1]} of {script.name})" if lines else f" ({script.name})"
    return f"{type(fault).__name__}{place}"


def is_of_script(fault: BaseException, script: Script) -> bool:
    """Whether it is the script itself that raised, and not somebody who interrupted it."""
    return traceback.extract_tb(fault.__traceback__)[-1].filename == script.name


def cell_text(value: object) -> str | None:
    """A value of a returned dict as the text of a cell; None and NaN are missing."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def run_handler(script: Script, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows that a script makes of lines; batches have the columns line (bytes), file and block start, by position."""
    handler = handler_of(script)
    for batch in batches:
        outcomes = [outcomes_of_bytes(handler, line, script) for line in batch.column(0).to_pylist()]
        yield batch_of(batch, outcomes)


def batch_of(batch: pa.RecordBatch, outcomes: Sequence[Sequence[ScriptResult]]) -> pa.RecordBatch:
    """The outcomes of a batch's lines, one row each, beside the lines they came from."""
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
