"""The base of all documents of the contract: members, kinds of values, reading, writing and errors."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from numbers import Integral, Real
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
)

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadDocument, suggest_names
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from typing_extensions import Unpack


@value_class
class Expected:
    """What a value has to be, as the end of "it has to be …".

    of_data: whether the value comes from the monitored data; an error then names its type and never shows it.
    choices: the allowed texts, if there is a list of them.
    """

    text: str
    of_data: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def one_of(cls, names: Collection[str]) -> Expected:
        """The expectation of one of these texts."""
        return cls(f"one of {', '.join(map(json.dumps, names))}", choices=tuple(names))


_NUMBER_TYPES = (float, int)  # most numbers have one of these types; isinstance with Real is slower


def _parse_number(value: Json) -> float:
    if type(value) not in _NUMBER_TYPES and (isinstance(value, bool) or not isinstance(value, Real)):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("beyond a double") from None
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _parse_number_or_undefined(value: Json) -> float | None:
    """The number; None if it is not finite. Raises ValueError if it is not a number."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if value in (None, "NaN", "Infinity", "-Infinity") or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return _parse_number(value)


def require_name_in(names: Collection[str]) -> AfterValidator:
    """A validator that accepts only a text in `names`."""

    def require(name: str) -> str:
        if name not in names:
            raise ValueError("not one of the names")
        return name

    return AfterValidator(require)


def _require_encodable(text: str) -> str:
    text.encode()  # a lone surrogate can't be encoded
    return text


def _parse_count(value: Json) -> int:
    """The whole number. Raises ValueError if it isn't one, or is negative."""
    # From 2^53 on a double can't represent every whole number
    if type(value) is int and 0 <= value < 2**53:
        return value
    number = _parse_number(value)
    if number < 0 or number != math.floor(number):
        raise ValueError("not a count")
    if type(value) is int or isinstance(value, Integral):
        return int(value)
    return int(number)


def parse_size(text: str) -> int:
    """The bytes of a size such as 5MB, whose units are powers of 1000. Raises ValueError for any other text."""
    return TypeAdapter(ByteSize).validate_python(text)


Number = Annotated[float, BeforeValidator(_parse_number), Expected("a number", of_data=True)]

_UNDEFINABLE = Expected("a number, or null if it is not defined", of_data=True)
UndefinableNumber = Annotated[float | None, BeforeValidator(_parse_number_or_undefined), _UNDEFINABLE]
"""None means not computable. NaN, infinities and their texts are read as None (C11e), and are written back unchanged."""

SketchLevel = Annotated[
    tuple[Annotated[float, Strict(), Field(allow_inf_nan=False), Expected("a number", of_data=True)], ...],
    BeforeValidator(lambda level: level.tolist() if isinstance(level, np.ndarray) else level),
]
"""The level has thousands of numbers, so pydantic's strict float checks them, which is faster than Python code."""

Share = Annotated[
    float, BeforeValidator(_parse_number), Field(ge=0, le=1), Expected("a number from 0 to 1 (95 % is 0.95)")
]

_CHANCE = Expected("a number above 0 and below 1 (1 in 720 is 0.0014)")
Chance = Annotated[float, BeforeValidator(_parse_number), Field(gt=0, lt=1), _CHANCE]

Threshold = Annotated[float, BeforeValidator(_parse_number), Field(ge=0), Expected("a number, 0 or more")]

Count = Annotated[int, BeforeValidator(_parse_count), Expected("a whole number, 0 or more")]

Flag = Annotated[bool, Strict(), Expected("true or false")]

Name = Annotated[str, Strict(), AfterValidator(_require_encodable), Expected("a text")]

DataText = Annotated[str, Strict(), Expected("a text", of_data=True)]  # a text that comes from the monitored data


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
"""By top-level member that only one document has: the name of this document."""

MAX_FAULTS = 20  # maximum number of faults that an error lists; further ones are counted
_MAX_SHOWN_LENGTH = 60  # characters; an error doesn't show a longer text
_SCALARS = frozenset({float, int, str, bool})
_AS_READ = "_as_read"


@value_class
class _AsRead:
    """What the file contained: the order of members, the values that were read as None, and the integers that were read
    as doubles.
    """

    order: tuple[str, ...]
    nulls: Mapping[str, Any]
    integers: Mapping[str, Any]


