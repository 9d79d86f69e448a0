"""Where a violation may come from, for people to look at after the verdicts. Pure.

contributing_segments.py: the files, hours or values that the rows behind a violation come from. likely_mistakes.py: mistakes
that explain a change. numeric_change.py: how far numbers are from the window's once they are changed. unit_conversions.py:
numbers in another unit. renamed_columns.py: a missing and an extra column with the same values.
"""
