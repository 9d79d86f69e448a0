"""The bytes of a state: an envelope with its kind and version, what it has to hold to be one, and how older versions are read.

A checksum that is right says nothing of that: whatever bytes are, they are a state or a `BadState`. Every type of state is found
by its kind here. Runs on executors and driver.
"""

from __future__ import annotations

import functools
import json
import re
import struct
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from model_monitor.errors import BadState

Parameters: TypeAlias = Mapping[str, Any]  # of JSON: whole numbers, doubles, texts

K = TypeVar("K")
S = TypeVar("S", bound="State")


class State(ABC):
    """A small partial result that adds: the state of some rows + the state of others is the state of all of them.

    States are frozen values; `Type()` is the state of no rows, which adding leaves the other side as it is. What the bytes hold
    is said once: by `NUMBERS` where a state is some numbers, else by `payload` and `of_payload`. Its bytes are the same for
    equal states, and whatever bytes are, they are a state or a `BadState`.
    """

    __slots__ = ()

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1  # of the payload's layout; older ones are read by way of `UPGRADES`
    NUMBERS: ClassVar[struct.Struct]  # the members in their order, where all are numbers

    @abstractmethod
    def __add__(self, other: Any, /) -> Any:
        """The state of the rows of both, those of `self` first; BadState if they were made with unequal parameters."""

    def __eq__(self, other: object) -> bool:
        """Equal to the bit, as the bytes are; NaN equals NaN."""
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
            state: S = cls.of_payload(*unpack(blob, cls.KIND, cls.VERSION))
            wrong = contradiction_in(state)
        except MALFORMED as error:
            wrong = f"it can't be read ({type(error).__name__})"
        if wrong:
            raise BadState(f"state bytes: they hold no {cls.KIND!r} of ours: {wrong}; restore the file or scan again")
        return state

    def payload(self) -> tuple[Parameters, bytes]:
        """What has to be known to read the bytes, and has to be the same for two states to add up; and the bytes."""
        return {}, self.NUMBERS.pack(*[getattr(self, name) for name, _ in _members(type(self))])

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> Any:
        """The state that has this payload, of the present version. What it raises for crafted bytes becomes a BadState."""
        cls.require_size(payload, cls.NUMBERS.size)
        return cls(*cls.NUMBERS.unpack(payload))

    @classmethod
    def require_size(cls, payload: bytes, size: int) -> None:
        """Raises BadState if a payload has another size."""
        if len(payload) != size:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes; it has to have {size}")

    @staticmethod
    def sum_of_counts(mine: Mapping[K, int], theirs: Mapping[K, int]) -> dict[K, int]:
        """The counts of two sides by key."""
        total = Counter(dict(mine))
        total.update(theirs)
        return dict(total)

    def contradiction(self) -> str | None:
        """Why members of the right types are no state; None if they are one."""
        return None


_LENGTH = struct.Struct("<Q")  # little endian, as all numbers in these bytes


def joined(parts: Iterable[bytes]) -> bytes:
    """The parts as one payload."""
    return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))


def split(kind: str, payload: bytes) -> list[bytes]:
    """The parts that `joined` made a payload of. kind: whose payload it is, for errors.

    Raises BadState if a part is cut.
    """
    parts = []
    start = 0
    while start < len(payload):
        place = start + _LENGTH.size
        end = place + _LENGTH.unpack_from(payload, start)[0] if place <= len(payload) else place  # a cut length
        if end > len(payload):
            raise BadState(f"state bytes: a part of {kind!r} ends at byte {end} of {len(payload)}")
        parts.append(payload[place:end])
        start = end
    return parts


MOST = 2**53  # no count is larger: a thousand of them still add up within 64 bits, and a double is exact up to here

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_OF_READING = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
MALFORMED = (*_OF_READING, struct.error)  # what reading crafted bytes ends with


def is_count(value: object, most: int = MOST) -> bool:
    """Whether a value is a whole number from 0 to `most`; true and false are none."""
    return type(value) is int and 0 <= value <= most


def contradiction_in(state: State) -> str | None:
    """Why something that was read is no state of ours; None if it is one."""
    for name, like in _members(type(state)):
        if not _is_sound(getattr(state, name), like):
            return f"{name} is none"
    return state.contradiction()


