"""HDFS on this machine: a mini cluster of Hadoop's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clusters.hadoop import hadoop_jvm


@contextmanager
def hdfs_cluster(folder: Path) -> Iterator[str]:
    """`with hdfs_cluster(folder) as url: …`: `hdfs://127.0.0.1:PORT`, with one node, whose files are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with hadoop_jvm(folder) as gateway:
        configuration = gateway.jvm.org.apache.hadoop.conf.Configuration()
        configuration.set("hdfs.minidfs.basedir", str(folder / "dfs"))
        cluster = gateway.jvm.org.apache.hadoop.hdfs.MiniDFSCluster.Builder(configuration).numDataNodes(1).build()
        try:
            cluster.waitActive()
            yield f"hdfs://127.0.0.1:{cluster.getNameNodePort()}"
        finally:
            cluster.shutdown()
