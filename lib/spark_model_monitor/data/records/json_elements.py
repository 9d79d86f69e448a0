"""Examines JSON text without parsing it: where records begin and end, how many members they have, and how deep they are.

A parser builds a whole record before anyone can count its names, and gives up on a whole document if one record is
nested too deep. This module finds such records in the bytes, in little memory, so that they are refused alone. It
assumes that the text is JSON, and says nothing useful of other texts, which a parser rejects. Pure; runs on executors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import Bytes, Flags
from spark_model_monitor.data.records.decoded_rows import MOST_COLUMNS
from spark_model_monitor.data.records.refusals import Refusal

DEEPEST = 100  # maximum nesting of objects and arrays in a record

MEMBER_BYTES = len('"a":1')  # the fewest bytes of a member
LONGEST_UNCOUNTED = MOST_COLUMNS * MEMBER_BYTES  # bytes of a record that can't have too many members

STRETCH_BYTES = 2**18  # examined at once: many for each call of numpy, and few enough to stop early

QUOTE, BACKSLASH, COLON, COMMA = b'"\\:,'
OPENINGS = b"{["
CLOSINGS = b"}]"
IS_SIGN = np.isin(np.arange(256), [QUOTE, BACKSLASH, COLON, COMMA, *OPENINGS, *CLOSINGS])
NESTING_STEP = np.isin(np.arange(256), list(OPENINGS)).astype(np.int64) - np.isin(np.arange(256), list(CLOSINGS))

BACKSLASHES = re.compile(rb"\\*")
ARRAY_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\[")


@dataclass(frozen=True, slots=True)
class Signs:
    """The punctuation outside strings in a stretch of JSON text.

    positions: in the text. letters: the punctuation marks. depths: the nesting behind each of them. quotes: positions
    of the quotes around strings, from the last string before the stretch on.
    """

    positions: NDArray[np.int64]
    letters: Bytes
    depths: NDArray[np.int64]
    quotes: NDArray[np.int64]


def scan_signs(content: bytes) -> Iterator[Signs]:
    """The punctuation of a JSON text outside its strings, stretch by stretch."""
    all_letters = np.frombuffer(content, np.uint8)
    quotes = np.zeros(0, np.int64)
    quote_count = 0
    depth = 0
    start = 0
    while start < len(content):
        # A stretch ends behind the letter after a run of backslashes, so that no escape continues in the next one.
        end = BACKSLASHES.match(content, min(start + STRETCH_BYTES, len(content))).end() + 1  # type: ignore[union-attr]
        stretch = all_letters[start:end]
        positions = np.flatnonzero(IS_SIGN[stretch])
        letters = stretch[positions]
        is_quote = (letters == QUOTE) & ~_find_escaped(positions, letters)
        is_in_string = (quote_count + np.cumsum(is_quote)) % 2 == 1
        is_outside = ~is_in_string & ~is_quote & (letters != BACKSLASH)
        positions += start
        quotes = np.concatenate([quotes[-2:], positions[is_quote]])
        depths = depth + np.cumsum(NESTING_STEP[letters[is_outside]])
        yield Signs(positions[is_outside], letters[is_outside], depths, quotes)
        quote_count += int(is_quote.sum())
        depth = int(depths[-1]) if len(depths) else depth
        start = end


def _find_escaped(positions: NDArray[np.int64], letters: Bytes) -> Flags:
    """Whether each letter stands behind an odd number of backslashes. positions: those of the letters."""
    is_backslash: Flags = letters == BACKSLASH
    if not is_backslash.any():
        return is_backslash
    follows_directly = np.diff(positions, prepend=-2) == 1
    follows_backslash = np.concatenate([[False], is_backslash[:-1]]) & follows_directly
    # The length of the run of backslashes up to each of them
    index = np.arange(len(letters))
    starts_run = is_backslash & ~follows_backslash
    run_start = np.maximum.accumulate(np.where(starts_run, index, 0))
    is_odd_backslash = is_backslash & ((index - run_start) % 2 == 0)
    is_escaped: Flags = follows_backslash & np.concatenate([[False], is_odd_backslash[:-1]])
    return is_escaped


@dataclass(frozen=True, slots=True)
class RecordBounds:
    """The records of a JSON text. starts, ends: their bounds. members, depths: how many members each has, at any depth,
    and the nesting of its objects and arrays."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    members: NDArray[np.int64]
    depths: NDArray[np.int64]


