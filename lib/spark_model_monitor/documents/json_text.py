"""JSON text in the format of the service's containers, with Java's number format; and strict reading, whose errors have
positions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.errors import BadDocument

Json: TypeAlias = Any
"""A plain JSON value: dict, list, tuple, str, int, float, bool or None."""

NAN_TEXTS = ("NaN", "nan")  # how Java, Python and pandas write a float that is not a number

PLAIN_MINIMUM = 1e-3
PLAIN_LIMIT = 1e7
"""Between these magnitudes Double.toString prints no exponent (Java SE 17 API, Double.toString)."""


def is_json(text: str) -> bool:
    """Whether Python's parser accepts a text as JSON."""
    try:
        json.loads(text)
    # Deeply nested text exceeds the parser's recursion limit
    except (ValueError, RecursionError):
        return False
    return True


def format_java_double(x: float) -> str:
    """The text of Java's `Double.toString(x)`: `100.0`, `6.0E-4`, `1.44E10`, `NaN`, `Infinity`.

    The digits are the shortest that read back as `x`. In rare cases Java 17 prints other digits, such as
    1.9999999999999998E23 for 2.0E23 and 4.9E-324 for 5.0E-324. This concerns 3 in 1,000 doubles with random bits, 3 in 100
    whole numbers between 1 and 1e18, and none of 450,000 fractions between 1e-9 and 1e16.
    Source: Java SE 17 API, Double.toString.
    """
    if not math.isfinite(x):
        if math.isnan(x):
            return "NaN"
        if x > 0:
            return "Infinity"
        return "-Infinity"
    text = float.__repr__(x)  # the repr of a numpy float is np.float64(…)
    if x == 0 or PLAIN_MINIMUM <= abs(x) < PLAIN_LIMIT:
        return text
    return format_scientific(text)


def format_scientific(text: str) -> str:
    """Python's text of a finite nonzero double in Java's exponent notation: `1.25E7` for `12500000.0`."""
    # Separate the digits from the position of the decimal point
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    integer, _, fraction = mantissa.partition(".")
    padded = (integer + fraction).rstrip("0")
    digits = padded.lstrip("0")
    power = int(exponent or 0) + len(integer) - 1 - (len(padded) - len(digits))
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"


_ESCAPES = {code: f"\\u{code:04X}" for code in range(0x20)}
_ESCAPES |= {ord(letter): json.dumps(letter)[1:-1] for letter in '"\\\b\f\n\r\t'}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_OR_BARE_WORD = re.compile(r'"(?:[^"\\]|\\.)*"?|NaN|-?Infinity', re.DOTALL)


def dump(value: Json) -> str:
    """The JSON text of a plain JSON value in the containers' format. Numbers that are not finite become null.

    An int stays an int and a float stays a double (`0.0`, never `0`). A lone surrogate is written as its escape, so that
    the text can always be encoded.

    Raises TypeError if `value` contains anything but dict, list, tuple, str, int, float, bool or None; this is a caller's
    mistake.
    """
    parts: list[str] = []
    _write(value, "\n", parts.append)
    return "".join(parts)


def dump_lines(content: Mapping[str, Json]) -> str:
    """The JSON text of an object, without blanks, with one line for each item of its lists and objects. Raises what
    `dump` raises.
    """
    members = [f"{_quote(name)}:{_dump_items(member)}" for name, member in content.items()]
    return "{" + ",\n".join(members) + "}\n"


def dump_indented(value: Json) -> str:
    """JSON for people and programs of ours: indented, with Python's number format, and a newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _dump_items(value: Json) -> str:
    if isinstance(value, Mapping) and value:
        members = [f"{_quote(name)}:{_dump_compact(member)}" for name, member in value.items()]
        return "{\n" + ",\n".join(members) + "\n}"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(map(_dump_compact, value)) + "\n]"
    return _dump_compact(value)


def _dump_compact(value: Json) -> str:
    if isinstance(value, Mapping):
        members = (f"{_quote(name)}:{_dump_compact(member)}" for name, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_dump_compact, value)) + "]"
    return _format_scalar(value)


def load(text: str | bytes, where: str) -> Json:
    """The plain JSON value of `text`, read strictly: bare NaN, a repeated member and text after the end are faults.

    where: the document's name or path, for the error.

    Raises BadDocument naming line and column, without showing any of the text.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as fault:
            raise BadDocument(f"{where}: byte {fault.start} is not UTF-8; save the file as UTF-8") from None
    # Windows editors write a byte-order mark
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise BadDocument(f"{where} is empty; it has to hold one JSON object")

    def reject_bare_word(word: str) -> float:
        position = next(match.start() for match in _TEXT_OR_BARE_WORD.finditer(text) if match.group() == word)
        raise BadDocument(f"{where}: {format_position(text, position)}: {word} is no JSON value; write null")

    def collect_members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        members_by_name = dict(pairs)
        if len(members_by_name) < len(pairs):
            names = [name for name, _ in pairs]
            repeated_name = next(name for name in names if names.count(name) > 1)
            raise BadDocument(f"{where}: the member {dump(repeated_name)} stands twice in one object; keep one of them")
        return members_by_name

    try:
        return json.loads(text, parse_constant=reject_bare_word, object_pairs_hook=collect_members)
    except json.JSONDecodeError as fault:
        position = format_position(text, fault.pos)
        problem = f"{position} is not JSON: {explain_syntax_fault(fault)}"
        if is_cut_off(fault):
            problem = f"the text ends within the JSON value that is open at {position}; is the file cut off?"
        elif fault.msg == "Extra data":
            problem = f"{position}: text follows the end of the JSON value; keep one value in the file"
        raise BadDocument(f"{where}: {problem}") from None
    except RecursionError:
        raise BadDocument(f"{where}: lists or objects are nested too deeply; no document of the contract is") from None
    except ValueError:  # Python refuses to convert integers with too many digits
        raise BadDocument(f"{where}: an integer has thousands of digits; write it as a double") from None


