"""Names of the columns that say what a line is and where it stands. Pure, for driver and executors."""

LINE = "__line"
FILE = "__file"
BLOCK_START = "__block_start"
"""A line, the file it is from, and the byte at which the block of that file begins that Spark read it in."""

PLACES = (LINE, FILE, BLOCK_START)
