"""Names of the columns that say what a line is and where it stands. Pure, for driver and executors."""

LINE = "__line"
FILE = "__file"
BLOCK_START = "__block_start"
"""A line, the file it is from, and the byte at which the block of that file begins that Spark read it in."""

MAX_RECORD_BYTES = 256 * 2**20
"""The longest line that is taken as a record, without its end, unless a job is told another size."""

FILE_KEY = "__file_key"
"""A number for the file (`files_by_key`)."""

PLACES = (LINE, FILE, BLOCK_START)
