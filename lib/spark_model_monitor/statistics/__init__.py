"""Sums that add, distances between distributions, and what noise may do.

`states/`: what is gathered of the data, and how it adds. `drift/`: how far apart two distributions are. `verdicts/`: how
rare a difference is in healthy data, and what could have been seen.
"""
