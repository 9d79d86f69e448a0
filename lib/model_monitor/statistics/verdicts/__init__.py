"""Verdicts: what may be said of a healthy window's chance, so that a run is silent unless something changed. Pure, driver only.

components.py: tests of one column from two summaries, each with its effect. tails.py: how rare a count is, and limits that leave
room for it. multiplicity.py: many tests, one budget. sensitivity.py: what could have been seen. variation.py: how much windows
vary anyhow.

Source: D4.
"""