class Section(BaseModel):
    """One JSON object of a document; its fields are the object's members, with the same names.

    Two sections are equal if they have the same class and write the same content.
    """

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, defer_build=True)

    NULLABLE: ClassVar[Collection[str]] = ()
    """Members that are written as null when they are set to None; other members are omitted. A class declares them as
    `nullable`.
    """

    _as_read: ClassVar[_AsRead | None] = None
    """The file's original content, for a section that was read. Not a private attribute of pydantic, because these are
    slow to create.
    """

    def __init_subclass__(cls, *, nullable: Collection[str] = (), **config: Unpack[ConfigDict]) -> None:
        super().__init_subclass__(**config)
        # A base class may have declared some
        if nullable:
            cls.NULLABLE = nullable

    def plain(self) -> dict[str, Json]:
        """The content as a plain JSON object: dicts, lists, texts, numbers, booleans, None."""
        members = self._members()
        as_read = self._as_read
        if as_read is not None:
            # A default that the file doesn't state is not written; what a copy changed is in model_fields_set.
            stated = (name for name in members if name not in type(self).model_fields or name in self.model_fields_set)
            members = {name: members.get(name) for name in dict.fromkeys((*as_read.order, *stated))}
            members |= {name: original for name, original in as_read.nulls.items() if members[name] is None}
            members |= {name: original for name, original in as_read.integers.items() if members[name] == original}
        return {
            name: _to_plain(member)
            for name, member in members.items()
            if member is not None or self._is_written_as_null(name)
        }

    def _members(self) -> dict[str, Any]:
        members = self.__dict__ | (self.model_extra or {})
        members.pop(_AS_READ, None)
        return members

    def _is_written_as_null(self, name: str) -> bool:
        if self._as_read is not None and name in self._as_read.nulls:
            return True
        return name in self.NULLABLE and name in self.model_fields_set

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Section) and self.plain() == other.plain()

    __hash__ = None  # type: ignore[assignment]  # a document is not a key


class StrictSection(Section, extra="forbid"):
    """An object that accepts only its declared members."""


class Document(Section):
    """A whole file of the contract.

    A class declares these parameters: `file`, the name that the service gives the file; `meant`, this name with its job, for
    errors. It may declare: `foreign`, members that only another document has, in addition to `MARKS`, with the name of that
    document; `shared`, members of another document that the same file may have; `optional`, whether the service omits an
    empty file (C11.7).
    """

    FILE_NAME: ClassVar[str]
    MEANT: ClassVar[str]
    FOREIGN: ClassVar[Mapping[str, str]] = {}
    SHARED: ClassVar[Collection[str]] = ()
    LEFT_OUT_IF_EMPTY: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        file: str = "",
        meant: str = "",
        foreign: Mapping[str, str] | None = None,
        shared: Collection[str] = (),
        optional: bool = False,
        **config: Any,
    ) -> None:
        super().__init_subclass__(**config)
        # Base classes that are no files declare nothing
        if file:
            cls.FILE_NAME = file
            cls.MEANT = meant
            cls.FOREIGN = foreign or {}
            cls.SHARED = shared
            cls.LEFT_OUT_IF_EMPTY = optional

    @classmethod
    def from_json(cls: type[DocumentType], text: str | bytes, where: str | None = None) -> DocumentType:
        """The document in `text`.

        where: the file's name in errors, such as its path; None for its contract name.

        Raises BadDocument with one line for each fault: JSON path, what was found, what to write instead.
        """
        # Two files are often mixed up, so the error says if this is another document
        where = where or cls.FILE_NAME
        content = json_text.load(text, where)
        if not isinstance(content, dict):
            raise BadDocument(f"{where} is {_describe_value(content, shown=False)}; it has to be a JSON object")
        # Another document is recognised by its members; listing all faults would not help
        for name, document_kind in {**cls.FOREIGN, **MARKS}.items():
            if name in content and name not in cls.model_fields and name not in cls.SHARED:
                raise BadDocument(f"{where} has a member {name}, so it is {document_kind}; give a {cls.MEANT} here")
        # All faults are reported at once, so that the file can be corrected in one step
        faults: list[str] = []
        document: DocumentType | None = None
        try:
            document = cls.model_validate(content)
            _record_source(document, content)
        except ValidationError as error:
            faults += [_describe_fault(cls, fault["loc"], fault["input"], fault["type"]) for fault in error.errors()]
        faults += _find_repeated_names(content.get("features"))
        if document is not None:
            faults += document.contradictions()
        if document is None or faults:
            listed = [f"{where}: {fault}" for fault in faults[:MAX_FAULTS]]
            unlisted = len(faults) - len(listed)
            if unlisted:
                listed.append(f"{where}: and {unlisted} more faults")
            raise BadDocument("\n".join(listed))
        return document

    def contradictions(self) -> Iterator[str]:
        """Faults that concern several members, each as a line of an error; none by default."""
        yield from ()

    def unknown_members(self) -> Iterator[str]:
        """Members that no section declares; they are kept but not read. Each is a line of an error.

        If several entries of a list have the same unknown member, such as a misspelt member of every feature, only the first
        is named.
        """
        first_faults: dict[str, str] = {}
        for fault in _find_unknown_members(self, ""):
            first_faults.setdefault(re.sub(r"\[\d+\]", "", fault), fault)
        return iter(first_faults.values())

    @property
    def body_dict(self) -> dict[str, Json]:
        """The content, as the service's SDK returns it under the same name."""
        return self.plain()

    def to_json(self) -> str:
        """The file's text, as the service's containers print it (G10)."""
        return json_text.dump(self.plain())