def _write(value: Json, newline: str, write: Callable[[str], None]) -> None:
    if isinstance(value, (dict, Mapping)):  # isinstance with dict is much faster than with Mapping
        separator = "{"
        inner = newline + "  "
        for name, member in value.items():
            write(f"{separator}{inner}{_quote(name)} : ")
            _write(member, inner, write)
            separator = ","
        write(f"{newline}}}" if value else "{ }")
    elif isinstance(value, list | tuple):
        if set(map(type, value)) == {float}:
            write(f"[ {_format_doubles(value)} ]")
            return
        separator = "[ "
        for item in value:
            write(separator)
            _write(item, newline, write)
            separator = ", "
        write(" ]" if value else "[ ]")
    else:
        write(_format_scalar(value))


def _format_scalar(value: Json) -> str:
    for scalar_type in type(value).__mro__:
        if scalar_type in _FORMATTERS:
            return _FORMATTERS[scalar_type](value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def _format_double(value: float) -> str:
    if math.isfinite(value):
        return format_java_double(value)
    return "null"


def _quote(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return '"' + text + '"'
    quoted = f'"{text.translate(_ESCAPES)}"'
    if quoted.isascii():
        return quoted
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04X}", quoted)


_FORMATTERS: Mapping[type, Callable[[Any], str]] = {
    str: _quote,
    float: _format_double,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    type(None): lambda value: "null",
}


def _format_doubles(values: Sequence[float]) -> str:
    # Whole lists are formatted at once, because a sketch has thousands of numbers and Java prints only a few of them
    # differently
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    magnitude = np.abs(array)
    is_plain = (magnitude == 0) | ((magnitude >= PLAIN_MINIMUM) & (magnitude < PLAIN_LIMIT))
    text = repr(array.tolist())[1:-1]
    if is_plain.all():
        return text
    # The few numbers that Java prints with an exponent or that JSON can't contain
    texts = text.split(", ")
    for index in np.flatnonzero(~is_plain).tolist():
        texts[index] = format_scientific(texts[index]) if math.isfinite(values[index]) else "null"
    return ", ".join(texts)


def format_position(text: str, position: int) -> str:
    """A position for errors: line and column, both from 1."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


def describe_json_fault(
    fault: json.JSONDecodeError, cut_off: str = "the text ends within a value; is it cut off?"
) -> str:
    """The fault at the first position that isn't JSON. cut_off: the words for a text that ends too early."""
    if is_cut_off(fault):
        explanation = cut_off
    elif fault.msg.startswith("Extra data") and fault.doc[fault.pos] in '{["':
        explanation = "another value follows; write one in each line, or all in one array"
    else:
        explanation = explain_syntax_fault(fault)
    return f"character {fault.colno:,} is no JSON: {explanation}"


def is_cut_off(fault: json.JSONDecodeError) -> bool:
    """Whether a text ends too early."""
    return fault.pos >= len(fault.doc.rstrip()) or fault.msg.startswith("Unterminated string")


FAULTS_BY_BEGINNING: Mapping[tuple[str, ...], str] = {
    ("'",): "single quotes, as Python prints them; write texts by json.dumps",
    ("None", "True", "False"): "a word of Python; write null, true and false, as json.dumps does",
    ("undefined", "nan", "inf"): "a word that JSON doesn't have; write null",
    ("//", "/*", "#"): "a comment; leave it out",
    (",",): "a comma too many; leave it out",
}
"""By the text at the first position that isn't JSON: the fault, and what to write."""


def explain_syntax_fault(fault: json.JSONDecodeError) -> str:
    """The fault at the first position that isn't JSON, without values of the text, and what to write."""
    before = fault.doc[: fault.pos].rstrip()
    following = fault.doc[fault.pos :].lstrip()
    if fault.msg.startswith("Extra data"):
        return "something stands after the object; leave it out"
    if "control character" in fault.msg:
        return r"a tab or a line break within a text; write it as \t or \n"
    # Since Python 3.13 the message names the comma
    if (before.endswith(",") and following.startswith(("]", "}"))) or fault.msg.startswith("Illegal trailing comma"):
        return "a comma stands before the end; leave it out"
    for beginnings, words in FAULTS_BY_BEGINNING.items():
        if following.startswith(beginnings):
            return words
    if fault.msg.startswith("Expecting property name"):
        return "a name without quotes; write it in double quotes"
    return f"{fault.msg}; look for a comma, bracket or quote missing or too many"
