"""delivered_twice: rows are surplus because all data, or one of its files, came several times. By counts and sizes of files."""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import MAX_CHANCE
from spark_model_monitor.monitors.data_quality.checks.facts.repeats import (
    MIN_COPIES,
    compare_repeated_rows,
    find_row_repeats,
)
from spark_model_monitor.monitors.data_quality.hints import HintSentences, ObservedData, list_quoted, register_hint
from spark_model_monitor.statistics.states.surplus import compute_fraction_of_copies

DEVIATIONS = 2  # standard errors by which a sampled share of surplus rows may differ from a file's share
MIN_DOUBLED_SHARE = 0.45  # about the share of surplus rows if all rows are there twice


@register_hint("delivered_twice")
def delivered_twice(data: ObservedData) -> HintSentences:
    """As many rows are surplus, beyond chance, as if all data, or one file, was delivered twice.

    Source: D4.9.
    """
    states = None
    if data.comparison is not None:
        states = find_row_repeats(data.comparison)
    if data.comparison is None or states is None or compute_fraction_of_copies(states[1].counts) < MIN_COPIES:
        return
    evidence = compare_repeated_rows(data.comparison)
    if evidence is None or not evidence.is_large or evidence.p > MAX_CHANCE:
        return
    baseline, current = (state.counts for state in states)
    share = evidence.observed - evidence.expected
    error = 0.0
    if compute_fraction_of_copies(baseline) < MIN_COPIES:
        error = DEVIATIONS / math.sqrt(np.count_nonzero(current > 1))
    # The files that have as many rows as are surplus
    files = data.layout.find_files(share, error)
    # The violation itself has the number of surplus rows
    if files:
        yield (
            (),
            f"surplus rows are as many as one file has ({list_quoted(files)}): was it delivered twice? leave one copy out",
        )
    elif share >= MIN_DOUBLED_SHARE:
        times = round(1 / (1 - min(share, 0.99)))
        often = f"about {times} times"
        if times == 2:
            often = "twice"
        yield (
            (),
            f"surplus rows are as many as if all were there {often}: was the data delivered {often}? keep one copy",
        )
