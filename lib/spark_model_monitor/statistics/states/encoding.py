"""The bytes of a state: an envelope with kind and version, validation of its content, and upgrades of older versions.

A correct checksum doesn't make the content valid: any bytes are read either as a valid state or as a `BadState`. This
module also looks up types of state by kind. Runs on executors and driver.
"""

from __future__ import annotations

import functools
import json
import math
import re
import struct
import zlib
from abc import ABC
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from importlib import import_module
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics import Doubles

Parameters: TypeAlias = Mapping[str, Any]  # JSON values: integers, doubles, texts

K = TypeVar("K")
S = TypeVar("S", bound="State")


class State(ABC):
    """A small mergeable summary of rows: the state of some rows + the state of other rows is the state of all of them.

    States are frozen values; `Type()` is the state of no rows, the neutral element of addition. If all members are numbers,
    or arrays of one length plus numbers that are their parameters, the layout of the bytes follows from the members. Other
    states define `payload` and `from_payload`. Equal states have equal bytes, and any bytes are read either as a valid state
    or as a `BadState`. For bytes that this package didn't write, any exception of `from_payload` becomes a general
    `BadState`.
    """

    __slots__ = ()

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1  # of the payload's layout; older versions are read through `UPGRADES`

    def __add__(self, addend: Any, /) -> Any:
        """The state of the rows of both, the rows of `self` first. Raises BadState if their parameters differ."""
        return self.add_members(addend)

    def add_members(self: S, addend: S, **members: Any) -> S:
        """The sum of both states, member by member. members: the values of members that aren't simply added."""
        names = (name for name, _ in _list_members(type(self)) if name not in members)
        return type(self)(**{name: getattr(self, name) + getattr(addend, name) for name in names}, **members)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same bytes, so NaN equals NaN."""
        return isinstance(other, type(self)) and self.to_bytes() == other.to_bytes()

    def to_bytes(self) -> bytes:
        """The state's bytes, equal for equal states."""
        return pack(self.KIND, self.VERSION, *self.payload())

    @classmethod
    def from_bytes(cls: type[S], blob: bytes) -> S:
        """The state that `to_bytes` wrote, in this version or an older one.

        Raises BadState naming what is wrong with the bytes.
        """
        try:
            state: S = cls.from_payload(*unpack(blob, cls.KIND, cls.VERSION))
            problem = find_contradiction(state)
        except DECODING_ERRORS as error:
            problem = f"it can't be read ({type(error).__name__})"
        if problem:
            raise BadState(f"state bytes: they hold no {cls.KIND!r} of ours: {problem}; restore the file or scan again")
        return state

    def payload(self) -> tuple[Parameters, bytes]:
        """The parameters and the bytes of a state. Parameters are needed to read the bytes, and two added states must
        share them.
        """
        layout = _find_layout(type(self))
        numbers = {name: _unify_nan(getattr(self, name)) for name in layout.numbers}
        if not layout.columns:
            return {}, struct.pack(layout.format, *numbers.values())
        columns = (getattr(self, name).astype(dtype).tobytes() for name, dtype in layout.columns.items())
        return {name: int(number) for name, number in numbers.items()}, b"".join(columns)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Any:
        """The state with this payload in the current version. An exception for crafted bytes becomes a BadState."""
        layout = _find_layout(cls)
        if not layout.columns:
            cls.require_size(payload, struct.calcsize(layout.format))
            return cls(*struct.unpack(layout.format, payload))
        rows = len(payload) // sum(dtype.itemsize for dtype in layout.columns.values())
        members: dict[str, Any] = {name: number_type(parameters[name]) for name, number_type in layout.numbers.items()}
        start = 0
        for name, dtype in layout.columns.items():
            column = np.frombuffer(payload, dtype, rows, start)
            members[name] = column.astype(column.dtype.newbyteorder("="))
            start += column.nbytes
        cls.require_size(payload, start)
        return cls(**members)

    @classmethod
    def require_size(cls, payload: bytes, size: int) -> None:
        """Raise BadState if a payload doesn't have this size."""
        if len(payload) != size:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes; it has to have {size}")

    @staticmethod
    def sum_of_counts(first: Mapping[K, int], second: Mapping[K, int]) -> dict[K, int]:
        """The sum of the counts of both sides, by key."""
        total = Counter(dict(first))
        total.update(second)
        return dict(total)

    def is_consistent(self) -> bool:
        """Whether the members, whose types were checked before, form a valid state."""
        return True

    def require_same(self: S, addend: S, *names: str) -> None:
        """Raise BadState if one of these members, which are parameters, differs between the two sides of a sum."""
        for name in names:
            require_equal(self.KIND, name, getattr(self, name), getattr(addend, name))