@functools.cache
def _members(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """The members of a type of state, each with what it is where there are no rows."""
    none = kind()
    return tuple((member.name, getattr(none, member.name)) for member in fields(none) if member.init)


def _is_sound(value: Any, like: Any) -> bool:
    if type(like) in (int, float):  # most are
        return type(value) is type(like) and (type(value) is float or 0 <= value <= MOST)
    if isinstance(like, Mapping):
        return isinstance(value, Mapping) and _are_sound(value.keys(), keys=True) and _are_sound(value.values())
    return type(value) is type(like) and _are_sound([value])


def _are_sound(values: Any, *, keys: bool = False) -> bool:
    kinds = set(map(type, values))
    if kinds == {str}:
        return all(map(_is_text, values))
    if keys:
        return True
    if kinds == {int}:
        return bool(min(values) >= 0 and max(values) <= MOST)
    return all(_is_whole(value) for value in values)


def _is_whole(value: Any) -> bool:
    if isinstance(value, tuple):
        return _are_sound(value)
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f" or not value.size or (value.min() >= 0 and value.max() <= MOST))
    if isinstance(value, str):
        return _is_text(value)
    return is_count(value) if type(value) is int else value is not None


def _is_text(text: str) -> bool:
    """Whether a text can be written: half a surrogate pair, which JSON can spell, is none."""
    return text.isascii() or not _LONE_SURROGATE.search(text)


Upgrade: TypeAlias = Callable[[Parameters, bytes], tuple[Parameters, bytes]]
"""The next version's parameters and payload of those of one version."""

UPGRADES: dict[tuple[str, int], Upgrade] = {}  # by kind and the version that the step begins at


def upgrades(kind: str, version: int) -> Callable[[Upgrade], Upgrade]:
    """Decorator that enters the step from `version` of `kind` to the next one."""

    def enter(upgrade: Upgrade) -> Upgrade:
        UPGRADES[kind, version] = upgrade
        return upgrade

    return enter


def upgraded(kind: str, found: int, wanted: int, parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Parameters and payload of version `found` as those of version `wanted`.

    Raises BadState if a later release wrote them, or none.
    """
    if found > wanted:
        raise BadState(
            f"state bytes: {kind!r} has version {found}, which a later release wrote; this release reads versions up to "
            f"{wanted}: install the later one"
        )
    for version in range(found, wanted):
        if (kind, version) not in UPGRADES:
            raise BadState(f"state bytes: {kind!r} has version {version}, which no release wrote; scan the data again")
        parameters, payload = UPGRADES[kind, version](parameters, payload)
    return parameters, payload


@upgrades("feature", 1)
def _without_empty_parts(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 1 had six places, a state or nothing in each; since then a profile has the states that there are."""
    return parameters, joined(part for part in split("feature", payload) if part)


@upgrades("outcomes", 1)
@upgrades("outcomes", 2)
def _without_last(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 1 had no residuals, and version 2 no scores of classes."""
    return parameters, payload + joined([b""])


@upgrades("estimated_outcomes", 1)
def _of_two_classes(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 1 had neither scores of many classes nor errors of numbers."""
    return parameters, payload + joined([b"", b""])


@upgrades("estimated_outcomes", 2)
def _without_errors(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 2 knew of errors only how far they were from what was expected of them."""
    return parameters, joined([*split("estimated_outcomes", payload)[:3], b""])


MAGIC = b"SMMS"
ENVELOPE_VERSION = 1

_HEAD = struct.Struct("<4sBBBHQ")  # magic, envelope, version; sizes of kind, parameters, payload
_VERSION_AT = 5  # behind the magic and the envelope's own version
_CHECKSUM = struct.Struct("<I")
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def pack(kind: str, version: int, parameters: Parameters, payload: bytes) -> bytes:
    """The bytes of one state.

    kind: the state's KIND.
    version: of its payload's layout.
    parameters: what has to be known to read the payload, and what two states must have in common to be added.
    """
    name = kind.encode("ascii")
    described = _JSON.encode(parameters).encode() if parameters else b""
    head = _HEAD.pack(MAGIC, ENVELOPE_VERSION, version, len(name), len(described), len(payload))
    body = b"".join((head, name, described, payload))
    return body + _CHECKSUM.pack(zlib.crc32(body))  # of all that stands before it


def unpack(blob: bytes, kind: str, version: int) -> tuple[dict[str, Any], bytes]:
    """Parameters and payload of bytes that `pack` made with this kind, in this version or an older one.

    Raises BadState naming what is wrong with the bytes.
    """
    body_size, name_end, parameters_end = _places(blob)
    _require_checksum(blob, body_size)
    found = bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace")
    if found != kind:
        raise BadState(f"state bytes: they hold a state of kind {found!r}; {kind!r} is expected here")
    parameters: Mapping[str, Any] = _parameters(bytes(blob[name_end:parameters_end]))
    payload = blob[parameters_end:body_size]
    if blob[_VERSION_AT] != version:
        parameters, payload = upgraded(kind, blob[_VERSION_AT], version, parameters, payload)
    return dict(parameters), payload


def kind_and_version(blob: bytes) -> tuple[str, int]:
    """The kind of the state in these bytes and the version of its payload, without reading the state.

    Raises BadState if they are no state bytes, or are cut.
    """
    name_end = _places(blob)[1]
    return bytes(blob[_HEAD.size : name_end]).decode("ascii", "replace"), blob[_VERSION_AT]


def require_equal(kind: str, parameter: str, left: object, right: object) -> None:
    """Refuse to add two states that were made with unequal parameters.

    Raises BadState naming the parameter and both values.
    """
    if left != right:
        raise BadState(
            f"{kind}: {parameter} is {left!r} here and {right!r} there; only states with the same one add up"
        )


@functools.lru_cache(maxsize=64)
def _parameters(described: bytes) -> dict[str, Any]:
    """Those that `pack` described, which most states of a kind have in common."""
    try:
        parameters = json.loads(described) if described else {}
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


def _places(blob: bytes) -> tuple[int, int, int]:
    """Where the checksum starts, where the kind ends and where the parameters end."""
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
        announced = body_size + _CHECKSUM.size
        raise BadState(f"state bytes: {len(blob)} bytes where their head announces {announced}; the file may be cut")
    return body_size, name_end, parameters_end


STATES: dict[str, type[State]] = {}
"""Every type of state by its kind, as far as their modules are imported; `state_type` imports those of `LATER`."""

LATER: Mapping[str, str] = {
    "ages": "ages",
    "attributions": "attributions",
    "block_sums": "blocks",
    "class_scores": "scores",
    "confusion": "scores",
    "contingency": "contingency",
    "estimated_outcomes": "estimated",
    "offences": "offences",
    "outcomes": "outcomes",
    "pairs": "pairs",
    "regression": "blocks",
    "scores": "scores",
    "segments": "segments",
    "vector_moments": "vectors",
}
"""By kind the modules of states that a profile doesn't have: they are imported when such a state is made or read."""


def registered(state: type[S]) -> type[S]:
    """Class decorator that enters a type of state under its KIND.

    Raises ValueError if the kind is taken, which is an error of its author.
    """
    if state.KIND in STATES:
        raise ValueError(f"two types of state have the kind {state.KIND!r}")
    STATES[state.KIND] = state
    return state


def state_type(kind: str) -> type[State] | None:
    """The type of state of a kind, whose module is imported now if it wasn't before; None if there is no such kind."""
    if kind in LATER:
        import_module(f"{__package__}.{LATER[kind]}")
    return STATES.get(kind)


def kinds() -> list[str]:
    """Every kind of state, its module imported or not."""
    return sorted({*STATES, *LATER})


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
    >>> from model_monitor import DataQualityMonitor, decode_state, run_baseline
    >>> profile = run_baseline(pd.DataFrame({"items": [1, 3]}), DataQualityMonitor()).state
    >>> decode_state(profile.to_bytes()) == profile
    True
    """
    kind, _ = kind_and_version(blob)
    state = state_type(kind)
    if state is None:
        raise BadState(f"state bytes: {kind!r} is no kind of state here; the kinds are {', '.join(kinds())}")
    return state.from_bytes(blob)


def decode_if_known(blob: bytes) -> State | None:
    """The state in these bytes; None if only a later release can read it, which added the kind or gave it a new version.

    Raises BadState if the bytes are damaged.
    """
    kind, version = kind_and_version(blob)
    state = state_type(kind)
    if state is not None and version <= state.VERSION:
        return state.from_bytes(blob)
    _require_checksum(blob, _places(blob)[0])
    return None
