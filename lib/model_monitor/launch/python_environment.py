"""Python's packed environment: an archive with the libraries of a job, for nodes that have none. Standard library only.

`make package` builds one. Spark unpacks it as `environment` in the working directory of executors, and in cluster mode in
the driver's, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from model_monitor.errors import BadConfiguration

PYTHON = "./environment/bin/python"
"""In the unpacked archive."""

KINDS = (".tar.gz", ".tgz", ".tar", ".zip")
"""Archives that Spark unpacks. Source: Spark 3.5, configuration page, spark.archives."""


def archive_of(environment: str) -> str:
    """What spark-submit's --archives gets for it. environment: a file of this machine, or a URI that the cluster reads.

    Raises BadConfiguration if there is no such file, or it is none that Spark unpacks.
    """
    if not environment.endswith(KINDS):
        raise BadConfiguration(f"--environment is {environment!r}; it has to be an archive: {', '.join(KINDS)}")
    if "://" not in environment and not Path(environment).is_file():
        raise BadConfiguration(f"--environment is {environment!r}, where there is no file; `make package` builds one")
    return f"{environment}#environment"


def settings_of(deploy_mode: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that have executors use it; in client mode the driver's Python is the one of PYSPARK_DRIVER_PYTHON, else
    the one of this process.

    Settings, because variables don't win over those of a cluster's spark-env.sh.
    """
    here = environment.get("PYSPARK_DRIVER_PYTHON") or sys.executable
    driver = PYTHON if deploy_mode == "cluster" else here
    return {"spark.pyspark.python": PYTHON, "spark.pyspark.driver.python": driver}
