"""Finds out from the first captured records which columns are inputs, which are answers, and which arrays become columns.
Driver only.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.file_heads import FORMAT_SAMPLE_FILES, FORMAT_SAMPLE_RECORDS, read_first_lines
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records import CSV, INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.captured_payloads import Path, number_elements, open_members
from spark_model_monitor.data.records.decoded_rows import have_names
from spark_model_monitor.data.records.decoding import Reading, RowLayout, list_cells, read_rows
from spark_model_monitor.data.records.json_lines import JsonObject, JsonValue
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.formats import BaselineValues

log = logging.getLogger(__name__)

SampledRows: TypeAlias = Sequence[Mapping[str, Sequence[JsonObject]]]
"""The rows of each of the first records, by the record's half (input or output)."""

SAMPLED_RECORDS = FORMAT_SAMPLE_FILES * FORMAT_SAMPLE_RECORDS
MAX_POSITIONS = 64  # the most elements of an array that become columns; a longer array stays one text
MIN_RECORD_SHARE = 0.1
"""The minimum share of the first records that have a column. A rarer key is taken for a value, such as an address."""

MIN_MISFIT_DIFFERENCE = 0.6  # between two sums of misfits: about one more column that doesn't fit
MAX_FITTING_MISFIT = 0.2  # the largest `BaselineValues.measure_misfit` (0 to 1) of a column that still fits

PREDICTION = "prediction"
ANSWER = "answer"
POSITION = re.compile(r"\.\d+(?=\.|$)")


