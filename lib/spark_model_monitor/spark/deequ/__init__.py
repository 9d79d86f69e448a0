"""Deequ on the driver: its metrics from states, and users' own Deequ Checks. No other package uses Deequ."""
