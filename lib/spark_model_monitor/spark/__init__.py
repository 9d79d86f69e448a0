"""The Spark plugin: its engine, sessions, Deequ and the launcher. `plugins.plugin("spark")` returns this package.

Lower layers import none of its modules. They use the names in this file; a name is loaded on its first use. If another part
of the package needs more of Spark, add a name here.

`engine/`: the engine that maps Spark's partitions. `launch/`: the steps before Spark starts, with the standard library only.
`deequ/`: everything about Deequ.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.plugins import load_lazily

NAMES_BY_MODULE = {
    "spark_model_monitor.spark.engine.arrow_slices": ["frame_of_table"],
    "spark_model_monitor.spark.engine.spark_tables": ["list_catalog_tables"],
    "spark_model_monitor.spark.engine.rows": ["fetch_log_rows"],
    "spark_model_monitor.spark.engine.application": ["LOG_VALUES", "get_application", "running_session"],
    "spark_model_monitor.spark.engine.spark": ["SparkEngine", "by_position"],
    "spark_model_monitor.spark.spark_session": [
        *("MasterWatch", "use_submit_variables", "new_job_session", "end_jobs", "local_session", "remote_session"),
        *("open_session", "session_within", "shared_application", "start_session", "stop_session"),
    ],
    "spark_model_monitor.spark.storage": ["storage_of_session"],
}
"""By module: the names that other parts of the package use."""


def drop_spark_archives(path: list[str], environment: Mapping[str, str]) -> None:
    """Remove the archives of Spark's home from an import path if the same PySpark is in a folder, as pip installs it.

    spark-submit puts the archives first. Python compiles the modules of an archive at every start, but modules of a folder only
    once. This saves time in the driver and in the process that workers are forked from (benchmarks/submission.py).
    """
    home = environment.get("SPARK_HOME", "")
    site_packages = os.path.dirname(home)
    # A Spark that pip didn't install has its PySpark only in the archives
    has_pyspark = os.path.isfile(os.path.join(home, "__init__.py"))
    has_py4j = os.path.isdir(os.path.join(site_packages, "py4j"))
    if has_pyspark and has_py4j and site_packages in path:
        path[:] = [folder for folder in path if not folder.startswith(home + os.sep)]


# Called at import, because this package is always imported before PySpark
drop_spark_archives(sys.path, os.environ)

_get_name, __dir__ = load_lazily(__name__, NAMES_BY_MODULE)


def __getattr__(name: str) -> Any:
    """The object with a name in `NAMES_BY_MODULE`. Raises MissingDependency if PySpark is not installed."""
    try:
        return _get_name(name)
    except ModuleNotFoundError as fault:
        # If another module is absent, that is a fault of this package, and advice to install Spark must not hide it
        if (fault.name or "").partition(".")[0] not in ("pyspark", "py4j"):
            raise
        from spark_model_monitor.spark.launch.java import SPARK_REMEDY

        raise MissingDependency(f"PySpark is not installed, and this needs Spark; {SPARK_REMEDY}") from fault