_LENGTH = struct.Struct("<Q")  # little endian, like all numbers in these bytes


def join_parts(parts: Iterable[bytes]) -> bytes:
    """One payload from several parts, each preceded by its length."""
    return b"".join(chunk for part in parts for chunk in (_LENGTH.pack(len(part)), part))


def split_parts(payload: bytes) -> list[bytes]:
    """The parts of a payload that `join_parts` made. Raises ValueError or struct.error if a part is truncated."""
    parts = []
    end = 0
    while end < len(payload):
        start = end + _LENGTH.size
        end = start + _LENGTH.unpack_from(payload, end)[0]
        parts.append(payload[start:end])
    if end != len(payload):
        raise ValueError("the last part is truncated")
    return parts


def pack_texts(numbers: Iterable[int], texts: Iterable[str]) -> bytes:
    """One payload from whole numbers and texts: the numbers, the length of each text in bytes, the texts."""
    encoded = [text.encode() for text in texts]
    return np.array([*numbers, *map(len, encoded)], "<i8").tobytes() + b"".join(encoded)


def unpack_texts(payload: bytes, number_count: int, text_count: int) -> tuple[list[int], list[str]]:
    """The whole numbers and the texts that `pack_texts` packed. number_count, text_count: how many there are of each. Raises
    ValueError for other bytes.
    """
    if number_count < 0 or text_count < 0:
        raise ValueError("a number of texts is below 0")
    integers = np.frombuffer(payload, "<i8", number_count + text_count)
    ends = np.cumsum([integers.nbytes, *integers[number_count:]], dtype=np.int64).tolist()
    if ends[-1] != len(payload):
        raise ValueError("the texts end elsewhere")
    return integers[:number_count].tolist(), [payload[start:end].decode() for start, end in pairwise(ends)]


# Most data has few decimals. As integers of four bytes such numbers take half the space of doubles, and a quarter of it
# after compression
# The parameter with the number of decimal places of the integers; without it the numbers are doubles
DECIMALS = "decimals"
MAX_DECIMALS = 6
INTEGER_BYTES = 4
MAX_INTEGER = 2**31 - 1
FIRST_NUMBERS = 16  # testing the first numbers is enough to rule out most numbers of decimals


def pack_numbers(numbers: Doubles) -> tuple[dict[str, int], bytes]:
    """The parameter and the bytes of finite numbers. `unpack_numbers` restores exactly the same numbers."""
    for decimals in range(MAX_DECIMALS + 1):
        if _has_decimals(numbers[:FIRST_NUMBERS], decimals) and _has_decimals(numbers, decimals):
            integers = np.rint(numbers * 10.0**decimals).astype("<i4")
            # The first bytes of all integers, then the second ones, and so on: the last ones are nearly all equal, which
            # compresses well
            return {DECIMALS: decimals}, integers.view(np.uint8).reshape(-1, INTEGER_BYTES).T.tobytes()
    return {}, np.asarray(numbers, dtype="<f8").tobytes()


def unpack_numbers(parameters: Parameters, content: bytes) -> Doubles:
    """The numbers that `pack_numbers` packed. Raises BadState for other bytes."""
    decimals = parameters.get(DECIMALS)
    if decimals is None:
        return np.frombuffer(content, dtype="<f8").astype(np.float64, copy=False)
    if type(decimals) is not int or not 0 <= decimals <= MAX_DECIMALS:
        raise BadState(f"state bytes: {DECIMALS} is no number from 0 to {MAX_DECIMALS}")
    planes = np.frombuffer(content, dtype=np.uint8).reshape(INTEGER_BYTES, -1)
    return np.ascontiguousarray(planes.T).view("<i4").ravel() / 10.0**decimals


