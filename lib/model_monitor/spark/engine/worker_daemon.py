"""The process that Spark forks its Python workers from, with the libraries loaded that each of them needs. Runs on executors.

PySpark's own (pyspark/daemon.py) has loaded neither pyarrow nor pandas, so that each worker does it for itself: one for every
core, and again when it has had nothing to do for a minute, since Spark ends it then. Spark starts this one by its setting
`spark.python.daemon.module`, with the port that it listens on as the only thing on the standard output.
"""

from __future__ import annotations

import gc
from importlib import import_module

import pandas  # noqa: F401 -- pyarrow loads it when the first array is made
import pyarrow.compute  # noqa: F401
from pyspark.daemon import manager

from model_monitor.spark.engine.worker import forget_archives

MAPPED = "model_monitor.data.profiling.partition"
"""What most tasks run. By name, since it stands above the engine; each worker would have to import it else."""

if __name__ == "__main__":
    import_module(MAPPED)
    forget_archives()
    gc.freeze()  # a worker that looked for garbage among the libraries would have a copy of each of their pages
    manager()  # type: ignore[no-untyped-call]
