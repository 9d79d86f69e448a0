"""The columns of captured records, as their first ones show them: which are inputs, which answers, and which arrays are
columns. Driver only.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.headers import FORMAT_SAMPLE_FILES, FORMAT_SAMPLE_RECORDS, read_first_lines
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records import INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.decoded_rows import have_names
from spark_model_monitor.data.records.decoding import Reading, list_cells, number_elements, read_rows
from spark_model_monitor.data.records.json_lines import JsonObject, JsonValue
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.page import list_names

log = logging.getLogger(__name__)

SampledRows: TypeAlias = Sequence[Mapping[str, Sequence[JsonObject]]]
"""The rows of the first records, by half."""

MOST_POSITIONS = 64  # of an array whose elements are columns
FEWEST_SHARE = 0.1
"""The least share of the first records that have a column: a key of fewer is a value of theirs, such as an address."""

PREDICTION = "prediction"
ANSWER = "answer"
POSITION = re.compile(r"\.\d+(?=\.|$)")


def sample_rows(engine: Engine, source: Listing, reading: Reading) -> SampledRows:
    """The rows of the first records with JSON; of the window, unless none of them is."""
    first_lines = [
        (line, file.path)
        for file in source.files[:FORMAT_SAMPLE_FILES]
        for line in islice(read_first_lines(engine, file), FORMAT_SAMPLE_RECORDS)
    ]
    samples: list[dict[str, list[JsonObject]]] = []
    for window in (reading.window, None):
        selection = replace(reading, window=window, sample=None)
        if not samples:
            samples = [*filter(None, (read_rows(line, selection, path) for line, path in first_lines))]
    return samples


def find_opened_arrays(samples: SampledRows, names: Collection[str]) -> frozenset[str]:
    """The paths of the arrays within rows that are columns: as in the baseline, whose columns are then called `outer.0`, and
    those that the baseline lacks if they are short, and equally long in the first records, as lists of words aren't.
    """
    in_baseline = {name[: position.start()] for name in names for position in POSITION.finditer(name)}
    lengths: dict[str, set[int]] = {}
    for path, value in _iterate_nested(samples):
        if not isinstance(value, JsonObject):
            lengths.setdefault(path, set()).add(len(value))
    long_paths = [path for path, sizes in lengths.items() if len(sizes) > 1 or max(sizes) > MOST_POSITIONS]
    # An array within one that stays a text is a part of that text
    sampled = {
        path
        for path in lengths
        if not any(path == long_path or path.startswith(f"{long_path}.") for long_path in long_paths)
    }
    return frozenset(in_baseline | sampled.difference(names))


def find_nested_texts(samples: SampledRows, reading: Reading) -> list[str]:
    """The objects and arrays that are texts in the baseline."""
    return [*dict.fromkeys(path for path, _ in _iterate_nested(samples) if path in reading.names)]


def _iterate_nested(samples: SampledRows) -> Iterator[tuple[str, JsonObject | list[JsonValue]]]:
    """Every object and array within the rows, by path."""
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


def find_roles(samples: SampledRows, reading: Reading) -> ColumnRoles | None:
    """The columns that the baseline lacks, by half, of the names in `reading`; None if records can't be told from the
    baseline's columns by name, and their inputs aren't as many as these. Without a baseline, it lacks none.
    """
    inputs, inputs_without_names = _count_columns(samples, reading, (INPUT,))
    answers, answers_without_names = _count_columns(samples, reading, OUTPUT_INDEXES)
    baseline = reading.names
    if not baseline:
        return ColumnRoles()
    if not have_names(baseline) or not (inputs or answers or inputs_without_names):
        return None
    # Nameless inputs are the baseline's columns by position, if they are as many; with nameless answers all columns may be
    if not inputs and inputs_without_names not in (0, len(baseline)):
        return None
    absent = [name for name in baseline if name not in inputs]
    if inputs and set(inputs).isdisjoint(baseline):
        return None
    # Nameless answers are the columns that no input has, if they are as many; else they get names
    if not answers and answers_without_names and inputs and len(absent) == answers_without_names:
        # One of them may be the label, which no answer is
        log.warning(
            "answers without names are compared with %s, which no input has; if one is the label, write --label and its name",
            list_names([*map(repr, absent)]),
        )
    elif not answers and answers_without_names:
        answers = dict.fromkeys(_name_answers(answers_without_names, baseline), 1.0)
    new_answers = {name: share for name, share in answers.items() if name not in (*baseline, *inputs)}
    new_inputs = {name: share for name, share in inputs.items() if name not in baseline}
    return ColumnRoles(answers=new_answers, inputs=new_inputs)


def _count_columns(samples: SampledRows, reading: Reading, halves: Sequence[str]) -> tuple[dict[str, float], int]:
    """The named columns of a half, with the share of its records that have them; and the number of columns of most of its
    records, if these have no names, else 0.
    """
    # The first row of each record says what all of them have
    first_rows = [
        (half, rows_by_half[half][0]) for rows_by_half in samples for half in halves if rows_by_half.get(half)
    ]
    counts = Counter[str]()
    widths = Counter[int]()
    for half, row in first_rows:
        keys = [key for key, _ in list_cells(row, reading, half)]
        counts.update([*dict.fromkeys(filter(None, keys))])
        widths[0 if any(keys) else len(keys)] += 1
    # A key of few records is a value of theirs
    records = len(first_rows)
    shares = {name: count / records for name, count in counts.items() if count >= FEWEST_SHARE * records}
    width = widths.most_common(1)[0][0] if widths else 0
    return shares, width


def _name_answers(columns: int, baseline: Sequence[str]) -> list[str]:
    """Names of answers without names, which are none of the baseline's."""
    name = PREDICTION if PREDICTION not in baseline else ANSWER
    if columns == 1:
        return [name]
    return [f"{name}.{position}" for position in range(columns)]


def list_sampled_names(samples: SampledRows, reading: Reading) -> list[str]:
    """The names of the first records' cells, each once."""
    names: dict[str, None] = {}
    for rows_by_half in samples:
        for half, rows in rows_by_half.items():
            for row in rows:
                names.update((name, None) for name, _ in list_cells(row, reading, half))
    return list(names)