def get_number_size(parameters: Parameters) -> int:
    """The size of one packed number in bytes."""
    return 8 if parameters.get(DECIMALS) is None else INTEGER_BYTES


def _has_decimals(numbers: Doubles, decimals: int) -> bool:
    """Whether integers of four bytes with this many decimals restore exactly these numbers; a negative zero can't be
    restored.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        integers = np.rint(numbers * 10.0**decimals)
        are_equal = (integers / 10.0**decimals == numbers) & (np.abs(integers) <= MAX_INTEGER)
    is_negative_zero = (numbers == 0) & np.signbit(numbers)
    return bool(are_equal.all() and not is_negative_zero.any())


LARGEST_COUNT = 2**53  # a sum of a thousand such counts fits in 64 bits, and doubles are exact up to here

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_DECODING_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
DECODING_ERRORS = (*_DECODING_FAULTS, struct.error)  # the exceptions that crafted bytes can cause


def is_count(value: object, maximum: int = LARGEST_COUNT) -> bool:
    """Whether a value is a whole number from 0 to `maximum`; booleans are not."""
    return type(value) is int and 0 <= value <= maximum


def find_contradiction(state: State) -> str | None:
    """The reason why a state that was read is invalid; None if it is valid."""
    for name, example in _list_members(type(state)):
        if not _has_valid_type(getattr(state, name), example):
            return f"{name} is none"
    if state.is_consistent():
        return None
    return "its members contradict each other"


@functools.cache
def _list_members(state_type: type[Any]) -> tuple[tuple[str, Any], ...]:
    """The members of a type of state, each with its value in the state of no rows."""
    empty_state = state_type()
    return tuple((member.name, getattr(empty_state, member.name)) for member in fields(empty_state) if member.init)


class _Layout(NamedTuple):
    """The byte layout of a state without a payload method: its numbers in this `struct` format, or its columns one after
    the other.
    """

    numbers: dict[str, type[float]]
    columns: dict[str, np.dtype[Any]]
    format: str


def _unify_nan(number: float) -> float:
    """The number; every NaN gets the same bit pattern."""
    return math.nan if number != number else number


@functools.cache
def _find_layout(state_type: type[State]) -> _Layout:
    columns = {}
    numbers = {}
    for name, example in _list_members(state_type):
        if isinstance(example, np.ndarray):
            columns[name] = example.dtype.newbyteorder("<")
        else:
            numbers[name] = type(example)
    letters = ["d" if number_type is float else "q" for number_type in numbers.values()]
    return _Layout(numbers, columns, "".join(["<", *letters]))


def _has_valid_type(value: Any, example: Any) -> bool:
    if type(example) in (int, float):  # the frequent case first
        return type(value) is type(example) and (type(value) is float or 0 <= value <= LARGEST_COUNT)
    if isinstance(example, Mapping):
        return isinstance(value, Mapping) and _are_valid(value.keys(), keys=True) and _are_valid(value.values())
    return type(value) is type(example) and _are_valid([value])


def _are_valid(values: Any, *, keys: bool = False) -> bool:
    types = set(map(type, values))
    if types == {str}:
        return all(map(_is_text, values))
    if keys:
        return True
    if types == {int}:
        return bool(min(values) >= 0 and max(values) <= LARGEST_COUNT)
    return all(_is_valid_element(value) for value in values)


def _is_valid_element(value: Any) -> bool:
    if isinstance(value, tuple):
        return _are_valid(value)
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f" or not value.size or (value.min() >= 0 and value.max() <= LARGEST_COUNT))
    if isinstance(value, str):
        return _is_text(value)
    if type(value) is int:
        return is_count(value)
    return value is not None


def _is_text(text: str) -> bool:
    """Whether a text can be encoded in UTF-8: a lone surrogate, which JSON can contain, can't."""
    return text.isascii() or not _LONE_SURROGATE.search(text)


UPGRADES: dict[tuple[str, int], Callable[[Parameters, bytes], tuple[Parameters, bytes]]] = {}
"""By kind and version: the function that converts parameters and payload of this version to those of the next version."""


