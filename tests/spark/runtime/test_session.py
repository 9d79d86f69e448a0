"""A job's own session, in a process of its own: what its settings are for."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[3] / "lib"


def printed_by(program: str, *words: str) -> list[object]:
    """What the program prints last, as JSON, with a job's session at hand as `spark`."""
    opening = """
        import json, sys
        from model_monitor.runtime.session import start_session, stop_session

        spark = start_session("test", settings={"spark.ui.enabled": "false"})
    """
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(opening) + textwrap.dedent(program) + "stop_session(spark)",
        *words,
    ]
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYSPARK_SUBMIT", "PYSPARK_GATEWAY"))
        },
        "PYTHONPATH": str(LIB),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found: list[object] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_an_edited_file_is_read_though_the_checksum_beside_it_is_of_what_was_there_before(tmp_path):
    program = """
        lines = spark.read.text(sys.argv[1])
        lines.write.text(sys.argv[2])
        print(json.dumps([row.value for row in lines.collect()]))
    """
    (tmp_path / "lines.txt").write_text("edited\n")
    # as Hadoop writes it beside local files: how many bytes have a sum of their own, and these sums
    (tmp_path / ".lines.txt.crc").write_bytes(struct.pack(">4siI", b"crc\0", 512, zlib.crc32(b"before\n")))

    assert printed_by(program, str(tmp_path / "lines.txt"), str(tmp_path / "written")) == ["edited"]
    assert list((tmp_path / "written").glob(".*")) == []


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on only setuptools has the distutils that PySpark wants"
)
def test_a_worker_does_not_load_setuptools_to_compare_versions():
    program = """
        import pyarrow as pa

        def modules(batches):
            list(batches)
            import sys
            yield pa.RecordBatch.from_pydict({"name": sorted(sys.modules)})

        loaded = {row.name for row in spark.range(1).mapInArrow(modules, "name string").collect()}
        print(json.dumps(["distutils.version" in loaded, "setuptools" in loaded or "pkg_resources" in loaded]))
    """

    assert printed_by(program) == [True, False]
