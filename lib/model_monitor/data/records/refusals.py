"""Why a record is refused: it is counted under its reason and quarantined, and the run goes on.

What nobody foresaw ends no window: a record on which a decoder raises is refused, and its neighbours are decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any, TypeVar

from model_monitor.data.records.arrays import joined

REASON = "__reason"

CELLS = "__cells"
"""Of a captured record: how many cells it has, on its first row; 0 on its other rows and where cells weren't counted."""


class Refusal(IntEnum):
    """Reasons for refusing a record, by the number that stands in `REASON`."""

    WRONG_NUMBER_OF_CELLS = 1
    NOT_UTF_8 = 2
    REPEATED_HEADER = 3
    COLUMNS_IN_ANOTHER_ORDER = 4
    NOT_A_JSON_OBJECT = 5
    SEVERAL_JSON_OBJECTS = 6
    SCRIPT_ERROR = 7
    OUTSIDE_WINDOW = 8
    SAMPLED_OUT = 9
    NOT_A_CAPTURE = 10
    UNREADABLE_TIME = 11
    NO_PAYLOAD = 12
    UNKNOWN_ENCODING = 13
    ENCODING_MISMATCH = 14
    ANOTHER_ENCODING = 15
    BASE64_WITHOUT_SCRIPT = 16
    BAD_BASE64 = 17
    UNEQUAL_NUMBERS_OF_ROWS = 18
    PAYLOAD_NOT_JSON = 19
    NESTED_JSON = 20
    UNFINISHED_QUOTE = 21
    NO_LABEL = 22
    LABEL_WITHOUT_PATH = 23
    NO_PREDICTION = 24
    NO_PROBABILITY = 25
    LABEL_NOT_A_NUMBER = 26
    PREDICTION_NOT_A_NUMBER = 27
    PROBABILITY_NOT_A_NUMBER = 28
    PROBABILITY_OUT_OF_RANGE = 29
    UNEQUAL_NUMBERS_OF_OUTCOMES = 30
    NO_ID = 31
    NOT_GROUND_TRUTH = 32
    WITHOUT_DATA = 33
    UNREADABLE = 34
    UNREADABLE_ATTRIBUTE_ERROR = 35
    UNREADABLE_INDEX_ERROR = 36
    UNREADABLE_KEY_ERROR = 37
    UNREADABLE_MEMORY_ERROR = 38
    UNREADABLE_OVERFLOW_ERROR = 39
    UNREADABLE_RECURSION_ERROR = 40
    UNREADABLE_TYPE_ERROR = 41
    UNREADABLE_UNICODE_ERROR = 42
    UNREADABLE_VALUE_ERROR = 43
    TOO_LONG = 44

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        """Why a record is refused on which our own code raised what nobody foresaw: by the class of the exception, never by
        its text, which may hold values."""
        return next((UNFORESEEN[kind] for kind in type(error).__mro__ if kind in UNFORESEEN), cls.UNREADABLE)

    @property
    def is_fault(self) -> bool:
        """Whether the record itself is bad; the others are left out on purpose and don't go to the quarantine."""
        return self not in LEFT_OUT

    @property
    def text(self) -> str:
        """The reason in words, as ledger and log say it."""
        return TEXTS[self]


LEFT_OUT = frozenset({Refusal.OUTSIDE_WINDOW, Refusal.SAMPLED_OUT, Refusal.WITHOUT_DATA})

