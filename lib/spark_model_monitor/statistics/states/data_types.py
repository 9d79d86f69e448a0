"""The types of a column's cells by Deequ's rules: integers, fractions, booleans or other text; and lengths of vectors.

`classify` inspects cells and `parse_numbers` reads numeric cells, both on executors. `DataTypeCounts` is the state, and
`VectorCounts` the state of a column of arrays or vectors. Some texts, such as `.5`, are numbers to pandas' read_csv but not
to Deequ: they are counted as texts and read as numbers.

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
FRACTIONAL_PATTERN_WITHOUT_EXPONENTS = r"^[-+]? ?\d+\.\d+$"  # for Deequ 2.0, which the service runs
_OTHER_NUMBER = r"^(?: *[-+]?(?:\d+\.?\d*|\.\d+){exponent} *|[-+]?(?i:inf(?:inity)?))$"
OTHER_NUMBER_PATTERN = _OTHER_NUMBER.replace("{exponent}", r"(?:[Ee][-+]?\d+)?")
OTHER_NUMBER_PATTERN_WITHOUT_EXPONENTS = _OTHER_NUMBER.replace("{exponent}", "")

# Times from 2001 to 2033, in seconds since 1970
FIRST_SECOND = 1e9
LAST_SECOND = 2e9
UNITS_OF_SECONDS = (1.0, 1e3, 1e6, 1e9)  # seconds, milli-, micro- and nanoseconds: how many of each make one second


class DataType(IntEnum):
    """The type that a cell looks like. OTHER_NUMBER: a text for Deequ but a number for pandas."""

    MISSING = 0
    INTEGRAL = 1
    FRACTIONAL = 2
    BOOLEAN = 3
    TEXT = 4
    OTHER_NUMBER = 5


@register_state
@value_class
class DataTypeCounts(State):
    """The number of a column's cells of each type. unknown: cells that are present but weren't inspected (arrays, maps)."""

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
        """The counts of some cells. counts: how often each cell of `values` occurs; None: once."""
        return cls.from_kinds(classify(values, accept_exponents=accept_exponents), counts)

    @classmethod
    def from_kinds(cls, kinds: Kinds, counts: Integers | None = None, *, missing: int = 0) -> DataTypeCounts:
        """The counts of classified cells, plus `missing` missing ones. counts: how often each cell occurs; None: once."""
        if counts is None and len(kinds) and kinds.min() == kinds.max():
            # Most columns have cells of only one type; this avoids the slower bincount
            counts = np.array([len(kinds)])
            kinds = kinds[:1]
        return cls.from_counts(np.bincount(kinds, counts, minlength=len(DataType)), missing=missing)

    @classmethod
    def from_counts(
        cls, counts: Sequence[float] | NDArray[np.float64 | np.int64], *, missing: int = 0
    ) -> DataTypeCounts:
        """The state with these numbers of cells, in the order of `DataType`, plus `missing` missing ones."""
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
        """The type that all present cells have in common; booleans count as String, as in documents.

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
    if len(texts) <= _FEW_TEXTS and not texts.null_count:  # a category usually has few values
        are_words = [_is_word(word) for word in texts.view(pa.binary()).to_pylist()]
        unclassified = np.flatnonzero(~np.array(are_words, dtype=np.bool_))
    elif _are_all_plain_fractions(texts):
        return np.full(len(texts), DataType.FRACTIONAL, dtype=np.int8)
    else:
        unclassified = _find_possible_numbers(texts)
    if texts.null_count:
        missing = texts.is_null().to_numpy(zero_copy_only=False)
        kinds[missing] = DataType.MISSING
        unclassified = unclassified[~missing[unclassified]]
    for kind, matches in _list_type_tests(accept_exponents):
        if not len(unclassified):
            break
        matching = matches(texts if len(unclassified) == len(texts) else texts.take(pa.array(unclassified)))
        kinds[unclassified[matching]] = kind
        unclassified = unclassified[~matching]
    return kinds


