"""Names and values that are nearly the same: they differ in capitals, blanks, `_`, quotes, or the form of accents. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping

INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f"  # a byte order mark and other characters without a width
QUOTES = "\"'`“”„‘’«»"
CAPITALS = "capitals"
OTHER_SIGNS = "blanks, _, quotes or accents"


def fold_spelling(text: str) -> str:
    """What all spellings of a text share."""
    return _join_words(text).casefold()


def _join_words(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip(INVISIBLE + QUOTES + " \t\n")
    return " ".join(plain.replace("_", " ").split())


def describe_difference(spellings: Mapping[str, str]) -> str:
    """In what the two texts of each pair differ: `capitals`, or other signs too."""
    if all(text.casefold() == spelling.casefold() for text, spelling in spellings.items()):
        return CAPITALS
    if all(_join_words(text) == _join_words(spelling) for text, spelling in spellings.items()):
        return OTHER_SIGNS
    return f"{CAPITALS}, {OTHER_SIGNS}"


def match_spellings(texts: Collection[str], references: Collection[str]) -> dict[str, str]:
    """The reference, not among the texts, that each of the others is nearly the same as; none if several are."""
    references_by_fold: dict[str, list[str]] = {}
    for reference in references:
        references_by_fold.setdefault(fold_spelling(reference), []).append(reference)
    # A text that is a reference already stays, and so does one beside its reference
    spellings: dict[str, str] = {}
    for text in texts:
        candidates = references_by_fold.get(fold_spelling(text), [])
        if text not in references and len(candidates) == 1 and candidates[0] not in texts:
            spellings[text] = candidates[0]
    return spellings
