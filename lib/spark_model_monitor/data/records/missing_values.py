"""Words that programs and people write for missing values. Messages show no other text of a column. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

WORDS_OF_PANDAS = frozenset(
    {"#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null", "nan", "-nan", "none"}
    | {"-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan"}
)
"""The texts that pandas' read_csv reads as missing (na_values), in lower case."""

MISSING_WORDS = WORDS_OF_PANDAS | {
    *("?", "-", "--", "---", ".", "*", "\u2013", "\u2014"),
    *("n.a.", "n.a", "n/k", "nil", "nd", "n.d.", "tbd", "not available", "not applicable"),
    *("nat", "<nat>", "missing", "undefined", "n/d", "#n/d", "#nv", "nan(ind)", "-nan(ind)"),
    *("(null)", "(none)", "(blank)", "<null>", "[null]", "\\n"),
    *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
}
"""WORDS_OF_PANDAS, and words of other programs: exports of tools, NULL of databases, and errors of spreadsheets."""


def is_missing_word(text: str) -> bool:
    """Whether a text is one of MISSING_WORDS, ignoring case and surrounding blanks."""
    return text.strip().lower() in MISSING_WORDS


def replace_missing_values(column: pa.Array, missing_values: Sequence[str]) -> pa.Array:
    """A column of texts with null for `missing_values`, ignoring surrounding blanks; other columns unchanged."""
    if not missing_values or not pa.types.is_string(column.type):
        return column
    # Blanks are only ignored in the comparison; other cells keep them
    texts = pc.ascii_trim_whitespace(column)
    are_missing = pc.is_in(texts, pa.array(missing_values, pa.string()))
    return pc.if_else(are_missing, None, column)
