"""Captured records joined with their ground truth, hour by hour: `run.merge` is the whole of it."""
