"""Texts of others for people to read: names of features, paths, texts of errors. Pure.

A feature may be called anything. A line break in its name begins a line that looks like one of ours, an escape sequence moves a
terminal's cursor, a sign for right-to-left text turns a sentence around. Logs, mails, messages, pages and notebooks show such
signs by their numbers. Documents keep names as they are: programs compare them.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, line and paragraph separators, signs that set the direction, that nobody sees, and half surrogate pairs.

These are Unicode's categories Cc, Zl, Zp and Cs, and of Cf those that no script needs to be read.
"""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text in one line, with what can't be seen as Python writes it: `\\n`, `\\x1b`, `\\u202e`."""
    return text if text.isascii() and text.isprintable() else _SIGNS.sub(_escape, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines of ours. Those behind the first are indented, so that none passes for another's."""
    first, *others = text.split("\n")
    return "\n".join([printable(first), *(f"  {printable(line)}" for line in others)])


def error_lines(error: Exception) -> str:
    """What a command writes to the standard error of an error raised on purpose."""
    return f"Error: {printable_lines(str(error))}\n"


def in_json(text: str) -> str:
    """JSON with the same signs as its own escapes: it says the same to programs."""
    return _SIGNS.sub(lambda sign: sign[0] if sign[0] in "\n\r\t" else f"\\u{ord(sign[0]):04x}", text)


def _escape(sign: re.Match[str]) -> str:
    code = ord(sign[0])
    return _SHORT.get(sign[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
