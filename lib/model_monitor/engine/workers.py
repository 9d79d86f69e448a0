"""What Spark is told of its Python workers: their environment, and where they are forked from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import model_monitor
from model_monitor.engine import processor
from model_monitor.launch.spark_options import is_local

if TYPE_CHECKING:
    from pyspark import SparkConf

DAEMON, DAEMON_MODULE = "spark.python.daemon.module", "model_monitor.engine.worker_daemon"
_PYTHON_PATH = "spark.executorEnv.PYTHONPATH"

IMPORTS = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"} if sys.version_info < (3, 12) else {}  # which has no other
"""In each worker PySpark asks distutils for a version; setuptools would put its own in its place, and load itself for that."""

ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": str(64 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)}
"""Of glibc, in bytes: what the arrays of a block took is kept for those of the next one, instead of being given back to the
system, which has to clear it before it is given out again."""


def worker_settings(given: SparkConf, environment: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for Python workers, but for those that the user made.

    given: the user's. environment: the driver's; a variable of it that numpy or glibc reads is the user's word, too.
    """
    features = processor.features_to_leave_out()  # of this machine, which is taken for the workers'
    tuning = {**ALLOCATION, **({processor.VARIABLE: features} if features else {})}
    variables = {**IMPORTS, **{name: value for name, value in tuning.items() if name not in environment}}
    settings = {f"spark.executorEnv.{name}": value for name, value in variables.items()}
    if is_local(given.get("spark.master", "local") or "") and not given.contains(_PYTHON_PATH):
        # elsewhere the package comes to workers that run already
        settings |= {DAEMON: DAEMON_MODULE, _PYTHON_PATH: str(Path(model_monitor.__file__).parent.parent)}
    return {key: value for key, value in settings.items() if not given.contains(key)}
