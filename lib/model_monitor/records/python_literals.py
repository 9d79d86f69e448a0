"""Literals of Python's in ground truth and in cells of predictions, as `str(value)` wrote them. Pure; runs on executors."""

from __future__ import annotations

import ast
import warnings
from typing import Any


def python_literal(text: str) -> Any:
    """The value of a literal. Raises ValueError if it is none.

    Python warns of odd backslashes with the text before its eyes, and a warning of this one would be a record's value in a log.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("no literal of Python's") from None