def sample_lines(engine: Engine, source: Listing) -> list[tuple[bytes, str]]:
    """The first lines of the first files, each with the path of its file."""
    files = source.files[:FORMAT_SAMPLE_FILES]
    return [
        (line, file.path)
        for file in files
        for line in islice(read_first_lines(engine, file), SAMPLED_RECORDS // len(files))
    ]


def sample_rows(first_lines: Sequence[tuple[bytes, str]], reading: Reading) -> SampledRows:
    """The rows of the records in these lines: those in the window, or all of them if none is in the window."""
    samples: list[dict[str, list[JsonObject]]] = []
    for window in (reading.selection.window, None):
        selection = reading.selection._replace(window=window, sample=None)
        window_reading = replace(reading, selection=selection)
        if not samples:
            rows_of_lines = [read_rows(line, window_reading, path) for line, path in first_lines]
            samples = [rows_by_half for rows_by_half in rows_of_lines if rows_by_half]
    return samples


def find_row_layout(samples: SampledRows, names: Collection[str]) -> RowLayout:
    """Where records of no known protocol have their rows. names: the baseline's own columns."""
    row_paths = {INPUT: _find_request_arrays(samples, names)}
    row_paths |= dict.fromkeys(OUTPUT_INDEXES, _find_answer_arrays(samples, row_paths[INPUT]))
    return RowLayout(row_paths, _are_numbered(samples, names))


def _find_request_arrays(samples: SampledRows, names: Collection[str]) -> tuple[Path, ...]:
    """The path of the one array in requests that holds rows of the baseline's columns, or is such a row; else empty."""
    first_rows = [rows_by_half[INPUT][0] for rows_by_half in samples if rows_by_half.get(INPUT)]
    # The surest evidence first: rows with the baseline's names, then rows of its width, then a single row
    for holds_rows in (_has_named_rows, _has_nameless_rows, _is_row):
        counts = Counter[Path]()
        for row in first_rows:
            # If the request itself has the baseline's columns, its arrays are features, not rows
            if not _has_columns(_list_member_names(row), names):
                arrays = dict(_iterate_arrays(row))
                counts.update(path for path, values in arrays.items() if holds_rows(values, names))
        paths = [path for path, count in counts.items() if 2 * count >= len(first_rows)]
        if len(paths) == 1 and not any(name.startswith(".".join((*paths[0], ""))) for name in names):
            return (paths[0],)
    return ()


def _has_named_rows(values: list[JsonValue], names: Collection[str]) -> bool:
    return any(isinstance(value, JsonObject) and _has_columns(_list_member_names(value), names) for value in values)


def _has_nameless_rows(values: list[JsonValue], names: Collection[str]) -> bool:
    return all(type(value) is list and _is_row(value, names) for value in values)


def _is_row(values: list[JsonValue], names: Collection[str]) -> bool:
    """Whether an array may be a row of the baseline's columns, with or without the label."""
    has_width = len(names) - 1 <= len(values) <= len(names)
    return has_width and not any(isinstance(value, list) for value in values)


def _has_columns(members: Collection[str], names: Collection[str]) -> bool:
    """Whether at least half of the baseline's columns are among the members."""
    return 2 * len({*names}.intersection(members)) >= len(names) > 0


def _list_member_names(value: JsonValue) -> list[str]:
    """The names of an object's members and of the members of objects within it."""
    if not isinstance(value, JsonObject):
        return []
    return [name for key, inner in value for name in (key, *_list_member_names(inner))]


def _iterate_arrays(row: JsonObject, outer: Path = ()) -> Iterator[tuple[Path, list[JsonValue]]]:
    """The non-empty arrays of an object and of the objects within it, each with its path."""
    for name, value in row:
        if isinstance(value, JsonObject):
            yield from _iterate_arrays(value, (*outer, name))
        elif type(value) is list and value and name:
            yield (*outer, name), value


def _find_answer_arrays(samples: SampledRows, request_paths: Sequence[Path]) -> tuple[Path, ...]:
    """The paths of the arrays in answers that always have one element for each row of the request."""
    common_paths: dict[Path, None] | None = None
    sizes = set()
    for rows_by_half in samples:
        rows = [inner for row in rows_by_half.get(INPUT, ()) for inner in open_members(row, request_paths)]
        answers = [row for half in OUTPUT_INDEXES for row in rows_by_half.get(half, ())]
        # The answers of known protocols are rows already, so they need no array
        if not rows or len(answers) != 1:
            return ()
        sizes.add(len(rows))
        paths = {path: None for path, values in _iterate_arrays(answers[0]) if len(values) == len(rows)}
        common_paths = {path: None for path in common_paths or paths if path in paths}
    # If every request has a single row, an array of one element may be a feature
    if common_paths is None or (sizes == {1} and not request_paths):
        return ()
    return tuple(common_paths)


def _are_numbered(samples: SampledRows, names: Collection[str]) -> bool:
    """Whether the rows of requests and answers begin with their row number, as Snowflake's functions require."""
    widths: set[int] = set()
    for rows_by_half in samples:
        for rows in rows_by_half.values():
            for index, row in enumerate(rows):
                if len(row) < 2 or row[0] != ("", index):
                    return False
        widths.update(len(row) for row in rows_by_half.get(INPUT, ()))
        if len(rows_by_half) < 2:
            return False
    # A row of two cells is a number and one object, which has its own names
    return bool(widths) and widths <= {2, len(names), len(names) + 1}


def find_flattened_arrays(samples: SampledRows, names: Collection[str]) -> frozenset[str]:
    """The paths of the arrays within rows whose elements become columns.

    These are the arrays whose elements are columns of the baseline (`outer.0`), and arrays that the baseline lacks if they
    are short and have the same length in all first records; a list of words varies in length.
    """
    in_baseline = {name[: position.start()] for name in names for position in POSITION.finditer(name)}
    lengths: dict[str, set[int]] = {}
    for path, value in _iterate_nested(samples):
        if not isinstance(value, JsonObject):
            lengths.setdefault(path, set()).add(len(value))
    long_paths = [path for path, sizes in lengths.items() if len(sizes) > 1 or max(sizes) > MAX_POSITIONS]
    # An array within an array that stays a text is a part of that text
    sampled_paths = {
        path
        for path in lengths
        if not any(path == long_path or path.startswith(f"{long_path}.") for long_path in long_paths)
    }
    return frozenset(in_baseline | sampled_paths.difference(names))


def find_nested_texts(samples: SampledRows, names: Collection[str]) -> list[str]:
    """The paths of the objects and arrays that are texts in the baseline."""
    return [*dict.fromkeys(path for path, _ in _iterate_nested(samples) if path in names)]


def _iterate_nested(samples: SampledRows) -> Iterator[tuple[str, JsonObject | list[JsonValue]]]:
    """Every object and array within the rows, each with its path."""
    for rows_by_half in samples:
        for rows in rows_by_half.values():
            for row in rows:
                yield from _iterate_members(row)


def _iterate_members(members: JsonObject, outer: str = "") -> Iterator[tuple[str, JsonObject | list[JsonValue]]]:
    for key, value in members:
        if key and isinstance(value, list):
            path = outer + key
            yield path, value
            yield from _iterate_members(number_elements(value), f"{path}.")


@value_class
class _SampledColumns:
    """The columns of one half (input or output) in the first records.

    shares: by column name, the share of the records that have a value in the column.
    cells: the cells of each column, if most records have no names; otherwise empty.
    """

    shares: Mapping[str, float]
    cells: Sequence[Sequence[str | None]]


def find_roles(samples: SampledRows, reading: Reading, values: BaselineValues) -> ColumnRoles | None:
    """The columns of records that the baseline lacks, by half, and the label if inputs have no names.

    None if neither names nor the number of inputs tell which columns of the baseline the records have. Without a baseline,
    no column is lacking. values: as in `ReadOptions`.
    """
    baseline = reading.names
    if not baseline:
        return ColumnRoles()
    # The names of each half; a half may have none
    inputs = _describe_half(samples, reading, (INPUT,))
    answers = _describe_half(samples, reading, OUTPUT_INDEXES)
    if not _can_match(inputs, {*inputs.shares, *answers.shares}, baseline):
        return None
    # The baseline's columns that requests lack. In CSV, answers stand in the first column
    answer_count = len(answers.cells)
    absent_names = _find_absent_columns(inputs, answer_count, baseline, values)
    if absent_names is None:
        return None
    # Beside CSV, JSON may name an answer
    absent_names = [name for name in absent_names if name not in answers.shares]
    lacks_one = bool(inputs.cells) and len(absent_names) == 1
    is_in_first_column = lacks_one and answer_count == 1 and reading.encoding == CSV and absent_names[0] == baseline[0]
    # The label is the absent column that no answer fits. Nameless answers are the other absent columns, if their values fit
    label = None
    answer_columns = absent_names
    if answer_count and len(absent_names) == answer_count + 1:
        label = _find_absent_column(absent_names, answers.cells, values, prefers_first=False)
        answer_columns = [name for name in absent_names if name != label]
    answers_fit = 0 < answer_count == len(answer_columns) and all(
        values.match_answers(name, cells, are_in_place=is_in_first_column)
        for name, cells in zip(answer_columns, answers.cells, strict=True)
    )
    new_inputs = {name: share for name, share in inputs.shares.items() if name not in baseline}
    if answers_fit:
        if label is None:
            # In CSV, the first column holds the answer, so it is probably not the label
            report = log.info if is_in_first_column else log.warning
            report(
                "answers without names are compared with %s, which no input has; if one is the label, write --label and its "
                "name",
                list_names([*map(repr, absent_names)]),
            )
        is_certain = label is not None or lacks_one
        return ColumnRoles(
            label=label, answers=dict.fromkeys(answer_columns if is_certain else (), 1.0), inputs=new_inputs
        )
    if label is not None and not inputs.shares:
        return None
    if is_in_first_column:
        name = absent_names[0]
        log.warning(
            "answers stand in the place of %r and have other values: not compared; if it is the label, write --label %s",
            name,
            name,
        )
        return ColumnRoles(label=name, answers={name: 1.0})
    shares = answers.shares or dict.fromkeys(_name_answers(answer_count, baseline), 1.0)
    new_answers = {name: share for name, share in shares.items() if name not in (*baseline, *inputs.shares)}
    return ColumnRoles(label=absent_names[0] if lacks_one else None, answers=new_answers, inputs=new_inputs)


def _can_match(inputs: _SampledColumns, names: Collection[str], baseline: Sequence[str]) -> bool:
    """Whether names, or the number of inputs without names, may tell which columns of the baseline the records have."""
    if not names:
        return bool(inputs.cells)
    if inputs.shares and set(names).isdisjoint(baseline):
        return False
    return have_names(baseline)


def _describe_half(samples: SampledRows, reading: Reading, halves: Sequence[str]) -> _SampledColumns:
    records = [
        [list_cells(row, reading, half) for row in rows_by_half[half]]
        for rows_by_half in samples
        for half in halves
        if rows_by_half.get(half)
    ]
    # The first row of a record shows which columns all of its rows have
    counts = Counter[str]()
    value_counts = Counter[str]()
    widths = Counter[int]()
    for first_row, *_ in records:
        keys = [key for key, _ in first_row]
        counts.update([*dict.fromkeys(filter(None, keys))])
        value_counts.update({key for key, value in first_row if value is not None})
        widths[0 if any(keys) else len(keys)] += 1
    # A key that few records have is a value, not the name of a column
    fewest = MIN_RECORD_SHARE * len(records)
    shares = {name: value_counts[name] / len(records) for name, count in counts.items() if count >= fewest}
    # Records with another number of cells are refused later
    [(width, _)] = widths.most_common(1) or [(0, 0)]
    cells: list[tuple[str | None, ...]] = []
    if width and not shares:
        rows = [[value for _, value in row] for record in records for row in record if len(row) == width]
        cells = list(zip(*rows, strict=True))
    return _SampledColumns(shares, cells)


def _find_absent_columns(
    inputs: _SampledColumns, answers: int, baseline: Sequence[str], values: BaselineValues
) -> list[str] | None:
    """The baseline's columns that requests lack; None if that can't be determined.

    Inputs without names are matched by position. They may be all columns of the baseline; all except one, the answer or the
    label; or all except the answers, which come first, and the label. answers: the number of answers without names.
    """
    if not inputs.cells:
        return [name for name in baseline if name not in inputs.shares]
    num_absent = len(baseline) - len(inputs.cells)
    if num_absent == 0:
        return []
    if num_absent == 1:
        return [_find_absent_column(baseline, inputs.cells, values, prefers_first=answers == 1)]
    if not answers or num_absent != answers + 1:
        return None
    other_names = baseline[answers:]
    label = _find_absent_column(other_names, inputs.cells, values, prefers_first=False)
    input_names = [name for name in other_names if name != label]
    # If a column doesn't fit, the records belong to another baseline
    if max(map(values.measure_misfit, input_names, inputs.cells)) > MAX_FITTING_MISFIT:
        return None
    return [*baseline[:answers], label]


def _find_absent_column(
    baseline: Sequence[str],
    columns: Sequence[Sequence[str | None]],
    values: BaselineValues,
    *,
    prefers_first: bool,
) -> str:
    """The column to leave out of the baseline so that the other columns fit these columns best, by position.

    If several columns fit equally well, it is the last of them, since labels are mostly last. prefers_first: choose the first
    column unless another column fits clearly better, since captures have the output first.
    """
    # Columns before the absent column keep their position; columns after it are one position further in the baseline
    misfits_before = np.array([*map(values.measure_misfit, baseline, columns)])
    misfits_after = np.array([*map(values.measure_misfit, baseline[1:], columns)])
    sums_before = np.cumsum([0.0, *misfits_before])
    sums_after = np.cumsum([0.0, *misfits_after[::-1]])[::-1]
    totals = sums_before + sums_after
    # argmin takes the first of equal totals, so the totals are reversed to get the last one
    best = len(totals) - 1 - int(np.argmin(totals[::-1]))
    if prefers_first and totals[0] - totals[best] < MIN_MISFIT_DIFFERENCE:
        best = 0
    return baseline[best]


def _name_answers(columns: int, baseline: Sequence[str]) -> list[str]:
    """Names for answers without names; they differ from all names of the baseline."""
    name = PREDICTION if PREDICTION not in baseline else ANSWER
    if columns == 1:
        return [name]
    return [f"{name}.{position}" for position in range(columns)]


def match_paths(halves: Mapping[str, str], baseline: Collection[str]) -> dict[str, str]:
    """The baseline's columns by the paths at which requests have them, such as `row.age`; empty if most columns are absent.

    halves: the half of each name, as `list_sampled_names` returns them.
    """
    paths: dict[str, list[str]] = {name: [] for name in baseline if name not in halves}
    outer_counts = Counter[str]()
    for path in [name for name, half in halves.items() if half == INPUT]:
        for dot in re.finditer(r"\.", path):
            if path[dot.end() :] in paths:
                paths[path[dot.end() :]].append(path)
                outer_counts[path[: dot.end()]] += 1
    # Of several paths that end in the same name, choose the path within the object that has the other columns
    [(outer, count)] = outer_counts.most_common(1) or [("", 0)]
    matches = {}
    for name, candidates in paths.items():
        if len(candidates) == 1:
            matches[candidates[0]] = name
        elif not candidates or (count > 1 and f"{outer}{name}" in candidates):
            matches[f"{outer}{name}"] = name
    absent_count = sum(not candidates for candidates in paths.values())
    if not outer or 2 * absent_count > len(baseline):
        return {}
    log.info(
        "inputs are called as in the baseline, without the objects that have them, such as %s", outer.removesuffix(".")
    )
    return matches


def list_sampled_names(samples: SampledRows, reading: Reading) -> dict[str, str]:
    """The names of the cells of the first records, each once, with a half that has this name. Warns of names with two values."""
    halves: dict[str, str] = {}
    repeated_names: set[str] = set()
    for rows_by_half in samples:
        values: dict[tuple[int, str], str | None] = {}
        for half, rows in rows_by_half.items():
            for index, row in enumerate(rows):
                for name, value in list_cells(row, reading, half):
                    halves[name] = half
                    if name and values.setdefault((index, name), value) != value:
                        repeated_names.add(name)
    if repeated_names:
        log.warning(
            "%s: two members of a record get this name and have different values, so it is refused",
            list_names(sorted(map(repr, repeated_names))),
        )
    return halves
