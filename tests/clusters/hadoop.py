"""Hadoop's own mini clusters, in a JVM that py4j drives.

Their JARs are fetched from Maven Central and kept in the cache directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from spark_model_monitor.running.product_layout import cache_directory
from spark_model_monitor.spark.launch.deequ_jar import Artifact, provide_artifact
from spark_model_monitor.spark.launch.java import find_java, find_spark_home

ARTIFACTS = (
    Artifact(
        "org.apache.hadoop",
        "hadoop-client-minicluster",
        "3.3.4",
        "cd8a1703393946c302bb3a52d0fcd23f6f8ded4554bc0dac5d2ee673dbe2b40e",
    ),
    Artifact("junit", "junit", "4.13.2", "8e495b634469d64fb8acfa3495a065cbacc8a0fff55ce1e31007be4c16dc57d3"),
    Artifact(
        "org.hamcrest", "hamcrest-core", "1.3", "66fdef91e9739348df7a096aa384a5685f4e875584cce89386a7a47251c4d8e9"
    ),
    Artifact(
        "org.bouncycastle", "bcprov-jdk15on", "1.70", "8f3c20e3e2d565d26f33e8d4857a37d0d7f8ac39b62a7026496fcab1bdac30d4"
    ),
    Artifact(
        "org.bouncycastle", "bcpkix-jdk15on", "1.70", "e5b9cb821df57f70b0593358e89c0e8d7266515da9d088af6c646f63d433c07c"
    ),
    Artifact(
        "org.bouncycastle", "bcutil-jdk15on", "1.70", "52dc5551b0257666526c5095424567fed7dc7b00d2b1ba7bd52298411112b1d0"
    ),
)
"""What the mini clusters need and Spark's own JARs don't have; its Hadoop is that of Spark 3.5."""


@contextmanager
def hadoop_jvm(folder: Path) -> Iterator[JavaGateway]:
    """`with hadoop_jvm(folder) as gateway: …`: a JVM with Hadoop's servers, whose files and log are in `folder`."""
    spark_home = find_spark_home({})
    jars = cache_directory(os.environ) / "jars"
    jar_paths = [str(provide_artifact(artifact, jars, os.environ, f"put it into {jars}")) for artifact in ARTIFACTS]
    with (folder / "hadoop.log").open("w") as log:
        port, process = launch_gateway(
            classpath=os.pathsep.join([*jar_paths, f"{spark_home}/jars/*"]),
            java_path=str(find_java(os.environ).home / "bin" / "java"),
            javaopts=["--add-opens=java.base/java.lang=ALL-UNNAMED", f"-Dtest.build.data={folder}", "-Xmx768m"],
            jarpath=str(next(spark_home.glob("jars/py4j-*.jar"))),
            die_on_exit=True,
            cwd=str(folder),
            redirect_stdout=log,
            redirect_stderr=log,
            return_proc=True,
        )
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
        try:
            yield gateway
        finally:
            gateway.shutdown()
            process.kill()
            process.wait()
