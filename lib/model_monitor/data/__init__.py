"""From bytes to states: what a line is, how a data set is read, cut into partitions and scanned.

`records/`: what a captured or merged line means, and why it is refused. `reading/`: formats, captures, windows, the
ledger, the quarantine. `engine/`: what cuts a source into partitions and maps functions over them (`protocol.py`), here
without a JVM (`local.py`). `profiling/`: what is counted of each column; `scan.py` on the driver, `partition.py` where the
rows are.
"""
