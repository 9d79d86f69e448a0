"""The form of a code, such as `a9a-09` of `x7f-03`: which kinds of characters follow each other, not how many, nor which.

Two forms: a fine one with each run of capitals (A), small letters (a), digits (9) and digits that are padded with zeros (0),
and a coarse one, since letters and digits of a random code alternate at random. Runs on executors and on the driver; stdlib only.
"""

from __future__ import annotations

import re

MARK = "\x02"  # begins a form, and no code
LONGEST_CODE = 64  # characters; longer texts are no codes
PADDED = "0"

_NUMBER = re.compile(r"[-+]?[\d.,]*(?:[eE][-+]?\d+)?")
_PADDED_NUMBERS = re.compile(r"(?<![09])0[09]+")
_NUMBERS = re.compile(r"[09]+")
_LETTERS = re.compile(r"([Aa])\1+")
_KINDS = re.compile(rf"[Aa09{MARK}]")


class _KindsOfCharacters(dict[int, str]):
    """For `str.translate`: A for a capital, a for another letter, 0 for 0, 9 for another digit; other characters stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isalpha():
            character = "A" if character.isupper() else "a"
        elif character.isdigit() and character != "0":
            character = "9"
        self[code] = character
        return character


_TO_KINDS = _KindsOfCharacters()


def write_form(text: str) -> str:
    """The fine form of a text, after a mark; the mark alone if it is too long."""
    if len(text) > LONGEST_CODE:
        return MARK
    kinds = _LETTERS.sub(r"\1", text.translate(_TO_KINDS))
    # No Z is left, so it may stand for a padded number until the others are written
    return MARK + _NUMBERS.sub("9", _PADDED_NUMBERS.sub("Z", kinds)).replace("Z", PADDED)


def coarsen_form(form: str) -> str:
    """The kinds of characters that occur in a form, padded or not, and its other characters in their order; without the mark."""
    kinds = "".join(kind for kind in "Aa9" if kind in form.replace(PADDED, "9"))
    return kinds + _KINDS.sub("", form)


def is_like_number(text: str) -> bool:
    """Whether a text is empty or has the shape of a number."""
    return _NUMBER.fullmatch(text) is not None
