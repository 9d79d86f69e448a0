"""Sums that add, distances between distributions, and what chance may do."""
