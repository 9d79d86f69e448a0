"""Deequ's checks that users write: planned before the scan, answered from states where those say enough, judged after it."""
