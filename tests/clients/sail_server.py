"""A server of Sail as a process, for programs in Sail's environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVER = """
import sys
from pysail.spark import SparkConnectServer

class Hidden:
    def find_spec(name, path, target=None):
        if name.startswith("spark_model_monitor"):
            raise ModuleNotFoundError(f"No module named {name!r}")

if sys.argv[1:] == ["without"]:
    sys.meta_path.insert(0, Hidden)
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def sail(*words: str) -> Iterator[str]:
    """The address of a server. words: "without", if its Python can't import the package."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield f"sc://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.stdin.close()
            server.wait()