def parse_numbers(values: pa.StringArray, kinds: Kinds | None = None) -> Doubles:
    """The cells as doubles, shape (cells,): NaN if a cell is missing or not a number, infinite beyond 1.8e308.

    kinds: the result of `classify` for these cells, if available.
    """
    if kinds is None:
        kinds = classify(values)
    numeric = (kinds == DataType.INTEGRAL) | (kinds == DataType.FRACTIONAL) | (kinds == DataType.OTHER_NUMBER)
    if numeric.all():
        return _parse_doubles(values)
    numbers = np.full(len(values), np.nan)
    if numeric.any():
        numbers[numeric] = _parse_doubles(values.filter(pa.array(numeric)))
    return numbers


_IS_NUMBER_BYTE = np.zeros(256, dtype=np.bool_)
_IS_NUMBER_BYTE[list(b"+-0123456789 .eE")] = True

_BEGIN_NUMBER = tuple(bytes([byte]) for byte in b"+-.0123456789 ")
_END_NUMBER = tuple(bytes([byte]) for byte in b"0123456789. ")
_NON_WORDS = frozenset({b"true", b"false", b"inf", b"infinity"})  # in lower case
_MAX_BOOLEAN_LENGTH = len("false")
_LOWER_CASE_BIT = np.uint8(0x20)  # the bit by which a lower-case ASCII letter differs from its capital
_SIXTEENTHS = (8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15)  # tested positions, in sixteenths of a text
_FEW_TEXTS = 64  # for so few texts a regular expression is cheaper than testing another byte


def _is_word(text: bytes) -> bool:
    """Whether a text is certainly neither a number nor a boolean."""
    if text.startswith(_BEGIN_NUMBER):
        return not text.endswith(_END_NUMBER) and text[1:].lower() not in _NON_WORDS
    return text.lower() not in _NON_WORDS


def _find_possible_numbers(texts: pa.StringArray) -> Integers:
    """The indices of texts that may be numbers, booleans or infinities; the regular expressions test only these.

    A candidate has bytes of numbers at both ends and at some positions between, or is as short as a boolean, or looks like an
    infinity. Few words, names and ids do.
    """
    bounds, octets = read_buffers(texts)
    offsets = bounds.astype(np.int64)
    if not len(octets):
        return offsets[:0]
    starts = offsets[:-1]
    lengths = np.diff(offsets)
    first = octets.take(np.minimum(starts, len(octets) - 1))  # an empty text may begin after the last byte
    may_be_number = (first - np.uint8(ord("+")) <= ord("9") - ord("+")) | (first == ord(" "))
    if may_be_number.any():
        last = octets.take(np.maximum(offsets[1:], 1) - 1)
        may_be_number &= last - np.uint8(ord(" ")) <= ord("9") - ord(" ")
        candidates = np.flatnonzero(may_be_number & (lengths > 0))
        candidate_starts = starts[candidates]
        candidate_lengths = lengths[candidates]
        may_be_number[:] = False
        for sixteenth in _SIXTEENTHS:
            # If most texts are left, they probably are numbers
            if len(candidates) <= _FEW_TEXTS or 2 * len(candidates) > len(texts):
                break
            positions = candidate_starts + (candidate_lengths * sixteenth >> 4)
            has_number_byte = _IS_NUMBER_BYTE.take(octets.take(positions))
            candidates = candidates[has_number_byte]
            candidate_starts = candidate_starts[has_number_byte]
            candidate_lengths = candidate_lengths[has_number_byte]
        may_be_number[candidates] = True
        is_signed = (first - np.uint8(ord("+")) <= ord("-") - ord("+")) & (last > ord("9"))
        if is_signed.any():
            _mark_infinities(may_be_number, octets, starts + 1, lengths - 1, is_signed.nonzero()[0])
    may_be_number |= ((first == ord("t")) | (first == ord("f"))) & (lengths <= _MAX_BOOLEAN_LENGTH)
    begins_infinity = (first | _LOWER_CASE_BIT) == ord("i")
    if begins_infinity.any():
        _mark_infinities(may_be_number, octets, starts, lengths, begins_infinity.nonzero()[0])
    return np.flatnonzero(may_be_number)


