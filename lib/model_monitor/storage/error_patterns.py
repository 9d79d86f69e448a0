"""Sentences about foreign failures: each is known by a pattern in the text of somebody else's exception. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorPattern:
    """What a failure is known by, and what to tell of it; the sentence may name the pattern's groups."""

    pattern: re.Pattern[str]
    sentence: str


def sentence_about(text: str, patterns: Sequence[ErrorPattern], **otherwise: str) -> str | None:
    """The sentence of the first of the patterns that is in the text; None if none is.

    Every place of the pattern may fill the sentence's groups, the first one that has a group counts. otherwise: what stands for
    groups that no place has.
    """
    for each in patterns:
        places = list(each.pattern.finditer(text))
        if places:
            groups = {name: value for place in reversed(places) for name, value in place.groupdict().items() if value}
            return each.sentence.format_map(otherwise | groups)
    return None
