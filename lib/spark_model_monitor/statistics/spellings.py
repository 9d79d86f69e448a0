"""Names and values that are nearly the same: they differ in capitals, separators of words, quotes, or the form of accents.
Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f"  # a byte order mark and other characters without a width
QUOTES = "\"'`“”„‘’«»"
CAPITALS = "capitals"


def fold_spelling(text: str) -> str:
    """The folded text, which is the same for all spellings of a text: user_age, user-age, user.age, userAge; 7 and 7.0."""
    plain = unicodedata.normalize("NFKC", text).strip(INVISIBLE + QUOTES + " \t\n_")
    without_zero = re.sub(r"(?<=\d)\.0$", "", plain)
    words = re.sub(r"(?<=\w)[-._\s]+(?=\w)", " ", without_zero)
    # Between digits, a separator makes another number
    return re.sub(r"(?<!\d) | (?!\d)", "", words).casefold()


def describe_difference(spellings: Mapping[str, str]) -> str:
    """How the two texts of each pair differ: only in `capitals`, or in other signs, too."""
    if all(text.casefold() == spelling.casefold() for text, spelling in spellings.items()):
        return CAPITALS
    return f"{CAPITALS}, blanks, _, -, ., .0, quotes, accents or a table's name"


def match_spellings(texts: Collection[str], references: Collection[str]) -> dict[str, str]:
    """For each text, the reference that it is nearly equal to; texts with no such reference, or several, are left out.

    A table's name before all texts, or all references, is ignored.
    """
    table = _find_table(texts)
    table_of_references = _find_table(references)
    references_by_folded_text: dict[str, list[str]] = {}
    for reference in references:
        folded_text = fold_spelling(reference.removeprefix(table_of_references))
        references_by_folded_text.setdefault(folded_text, []).append(reference)
    # Skip a text that is itself a reference, and a text whose reference is among the texts, too
    spellings: dict[str, str] = {}
    for text in texts:
        candidates = references_by_folded_text.get(fold_spelling(text.removeprefix(table)), [])
        if text not in references and len(candidates) == 1 and candidates[0] not in texts:
            spellings[text] = candidates[0]
    return spellings


def _find_table(names: Collection[str]) -> str:
    """The table's name and the point with which all names begin: `orders.`, of `orders.age` and `orders.plan`; else empty."""
    tables = {name.rpartition(".")[0] for name in names}
    table = min(tables, default="")
    return f"{table}." if len(tables) == 1 and table[:1].isalpha() else ""
