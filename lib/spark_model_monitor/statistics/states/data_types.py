"""The types of a column's cells by Deequ's rules: integers, fractions, booleans or other text; and lengths of vectors.

`classify` inspects cells and `parse_numbers` reads the numeric ones, both on executors; `DataTypeCounts` is the state,
and `VectorCounts` that of a column of arrays or vectors. Some texts are numbers to read_csv of pandas and not to Deequ,
such as `.5`: they are counted as texts, and read as numbers.

Source: StatefulDataType and DataTypeHistogram of Deequ 2.1.0 (Apache-2.0); C11.34.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.statistics import Bytes, Doubles, Flags, Integers
from spark_model_monitor.statistics.states.encoding import State, register_state
from spark_model_monitor.statistics.states.hashing import read_buffers
from spark_model_monitor.value_class import value_class

InferredType: TypeAlias = Literal["Integral", "Fractional", "String", "Unknown"]
Kinds: TypeAlias = NDArray[np.int8]  # shape (cells,), members of DataType

INTEGRAL_PATTERN = r"^[-+]? ?\d+$"
FRACTIONAL_PATTERN = r"^[-+]? ?\d+(?:\.\d+|(?:\.\d+)?[Ee][-+]?\d+)$"
FRACTIONAL_PATTERN_WITHOUT_EXPONENTS = r"^[-+]? ?\d+\.\d+$"  # Deequ 2.0, which the service runs
_OTHER_NUMBER = r"^(?: *[-+]?(?:\d+\.?\d*|\.\d+){exponent} *|[-+]?(?i:inf(?:inity)?))$"
OTHER_NUMBER_PATTERN = _OTHER_NUMBER.replace("{exponent}", r"(?:[Ee][-+]?\d+)?")
OTHER_NUMBER_PATTERN_WITHOUT_EXPONENTS = _OTHER_NUMBER.replace("{exponent}", "")

# times from 2001 to 2033
FIRST_SECOND = 1e9
LAST_SECOND = 2e9
UNITS_OF_SECONDS = (1.0, 1e3, 1e6, 1e9)  # how many are a second


class DataType(IntEnum):
    """The type that a cell appears to have. OTHER_NUMBER: a text to Deequ, and a number to pandas."""

    MISSING = 0
    INTEGRAL = 1
    FRACTIONAL = 2
    BOOLEAN = 3
    TEXT = 4
    OTHER_NUMBER = 5


@register_state
@value_class
class DataTypeCounts(State):
    """Cells of a column by apparent type. unknown: present, but not inspected (arrays, maps)."""

    KIND = "data_types"

    missing: int = 0
    integral: int = 0
    fractional: int = 0
    boolean: int = 0
    text: int = 0
    unknown: int = 0

    @classmethod
    def of(
        cls, values: pa.StringArray, counts: Integers | None = None, *, accept_exponents: bool = True
    ) -> DataTypeCounts:
        """The counts of some cells. counts: how often each cell of `values` occurs; once if absent."""
        return cls.from_kinds(classify(values, accept_exponents=accept_exponents), counts)

    @classmethod
    def from_kinds(cls, kinds: Kinds, counts: Integers | None = None, *, missing: int = 0) -> DataTypeCounts:
        """The counts of classified cells and of `missing` more. counts: how often each cell occurs; once if absent."""
        if counts is None and len(kinds) and kinds.min() == kinds.max():
            # as most columns are, and bincount takes its time
            counts = np.array([len(kinds)])
            kinds = kinds[:1]
        return cls.from_counts(np.bincount(kinds, counts, minlength=len(DataType)), missing=missing)

    @classmethod
    def from_counts(
        cls, counts: Sequence[float] | NDArray[np.float64 | np.int64], *, missing: int = 0
    ) -> DataTypeCounts:
        """The counts of cells, given by `DataType`, and of `missing` more."""
        nulls, integral, fractional, boolean, text, other_numbers = (int(count) for count in counts)
        return cls(nulls + missing, integral, fractional, boolean, text + other_numbers)

    @property
    def present(self) -> int:
        """The number of cells that are not missing."""
        return self.integral + self.fractional + self.boolean + self.text + self.unknown

    @property
    def total(self) -> int:
        """The number of all cells."""
        return self.missing + self.present

    def inferred_type(self) -> InferredType:
        """The common type of all present cells; in documents, booleans are a String.

        Source: DataTypeHistogram.determineType, G8; booleans: C4.1 knows no other name.
        """
        if self.present == self.unknown:
            return "Unknown"
        if self.text or self.boolean or self.unknown:
            return "String"
        if self.fractional:
            return "Fractional"
        return "Integral"


def classify(values: pa.StringArray, *, accept_exponents: bool = True) -> Kinds:
    """The apparent type of each cell. accept_exponents: whether `1e-5` is a fraction (Deequ 2.1) or text (2.0)."""
    if values.type == pa.string():
        texts = values
    else:
        texts = values.cast(pa.string())
    kinds = np.full(len(texts), DataType.TEXT, dtype=np.int8)
    if len(texts) <= _FEW_TEXTS and not texts.null_count:  # as the values of a category
        are_words = [_is_word(word) for word in texts.view(pa.binary()).to_pylist()]
        remaining = np.flatnonzero(~np.array(are_words, dtype=np.bool_))
    elif _are_all_plain_fractions(texts):
        return np.full(len(texts), DataType.FRACTIONAL, dtype=np.int8)
    else:
        remaining = _find_possible_numbers(texts)
    if texts.null_count:
        missing = texts.is_null().to_numpy(zero_copy_only=False)
        kinds[missing] = DataType.MISSING
        remaining = remaining[~missing[remaining]]
    for kind, matches in _list_tests(accept_exponents):
        if not len(remaining):
            break
        matching = matches(texts if len(remaining) == len(texts) else texts.take(pa.array(remaining)))
        kinds[remaining[matching]] = kind
        remaining = remaining[~matching]
    return kinds


def parse_numbers(values: pa.StringArray, kinds: Kinds | None = None, *, accept_exponents: bool = True) -> Doubles:
    """The cells as doubles, shape (cells,): NaN if a cell is missing or not a number, infinite beyond 1.8e308.

    kinds: the result of `classify` for these cells, if available.
    """
    if kinds is None:
        kinds = classify(values, accept_exponents=accept_exponents)
    numeric = (kinds == DataType.INTEGRAL) | (kinds == DataType.FRACTIONAL) | (kinds == DataType.OTHER_NUMBER)
    if numeric.all():
        return _parse_doubles(values)
    numbers = np.full(len(values), np.nan)
    if numeric.any():
        numbers[numeric] = _parse_doubles(values.filter(pa.array(numeric)))
    return numbers


_OTHER_BYTES = np.zeros(256, dtype=np.bool_)
_OTHER_BYTES[list(b"+-0123456789 .eE")] = True

_BEGIN_NUMBER = tuple(bytes([byte]) for byte in b"+-.0123456789 ")
_END_NUMBER = tuple(bytes([byte]) for byte in b"0123456789. ")
_OTHER_WORDS = frozenset({b"true", b"false", b"inf", b"infinity"})  # in lower case
_LONGEST_BOOLEAN = len("false")
_LOWER = np.uint8(0x20)  # the bit that makes an upper letter a lower one
_SIXTEENTHS = (8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15)  # of a text, where it is looked at
_FEW_TEXTS = 64  # texts cost a pattern less than a further look


def _is_word(text: bytes) -> bool:
    """Whether a text is surely neither a number nor a boolean."""
    if text.startswith(_BEGIN_NUMBER):
        return not text.endswith(_END_NUMBER) and text[1:].lower() not in _OTHER_WORDS
    return text.lower() not in _OTHER_WORDS


def _find_possible_numbers(texts: pa.StringArray) -> Integers:
    """The indices of texts that are like a number at their ends and at some positions between, or as short as a boolean, or like
    an infinity: few words, names and ids are, and they cost no pattern then.
    """
    bounds, letters = read_buffers(texts)
    offsets = bounds.astype(np.int64)
    if not len(letters):
        return offsets[:0]
    starts = offsets[:-1]
    lengths = np.diff(offsets)
    first = letters.take(np.minimum(starts, len(letters) - 1))  # an empty text may begin behind the last one
    hopeful = (first - np.uint8(ord("+")) <= ord("9") - ord("+")) | (first == ord(" "))
    if hopeful.any():
        last = letters.take(np.maximum(offsets[1:], 1) - 1)
        hopeful &= last - np.uint8(ord(" ")) <= ord("9") - ord(" ")
        left = np.flatnonzero(hopeful & (lengths > 0))
        begins = starts[left]
        sizes = lengths[left]
        hopeful[:] = False
        for sixteenth in _SIXTEENTHS:
            if len(left) <= _FEW_TEXTS or 2 * len(left) > len(texts):  # they are numbers, most of them
                break
            is_like = _OTHER_BYTES.take(letters.take(begins + (sizes * sixteenth >> 4))).nonzero()[0]
            left = left[is_like]
            begins = begins[is_like]
            sizes = sizes[is_like]
        hopeful[left] = True
        is_signed = (first - np.uint8(ord("+")) <= ord("-") - ord("+")) & (last > ord("9"))
        if is_signed.any():
            _mark_infinities(hopeful, letters, starts + 1, lengths - 1, is_signed.nonzero()[0])
    hopeful |= ((first == ord("t")) | (first == ord("f"))) & (lengths <= _LONGEST_BOOLEAN)
    begins_infinity = (first | _LOWER) == ord("i")
    if begins_infinity.any():
        _mark_infinities(hopeful, letters, starts, lengths, begins_infinity.nonzero()[0])
    return np.flatnonzero(hopeful)


def _mark_infinities(hopeful: Flags, letters: Bytes, starts: Integers, lengths: Integers, indices: Integers) -> None:
    """Flag the texts, of those at some indices, that are as long as an infinity and begin like one."""
    sizes = lengths[indices]
    indices = indices[(sizes == len("inf")) | (sizes == len("infinity"))]
    for offset, letter in enumerate(b"inf"):
        if not len(indices):
            return
        indices = indices[(letters.take(starts[indices] + offset) | _LOWER) == letter]
    hopeful[indices] = True


def _list_tests(accept_exponents: bool) -> tuple[tuple[DataType, Callable[[pa.Array], Flags]], ...]:
    """The tests for cells that are not classified yet, cheapest and most frequent first."""
    fractional = FRACTIONAL_PATTERN
    other_number = OTHER_NUMBER_PATTERN
    if not accept_exponents:
        fractional = FRACTIONAL_PATTERN_WITHOUT_EXPONENTS
        other_number = OTHER_NUMBER_PATTERN_WITHOUT_EXPONENTS
    return (
        (DataType.INTEGRAL, lambda texts: _as_flags(pc.ascii_is_decimal(texts))),
        (DataType.FRACTIONAL, _are_plain_fractions),
        (DataType.FRACTIONAL, lambda texts: _as_flags(pc.match_substring_regex(texts, fractional))),
        (DataType.INTEGRAL, lambda texts: _as_flags(pc.match_substring_regex(texts, INTEGRAL_PATTERN))),
        (DataType.BOOLEAN, lambda texts: _as_flags(pc.or_(pc.equal(texts, "true"), pc.equal(texts, "false")))),
        (DataType.OTHER_NUMBER, lambda texts: _as_flags(pc.match_substring_regex(texts, other_number))),
    )


def _are_all_plain_fractions(texts: pa.StringArray) -> bool:
    """Whether all texts, none of them null, look like `12.5`: one pass over bytes decides most columns of fractions."""
    if texts.null_count or not len(texts):
        return False
    offsets, data = read_buffers(texts)
    characters = data[offsets[0] : offsets[-1]]
    ends = offsets - offsets[0]
    first = characters[: ends[1]]  # which settles it for most others
    for content, dots in ((first, 1), (characters, len(texts))):
        not_digits = np.flatnonzero(content - np.uint8(ord("0")) > 9)  # below "0" it wraps around
        if len(not_digits) != dots or (content[not_digits] != ord(".")).any():
            return False
    return bool(((not_digits > ends[:-1]) & (not_digits < ends[1:] - 1)).all())  # so there is one in each text


def _are_plain_fractions(texts: pa.StringArray) -> Flags:
    """Which texts look like `-12.5`, without a regular expression, at a fraction of its cost for a column of fractions.

    texts: without null. Unless each has exactly one dot, none is reported as a match: the regular expression then tests
    the rest.
    """
    offsets, data = read_buffers(texts)
    characters = data[offsets[0] : offsets[-1]].copy()
    starts = offsets[:-1] - offsets[0]
    ends = offsets[1:] - offsets[0]
    dots = np.flatnonzero(characters == ord("."))
    if len(dots) != len(texts) or not ((starts <= dots) & (dots < ends)).all():
        return np.zeros(len(texts), dtype=np.bool_)
    first = characters[starts]
    signed = (first == ord("-")) | (first == ord("+"))
    matching: Flags = (dots > starts + signed) & (dots < ends - 1)
    characters[dots] = characters[starts[signed]] = ord("0")
    not_digits = np.flatnonzero(characters - np.uint8(ord("0")) > 9)  # below "0" it wraps around
    matching[np.searchsorted(ends, not_digits, side="right")] = False
    return matching


def _as_flags(booleans: pa.BooleanArray) -> Flags:
    return np.asarray(booleans.to_numpy(zero_copy_only=False))


def _parse_doubles(texts: pa.Array) -> Doubles:
    """Numeric texts as doubles. The patterns allow a space after the sign, and blanks around, which parsers don't."""
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.replace_substring_regex(pc.ascii_trim_whitespace(texts), r"^([-+]) ", r"\1")
        numbers = pc.cast(trimmed, pa.float64())
    return np.asarray(numbers)


