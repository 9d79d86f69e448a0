"""Words that programs and people write where a value is missing. Only these texts are ever shown of a column. Pure."""

from __future__ import annotations

WORDS_OF_PANDAS = frozenset(
    {"#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null", "nan", "-nan", "none"}
    | {"-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan"}
)
"""What pandas' read_csv takes for a missing number (its na_values), in lower case."""

MISSING_WORDS = WORDS_OF_PANDAS | {
    *("?", "-", "--", "---", ".", "*", "\u2013", "\u2014"),
    *("n.a.", "n.a", "n/k", "nil", "nd", "n.d.", "tbd", "unknown", "missing", "not available", "not applicable"),
    *("(null)", "(none)", "(blank)", "<null>", "[null]", "\\n", "undefined", "empty"),
    *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
}
"""The same, and what others write: other tools' exports, databases' NULL, and errors of a spreadsheet."""


def is_missing_word(text: str) -> bool:
    """Whether a text, in whatever case and with blanks around, is such a word."""
    return text.strip().lower() in MISSING_WORDS
