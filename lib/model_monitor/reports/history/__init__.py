"""Runs of the past: the states they left, and what merging them gives without reading a row again."""