def _mark_infinities(
    may_be_number: Flags, octets: Bytes, starts: Integers, lengths: Integers, indices: Integers
) -> None:
    """Flag those of the texts at these indices that have the length of an infinity and begin with `inf`."""
    text_lengths = lengths[indices]
    indices = indices[(text_lengths == len("inf")) | (text_lengths == len("infinity"))]
    for offset, letter in enumerate(b"inf"):
        if not len(indices):
            return
        indices = indices[(octets.take(starts[indices] + offset) | _LOWER_CASE_BIT) == letter]
    may_be_number[indices] = True


def _list_type_tests(accept_exponents: bool) -> tuple[tuple[DataType, Callable[[pa.Array], Flags]], ...]:
    """The tests for cells that aren't classified yet; the cheapest and most frequent ones come first."""
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
    """Whether all texts look like `12.5` and none is null. One pass over the bytes decides this for most columns of
    fractions.
    """
    if texts.null_count or not len(texts):
        return False
    offsets, data = read_buffers(texts)
    octets = data[offsets[0] : offsets[-1]]
    ends = offsets - offsets[0]
    first = octets[: ends[1]]  # the first text alone decides for most other columns
    for content, dots in ((first, 1), (octets, len(texts))):
        not_digits = np.flatnonzero(content - np.uint8(ord("0")) > 9)  # a byte below "0" wraps around to above 9
        if len(not_digits) != dots or (content[not_digits] != ord(".")).any():
            return False
    # Each text has exactly one dot, not at an end
    return bool(((not_digits > ends[:-1]) & (not_digits < ends[1:] - 1)).all())


def _are_plain_fractions(texts: pa.StringArray) -> Flags:
    """Flags of the texts that look like `-12.5`. For a column of fractions this is much faster than a regular expression.

    texts: without null. Unless each has exactly one dot, no text is flagged, and the regular expression tests
    them all.
    """
    offsets, data = read_buffers(texts)
    octets = data[offsets[0] : offsets[-1]].copy()
    starts = offsets[:-1] - offsets[0]
    ends = offsets[1:] - offsets[0]
    dots = np.flatnonzero(octets == ord("."))
    if len(dots) != len(texts) or not ((starts <= dots) & (dots < ends)).all():
        return np.zeros(len(texts), dtype=np.bool_)
    first = octets[starts]
    signed = (first == ord("-")) | (first == ord("+"))
    matching: Flags = (dots > starts + signed) & (dots < ends - 1)
    octets[dots] = octets[starts[signed]] = ord("0")
    not_digits = np.flatnonzero(octets - np.uint8(ord("0")) > 9)  # a byte below "0" wraps around to above 9
    matching[np.searchsorted(ends, not_digits, side="right")] = False
    return matching


def _as_flags(booleans: pa.BooleanArray) -> Flags:
    return np.asarray(booleans.to_numpy(zero_copy_only=False))


def _parse_doubles(texts: pa.Array) -> Doubles:
    """Numeric texts as doubles. A space after the sign and blanks around the number, which the patterns allow, are
    removed if parsing fails.
    """
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        trimmed = pc.replace_substring_regex(pc.ascii_trim_whitespace(texts), r"^([-+]) ", r"\1")
        numbers = pc.cast(trimmed, pa.float64())
    return np.asarray(numbers)


@register_state
@value_class
class VectorCounts(State):
    """Counts of one column's vectors.

    missing: number of null vectors. shortest, longest: lengths of vectors; 0 if there are no vectors.
    """

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
        """The counts of present vectors and of `missing` null ones. Each array has one number per vector, shape (vectors,)."""
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