def locate_records(content: bytes, *, of_array: bool) -> RecordBounds:
    """The elements of an array, or the whole text as one element."""
    level = int(of_array)
    cuts: list[NDArray[np.int64]] = []
    members: list[NDArray[np.int64]] = []
    depths: list[NDArray[np.int64]] = []
    open_members = 0  # of the element that continues in the next stretch
    open_depth = level
    start = 0
    end = len(content)
    for signs in scan_signs(content):
        if of_array and start == 0 and len(signs.positions):
            start = int(signs.positions[0]) + 1
        if of_array and (is_closing := signs.depths == 0).any():
            end = int(signs.positions[is_closing.argmax()])
        cut_indices = np.flatnonzero((signs.letters == COMMA) & (signs.depths == level) & of_array)
        # Members and depth from cut to cut; the last sums belong to the element that goes on
        bounds = np.concatenate([[0], cut_indices + 1])
        is_colon = np.append(signs.letters == COLON, False).astype(np.int64)
        stretch_members = np.add.reduceat(is_colon, bounds)
        stretch_depths = np.maximum.reduceat(np.append(signs.depths, level), bounds)
        stretch_members[0] += open_members
        stretch_depths[0] = max(stretch_depths[0], open_depth)
        open_members = int(stretch_members[-1])
        open_depth = int(stretch_depths[-1])
        cuts.append(signs.positions[cut_indices])
        members.append(stretch_members[:-1])
        depths.append(stretch_depths[:-1])
    all_cuts = np.concatenate([np.zeros(0, np.int64), *cuts])
    return RecordBounds(
        np.concatenate([[start], all_cuts + 1]),
        np.concatenate([all_cuts, [end]]),
        np.concatenate([*members, [open_members]]),
        np.concatenate([*depths, [open_depth]]) - level,
    )


class NameCounter:
    """Counts the different names in a JSON text, told apart by their paths; the elements of an array share its path."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._paths: dict[tuple[int, bytes], int] = {}  # the number of each path, by that of the object and the name
        self._containers = [0]  # the paths of the objects and arrays that are open
        self._last_path = 0
        self._is_behind_name = False

    def count_up_to(self, signs: Signs) -> int:
        """The number of names up to the end of the next stretch."""
        string_indices = np.searchsorted(signs.quotes, signs.positions)
        for letter, index in zip(signs.letters.tolist(), string_indices.tolist(), strict=True):
            if letter == COLON and index > 1:
                name = self._content[signs.quotes[index - 2] + 1 : signs.quotes[index - 1]]
                self._last_path = self._paths.setdefault((self._containers[-1], name), len(self._paths) + 1)
            elif letter in OPENINGS:
                self._containers.append(self._last_path if self._is_behind_name else self._containers[-1])
            elif letter in CLOSINGS and len(self._containers) > 1:
                self._containers.pop()
            self._is_behind_name = letter == COLON
        return len(self._paths)


def has_many_names(text: bytes | str) -> bool:
    """Whether a record has more names than are accepted; stops reading at the first one beyond."""
    if len(text) <= LONGEST_UNCOUNTED:
        return False
    if isinstance(text, str):
        content = text.encode(errors="replace")
    else:
        content = text
    if content.count(b":") <= MOST_COLUMNS:
        return False
    names = NameCounter(content)
    return any(names.count_up_to(signs) > MOST_COLUMNS for signs in scan_signs(content))


def is_deep(content: bytes, deepest: int = DEEPEST) -> bool:
    """Whether a record is nested deeper than this."""
    if content.count(b"{") + content.count(b"[") <= deepest:
        return False
    return any(signs.depths.max(initial=0) > deepest for signs in scan_signs(content))


def find_excess(content: bytes) -> Refusal | None:
    """The reason for refusing a record that is nested too deep or has too many names; None if there is none."""
    if is_deep(content):
        return Refusal.TOO_DEEP
    if has_many_names(content):
        return Refusal.TOO_MANY_NAMES
    return None


@dataclass(frozen=True, slots=True)
class OversizedRecord:
    """A record of a document that is refused without being parsed: its bounds in the text, and the reason."""

    start: int
    end: int
    reason: Refusal


def find_oversized_records(content: bytes) -> dict[int, OversizedRecord]:
    """The records of a JSON document with an excess, by their index in its array; a document without one is a record."""
    if content.count(b"{") + content.count(b"[") <= DEEPEST and content.count(b":") <= MOST_COLUMNS:
        return {}
    bounds = locate_records(content, of_array=ARRAY_BEGINNING.match(content) is not None)
    is_suspicious = (bounds.depths > DEEPEST) | (bounds.members > MOST_COLUMNS)
    oversized = {}
    for index in np.flatnonzero(is_suspicious).tolist():
        start = int(bounds.starts[index])
        end = int(bounds.ends[index])
        reason = find_excess(content[start:end])
        if reason is not None:
            oversized[index] = OversizedRecord(start, end, reason)
    return oversized


def replace_records(content: bytes, oversized: dict[int, OversizedRecord]) -> bytes:
    """The text with a null in place of each of these records."""
    pieces = []
    position = 0
    for record in oversized.values():
        pieces.append(content[position : record.start])
        position = record.end
    return b"null".join([*pieces, content[position:]])
