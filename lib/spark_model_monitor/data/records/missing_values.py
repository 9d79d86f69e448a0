"""Words that programs and people write where a value is missing. Only these texts are ever shown of a column. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

WORDS_OF_PANDAS = frozenset(
    {"#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null", "nan", "-nan", "none"}
    | {"-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan"}
)
"""What pandas' read_csv takes for a missing number (its na_values), in lower case."""

MISSING_WORDS = WORDS_OF_PANDAS | {
    *("?", "-", "--", "---", ".", "*", "\u2013", "\u2014"),
    *("n.a.", "n.a", "n/k", "nil", "nd", "n.d.", "tbd", "not available", "not applicable"),
    *("nat", "<nat>", "missing", "undefined", "n/d", "#n/d", "#nv", "nan(ind)", "-nan(ind)"),
    *("(null)", "(none)", "(blank)", "<null>", "[null]", "\\n"),
    *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
}
"""The same, and what others write: other tools' exports, databases' NULL, and errors of a spreadsheet."""


def is_missing_word(text: str) -> bool:
    """Whether a text, in whatever case and with blanks around, is such a word."""
    return text.strip().lower() in MISSING_WORDS


def replace_missing_values(column: pa.Array, missing_values: Sequence[str]) -> pa.Array:
    """The texts with null for those that stand for a missing value, blanks around them aside; other columns unchanged."""
    if not missing_values or not pa.types.is_string(column.type):
        return column
    # A cell is compared without its blanks, and otherwise kept as it is
    texts = pc.ascii_trim_whitespace(column)
    are_missing = pc.is_in(texts, pa.array(missing_values, pa.string()))
    return pc.if_else(are_missing, None, column)
