"""Reasons for refusing records, and their remedies. A refused record is counted and quarantined, and the run continues.

Unforeseen errors don't end a run either: if a decoder raises on a record, this record is refused, and the others are decoded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records.arrays import Reasons, concat_rows

MAX_QUARANTINED_SHARE = 0.01  # a run fails if more than this share of the records read is refused (C11b)

REASON = "__reason"
"""The column with the reason for refusing a row; 0 for accepted rows. Without this column, all rows are accepted."""

CELLS = "__cells"
"""The column with the number of cells of a captured record, on its first row; 0 on other rows and if cells weren't counted."""

_UNREADABLE = "unreadable ("  # the beginning of the texts of reasons for unforeseen exceptions

# Parts of the remedies
_IN_A_RECORD = "the column of a table, the index of a CSV cell, or the path of a JSON member"

_LABEL = (
    'write labels as {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "…"}, '
    '"eventVersion": "0"}, with the inferenceId of the capture as eventId'
)

_NUMBER = "write one number, with a point; for classes write another --problem-type"

Part = TypeVar("Part")


class NumberedText(IntEnum):
    """A number that a column of rows holds, and the text that stands for it in ledger and log."""

    text: str

    def __new__(cls, number: int, text: str = "") -> NumberedText:
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        return member


class Refusal(NumberedText):
    """Reasons for refusing a record, in column `REASON`."""

    WRONG_NUMBER_OF_CELLS = 1, "wrong number of cells"
    NOT_UTF_8 = 2, "not UTF-8"
    REPEATED_HEADER = 3, "repeated header line"
    COLUMNS_IN_ANOTHER_ORDER = 4, "header with the columns in another order"
    NOT_A_JSON_OBJECT = 5, "not a JSON object"
    SEVERAL_JSON_OBJECTS = 6, "several JSON objects in one line"
    SCRIPT_ERROR = 7, "script error"
    OUTSIDE_WINDOW = 8, "outside the window"
    SAMPLED_OUT = 9, "sampled out"
    NOT_A_CAPTURE = 10, "not a captured record"
    UNREADABLE_TIME = 11, "no readable inferenceTime"
    NO_PAYLOAD = 12, "no captured data"
    UNKNOWN_ENCODING = 13, "encoding is neither CSV, JSON nor BASE64"
    ENCODING_MISMATCH = 14, "input and output of different encodings"
    ANOTHER_ENCODING = 15, "another encoding than the first record's"
    BASE64_WITHOUT_SCRIPT = 16, "BASE64 data without a preprocessor script"
    BAD_BASE64 = 17, "bad base64"
    UNEQUAL_NUMBERS_OF_ROWS = 18, "input and output with different numbers of rows"
    PAYLOAD_NOT_JSON = 19, "captured data is not JSON objects"
    NESTED_JSON = 20, "nested JSON in captured data"
    UNFINISHED_QUOTE = 21, "a quote that does not end in its line"
    NO_LABEL = 22, "no label"
    LABEL_WITHOUT_PATH = 23, "a JSON label without ground_truth_attribute"
    NO_PREDICTION = 24, "no prediction"
    NO_PROBABILITY = 25, "no probability"
    LABEL_NOT_A_NUMBER = 26, "label is not a number"
    PREDICTION_NOT_A_NUMBER = 27, "prediction is not a number"
    PROBABILITY_NOT_A_NUMBER = 28, "probability is not a number"
    PROBABILITY_OUT_OF_RANGE = 29, "probability outside 0 to 1"
    UNEQUAL_NUMBERS_OF_OUTCOMES = 30, "labels and predictions in different numbers"
    NO_ID = 31, "no id to join by"
    NOT_GROUND_TRUTH = 32, "not a ground-truth record"
    WITHOUT_DATA = 33, "captured for its metadata alone"
    UNREADABLE = 34, "unreadable"
    UNREADABLE_ATTRIBUTE_ERROR = 35, "unreadable (AttributeError)"
    UNREADABLE_INDEX_ERROR = 36, "unreadable (IndexError)"
    UNREADABLE_KEY_ERROR = 37, "unreadable (KeyError)"
    UNREADABLE_MEMORY_ERROR = 38, "unreadable (MemoryError)"
    UNREADABLE_OVERFLOW_ERROR = 39, "unreadable (OverflowError)"
    UNREADABLE_RECURSION_ERROR = 40, "unreadable (RecursionError)"
    UNREADABLE_TYPE_ERROR = 41, "unreadable (TypeError)"
    UNREADABLE_UNICODE_ERROR = 42, "unreadable (UnicodeError)"
    UNREADABLE_VALUE_ERROR = 43, "unreadable (ValueError)"
    TOO_LONG = 44, "longer than max_record_size"
    ANOTHER_SHAPE = 45, "of another shape than most records"
    THIRD_CLASS = 46, "label or prediction of a third class"
    STRAY = 47, "a cell of another kind than nearly all others of its column"
    UNANSWERED = 48, "the model gives no finite answer for it"
    TWO_VALUES = 49, "a member with two values"
    CAPTURED_HEADER = 50, "captured CSV that begins with a header line"
    SEPARATOR_LINE = 51, "the line in which Excel names the separator"
    ROWS_WITHIN_ROWS = 52, "an array of objects within a row of captured data"
    TOO_DEEP = 53, "nested too deep"
    TOO_MANY_NAMES = 54, "too many members"
    WAITING = 55, "a request without its answer yet, or an answer without its request"
    PAYLOAD_ELSEWHERE = 56, "a payload that the log keeps elsewhere (datainblob)"
    PAYLOAD_TOO_LARGE = 57, "a payload that the log left out for its size"
    TENSORS_WITHOUT_VALUES = 58, "tensors of KServe or Triton without their values"
    BYTES_OF_SELDON = 59, "bytes in Seldon's binData"
    IN_UNANSWERED_BATCH = 60, "beside a row that the model doesn't answer"

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        """The reason for refusing a record on which our own code raised an unforeseen exception. It depends on the
        exception's class, not on its text, which may contain values."""
        # Of the exception's classes that have a reason, the most specific one
        names = (kind.__name__ for kind in type(error).__mro__)
        return next((UNFORESEEN[name] for name in names if name in UNFORESEEN), cls.UNREADABLE)

    @property
    def is_fault(self) -> bool:
        """Whether the record itself is bad. Records refused for other reasons are left out on purpose and not quarantined."""
        return self not in NOT_QUARANTINED


