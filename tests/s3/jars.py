"""What Spark opens S3 with, and the S3 server of the tests: JARs of Maven Central, fetched once into the cache."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from spark_model_monitor.running.product_layout import cache_directory
from spark_model_monitor.spark.launch import deequ_jar

S3A = (
    deequ_jar.Artifact(
        "org.apache.hadoop",
        "hadoop-aws",
        "3.3.4",
        "53f9ae03c681a30a50aa17524bd9790ab596b28481858e54efd989a826ed3a4a",
    ),
    deequ_jar.Artifact(
        "com.amazonaws",
        "aws-java-sdk-bundle",
        "1.12.262",
        "873fe7cf495126619997bec21c44de5d992544aea7e632fdc77adb1a0915bae5",
    ),
)
"""In the version of the Hadoop that Spark 3.5 brings, with the SDK that it was built with: 281 MB."""

SERVER = deequ_jar.Artifact(
    "com.adobe.testing",
    "s3mock",
    "4.11.0",
    "30916126e4cf559ca3fd25a1ff481eb64f7bfd2e05eb1ea83600999774f63f84",
    classifier="exec",
)
"""Adobe's S3Mock: objects in files of its own, listings, multipart uploads, encryption by known keys; what it does otherwise
than S3 is set right in proxy.py."""


def provide(*artifacts: deequ_jar.Artifact) -> list[Path]:
    """The files of the artifacts; those that are not in the cache are fetched, by one process at a time."""
    directory = cache_directory(os.environ) / "jars"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [
            deequ_jar.provide_artifact(artifact, directory, os.environ, f"copy it to {directory}")
            for artifact in artifacts
        ]
