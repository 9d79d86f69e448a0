"""decimal_commas: numbers written as `1,5`, which are texts to every job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model_monitor.documents.check_results import Hint
from model_monitor.monitors.data_quality.hints import FEWEST_VALUES, HINTS, Seen, listed

NUMBER = re.compile(r"[-+]?\d+(,\d+)?")  # a number with a decimal comma, or without a fraction
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")  # what may be a whole number whose thousands are set apart


@HINTS.register("decimal_commas")
def decimal_commas(seen: Seen) -> Iterator[Hint]:
    """All values of a text column are numbers with a decimal comma, not a thousands separator.

    Source: M16.
    """
    found = {}
    for feature, counts in seen.texts():
        with_comma = [value for value in counts if "," in value]
        are_enough = sum(counts[value] for value in with_comma) >= FEWEST_VALUES
        if are_enough and all(map(NUMBER.fullmatch, counts)) and not all(map(THOUSANDS.fullmatch, with_comma)):
            found[feature.name] = feature.data_types.text, feature.num_present
    if found:
        yield Hint(
            hint="decimal_commas",
            features=tuple(found),
            description=f"decimal commas make texts of numbers: {listed(found)}; write 1.5 for 1,5 "
            "(pandas: read_csv with decimal=',', then to_csv)",
        )
