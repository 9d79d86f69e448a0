"""Names and values that are nearly the same: they differ in capitals, blanks, `_`, quotes, or the form of accents. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping

INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f"  # a byte order mark and other characters without a width
QUOTES = "\"'`“”„‘’«»"
CAPITALS = "capitals"
OTHER_SIGNS = "blanks, _, quotes or accents"


def fold_spelling(text: str) -> str:
    """The folded text, which is the same for all spellings of a text."""
    return _join_words(text).casefold()


def _join_words(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip(INVISIBLE + QUOTES + " \t\n")
    return " ".join(plain.replace("_", " ").split())


def describe_difference(spellings: Mapping[str, str]) -> str:
    """How the two texts of each pair differ: only in `capitals`, or in other signs, too."""
    if all(text.casefold() == spelling.casefold() for text, spelling in spellings.items()):
        return CAPITALS
    if all(_join_words(text) == _join_words(spelling) for text, spelling in spellings.items()):
        return OTHER_SIGNS
    return f"{CAPITALS}, {OTHER_SIGNS}"


def match_spellings(texts: Collection[str], references: Collection[str]) -> dict[str, str]:
    """For each text, the reference that it is nearly equal to; texts with no such reference, or several, are left out."""
    references_by_folded_text: dict[str, list[str]] = {}
    for reference in references:
        references_by_folded_text.setdefault(fold_spelling(reference), []).append(reference)
    # Skip a text that is itself a reference, and a text whose reference is among the texts, too
    spellings: dict[str, str] = {}
    for text in texts:
        candidates = references_by_folded_text.get(fold_spelling(text), [])
        if text not in references and len(candidates) == 1 and candidates[0] not in texts:
            spellings[text] = candidates[0]
    return spellings
