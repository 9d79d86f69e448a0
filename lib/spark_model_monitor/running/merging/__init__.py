"""Joins captured records with their ground truth, hour by hour; the entry point is `run.merge`."""
