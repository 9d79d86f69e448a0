"""The base of all documents of the contract: members, kinds of values, reading, writing and errors."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from spark_model_monitor.documents import json_text
from spark_model_monitor.errors import BadDocument, did_you_mean

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Expected:
    """What a value has to be, as the end of "it has to be …".

    of_data: whether the value comes from the monitored data; an error then names its type and never shows it. choices:
    the allowed texts, if limited.
    """

    text: str
    of_data: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def one_of(cls, names: Collection[str]) -> Expected:
        """One of these texts."""
        return cls(f"one of {', '.join(map(json.dumps, names))}", choices=tuple(names))


_PLAIN = (float, int)  # most numbers are one of these; isinstance of Real is slower


def _number(value: Any) -> float:
    if type(value) not in _PLAIN and (isinstance(value, bool) or not isinstance(value, Real)):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("beyond a double") from None
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _number_or_undefined(value: Any) -> float | None:
    """The number; None if it is not finite. Raises ValueError if it is not a number."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if value in (None, "NaN", "Infinity", "-Infinity") or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return _number(value)


def named_in(names: Collection[str]) -> AfterValidator:
    """A validator that accepts only a text in `names`."""

    def require(name: str) -> str:
        if name not in names:
            raise ValueError("not one of the names")
        return name

    return AfterValidator(require)


def _encodable(text: str) -> str:
    text.encode()  # a lone surrogate can't be encoded
    return text


def _count(value: Any) -> int:
    """The whole number. Raises ValueError if it isn't one, or is negative."""
    if type(value) is int and 0 <= value < 2**53:
        return value
    number = _number(value)
    if number < 0 or number != math.floor(number):
        raise ValueError("not a count")
    if type(value) is int or isinstance(value, Integral):
        return int(value)
    return int(number)


Number = Annotated[float, BeforeValidator(_number), Expected("a number", of_data=True)]

_UNDEFINABLE = Expected("a number, or null if it is not defined", of_data=True)
UndefinableNumber = Annotated[float | None, BeforeValidator(_number_or_undefined), _UNDEFINABLE]
"""None means not computable. NaN, infinities and their texts are read as None (C11e), and written back unchanged."""

SketchLevel = Annotated[
    tuple[Annotated[float, Strict(), Field(allow_inf_nan=False), Expected("a number", of_data=True)], ...],
    BeforeValidator(lambda level: level.tolist() if isinstance(level, np.ndarray) else level),
]
"""Thousands of numbers, so pydantic's own strict float checks them, not Python code one by one."""

Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1), Expected("a number from 0 to 1 (95 % is 0.95)")]

_CHANCE = Expected("a number above 0 and below 1 (1 in 720 is 0.0014)")
Chance = Annotated[float, BeforeValidator(_number), Field(gt=0, lt=1), _CHANCE]

Threshold = Annotated[float, BeforeValidator(_number), Field(ge=0), Expected("a number, 0 or more")]

Count = Annotated[int, BeforeValidator(_count), Expected("a whole number, 0 or more")]

Flag = Annotated[bool, Strict(), Expected("true or false")]

Name = Annotated[str, Strict(), AfterValidator(_encodable), Expected("a text")]

DataText = Annotated[str, Strict(), Expected("a text", of_data=True)]  # a text from the monitored data


DocumentType = TypeVar("DocumentType", bound="Document")

MARKS = {
    "dataset": "a statistics.json",
    "violations": "a constraint_violations.json",
    "monitoring_config": "a constraints.json",
    "checks": "a checks.json",
    **dict.fromkeys(("facet", "predictor"), "an analysis_config.json"),
    **dict.fromkeys(("pre_training_bias_metrics", "post_training_bias_metrics"), "the analysis.json of a bias job"),
    "explanations": "the analysis.json of an explainability job",
    **dict.fromkeys(
        ("binary_classification_constraints", "multiclass_classification_constraints", "regression_constraints"),
        "the constraints.json of a model-quality job",
    ),
    **dict.fromkeys(
        ("binary_classification_metrics", "multiclass_classification_metrics", "regression_metrics"),
        "the statistics.json of a model-quality job",
    ),
}
"""Top-level members that identify a document -> what it is."""

MOST_FAULTS = 20  # the number of faults that an error lists; the rest are counted
_LONGEST_SHOWN = 60  # the longest text that an error repeats, in characters
_SCALARS = frozenset({float, int, str, bool})
_AS_READ = "_as_read"


class _AsRead(NamedTuple):
    """What a file had: its members in order, the values of those read as None, and integers in place of doubles."""

    order: tuple[str, ...]
    nulls: Mapping[str, Any]
    integers: Mapping[str, Any]