def apply_upgrades(
    kind: str, written_version: int, current_version: int, parameters: Parameters, payload: bytes
) -> tuple[Parameters, bytes]:
    """Parameters and payload of version `written_version`, converted to version `current_version`.

    Raises BadState if a later release, or no release, wrote version `written_version`.
    """
    if written_version > current_version:
        raise BadState(
            f"state bytes: {kind!r} has version {written_version}, which a later release wrote; this release reads "
            f"versions up to {current_version}: install the later one"
        )
    for version in range(written_version, current_version):
        if (kind, version) not in UPGRADES:
            raise BadState(f"state bytes: {kind!r} has version {version}, which no release wrote; scan the data again")
        parameters, payload = UPGRADES[kind, version](parameters, payload)
    return parameters, payload


MAGIC = b"SMMS"
ENVELOPE_VERSION = 1

_HEAD = struct.Struct("<4sBBBHQ")  # magic, envelope version, payload version; sizes of kind, parameters, payload
_VERSION_OFFSET = 5  # follows the magic and the envelope version
_CHECKSUM = struct.Struct("<I")
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def pack(kind: str, version: int, parameters: Parameters, payload: bytes) -> bytes:
    """The bytes of one state.

    kind: the state's KIND.
    version: the version of the payload's layout.
    parameters: what reading the payload needs, and what two added states must have in common.
    """
    name = kind.encode("ascii")
    parameter_bytes = b""
    if parameters:
        parameter_bytes = _JSON.encode(parameters).encode()
    # The sizes come first, so that kind and version can be read without the rest
    head = _HEAD.pack(MAGIC, ENVELOPE_VERSION, version, len(name), len(parameter_bytes), len(payload))
    body = b"".join((head, name, parameter_bytes, payload))
    return body + _CHECKSUM.pack(zlib.crc32(body))  # the checksum covers everything before it


def unpack(blob: bytes, kind: str, version: int) -> tuple[Parameters, bytes]:
    """The parameters and payload in bytes that `pack` made for this kind, in this version or an older one.

    Raises BadState naming what is wrong with the bytes.
    """
    body_size, name_end, parameters_end = _find_offsets(blob)
    _require_checksum(blob, body_size)
    written_kind = bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace")
    if written_kind != kind:
        raise BadState(f"state bytes: they hold a state of kind {written_kind!r}; {kind!r} is expected here")
    parameters: Parameters = _parse_parameters(bytes(blob[name_end:parameters_end]))
    payload = blob[parameters_end:body_size]
    if blob[_VERSION_OFFSET] != version:
        parameters, payload = apply_upgrades(kind, blob[_VERSION_OFFSET], version, parameters, payload)
    return dict(parameters), payload


def read_kind_and_version(blob: bytes) -> tuple[str, int]:
    """The kind of the state in these bytes and the version of its payload, without decoding the state.

    Raises BadState if they are not the bytes of a state, or truncated.
    """
    name_end = _find_offsets(blob)[1]
    return bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace"), blob[_VERSION_OFFSET]


def require_equal(kind: str, parameter: str, first: object, second: object) -> None:
    """Refuse to add two states whose parameters differ.

    Raises BadState naming the parameter and both values.
    """
    if first != second:
        raise BadState(
            f"{kind}: {parameter} is {first!r} here and {second!r} there; only states with the same one add up"
        )


@functools.lru_cache(maxsize=64)
def _parse_parameters(parameter_bytes: bytes) -> Parameters:
    """The parameters that `pack` wrote; cached, because most states of a kind share them."""
    try:
        parameters = json.loads(parameter_bytes) if parameter_bytes else {}
    except (ValueError, RecursionError) as error:
        raise BadState(f"state bytes: the parameters are no JSON ({type(error).__name__})") from error
    if not isinstance(parameters, dict):
        raise BadState("state bytes: the parameters are no JSON object")
    return parameters


def _require_checksum(blob: bytes, body_size: int) -> None:
    if _CHECKSUM.unpack_from(blob, body_size)[0] != zlib.crc32(memoryview(blob)[:body_size]):
        raise BadState(
            "state bytes: the checksum is wrong, so the bytes were changed or cut; read them again or rescan"
        )


