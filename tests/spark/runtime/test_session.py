"""A job's own session, in a process of its own: what its settings are for."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import pytest

from model_monitor.engine.processor import VARIABLE
from model_monitor.launch.deequ_jar import provide_jar

LIB = Path(__file__).resolve().parents[3] / "lib"


def printed_by(program: str, *words: str, before: str = "", options: str = "") -> list[object]:
    """What the program prints last, as JSON, with a job's session at hand as `spark`.

    before: what runs before the session is made. options: of spark-submit.
    """
    imports = """
        import json, sys
        from model_monitor.engine.hadoop import leave_out_yarn
        from model_monitor.runtime.session import start_session, stop_session
    """
    opening = """
        spark = start_session("test", settings={"spark.ui.enabled": "false"})
    """
    command = [
        sys.executable,
        "-c",
        "".join(map(textwrap.dedent, (imports, before, opening, program))) + "stop_session(spark)",
        *words,
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK_GATEWAY", VARIABLE))},
        "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell",
        "PYTHONPATH": str(LIB),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found: list[object] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("has_jars", [False, True])  # with a file to look at, spark-submit opens the file system itself
def test_an_edited_file_is_read_though_the_checksum_beside_it_is_of_what_was_there_before(tmp_path, has_jars):
    program = """
        lines = spark.read.text(sys.argv[1])
        lines.write.text(sys.argv[2])
        print(json.dumps([row.value for row in lines.collect()]))
    """
    (tmp_path / "lines.txt").write_text("edited\n")
    # as Hadoop writes it beside local files: how many bytes have a sum of their own, and these sums
    (tmp_path / ".lines.txt.crc").write_bytes(struct.pack(">4siI", b"crc\0", 512, zlib.crc32(b"before\n")))
    options = f"--jars {provide_jar(os.environ)}" if has_jars else ""

    found = printed_by(program, str(tmp_path / "lines.txt"), str(tmp_path / "written"), options=options)

    assert found == ["edited"]
    assert list((tmp_path / "written").glob(".*")) == []


@pytest.mark.parametrize(("options", "name"), [("", "model-monitor test"), ("--name mine", "mine")])
def test_an_application_is_called_as_the_user_says_else_as_the_job(options, name):
    program = """
        print(json.dumps([spark.sparkContext.appName]))
    """

    assert printed_by(program, options=options) == [name]


def test_many_files_are_opened_without_the_settings_of_yarn():
    program = """
        def settings():
            every = spark._jsparkSession.sessionState().newHadoopConf()
            return [every.getPropsWithPrefix(prefix).size() for prefix in ("yarn.", "fs.s3a.")]

        leave_out_yarn(spark, 10)
        spark.read.text(sys.argv[1]).count()
        of_few = settings()
        leave_out_yarn(spark, 10_000)
        spark.read.text(sys.argv[1]).count()
        print(json.dumps([of_few, settings()]))
    """

    of_few, of_many = printed_by(program, __file__)

    assert of_few[0] > 200
    assert of_many == [0, of_few[1]]


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


@pytest.mark.parametrize(
    ("options", "wanted"), [("", "AVX512F"), (f"--conf spark.executorEnv.{VARIABLE}=AVX2", "AVX2")]
)
def test_workers_are_told_what_the_processor_is_slow_at_unless_the_user_told_them(options, wanted):
    before = """
        from model_monitor.engine import processor
        processor.features_to_leave_out = lambda: "AVX512F"
    """
    program = """
        import pyarrow as pa

        def variable(batches):
            list(batches)
            import os
            yield pa.RecordBatch.from_pydict({"value": [os.environ["NPY_DISABLE_CPU_FEATURES"]]})

        print(json.dumps([row.value for row in spark.range(1).mapInArrow(variable, "value string").collect()]))
    """

    assert set(printed_by(program, before=before, options=options)) == {wanted}


IN_A_WORKER = """
    import pyarrow as pa

    def found(batches):
        import gc, os, sys
        before = [name in sys.modules for name in ("pandas", "pyarrow.compute", "model_monitor.profiling.partition")]
        list(batches)
        state = [*before, gc.get_freeze_count() > 10_000, os.environ["MALLOC_TRIM_THRESHOLD_"]]
        yield pa.RecordBatch.from_pydict({"value": [repr(each) for each in state]})

    print(json.dumps([row.value for row in spark.range(1).coalesce(1).mapInArrow(found, "value string").collect()]))
"""


def test_on_one_machine_workers_begin_with_their_libraries_loaded_and_keep_memory():
    *loaded, trim = printed_by(IN_A_WORKER)

    assert loaded == ["True"] * 4
    assert trim == repr(str(64 * 2**20))


def test_the_users_own_daemon_and_memory_stay():
    own = "spark.executorEnv.MALLOC_TRIM_THRESHOLD_=1000 spark.python.daemon.module=pyspark.daemon"
    options = " ".join(f"--conf {setting}" for setting in own.split())

    *loaded, trim = printed_by(IN_A_WORKER, options=options)

    assert loaded == ["False"] * 4
    assert trim == "'1000'"


def test_a_job_reads_the_same_whatever_the_user_has_set(tmp_path, monkeypatch):
    """Of each of these settings the results depend on, or a run's time and memory; the user's are all the other way."""
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(100_000))[:50_000])
    for number in range(40):
        (tmp_path / "many" / f"hour={number}").mkdir(parents=True)
        (tmp_path / "many" / f"hour={number}" / "lines.txt").write_text("line\n")
    program = """
        import pathlib

        def fails(read):
            try:
                read()
            except Exception:
                return True
            return False

        def listing_starts_a_job(paths):
            spark.sparkContext.setJobGroup("listing", "")
            frame = spark.read.text(paths)
            frame.inputFiles()
            return len(spark.sparkContext.statusTracker().getJobIdsForGroup("listing")) > 0

        folder = pathlib.Path(sys.argv[1])
        lines = [str(path) for path in sorted((folder / "many").rglob("*.txt"))]
        whole = spark.range(100_000).selectExpr("id % 2 as flag").cache()
        whole.count()
        [kept] = spark.sparkContext._jsc.sc().getRDDStorageInfo()
        missing = spark.read.text(lines[:2])
        found = {
            "a damaged file fails": fails(spark.read.text(str(folder / "cut.gz")).count),
            "files are packed by their size": spark.read.text(lines[:4]).rdd.getNumPartitions() == 1,
            "midnight": spark.sql("select string(timestamp_seconds(0))").first()[0],
            "midnight in a time zone": spark.sql("select unix_timestamp('1970-01-01 00:00:00')").first()[0],
            "no number": spark.sql("select cast('x' as int)").first()[0],
            "folders are listed without a job": not listing_starts_a_job(lines),
            "what is kept is not packed": kept.memSize() >= 8 * 100_000,
        }
        pathlib.Path(lines[0]).unlink()
        found["a file that is gone fails"] = fails(missing.count)
        print(json.dumps([found]))
    """
    others = {
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.files.ignoreCorruptFiles": "true",
        "spark.sql.files.ignoreMissingFiles": "true",
        "spark.sql.files.minPartitionNum": "50",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1",
        "spark.sql.inMemoryColumnarStorage.compressed": "true",
    }
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    [found] = printed_by(
        program, str(tmp_path), options=" ".join(f"--conf {name}={value}" for name, value in others.items())
    )

    assert found == {
        "a damaged file fails": True,
        "a file that is gone fails": True,
        "files are packed by their size": True,
        "midnight": "1970-01-01 00:00:00",
        "midnight in a time zone": 0,
        "no number": None,
        "folders are listed without a job": True,
        "what is kept is not packed": True,
    }