class Section(BaseModel):
    """One JSON object of a document; its fields are the object's members, with the same names.

    Two sections are equal if they have the same class and write the same content.
    """

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, defer_build=True)

    NULLABLE: ClassVar[frozenset[str]] = frozenset()
    """Members that are written as null, not omitted, when set to None."""

    _as_read: ClassVar[_AsRead | None] = None
    """What the file had, for a section that was read. Not a private attribute of pydantic, which is slow to create."""

    def plain(self) -> dict[str, Any]:
        """The content as a plain JSON object: dicts, lists, texts, numbers, booleans, None."""
        members = self._members()
        as_read = self._as_read
        if as_read is not None:
            # A default that the file doesn't state is not written; what a copy changed is in model_fields_set.
            stated = (name for name in members if name not in type(self).model_fields or name in self.model_fields_set)
            members = {name: members.get(name) for name in dict.fromkeys((*as_read.order, *stated))}
            members |= {name: stood for name, stood in as_read.nulls.items() if members[name] is None}
            members |= {name: stood for name, stood in as_read.integers.items() if members[name] == stood}
        written = ((name, each) for name, each in members.items() if each is not None or self._is_null(name, as_read))
        return {name: _plain(value) for name, value in written}

    def _members(self) -> dict[str, Any]:
        members = self.__dict__ | (self.model_extra or {})
        members.pop(_AS_READ, None)
        return members

    def _is_null(self, name: str, as_read: _AsRead | None) -> bool:
        stood = as_read is not None and name in as_read.nulls
        return stood or (name in self.NULLABLE and name in self.model_fields_set)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Section) and self.plain() == other.plain()

    __hash__ = None  # type: ignore[assignment]  # a document is not a key


class StrictSection(Section, extra="forbid"):
    """An object that accepts only its declared members."""


class Document(Section):
    """A whole file of the contract.

    A class declares `file`, the name that the service gives it, and `meant`, that name with its job, for errors.
    """

    FILE_NAME: ClassVar[str]
    MEANT: ClassVar[str]

    FOREIGN: ClassVar[Mapping[str, str]] = {}
    """Members beyond `MARKS` that only another document has -> what that document is."""

    BESIDE: ClassVar[Collection[str]] = ()  # members of another document that the same file may have

    LEFT_OUT_IF_EMPTY: ClassVar[bool] = False
    """Whether the service omits the file when it would be empty (C11.7)."""

    def __init_subclass__(cls, *, file: str = "", meant: str = "", **config: Unpack[ConfigDict]) -> None:
        super().__init_subclass__(**config)
        if file:
            cls.FILE_NAME = file
            cls.MEANT = meant

    @classmethod
    def from_json(cls: type[DocumentType], text: str | bytes, where: str | None = None) -> DocumentType:
        """The document in `text`.

        where: the file's name in errors, such as its path; its contract name if None.

        Raises BadDocument with one line for each fault: JSON path, what was found, what to write instead.
        """
        where = where or cls.FILE_NAME
        content = json_text.load(text, where)
        if not isinstance(content, dict):
            raise BadDocument(f"{where} is {_found(content, shown=False)}; it has to be a JSON object")
        for name, document_kind in {**cls.FOREIGN, **MARKS}.items():
            if name in content and name not in cls.model_fields and name not in cls.BESIDE:
                raise BadDocument(f"{where} has a member {name}, so it is {document_kind}; give a {cls.MEANT} here")
        faults: list[str] = []
        document: DocumentType | None = None
        try:
            document = cls.model_validate(content)
            _remember_the_file(document, content)
        except ValidationError as error:
            faults += [_fault(cls, fault["loc"], fault["input"], fault["type"]) for fault in error.errors()]
        faults += _repeated_names(content.get("features"))
        faults += document.contradictions() if document is not None else ()
        if document is None or faults:
            listed = [f"{where}: {fault}" for fault in faults[:MOST_FAULTS]]
            rest = len(faults) - len(listed)
            raise BadDocument("\n".join([*listed, f"{where}: and {rest} more faults"] if rest else listed))
        return document

    def contradictions(self) -> Iterator[str]:
        """Faults between members, each as a line of an error; none by default."""
        yield from ()

    def unknown_members(self) -> Iterator[str]:
        """Members that their section doesn't declare, which are kept unread; each as a line of an error."""
        return _unknown_in(self, "")

    @property
    def body_dict(self) -> dict[str, Any]:
        """The content, as the service's SDK returns it under the same name."""
        return self.plain()

    def to_json(self) -> str:
        """The file's text, as the service's containers print it (G10)."""
        return json_text.dump(self.plain())


def _unknown_in(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Section):
        yield from (no_member(name, type(value).model_fields, path) for name in value.model_extra or ())
        within = [(f"{path}.{name}" if path else name, each) for name, each in value.__dict__.items()]
    elif isinstance(value, Mapping):
        within = [(f"{path}.{name}", each) for name, each in value.items()]
    else:
        if type(value) is tuple:
            within = [(f"{path}[{index}]", each) for index, each in enumerate(value)]
        else:
            within = []
    for place, each in within:
        if type(each) not in _SCALARS:
            yield from _unknown_in(each, place)


