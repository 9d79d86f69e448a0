"""Verdicts: models of the noise in healthy windows, so that a run only alarms if something changed. Pure, driver only.

components.py: the tests of one column from two summaries, each with its effect, and how rare a count is.
window_statistics.py: scores of windows compared with a reference. between_window_variance.py: how much they vary in
healthy windows, and p-values that allow for it. baseline_blocks.py: the same scores between parts of a baseline.
growing_cardinality.py: whether the number of a column's values grows.
design_effect.py: how many neighbouring rows count as one. intra_class_correlation.py: the same for rows of named groups.
seasonality.py: patterns of the hour or the weekday. expected_row_count.py: the expected number and freshness of rows.
tail_probabilities.py: how rare a count of rows is. hours_of_day.py: at which hours times are.
multiple_testing.py: many tests, one budget, and the smallest detectable changes. sequential_boundary.py: one test, many looks.

Source: D4.
"""
