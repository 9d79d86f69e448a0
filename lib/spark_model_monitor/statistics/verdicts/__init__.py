"""Verdicts: models of the noise in healthy windows, so that a run only alarms if something changed. Pure, driver only.

components.py: tests of one column from two summaries, each with its effect, and how rare a count is. multiplicity.py:
many tests, one budget, and the smallest detectable changes. variation.py: how much healthy windows vary.

Source: D4.
"""
