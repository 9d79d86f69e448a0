"""Labels as texts: which texts are one class, and which class is the positive one. Runs on executors and driver.

`1`, `1.0` and `01` are one number, `true` and `True` one truth; other texts are what they are.

Source: C11d.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

ClassKey: TypeAlias = float | str
"""What all texts of one class have in common: a number, or a text."""

DEFAULT_POSITIVES = ("1", "true")
"""The positive class where none is named."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TRUTHS = ("true", "false")


def class_key(label: str) -> ClassKey:
    """The number that a label is, else the text without blanks around it; true and false in small letters.

    A number has decimal digits only: neither `nan` nor `0x1` nor `1_000` is one.
    """
    text = label.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    return text.lower() if text.lower() in _TRUTHS else text


def is_positive(label: str, positive_label: str | None) -> bool:
    """Whether a label is of the positive class; positive_label None: 1 or true."""
    positives = DEFAULT_POSITIVES if positive_label is None else (positive_label,)
    return class_key(label) in {class_key(positive) for positive in positives}
