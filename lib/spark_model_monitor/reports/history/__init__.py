"""Runs of the past: the states they left, which can be merged without reading a row again."""
