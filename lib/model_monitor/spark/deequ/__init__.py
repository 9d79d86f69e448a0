"""Deequ on the driver: states into its metrics, and users' own Deequ Checks. The only room that knows it."""