def _find_unknown_members(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Section):
        yield from (describe_unknown_name(name, type(value).model_fields, path) for name in value.model_extra or ())
        members = [(f"{path}.{name}".removeprefix("."), member) for name, member in value.__dict__.items()]
    elif isinstance(value, Mapping):
        members = [(f"{path}.{name}", member) for name, member in value.items()]
    elif type(value) is tuple:
        members = [(f"{path}[{index}]", member) for index, member in enumerate(value)]
    else:
        return
    for member_path, member in members:
        # Scalars contain nothing, and a wide document has hundreds of thousands of them
        if type(member) not in _SCALARS:
            yield from _find_unknown_members(member, member_path)


def _record_source(value_read: Any, source: Json) -> None:
    """Record in each section what its file contained. source: the content from which it was made; if that is an abbreviation
    instead of an object, the fields that are set count as stated."""
    # A list, or an object without declared members: record for the items
    if isinstance(value_read, (tuple, list)):
        if not set(map(type, value_read)) <= _SCALARS:
            for item, value in zip(value_read, source if isinstance(source, list) else [source], strict=False):
                _record_source(item, value)
    elif isinstance(value_read, dict):
        if isinstance(source, dict):
            for name, value in source.items():
                _record_source(value_read.get(name), value)
                if type(value) is int and type(value_read.get(name)) is float:
                    value_read[name] = value
    # A section: the stated members, the values that were read as None, and the integers that became doubles
    elif isinstance(value_read, Section):
        members = value_read._members()
        if isinstance(source, dict):
            stated = source
        else:
            stated = dict.fromkeys(value_read.model_fields_set)
        nulls = {}
        ints: dict[str, Any] = {}
        for name, value in stated.items():
            member = members.get(name)
            if member is None:
                nulls[name] = value
            # Scalars contain nothing, and a record of runs has thousands of them
            elif type(member) not in _SCALARS:
                if type(value) is list and float in map(type, member) and int in map(type, value):
                    ints[name] = tuple(value)
                _record_source(member, value)
            elif type(member) is float and type(value) is int:
                ints[name] = value
        object.__setattr__(value_read, _AS_READ, _AsRead(tuple(stated), nulls, ints))


class Single(tuple[Any, ...]):
    """A list of one item that the file states without brackets; it is written back without brackets."""


def _to_plain(value: Any) -> Any:
    if type(value) in _SCALARS:  # the frequent case; isinstance with Section is slower
        return value
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Single):
        return _to_plain(value[0])
    if isinstance(value, list | tuple):
        # Items are checked one by one only in a mixed list: a sketch's level has thousands of floats
        if set(map(type, value)) <= {float, str, int}:
            return list(value)
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _to_plain(member) for name, member in value.items()}
    return value


def _find_repeated_names(features: Json) -> Iterator[str]:
    # Other faults of the list and its entries are reported elsewhere
    if not isinstance(features, list):
        return
    first_index: dict[str, int] = {}
    for index, feature in enumerate(features):
        if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
            continue
        name = feature["name"]
        if name in first_index:
            fault = f"features[{index}].name is {_describe_value(name, shown=True)}"
            yield (
                f"{fault}, as is features[{first_index[name]}].name; it has to be another name, or one of the two entries "
                "has to go"
            )
        first_index.setdefault(name, index)