class RecordRefused(Exception):
    """Raised to refuse a record for `reason`. width: the number of cells of its rows, if counted."""

    def __init__(self, reason: Refusal, width: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.width = width


NOT_IN_LOG = (Refusal.WAITING, Refusal.PAYLOAD_ELSEWHERE, Refusal.PAYLOAD_TOO_LARGE)
"""Reasons for which a record of a request log can't become a capture."""

NOT_QUARANTINED = frozenset(
    {Refusal.OUTSIDE_WINDOW, Refusal.SAMPLED_OUT, Refusal.WITHOUT_DATA, Refusal.SEPARATOR_LINE, *NOT_IN_LOG}
)


UNFORESEEN = {
    reason.text.removeprefix(_UNREADABLE)[:-1]: reason for reason in Refusal if reason.text.startswith(_UNREADABLE)
}
"""By exception name: the reasons for unforeseen exceptions."""


def format_spark_reader(options: Mapping[str, bool | str]) -> str:
    """The flag to read CSV by Spark with these options; quotes inside quotes are doubled, as pandas writes them."""
    # Spark's own reader can read line breaks in cells and comments; ours can't
    reader = {"format": "csv", "options": {**options, "header": True, "escape": '"'}}
    return f"--dataset-format '{json.dumps({'spark': reader})}'"


REMEDIES = {
    Refusal.WRONG_NUMBER_OF_CELLS: "write the same number of cells in each row, those with a separator in quotes, and "
    "no line above the header",
    Refusal.NOT_A_JSON_OBJECT: "write a JSON object in each line",
    Refusal.NOT_A_CAPTURE: "write a captured record in each line",
    Refusal.UNREADABLE_TIME: "write inferenceTime as 2026-05-06T22:00:00Z",
    Refusal.UNKNOWN_ENCODING: 'write "encoding" beside the data of input and output',
    Refusal.ANOTHER_ENCODING: "to accept CSV beside JSON write --set allow_mixed_encodings=yes",
    Refusal.BAD_BASE64: "write the encoding that the data has",
    Refusal.PAYLOAD_NOT_JSON: "write JSON objects as data, or the encoding that it has",
    Refusal.REPEATED_HEADER: "if files begin with no header line write --dataset-format csv-without-header",
    Refusal.UNFINISHED_QUOTE: f"if cells have line breaks write {format_spark_reader({'multiLine': True})}",
    Refusal.UNEQUAL_NUMBERS_OF_ROWS: "write a row of output for each of input; if payloads begin with a header line "
    "take it off by a --record-preprocessor-script",
    Refusal.CAPTURED_HEADER: "if requests need their header line take it off by a --record-preprocessor-script",
    Refusal.BASE64_WITHOUT_SCRIPT: "decode other BASE64 than CSV and JSON, or all under --compat service, by a "
    "--record-preprocessor-script; for the answers to images write --halves response",
    Refusal.TENSORS_WITHOUT_VALUES: "capture the bytes behind the JSON, too, or send the values in JSON",
    Refusal.BYTES_OF_SELDON: "send ndarray, tensor or jsonData, or decode the bytes by a --record-preprocessor-script",
    Refusal.TWO_VALUES: "name members apart that get one name, such as 'a.b' and the member 'b' of an object 'a', by a "
    "--record-preprocessor-script; if only input and output share it choose one by --halves request, or response",
    Refusal.NOT_UTF_8: "write the files as UTF-8, as iconv -f LATIN1 -t UTF-8 does of Latin-1",
    Refusal.NESTED_JSON: "to read arrays within a row write --flatten-json",
    Refusal.ROWS_WITHIN_ROWS: "make rows or columns of these objects by a --record-preprocessor-script",
    Refusal.TOO_MANY_NAMES: "if members are called by values, such as ids, write them as values",
    Refusal.ANOTHER_SHAPE: "write a member as a value, an array of values or an object in all records, or under "
    "--no-flatten-json as a value; if members are called by values, such as ids, write them as values",
    Refusal.NOT_GROUND_TRUTH: _LABEL,
    Refusal.NO_ID: _LABEL,
    Refusal.NO_LABEL: "write a label into each record, as merge does of captures, or leave out those whose label isn't known yet",
    Refusal.LABEL_NOT_A_NUMBER: _NUMBER,
    Refusal.PREDICTION_NOT_A_NUMBER: _NUMBER,
    Refusal.NO_PREDICTION: f"say where the prediction is by inference_attribute: {_IN_A_RECORD}",
    Refusal.NO_PROBABILITY: f"say where the probability is by probability_attribute: {_IN_A_RECORD}",
    Refusal.LABEL_WITHOUT_PATH: "name the member that is the label by ground_truth_attribute",
    Refusal.THIRD_CLASS: "if there are more classes write problem_type MulticlassClassification; --positive-label names one",
    Refusal.PROBABILITY_NOT_A_NUMBER: "write one number, of the positive class, with a point; of many classes an object by "
    "class, or lists of probabilities beside lists of labels",
    Refusal.PROBABILITY_OUT_OF_RANGE: "write probabilities from 0 to 1 (95 % is 0.95)",
    Refusal.TOO_LONG: "if they are no accident give a larger --set max_record_size=SIZE, and more --driver-memory with it",
}
"""Remedies by reason, for reasons that have another remedy than to correct the records."""


def describe_remedy(reasons: Collection[str]) -> str:
    """The remedy for records that were refused for these reasons, given as texts."""
    return "; ".join([text for refusal, text in REMEDIES.items() if refusal.text in reasons] or ["correct them"])


def drop_rejected(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without rejected rows; without the column `REASON` all rows are accepted."""
    if REASON not in batch.schema.names:
        return batch
    return batch.filter(pc.equal(batch.column(REASON), 0))


def read_reasons(batch: pa.RecordBatch) -> Reasons:
    """The reason of each row in the column `REASON`, 0 for accepted rows; without the column all rows are accepted."""
    if REASON not in batch.schema.names:
        return np.zeros(batch.num_rows, np.int32)
    return np.asarray(batch.column(REASON))


def decode_ranges(
    ranges: Iterable[tuple[int, int]],
    decode: Callable[[slice], Part],
    refused: Callable[[int, Refusal], Part],
    numbers: str = "",
) -> Part:
    """The results of `decode`, a dataclass of arrays, for the elements in these ranges; of `refused` if `decode` raises.

    numbers: the member with the number of each row's element, which `decode` counts from the beginning of its slice.
    """

    def decoded(start: int, end: int) -> Part:
        # `decode` numbers elements from the beginning of its slice; the result numbers them from the beginning of all
        rows: Any = decode(slice(start, end))
        part: Part = replace(rows, **{numbers: getattr(rows, numbers) + start}) if numbers else rows
        return part

    return concat_rows(
        [part for bounds in [*ranges] or [(0, 0)] for part in decode_in_halves(*bounds, decoded, refused)]
    )


def decode_in_halves(
    start: int, end: int, decode: Callable[[int, int], Part], refused: Callable[[int, Refusal], Part]
) -> Iterator[Part]:
    """The results of `decode` for the elements from `start` up to `end`: all at once, or in halves if it raises.

    refused: the result for one element on which `decode` raises. Errors of `decode` on no elements are not caught.
    """
    try:
        part = decode(start, end)
    except Exception as error:
        if start == end:
            raise
        if end - start > 1:
            # Halve the range until the element that raises is alone
            middle = (start + end) // 2
            yield from decode_in_halves(start, middle, decode, refused)
            yield from decode_in_halves(middle, end, decode, refused)
            return
        part = refused(start, Refusal.of(error))
    yield part
