"""A job on the cluster that a Spark connection of Airflow's names, by the Spark provider's hook."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_monitor.airflow.flags import without_secrets, words_of
from model_monitor.airflow.places import JobCall, Place
from model_monitor.errors import BadConfiguration, MissingDependency
from model_monitor.running.layout import Layout, cache_directory
from model_monitor.spark.launch.deequ_jar import is_had, provide_jar
from model_monitor.spark.launch.package_zip import provide_zip
from model_monitor.spark.launch.spark_command import own_settings
from model_monitor.spark.launch.spark_home import PINNED, line_at

log = logging.getLogger(__name__)

SIZED_AS_ON = "yarn"
"""Memory beside the executors' heap is set as for YARN; other clusters don't look at the setting."""


@dataclass(frozen=True, kw_only=True)
class SparkConnection(Place):
    """Spark by a connection, which has master, deploy mode, queue, keytab.

    spark_home: of the spark-submit to use, None for the one of the PATH; taken for a Spark 3.5. python: the interpreter of
    driver and executors. columns: how wide the data is, which sizes the executors' memory. conf: Spark's settings, above ours.
    hook: further arguments of the provider's SparkSubmitHook, such as executor_memory or archives.
    """

    conn_id: str = "spark_default"
    spark_home: str | None = None
    python: str | None = None
    columns: int = 1000
    conf: Mapping[str, str] = field(default_factory=dict)
    hook: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, call: JobCall) -> ConnectionRun:
        try:
            from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
        except ImportError as fault:
            raise MissingDependency(
                "a Spark connection needs Airflow's Spark provider; install it: pip install apache-airflow-providers-apache-spark"
            ) from fault
        if self.spark_options:
            raise BadConfiguration(
                f"spark_options is {self.spark_options!r}; a connection's run takes conf= and hook={{'executor_memory': '4g'}} "
                "instead"
            )
        layout = Layout.here()
        line = line_at(Path(self.spark_home)) if self.spark_home else PINNED
        driver = layout.job_file(call.job, layout.root)
        plain, secret = without_secrets(call.flags)
        remarks: list[str] = []
        settings = {**own_settings(layout, self.columns, SIZED_AS_ON, self.conf, remarks), **self.conf}
        python = {"PYSPARK_PYTHON": self.python, "PYSPARK_DRIVER_PYTHON": self.python} if self.python else {}
        submitting = SparkSubmitHook(
            **{
                "conn_id": self.conn_id,
                "name": call.name,
                "conf": settings,
                "py_files": str(provide_zip(layout.package, cache_directory(os.environ))),
                "jars": str(provide_jar(os.environ))
                if layout.needs_deequ(driver) and is_had(os.environ, line)
                else None,
                "application_args": words_of(plain),
                "env_vars": {**python, **secret},
                "spark_binary": str(Path(self.spark_home) / "bin" / "spark-submit") if self.spark_home else None,
                **self.hook,
            }
        )
        for remark in remarks:
            log.info("%s", remark)
        return ConnectionRun(submitting, str(driver))


class ConnectionRun:
    """A run that the provider's hook submits and follows. The hook tells only whether it went wrong, not its exit status."""

    def __init__(self, hook: Any, application: str) -> None:
        self._hook = hook
        self._application = application

    def wait(self) -> None:
        from airflow.sdk.exceptions import AirflowException

        try:
            self._hook.submit(self._application)
        except FileNotFoundError as fault:
            raise MissingDependency(
                f"{fault.filename} can't be started; spark_home= has to be the folder of a Spark 3.5, or its bin in the PATH"
            ) from fault
        except AirflowException as fault:
            log.warning("%s", str(fault).splitlines()[-1])  # the job's message says more than this does

    def stop(self) -> None:
        self._hook.on_kill()
