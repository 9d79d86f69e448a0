"""Deequ on the driver: its metrics from states, and users' own Deequ Checks. The only package that knows it."""
