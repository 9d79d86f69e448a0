"""The trace of an exception without a word of its texts, which may repeat values of the data. Pure.

What is left says where: files, lines and functions of Python, classes, methods and lines of Java, the exceptions' classes. The
text of an exception that came from a Python worker or from the JVM is itself a trace; of it the same is kept.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator

_PYTHON = re.compile(r"""\s*File "(?P<file>[^"\n]{1,400})", line (?P<line>\d{1,9}), in (?P<name><?[\w.]{1,100}>?)""")
_JAVA = re.compile(r"\s*at (?:[\w.$@-]+/)*[\w.$<>]{1,300}\([\w.$ ]{1,100}(?::\d{1,9})?\)", re.ASCII)
_CLASS = re.compile(
    r"(?:: |Caused by: )?(?P<class>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Warning|Interrupt|Exit|Failure))(?=:|\s*$)",
    re.ASCII,
)


def trace_of(error: BaseException) -> str:
    """The lines of the trace, the cause first as Python has it."""
    return "\n".join(line for cause in reversed(list(_chain(error))) for line in _lines(cause))


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    kind = type(error)
    yield kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    yield from (f"  {line}" for line in _places_in(str(error)))


def _places_in(text: str) -> Iterator[str]:
    """What a foreign text says of places and classes."""
    for line in text.splitlines():
        if found := _PYTHON.match(line):
            yield found[0].strip()
        elif _JAVA.fullmatch(line):
            yield line.strip()
        elif found := _CLASS.match(line):
            yield found["class"]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
