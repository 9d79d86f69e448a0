"""Sentences about foreign failures: each is known by a sign in the text that somebody else's exception has. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """What a failure is known by, and what to tell of it; the sentence may name the sign's groups."""

    pattern: re.Pattern[str]
    sentence: str


def sentence_about(text: str, signs: Sequence[Sign], **otherwise: str) -> str | None:
    """The sentence of the first of the signs that is in the text; None if none is.

    Every place of the sign may fill the sentence's groups, the first one that has a group counts. otherwise: what stands for
    groups that no place has.
    """
    for sign in signs:
        places = list(sign.pattern.finditer(text))
        if places:
            groups = {name: value for place in reversed(places) for name, value in place.groupdict().items() if value}
            return sign.sentence.format_map(otherwise | groups)
    return None
