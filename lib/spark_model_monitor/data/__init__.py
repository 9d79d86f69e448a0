"""From bytes to states: decodes lines, reads data sets, cuts them into partitions and scans them.

`records/`: decodes captured and merged lines, and gives reasons for refusing them. `reading/`: formats, captures,
windows, the ledger, the quarantine. `request_logs/`: logs of other model servers, read as captures. `engine/`: cuts a
source into partitions and maps functions over them (`engine_protocol.py`), here without a JVM (`local_engine.py`). `profiling/`:
computes the states of columns; `scan.py` on the driver, `partition.py` on executors.
"""