TEXTS = {
    Refusal.WRONG_NUMBER_OF_CELLS: "wrong number of cells",
    Refusal.NOT_UTF_8: "not UTF-8",
    Refusal.REPEATED_HEADER: "repeated header line",
    Refusal.COLUMNS_IN_ANOTHER_ORDER: "header with the columns in another order",
    Refusal.NOT_A_JSON_OBJECT: "not a JSON object",
    Refusal.SEVERAL_JSON_OBJECTS: "several JSON objects in one line",
    Refusal.SCRIPT_ERROR: "script error",
    Refusal.OUTSIDE_WINDOW: "outside the window",
    Refusal.SAMPLED_OUT: "sampled out",
    Refusal.NOT_A_CAPTURE: "not a captured record",
    Refusal.UNREADABLE_TIME: "no readable inferenceTime",
    Refusal.NO_PAYLOAD: "no captured data",
    Refusal.WITHOUT_DATA: "captured for its metadata alone",
    Refusal.UNKNOWN_ENCODING: "encoding is neither CSV, JSON nor BASE64",
    Refusal.ENCODING_MISMATCH: "input and output of different encodings",
    Refusal.ANOTHER_ENCODING: "another encoding than the first record's",
    Refusal.BASE64_WITHOUT_SCRIPT: "BASE64 data without a preprocessor script",
    Refusal.BAD_BASE64: "bad base64",
    Refusal.UNEQUAL_NUMBERS_OF_ROWS: "input and output with different numbers of rows",
    Refusal.PAYLOAD_NOT_JSON: "captured data is not JSON objects",
    Refusal.NESTED_JSON: "nested JSON in captured data",
    Refusal.UNFINISHED_QUOTE: "a quote that does not end in its line",
    Refusal.NO_LABEL: "no label",
    Refusal.LABEL_WITHOUT_PATH: "a JSON label without ground_truth_attribute",
    Refusal.NO_PREDICTION: "no prediction",
    Refusal.NO_PROBABILITY: "no probability",
    Refusal.LABEL_NOT_A_NUMBER: "label is not a number",
    Refusal.PREDICTION_NOT_A_NUMBER: "prediction is not a number",
    Refusal.PROBABILITY_NOT_A_NUMBER: "probability is not a number",
    Refusal.PROBABILITY_OUT_OF_RANGE: "probability outside 0 to 1",
    Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES: "labels and predictions in different numbers",
    Refusal.NO_ID: "no id to join by",
    Refusal.NOT_GROUND_TRUTH: "not a ground-truth record",
    Refusal.UNREADABLE: "unreadable",
    Refusal.TOO_LONG: "longer than --max-record-size",
}

UNFORESEEN: dict[type, Refusal] = {
    AttributeError: Refusal.UNREADABLE_ATTRIBUTE_ERROR,
    IndexError: Refusal.UNREADABLE_INDEX_ERROR,
    KeyError: Refusal.UNREADABLE_KEY_ERROR,
    MemoryError: Refusal.UNREADABLE_MEMORY_ERROR,
    OverflowError: Refusal.UNREADABLE_OVERFLOW_ERROR,
    RecursionError: Refusal.UNREADABLE_RECURSION_ERROR,
    TypeError: Refusal.UNREADABLE_TYPE_ERROR,
    UnicodeError: Refusal.UNREADABLE_UNICODE_ERROR,
    ValueError: Refusal.UNREADABLE_VALUE_ERROR,
}
"""By the classes that have a number of their own; the nearest of an exception's classes counts."""

TEXTS |= {refusal: f"unreadable ({kind.__name__})" for kind, refusal in UNFORESEEN.items()}


Part = TypeVar("Part")


def by_parts(
    ranges: Iterable[tuple[int, int]],
    decode: Callable[[slice], Part],
    refused: Callable[[int, Refusal], Part],
    numbers: str = "",
) -> Part:
    """What `decode` makes of all elements in these ranges, as a dataclass of arrays, and `refused` of those on which it raises.

    numbers: the member that holds the number of each row's element, which `decode` counts from the beginning of its slice.
    """

    def decoded(start: int, end: int) -> Part:
        found: Any = decode(slice(start, end))
        shifted: Part = replace(found, **{numbers: getattr(found, numbers) + start}) if numbers else found
        return shifted

    return joined([part for bounds in [*ranges] or [(0, 0)] for part in parts_of(*bounds, decoded, refused)])


def parts_of(
    start: int, end: int, decode: Callable[[int, int], Part], refused: Callable[[int, Refusal], Part]
) -> Iterator[Part]:
    """What `decode` makes of the elements from `start` up to `end`: all together, but where it raises half by half.

    refused: what is said of one element on which `decode` raises alone. Raises what `decode` raises where there is none at all.
    """
    try:
        found = decode(start, end)
    except Exception as error:
        if start == end:
            raise
        if end - start > 1:
            middle = (start + end) // 2
            yield from parts_of(start, middle, decode, refused)
            yield from parts_of(middle, end, decode, refused)
            return
        found = refused(start, Refusal.of(error))
    yield found