def is_suggested(
    name: str, limit: float | None, suggestions: Collection[float], requested_limits: Collection[str]
) -> bool:
    """Whether a limit is a suggestion of the baseline and not a person's choice: it equals a suggested value, and nobody
    requested it.

    A suggested limit allows for noise; a requested limit decides alone.

    suggestions: the values that the baseline's statistics suggest.
    requested_limits: names of the limits that a flag or a setting gave, or that a person confirmed; empty in the service's
        documents.
    """
    return name not in requested_limits and limit in suggestions


Annotation: TypeAlias = Any
"""The annotation of a member: a type, or a form of `typing` with arguments."""

_KEY = "[key]"  # pydantic ends the location of a key with this


def _describe_fault(document: type[Document], location: tuple[int | str, ...], value: Json, kind: str) -> str:
    # A section that accepts only declared members
    if kind == "extra_forbidden":
        path, hint = _follow_location(document, location[:-1])
        return describe_unknown_name(str(location[-1]), _find_section(hint).model_fields, path)
    # The key itself can't be printed, because half a surrogate pair is no text
    if location[-1:] == (_KEY,):
        path, _ = _follow_location(document, location[:-2])
        return f"{path} has a member whose name is no Unicode text; write another name"
    # Say what the member's annotation expects, and the nearest choice
    path, hint = _follow_location(document, location)
    expected = _find_expected(hint)
    advice = f"it has to be {expected.text}"
    if kind == "missing":
        return f"{path} is missing; {advice}"
    if isinstance(value, str):
        nearest = suggest_names(value, expected.choices, "", shown=json.dumps)
        if nearest:
            advice += f"; {nearest}"
    return f"{path} is {_describe_value(value, shown=not expected.of_data)}; {advice}"


def describe_unknown_name(name: str, names: Collection[str], path: str = "") -> str:
    """The fault of an unknown member, with the nearest known name. path: the path of the object, "" for the whole file."""
    advice = suggest_names(name, names, f"it may have {', '.join(names)}", shown=str)
    return f"{path}.{name} is unknown; {advice}".removeprefix(".")


def _follow_location(document: type[Document], location: tuple[int | str, ...]) -> tuple[str, Annotation]:
    """The path of a member in the form that errors show, and its annotation."""
    path = ""
    hint = document
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif path:
            path += f".{step}"
        else:
            path = step
        hint = _get_annotation(hint, step)
    return path, hint


def _get_annotation(hint: Annotation, step: int | str) -> Annotation:
    """The annotation of an object's member or of a list's items."""
    if isinstance(step, int):
        return next(get_args(part)[0] for part in _iterate_annotation(hint) if get_origin(part) is tuple)
    # In a mapping all members have the same annotation, in a section each has its own
    for part in _iterate_annotation(hint):
        if get_origin(part) is Mapping:
            return get_args(part)[1]
    return get_type_hints(_find_section(hint), include_extras=True)[step]


def _find_section(hint: Annotation) -> type[Section]:
    return next(part for part in _iterate_annotation(hint) if isinstance(part, type) and issubclass(part, Section))


def _find_expected(hint: Annotation) -> Expected:
    """What a member with this annotation has to be, for errors."""
    for part in _iterate_annotation(hint):
        metadata = getattr(part, "__metadata__", ())
        # An `Annotated` type has it as metadata
        for annotation in metadata:
            if isinstance(annotation, Expected):
                return annotation
        if get_origin(part) is tuple:
            return Expected("a list")
        if get_origin(part) is Mapping or (isinstance(part, type) and issubclass(part, Section)):
            return Expected("an object")
        if isinstance(part, type) and issubclass(part, Enum):
            return Expected.one_of([choice.value for choice in part])
    raise TypeError(f"{hint!r} says nowhere what it expects")


def _iterate_annotation(hint: Annotation) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _iterate_annotation(part)


def _describe_value(value: Json, *, shown: bool) -> str:
    """A value in the form that errors show: the value itself if it is short and may be shown, else its type and length."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of length {len(value)}"
    # Files may contain data and secrets, so errors show only short texts that may be shown
    if isinstance(value, str) and not (shown and len(value) <= _MAX_SHOWN_LENGTH):
        return f"a text of length {len(value)}"
    if shown or value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if abs(value) > sys.float_info.max:
        return "a number beyond the largest double"
    return "a number"