@register_state
@value_class
class VectorCounts(State):
    """Counts of one column's vectors. missing: null vectors. shortest, longest: lengths; 0 if there are no vectors."""

    KIND = "vectors"

    vectors: int = 0
    missing: int = 0
    elements: int = 0
    null_elements: int = 0
    nan_elements: int = 0
    shortest: int = 0
    longest: int = 0

    @classmethod
    def of(
        cls,
        lengths: NDArray[np.integer],
        null_elements: NDArray[np.integer],
        nan_elements: NDArray[np.integer],
        *,
        missing: int = 0,
    ) -> VectorCounts:
        """The counts of present vectors, from one number per vector each, shape (vectors,), and of `missing` others."""
        if not len(lengths):
            return cls(missing=missing)
        return cls(
            vectors=len(lengths),
            missing=missing,
            elements=int(lengths.sum(dtype=np.int64)),
            null_elements=int(null_elements.sum(dtype=np.int64)),
            nan_elements=int(nan_elements.sum(dtype=np.int64)),
            shortest=int(lengths.min()),
            longest=int(lengths.max()),
        )

    def __add__(self, addend: VectorCounts) -> VectorCounts:
        shortest = min((counts.shortest for counts in (self, addend) if counts.vectors), default=0)
        return self.add_members(addend, shortest=shortest, longest=max(self.longest, addend.longest))

    def is_consistent(self) -> bool:
        return self.null_elements + self.nan_elements <= self.elements and self.shortest <= self.longest
