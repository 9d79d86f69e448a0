"""dates_as_texts: days and times, of which every later one is a new text."""

from __future__ import annotations

from collections.abc import Iterator

from model_monitor.documents.check_results import Hint
from model_monitor.monitors.data_quality.distributions import DATE
from model_monitor.monitors.data_quality.hints import HINTS, Seen, listed


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
            description=f"dates are texts here, and later ones will be new values: {listed(found)}; write "
            "numbers, such as the weekday, to have them watched",
        )
