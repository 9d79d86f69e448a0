"""A broker of Kafka as a process, without ZooKeeper, and what Spark 3.5 reads it with: 14 MB, fetched once into the cache."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import is_listening, reserved_port
from tests.s3.jars import provide
from tests.waiting import wait_for

from spark_model_monitor.spark.launch.deequ_jar import Artifact
from spark_model_monitor.spark.launch.java import find_java, find_spark_home

CLIENTS = Artifact(
    "org.apache.kafka", "kafka-clients", "3.4.1", "9d0a9058c8ede79db6e54ae378ed16fe8d1bead2894635a4aa6aa0b7981668c6"
)

SOURCE = (
    Artifact(
        *("org.apache.spark", "spark-sql-kafka-0-10_2.12", "3.5.7"),
        "184f8bd4a3cd22299c49090d88b894f81fd7546b4ee64879519a0d76a685dbb8",
    ),
    Artifact(
        *("org.apache.spark", "spark-token-provider-kafka-0-10_2.12", "3.5.7"),
        "9701914db5c6d09628b58d2d2c1ccd2c9ea28f32f83dd6cb21f98b8237531ff4",
    ),
    Artifact(
        *("org.apache.commons", "commons-pool2", "2.11.1"),
        "ea0505ee7515e58b1ac0e686e4d1a5d9f7d808e251a61bc371aa0595b9963f83",
    ),
    CLIENTS,
)
"""Spark's source and sink, the last that the central repository has for 3.5."""

OF_KAFKA = {
    "kafka_2.12": "3fde76a9aed3e2e1adeb6746f4d4cae749f7a6d6e7ddf764723704fe242cccb8",
    "kafka-group-coordinator": "23d19073e57d67a017780678d7de6bc8a051495179060978ffe379201cd605b0",
    "kafka-metadata": "878be8d812d96925098baf3e012745a64aebe1df7c1b6fec32c56c7d5ed3c664",
    "kafka-raft": "37621aa3e3f0628385b0e0ef65570721187cbb3024fabe2a25c21d73e5cdcdab",
    "kafka-server-common": "c9f636e9478205abc57b1ea6ef9cd00eca8e4ef0353219f036fdb793f0bd716f",
    "kafka-storage": "bbee827a1f3e5471fdc9fc7e7ac9508d175b39994040158c8e03b6338be69707",
    "kafka-storage-api": "6dd1e6ce5252ad49c7bcf087a29be9cb4456adbf0406134384ff50a9658140c9",
}
BROKER = (
    CLIENTS,
    *(Artifact("org.apache.kafka", module, "3.4.1", sha256) for module, sha256 in OF_KAFKA.items()),
    Artifact(
        *("net.sf.jopt-simple", "jopt-simple", "5.0.4"),
        "df26cc58f235f477db07f753ba5a3ab243ebe5789d9f89ecf68dd62ea9a66c28",
    ),
    Artifact(
        *("com.yammer.metrics", "metrics-core", "2.2.0"),
        "6b7a14a6f34c10f8683f7b5e2f39df0f07b58c7dff0e468ebbc713905c46979c",
    ),
    Artifact(
        *("com.typesafe.scala-logging", "scala-logging_2.12", "3.9.4"),
        "57fc0b1be2128e2f6741fc63722d4a9bbfa63cc57fb03ada63118394b615b558",
    ),
    Artifact(
        *("org.scala-lang.modules", "scala-java8-compat_2.12", "1.0.2"),
        "2f509b96ec69c130e6d062d6a6a25e293d23b1b411129480295999cc15d3febf",
    ),
    Artifact(
        *("com.fasterxml.jackson.datatype", "jackson-datatype-jdk8", "2.13.5"),
        "e58761751fea8a00dc626aae1c5f1be38c5cfd487aeb333d933a4ab5f5a73c55",
    ),
)
"""What a broker needs beside Spark's own JARs."""

SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}
offsets.topic.replication.factor=1
"""
FORMATTED = "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=1\n"
"""What Kafka's own tool leaves in an empty folder."""


@contextmanager
def kafka_broker(folder: Path) -> Iterator[str]:
    """`with kafka_broker(folder) as servers: …`: where it listens. Topics are made with the first record, of one partition."""
    folder.mkdir()
    (folder / "meta.properties").write_text(FORMATTED)
    settings = folder.with_suffix(".properties")
    classes = os.pathsep.join([*map(str, provide(*BROKER)), f"{find_spark_home({})}/jars/*"])
    words = [str(find_java(os.environ).home / "bin" / "java"), "-Xmx256m", "-cp", classes, "kafka.Kafka", str(settings)]
    with reserved_port() as port, reserved_port() as controller, folder.with_suffix(".log").open("w") as log:
        settings.write_text(SETTINGS.format(port=port, controller=controller, folder=folder))
        with subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT) as broker:
            try:
                wait_for(lambda: is_listening(port), f"a broker, whose log is {log.name},", broker)
                yield f"127.0.0.1:{port}"
            finally:
                broker.kill()
