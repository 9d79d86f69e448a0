"""Verdicts: what may be said of a healthy window's noise, so that a run is silent unless something changed. Pure, driver only.

components.py: tests of one column from two summaries, each with its effect, and how rare a count is. multiplicity.py: many tests,
one budget, and what could have been seen. variation.py: how much windows vary anyhow.

Source: D4.
"""
