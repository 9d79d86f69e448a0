"""Drift: whether a feature is distributed as in its baseline, as before, or as at this hour. Pure.

baseline_drift.py: the check. comparators.py: distances and thresholds that a person requests. segment_shares.py: what each
segment contributes, and whether one drifts alone.
seasonal_drift.py: drift that recurs at the same hour or weekday, and windows of a schedule too young to show that.
"""
