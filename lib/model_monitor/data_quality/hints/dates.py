"""dates_as_texts: days and times, of which every later one is a new text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model_monitor.data_quality.hints import HINTS, Seen, listed
from model_monitor.documents.check_results import Hint

_YEAR, _MONTH, _DAY = r"(19|20)\d\d", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_TIME = r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?(Z|UTC|[-+]\d\d:?\d\d))?)?"
DATE = re.compile(rf"({_YEAR}-{_MONTH}-{_DAY}|{_YEAR}/{_MONTH}/{_DAY}|{_DAY}\.{_MONTH}\.{_YEAR}){_TIME}")
"""A day as ISO 8601 has it, with slashes, or as `31.12.2026`; a time may follow."""


@HINTS.register("dates_as_texts")
def dates_as_texts(seen: Seen) -> Iterator[Hint]:
    """All values of a text column are dates.

    Source: M16.
    """
    found = {
        feature.name: (feature.data_types.text, feature.num_present)
        for feature, counts in seen.texts()
        if all(map(DATE.fullmatch, counts))
    }
    if found:
        yield Hint(
            hint="dates_as_texts",
            features=tuple(found),
            description=f"dates are texts here, and later ones will be new values: {listed(found)}; leave them out by "
            "--exclude-features-attribute, or write numbers, such as the weekday",
        )