def _remember_the_file(made: Any, given: Any) -> None:
    """Record in each section what its file had. given: what it was made of; if abbreviated, the set fields count."""
    if isinstance(made, Section):
        members = made._members()
        if isinstance(given, Mapping):
            stated = given
        else:
            stated = dict.fromkeys(made.model_fields_set)
        nulls = {name: value for name, value in stated.items() if members.get(name) is None}
        ints = {
            name: tuple(each) if type(each) is list else each
            for name, each in stated.items()
            if type(each) in (int, list) and _has_integers(each, members.get(name))
        }
        object.__setattr__(made, _AS_READ, _AsRead(tuple(stated), nulls, ints))
        for name, value in stated.items():
            _remember_the_file(members.get(name), value)
    elif isinstance(made, dict) and isinstance(given, Mapping):
        for name, value in given.items():
            _remember_the_file(made.get(name), value)
            if type(value) is int and type(made.get(name)) is float:
                made[name] = value
    elif isinstance(made, tuple | list) and not set(map(type, made)) <= _SCALARS:
        for item, value in zip(made, given if isinstance(given, list) else [given], strict=False):
            _remember_the_file(item, value)


def _has_integers(given: Any, made: Any) -> bool:
    if type(made) is float:
        return type(given) is int
    return type(made) is tuple and type(given) is list and float in map(type, made) and int in map(type, given)


class Single(tuple[Any, ...]):
    """A list of one item that its file has without brackets, and that is written that way."""


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:  # most are; isinstance of Section is slower
        return value
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Single):
        return _plain(value[0])
    if isinstance(value, list | tuple):
        # Only items of a mixed list are checked one by one: a sketch's level has thousands of floats.
        if set(map(type, value)) <= {float, str, int}:
            return list(value)
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value


def _repeated_names(features: Any) -> Iterator[str]:
    first: dict[str, int] = {}
    for index, feature in enumerate(features if isinstance(features, list) else []):
        name = None
        if isinstance(feature, dict):
            name = feature.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            twice = f"features[{index}].name is {_found(name, shown=True)}, as is features[{first[name]}].name"
            yield f"{twice}; it has to be another name, or one of the two entries has to go"
        first.setdefault(name, index)


_KEY = "[key]"  # with this, pydantic ends the location of a key


def _fault(document: type[Document], place: tuple[int | str, ...], found: Any, kind: str) -> str:
    if kind == "extra_forbidden":
        return _unknown(document, place)
    if place[-1:] == (_KEY,):
        path, _ = _followed(document, place[:-2])
        return f"{path} has a member whose name is no Unicode text; write another name"
    path, hint = _followed(document, place)
    expected = _expected(hint)
    wanted = f"it has to be {expected.text}"
    if isinstance(found, str) and (near := did_you_mean(found, expected.choices, "", shown=json.dumps)):
        wanted += f"; {near}"
    return f"{path} is {'missing' if kind == 'missing' else _found(found, shown=not expected.of_data)}; {wanted}"


def _unknown(document: type[Document], place: tuple[int | str, ...]) -> str:
    """The fault of an unknown member in a section that accepts only declared ones."""
    path, hint = _followed(document, place[:-1])
    return no_member(str(place[-1]), _section(hint).model_fields, path)


def no_member(name: str, known: Collection[str], path: str = "") -> str:
    """The fault that an object has no such member, with the nearest name. path: the object's, "" for the whole file."""
    wanted = did_you_mean(name, known, f"it may have {', '.join(known)}", shown=str)
    if path:
        return f"{path}.{name} is unknown; {wanted}"
    return f"{name} is unknown; {wanted}"


def _followed(document: type[Document], place: tuple[int | str, ...]) -> tuple[str, Any]:
    """The path of a member, as errors write it, and its annotation."""
    path = ""
    hint = document
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        hint = _hint_of(hint, step)
    return path, hint


def _hint_of(hint: Any, step: int | str) -> Any:
    """The annotation of an object's member or of a list's items."""
    if isinstance(step, int):
        return next(get_args(part)[0] for part in _parts(hint) if get_origin(part) is tuple)
    for part in _parts(hint):
        if get_origin(part) is Mapping:
            return get_args(part)[1]
    return get_type_hints(_section(hint), include_extras=True)[step]


def _section(hint: Any) -> type[Section]:
    return next(part for part in _parts(hint) if isinstance(part, type) and issubclass(part, Section))


def _expected(hint: Any) -> Expected:
    """What a member with this annotation has to be."""
    for part in _parts(hint):
        if isinstance(part, Expected):
            return part
        if get_origin(part) is tuple:
            return Expected("a list")
        if get_origin(part) is Mapping or (isinstance(part, type) and issubclass(part, Section)):
            return Expected("an object")
        if isinstance(part, type) and issubclass(part, Enum):
            return Expected.one_of([choice.value for choice in part])
    raise TypeError(f"{hint!r} says nowhere what it expects")


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _found(value: Any, *, shown: bool) -> str:
    """A value as errors show it: the value if it is short and may be shown, else its type and length."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of length {len(value)}"
    if isinstance(value, str) and not (shown and len(value) <= _LONGEST_SHOWN):
        return f"a text of length {len(value)}"
    if shown or value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return "a number"
