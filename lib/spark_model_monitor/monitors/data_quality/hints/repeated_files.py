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

MAX_STANDARD_ERRORS = 2  # by which a sampled share of surplus rows may differ from a file's share
MAX_SURPLUS_SHARE = 0.99  # a hundred copies of each row; the number of copies stays finite
MIN_DOUBLED_SHARE = 0.45  # about the share of surplus rows if all rows are there twice


@register_hint("delivered_twice")
def delivered_twice(data: ObservedData) -> HintSentences:
    """As many rows are surplus, beyond chance, as if all data, or one file, was delivered twice.

    Source: D4.9.
    """
    if data.comparison is None:
        return
    states = find_row_repeats(data.comparison)
    if states is None:
        return
    baseline, current = states
    if compute_fraction_of_copies(current.counts) < MIN_COPIES:
        return
    evidence = compare_repeated_rows(data.comparison)
    if evidence is None or not evidence.is_large or evidence.p > MAX_CHANCE:
        return
    surplus_fraction = evidence.observed - evidence.expected
    max_relative_error = 0.0
    # Model: k repeated rows were sampled, a Poisson number, so their relative standard error is 1 / sqrt(k)
    if compute_fraction_of_copies(baseline.counts) < MIN_COPIES:
        max_relative_error = MAX_STANDARD_ERRORS / math.sqrt(np.count_nonzero(current.counts > 1))
    # The files that have as many rows as are surplus
    files = data.layout.find_files(surplus_fraction, max_relative_error)
    if not files and surplus_fraction < MIN_DOUBLED_SHARE:
        return
    # The violation itself has the number of surplus rows
    if files:
        sentence = f"surplus rows are as many as one file has ({list_quoted(files)}): was it delivered twice? leave one copy out"
    else:
        num_copies = round(1 / (1 - min(surplus_fraction, MAX_SURPLUS_SHARE)))
        phrase = f"about {num_copies} times"
        if num_copies == 2:
            phrase = "twice"
        sentence = (
            f"surplus rows are as many as if all were there {phrase}: was the data delivered {phrase}? keep one copy"
        )
    # The hint is about whole rows, so it names no column
    yield (), sentence
