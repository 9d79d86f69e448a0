"""Rejects JSON documents with a table in another form than one record for each row; pandas writes many forms. Driver only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from spark_model_monitor.data.reading.file_heads import split_lines
from spark_model_monitor.data.records.json_lines import skip_blanks
from spark_model_monitor.errors import BadInput
from spark_model_monitor.storage import StoredFile
from spark_model_monitor.value_class import value_class

PANDAS_ORIENTS = (
    (
        "split",
        re.compile(r'\A\s*\{\s*"(columns|index)"\s*:\s*\[.*?\]\s*,\s*"(columns|index|data)"\s*:\s*\[', re.DOTALL),
    ),
    ("table", re.compile(r'\A\s*\{\s*"schema"\s*:\s*\{\s*"fields"\s*:')),
    ("index", re.compile(r'\A\s*\{\s*"0"\s*:\s*\{')),
    ("columns", re.compile(r'\A\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"0"\s*:')),
    ("values", re.compile(r"\A\s*\[\s*\[")),
)
"""Values of `orient` in pandas' `to_json`, and a pattern of the documents that pandas writes for each value."""

ROW_MEMBERS = (
    "instances",
    "inputs",
    "data",
    "records",
    "rows",
    "dataframe_records",
)  # names that requests give to rows

RECORDS_OF_PANDAS = 'to_json(…, orient="records", lines=True), and --dataset-format jsonl'


@value_class
class _JsonMember:
    """A member of a JSON object.

    Attributes
    ----------
    start: Position in the text at which its value begins.
    first: First element of an array; None for other values and empty arrays.
    size: Number of elements of an array, 0 for other values; None if the text ends before the value does.
    """

    name: str
    start: int
    is_array: bool
    is_object: bool
    first: Any = None
    size: int | None = 0

    @property
    def holds_records(self) -> bool:
        """Whether the member is an array of several objects."""
        return self.is_array and isinstance(self.first, dict) and self.size != 1

    @property
    def holds_rows(self) -> bool:
        """Whether the member is an array of objects, or an array of arrays whose name is one of ROW_MEMBERS."""
        is_named = self.name in ROW_MEMBERS
        return self.is_array and (isinstance(self.first, dict) or (is_named and isinstance(self.first, list)))


def require_records(file: StoredFile, head: bytes) -> None:
    """Raises BadInput for a document with a table in another form than one record for each row."""
    text = head.decode("utf-8", "replace")
    records = [*islice((line for line in split_lines(text) if line.startswith("{")), 2)]
    if len(records) > 1:  # JSON Lines
        members = [*_read_members(records[0])]
        if len(members) == 1 and members[0].holds_rows:
            raise BadInput(_describe_rows_within(file, members[0], "each line"))
        return
    members = [*_read_members(text)]
    # If the document's only member is an object, that object may hold the rows
    if len(members) == 1 and members[0].is_object:
        members = [*_read_members(text[members[0].start :])]
    if _has_list_for_each_column(members):
        raise BadInput(
            f'{file.path}: has a list for each column, as pandas gives it by to_dict("list"); write a record for each row, '
            f"by {RECORDS_OF_PANDAS}"
        )
    for orient, beginning in PANDAS_ORIENTS:
        if beginning.match(text):
            raise BadInput(
                f'{file.path}: is a table as pandas writes it with orient="{orient}"; write {RECORDS_OF_PANDAS}'
            )
    for member in members:
        if member.holds_records or (len(members) == 1 and member.holds_rows):
            raise BadInput(_describe_rows_within(file, member, "the document"))


def _describe_rows_within(file: StoredFile, member: _JsonMember, unit: str) -> str:
    return (
        f"{file.path}: {unit} has its rows in a list, its member {member.name!r}; write the rows alone, one on each line (jq -c "
        f"'.{member.name}[]'), and --dataset-format jsonl"
    )


def _has_list_for_each_column(members: Sequence[_JsonMember]) -> bool:
    """Whether all members are lists of cells with the same length, which is more than one."""
    # The size of the last list is unknown if the text ends within it
    sizes = {member.size for member in members if member.size is not None}
    are_lists = all(member.is_array and not isinstance(member.first, (dict, list)) for member in members)
    return bool(members) and are_lists and len(sizes) <= 1 and max(sizes, default=2) > 1


def _read_members(text: str) -> Iterator[_JsonMember]:
    """The members of the object with which a text begins; the text may end within a member."""
    decoder = json.JSONDecoder()
    position = skip_blanks(text, 0)
    # Before each member stands `{` or a comma
    while text[position : position + 1] in ("{", ","):
        try:
            name, position = decoder.raw_decode(text, skip_blanks(text, position + 1))
        except (ValueError, RecursionError):
            return
        start = skip_blanks(text, skip_blanks(text, position) + 1)  # behind the colon
        first_letter = text[start : start + 1]
        member = _JsonMember(str(name), start, first_letter == "[", first_letter == "{")
        if member.is_array:
            with suppress(ValueError, RecursionError):
                first, _ = decoder.raw_decode(text, skip_blanks(text, start + 1))
                member = replace(member, first=first)
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            yield replace(member, size=None)
            return
        yield replace(member, size=len(value) if member.is_array else 0)
        position = skip_blanks(text, position)
