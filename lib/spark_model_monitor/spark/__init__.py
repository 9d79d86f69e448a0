"""The Spark plugin: its engine, sessions, Deequ and the launcher. `plugins.plugin("spark")` is this package.

Lower layers import nothing from it: they use the names here, each loaded on first use. A part of the
package that needs more of Spark gets it by a name here.

`engine/`: partitions as Spark maps them. `launch/`: what happens before Spark starts, with the standard library alone.
`deequ/`: everything about Deequ.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.plugins import load_lazily

PLACES = {
    "spark_model_monitor.spark.engine.arrow_slices": ["frame_of_table"],
    "spark_model_monitor.spark.engine.spark_tables": ["list_catalog_tables"],
    "spark_model_monitor.spark.engine.rows": ["fetch_log_rows"],
    "spark_model_monitor.spark.engine.application": ["LOG_VALUES", "get_application", "running_session"],
    "spark_model_monitor.spark.engine.spark": ["SparkEngine", "by_position"],
    "spark_model_monitor.spark.spark_session": [
        *("MasterWatch", "as_submitted", "new_job_session", "end_jobs", "local_session", "remote_session"),
        *("open_session", "session_within", "shared_application", "start_session", "stop_session"),
    ],
    "spark_model_monitor.spark.storage": ["storage_of_session"],
}
"""The names of each module."""


def drop_spark_archives(path: list[str], environment: Mapping[str, str]) -> None:
    """Take the archives of Spark's home out of an import path that has the same PySpark in a folder, as pip installs it.

    spark-submit puts them first. Python compiles the modules of an archive at every start, but those of a folder once. It
    pays in the driver, and in the process that workers are forked from (benchmarks/submission.py).
    """
    home = environment.get("SPARK_HOME", "")
    site_packages = os.path.dirname(home)
    # Another Spark than pip's has its PySpark in the archives alone
    has_pyspark = os.path.isfile(os.path.join(home, "__init__.py"))
    has_py4j = os.path.isdir(os.path.join(site_packages, "py4j"))
    if has_pyspark and has_py4j and site_packages in path:
        path[:] = [folder for folder in path if not folder.startswith(home + os.sep)]


# Here, since whatever imports PySpark has imported this package first
drop_spark_archives(sys.path, os.environ)

_get_name, __dir__ = load_lazily(__name__, PLACES)


def __getattr__(name: str) -> Any:
    """A name of `PLACES`. Raises MissingDependency where PySpark is not installed."""
    try:
        return _get_name(name)
    except ModuleNotFoundError as fault:
        # Any other absent module is a fault of this package, which must not be hidden behind advice to install Spark
        if (fault.name or "").partition(".")[0] not in ("pyspark", "py4j"):
            raise
        from spark_model_monitor.spark.launch.java import SPARK_REMEDY

        raise MissingDependency(f"PySpark is not installed, and this needs Spark; {SPARK_REMEDY}") from fault
