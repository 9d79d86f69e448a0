"""The form of a code: `a9a-09` for `x7f-03`. It keeps the order of the kinds of characters, but not which or how many there are.

There are two forms. The fine form has one sign for each run of capitals (A), small letters (a), digits (9) and digits padded
with zeros (0). The coarse form has the kinds that occur, and the other characters. Where letters and digits alternate in many
ways, as in hexadecimal numbers, both forms of a code are a matter of chance. Runs on executors and on the driver; standard
library only.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

MARK = "\x02"  # every form begins with it, and no code does
MAX_CODE_LENGTH = 64  # characters; longer texts are no codes
PADDED = "0"
# Variants that a part of a code must have to count as mixed: a code with three suppliers may have three
MIN_VARIANTS = 4
MAX_VARIANT_SHARE = 0.9  # the largest share of codes that the most frequent variant of a mixed part may have

PartKinds = Mapping[tuple[str, int], str]
"""The kinds of characters in mixed parts of codes, by the other characters of the code and the part's position among its
parts.
"""

PLAIN_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")  # without separators of thousands or units
_NUMBER = re.compile(r"[-+]?[\d.,]*(?:[eE][-+]?\d+)?")
_PADDED_NUMBERS = re.compile(r"(?<![09])0[09]+")
_NUMBERS = re.compile(r"[09]+")
_LETTERS = re.compile(r"([Aa])\1+")
_KINDS = re.compile(rf"[Aa09{MARK}]")
_PARTS = re.compile(r"[Aa09]+")


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
    if len(text) > MAX_CODE_LENGTH:
        return MARK
    kinds = _LETTERS.sub(r"\1", text.translate(_TO_KINDS))
    # Z stands for a padded number until the other numbers are replaced; no other Z can be left in the text
    return MARK + _NUMBERS.sub("9", _PADDED_NUMBERS.sub("Z", kinds)).replace("Z", PADDED)


def coarsen_form(form: str) -> str:
    """The kinds of characters in a form, whether padded or not, then its other characters in their order; without the mark."""
    kinds = "".join(kind for kind in "Aa9" if kind in form.replace(PADDED, "9"))
    return kinds + _KINDS.sub("", form)


def find_mixed_parts(forms: Mapping[str, int]) -> PartKinds:
    """The parts in which letters and digits alternate in many ways, among codes with these fine forms."""
    variants: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for form, count in forms.items():
        separators = _PARTS.sub("A", form)
        for position, part in enumerate(_PARTS.findall(form)):
            variants[separators, position][part.replace(PADDED, "9")] += count
    kinds = {}
    for part_key, counts in variants.items():
        are_mixed = any("9" in part and part != "9" for part in counts)
        largest_share = max(counts.values()) / counts.total()
        is_varied = len(counts) >= MIN_VARIANTS and largest_share <= MAX_VARIANT_SHARE
        if are_mixed and is_varied:
            kinds[part_key] = "".join(sorted({*"".join(counts)}))
    return kinds


def unify_mixed_parts(form: str, kinds: PartKinds) -> str:
    """The fine form in which each mixed part is replaced by the sorted kinds of its own characters and of the part in
    other codes.
    """
    separators = _PARTS.sub("A", form)
    parts = _PARTS.findall(form)
    for position, part in enumerate(parts):
        if (separators, position) in kinds:
            parts[position] = "".join(sorted({*part.replace(PADDED, "9"), *kinds[separators, position]}))
    unified = iter(parts)
    return _PARTS.sub(lambda _: next(unified), form)


def is_like_number(text: str) -> bool:
    """Whether a text is empty or has the shape of a number."""
    return _NUMBER.fullmatch(text) is not None
