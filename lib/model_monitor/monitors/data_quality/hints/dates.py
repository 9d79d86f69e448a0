"""dates_as_texts: days and times, of which every later one is a new text."""

from __future__ import annotations

from model_monitor.monitors.data_quality.distributions import DATE
from model_monitor.monitors.data_quality.hints import HINTS, Said, Seen, listed


@HINTS.register("dates_as_texts")
def dates_as_texts(seen: Seen) -> Said:
    """All values of a text column are dates.

    Source: M16.
    """
    found = {
        feature.name: (feature.data_types.text, feature.num_present)
        for feature, counts in seen.texts()
        if all(map(DATE.fullmatch, counts))
    }
    if found:
        instead = "write numbers, such as the weekday, to have them watched"
        yield found, f"dates are texts here, and later ones will be new values: {listed(found)}; {instead}"
