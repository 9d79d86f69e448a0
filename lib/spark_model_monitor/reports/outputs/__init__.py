"""Writes the documents and metrics of a run."""