def _find_offsets(blob: bytes) -> tuple[int, int, int]:
    """The offsets at which the checksum starts, the kind ends and the parameters end."""
    if len(blob) < _HEAD.size + _CHECKSUM.size:
        raise BadState(f"state bytes: {len(blob)} bytes are too few for a state; the file may be cut")
    magic, envelope, _, name_size, parameters_size, payload_size = _HEAD.unpack_from(blob)
    if magic != MAGIC:
        raise BadState(
            f"state bytes: they begin with {bytes(magic)!r} where a state has {MAGIC!r}; is this another file?"
        )
    if envelope != ENVELOPE_VERSION:
        raise BadState(f"state bytes: envelope version {envelope}; this release reads version {ENVELOPE_VERSION}")
    name_end = _HEAD.size + name_size
    parameters_end = name_end + parameters_size
    body_size = parameters_end + payload_size
    if len(blob) != body_size + _CHECKSUM.size:
        expected_size = body_size + _CHECKSUM.size
        raise BadState(
            f"state bytes: {len(blob)} bytes where their head announces {expected_size}; the file may be cut"
        )
    return body_size, name_end, parameters_end


STATES: dict[str, type[State]] = {}
"""The types of state by kind, of all modules imported so far; `find_state_type` imports the modules in `LAZY_MODULES`."""

LAZY_MODULES: Mapping[str, str] = {
    "ages": "time_counts",
    "attributions": "attributions",
    "block_sums": "blocks",
    "class_scores": "scores",
    "confusion": "scores",
    "contingency": "contingency",
    "estimated_outcomes": "estimated",
    "outcomes": "outcomes",
    "rule_counts": "rule_counts",
    "pairs": "pairs",
    "regression": "blocks",
    "scores": "scores",
    "segments": "segments",
    "time_counts": "time_counts",
    "vector_moments": "vectors",
}
"""The module of each kind of state that a profile doesn't have; imported when such a state is made or read."""


def register_state(state: type[S]) -> type[S]:
    """Class decorator that registers a type of state under its KIND.

    Raises ValueError if the kind is taken, a mistake of the type's author.
    """
    if state.KIND in STATES:
        raise ValueError(f"two types of state have the kind {state.KIND!r}")
    STATES[state.KIND] = state
    return state


def find_state_type(kind: str) -> type[State] | None:
    """The type of state of a kind, importing its module if necessary; None if there is no such kind."""
    if kind in LAZY_MODULES:
        import_module(f"{__package__}.{LAZY_MODULES[kind]}")
    return STATES.get(kind)


def list_kinds() -> list[str]:
    """Every kind of state, whether its module is imported or not."""
    return sorted({*STATES, *LAZY_MODULES})


def decode(blob: bytes) -> State:
    """Decode the state in these bytes, whatever its kind.

    Parameters
    ----------
    blob : bytes
        The output of a state's `to_bytes`, such as the column `state` of `states/profile.parquet`.

    Returns
    -------
    State
        A state, which can be added to other states of its kind.

    Raises
    ------
    BadState
        If the bytes are not a state; the error says what is wrong with them.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, decode_state, run_baseline
    >>> profile = run_baseline(pd.DataFrame({"items": [1, 3]}), DataQualityMonitor()).state
    >>> decode_state(profile.to_bytes()) == profile
    True
    """
    kind, _ = read_kind_and_version(blob)
    state = find_state_type(kind)
    if state is None:
        raise BadState(f"state bytes: {kind!r} is no kind of state here; the kinds are {', '.join(list_kinds())}")
    return state.from_bytes(blob)


def try_decode(blob: bytes) -> State | None:
    """The state in these bytes; None if only a later release can read it, because its kind or version is newer.

    Raises BadState if the bytes are damaged.
    """
    kind, version = read_kind_and_version(blob)
    state = find_state_type(kind)
    if state is not None and version <= state.VERSION:
        return state.from_bytes(blob)
    _require_checksum(blob, _find_offsets(blob)[0])
    return None
