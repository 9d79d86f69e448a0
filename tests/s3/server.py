"""An S3 server on this machine, as a process of its own that keeps objects in files."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.s3 import jars
from tests.waiting import wait_for

from spark_model_monitor.spark.launch.java import find_java

KEY = "8f1c2b7e-0000-4000-8000-000000000001"
"""The one key that the server's key management knows; it refuses every other one."""

_LISTENS = re.compile(r"Tomcat started on ports? .*?([1-9]\d*) \(http\)")


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """`with s3_server(folder) as url: …`; objects and log lie in `folder`. It is up after about 3 s."""
    [jar] = jars.provide(jars.SERVER)
    (folder / "objects").mkdir()
    settings = {
        "server.port": "0",
        "com.adobe.testing.s3mock.http-port": "0",
        "com.adobe.testing.s3mock.store.root": str(folder / "objects"),
        "com.adobe.testing.s3mock.store.valid-kms-keys": f"arn:aws:kms:us-east-1:123456789012:key/{KEY}",
    }
    command = [
        str(find_java(os.environ).home / "bin" / "java"),
        *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"),
        *("-jar", str(jar)),
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    # It takes a free port by itself, and its log tells which
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{_port(process, folder / 'log')}"
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says it listens on."""
    match = wait_for(lambda: _LISTENS.search(log.read_text()), f"the S3 server, whose log is {log},", process)
    return int(match.group(1))
