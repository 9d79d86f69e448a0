"""YARN on this machine: a mini cluster of Hadoop's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from py4j.java_gateway import JavaGateway
from tests.clusters.hadoop import hadoop_jvm

from spark_model_monitor.spark.launch.java import find_spark_home

NODE_MEMORY_MIB = 6144


@dataclass(frozen=True)
class Yarn:
    """A running cluster. configuration: the folder for HADOOP_CONF_DIR."""

    configuration: Path
    spark_home: Path

    @property
    def options(self) -> list[str]:
        """What spark-submit needs beside `--master yarn`: Spark's JARs are on the nodes, which saves sending 300 MB."""
        settings = (
            f"spark.yarn.jars=local:{self.spark_home}/jars/*",
            f"spark.executorEnv.SPARK_HOME={self.spark_home}",
            "spark.executor.instances=2",
            "spark.executor.memory=512m",
            "spark.driver.memory=512m",
            "spark.yarn.am.memory=512m",
        )
        return [word for setting in settings for word in ("--conf", setting)]


@contextmanager
def yarn_cluster(folder: Path) -> Iterator[Yarn]:
    """`with yarn_cluster(folder) as yarn: …`: a resource manager and a node, whose local files are in `folder`."""
    (folder / "conf").mkdir(parents=True)
    with hadoop_jvm(folder) as gateway:
        cluster = _started(gateway, folder)
        try:
            yield Yarn(folder / "conf", find_spark_home({}))
        finally:
            cluster.stop()  # ends containers, too


def _started(gateway: JavaGateway, folder: Path) -> object:
    configuration = gateway.jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
    for key, value in {
        "fs.defaultFS": "file:///",
        "yarn.minicluster.yarn.nodemanager.resource.memory-mb": str(NODE_MEMORY_MIB),
        "yarn.scheduler.minimum-allocation-mb": "128",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
        "yarn.scheduler.capacity.root.queues": "default",
        "yarn.scheduler.capacity.root.default.capacity": "100",
        "yarn.scheduler.capacity.maximum-am-resource-percent": "1",
        "yarn.minicluster.fixed.ports": "false",
        # containers that take too much memory are ended by YARN itself, which else leaves that to the system's cgroups
        "yarn.minicluster.control-resource-monitoring": "true",
        "yarn.nodemanager.resource.memory.enforced": "false",
        "yarn.nodemanager.container-monitor.interval-ms": "500",
    }.items():
        configuration.set(key, value)
    cluster = gateway.jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("spark-model-monitor", 1, 1, 1)
    cluster.init(configuration)
    cluster.start()
    for name in ("yarn-site.xml", "core-site.xml"):
        stream = gateway.jvm.java.io.FileOutputStream(str(folder / "conf" / name))
        cluster.getConfig().writeXml(stream)
        stream.close()
    return cluster
