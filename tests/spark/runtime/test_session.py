"""A job's own session, in a process of its own: what its settings are for.

Two processes serve all tests: one whose user has set nothing, and one whose user has set everything the other way.
"""

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
from typing import Any

import pytest
from tests.at_hand import defer_to_night
from tests.spark_lines import on_a_jvm, on_spark_3

from spark_model_monitor.spark.engine.application import NUMPY_VARIABLE
from spark_model_monitor.spark.launch.deequ_jar import provide_jar

LIB = Path(__file__).resolve().parents[3] / "lib"


OPENING = """
    import json, pathlib, sys
    import pyarrow as pa
    from spark_model_monitor.spark.engine import application
    from spark_model_monitor.spark.engine.spark import SparkEngine, prepare_for_many_files
    from spark_model_monitor.spark.spark_session import start_session, stop_session

    application.find_excluded_features = lambda: "AVX512F"
    folder = pathlib.Path(sys.argv[1])
    found = {}
    spark = start_session("test", settings={"spark.ui.enabled": "false"})

    def of_workers(look):
        def looking(batches):
            before = look()
            list(batches)
            yield pa.RecordBatch.from_pylist([{"value": json.dumps([before, look()])}])

        [row] = spark.range(1).coalesce(1).mapInArrow(looking, "value string").collect()
        return json.loads(row.value)
"""

CLOSING = """
    stop_session(spark)
    print(json.dumps(found))
"""

APPLICATION = """
    found["name"] = spark.sparkContext.appName
"""

EDITED = """
    lines = spark.read.text(str(folder / "lines.txt"))
    lines.write.text(str(folder / "written"))
    found["lines"] = [row.value for row in lines.collect()]
"""

WORKERS = """
    def look():
        import gc, os, sys
        return {
            "libraries": [
                name in sys.modules
                for name in ("pandas", "pyarrow.compute", "spark_model_monitor.data.profiling.partition")
            ],
            "frozen": gc.get_freeze_count() > 10_000,
            "modules": sorted(sys.modules),
            "features": os.environ["NPY_DISABLE_CPU_FEATURES"],
            "trim": os.environ["MALLOC_TRIM_THRESHOLD_"],
        }

    found["before"], found["after"] = of_workers(look)
"""

YARN = """
    def settings():
        every = spark._jsparkSession.sessionState().newHadoopConf()
        return [every.getPropsWithPrefix(prefix).size() for prefix in ("yarn.", "fs.s3a.")]

    prepare_for_many_files(SparkEngine(spark), 10)
    spark.read.text(str(folder / "lines.txt")).count()
    found["settings of few"] = settings()
    prepare_for_many_files(SparkEngine(spark), 10_000)
    spark.read.text(str(folder / "lines.txt")).count()
    found["settings of many"] = settings()
"""

RESULTS = """
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

    lines = [str(path) for path in sorted((folder / "many").rglob("*.txt"))]
    whole = spark.range(100_000).selectExpr("id % 2 as flag").cache()
    whole.count()
    [kept] = spark.sparkContext._jsc.sc().getRDDStorageInfo()
    missing = spark.read.text(lines[:2])
    found["results"] = {
        "a damaged file fails": fails(spark.read.text(str(folder / "cut.gz")).count),
        "files are packed by their size": spark.read.text(lines[:4]).rdd.getNumPartitions() == 1,
        "midnight": spark.sql("select string(timestamp_seconds(0))").first()[0],
        "midnight in a time zone": spark.sql("select unix_timestamp('1970-01-01 00:00:00')").first()[0],
        "no number": spark.sql("select cast('x' as int)").first()[0],
        "folders are listed without a job": not listing_starts_a_job(lines),
        "what is kept is not packed": kept.memSize() >= 8 * 100_000,
    }
    pathlib.Path(lines[0]).unlink()
    found["results"]["a file that is gone fails"] = fails(missing.count)
"""

OTHERS = {
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.files.ignoreMissingFiles": "true",
    "spark.sql.files.minPartitionNum": "50",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1",
    "spark.sql.inMemoryColumnarStorage.compressed": "true",
    f"spark.executorEnv.{NUMPY_VARIABLE}": "AVX2",
    "spark.executorEnv.MALLOC_TRIM_THRESHOLD_": "1000",
    "spark.python.daemon.module": "pyspark.daemon",
}
"""What the user of the second process has set."""


def printed_by(folder: Path, *programs: str, options: str = "", **variables: str) -> dict[str, Any]:
    """What the programs found with a job's session at hand as `spark`. options: of spark-submit."""
    # edited, and the sums are of what was there before: how many bytes have one of their own, and these, as Hadoop has it
    (folder / "lines.txt").write_text("edited\n")
    (folder / ".lines.txt.crc").write_bytes(struct.pack(">4siI", b"crc\0", 512, zlib.crc32(b"before\n")))
    (folder / "cut.gz").write_bytes(gzip.compress(os.urandom(100_000))[:50_000])
    for number in range(40):
        (folder / "many" / f"hour={number}").mkdir(parents=True)
        (folder / "many" / f"hour={number}" / "lines.txt").write_text("line\n")
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYSPARK_GATEWAY", NUMPY_VARIABLE))
        },
        "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell",
        "PYTHONPATH": str(LIB),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        **variables,
    }
    program = "".join(map(textwrap.dedent, (OPENING, *programs, CLOSING)))
    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return report


@pytest.fixture(scope="module")
def default_session(tmp_path_factory):
    """The folder and the findings of a process whose user has set nothing."""
    folder = tmp_path_factory.mktemp("usual")
    return folder, printed_by(folder, APPLICATION, EDITED, WORKERS, YARN)


@pytest.fixture(scope="module")
def otherwise(tmp_path_factory):
    """The same of a process whose user has set everything that a job sets to something else, and names a JAR."""
    folder = tmp_path_factory.mktemp("otherwise")
    options = " ".join(f"--conf {name}={value}" for name, value in OTHERS.items())
    options += f" --name mine --jars {provide_jar(os.environ)}"
    return folder, printed_by(folder, APPLICATION, EDITED, WORKERS, RESULTS, options=options, TZ="Asia/Tokyo")


# with a file to look at, such as a JAR, spark-submit opens the file system itself
@on_a_jvm("starts a session with a JVM")
@pytest.mark.parametrize("process", [defer_to_night("default_session"), "otherwise"])
def test_an_edited_file_is_read_though_the_checksum_beside_it_is_of_what_was_there_before(process, request):
    folder, report = request.getfixturevalue(process)

    assert report["lines"] == ["edited"]
    assert list((folder / "written").glob(".*")) == []


@on_a_jvm("starts a session with a JVM")
@pytest.mark.parametrize(("process", "name"), [("default_session", "spark-model-monitor test"), ("otherwise", "mine")])
def test_an_application_is_called_as_the_user_says_else_as_the_job(process, name, request):
    assert request.getfixturevalue(process)[1]["name"] == name


@on_a_jvm("looks into the JVM")
def test_many_files_are_opened_without_the_settings_of_yarn(default_session):
    _, report = default_session

    assert report["settings of few"][0] > 200
    assert report["settings of many"] == [0, report["settings of few"][1]]


@on_spark_3("PySpark wants no distutils any more")
@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on only setuptools has the distutils that PySpark wants"
)
@pytest.mark.parametrize("process", ["default_session", "otherwise"])
def test_a_worker_does_not_load_setuptools_to_compare_versions(process, request):
    loaded = set(request.getfixturevalue(process)[1]["after"]["modules"])

    assert "distutils.version" in loaded
    assert not {"setuptools", "pkg_resources"} & loaded


@on_a_jvm("starts a session with a JVM")
@pytest.mark.parametrize(("process", "expected_features"), [("default_session", "AVX512F"), ("otherwise", "AVX2")])
def test_workers_are_reported_what_the_processor_is_slow_at_unless_the_user_reported_them(
    process, expected_features, request
):
    assert request.getfixturevalue(process)[1]["after"]["features"] == expected_features


@on_a_jvm("the workers are the server's")
def test_on_one_machine_workers_begin_with_their_libraries_loaded_and_keep_memory(default_session):
    _, report = default_session

    assert report["before"]["libraries"] == [True] * 3
    assert report["after"]["frozen"]
    assert report["after"]["trim"] == str(64 * 2**20)


@on_a_jvm("the workers are the server's")
def test_the_users_own_daemon_and_memory_stay(otherwise):
    _, report = otherwise

    assert report["before"]["libraries"] == [False] * 3
    assert not report["after"]["frozen"]
    assert report["after"]["trim"] == "1000"


@on_a_jvm("looks into the JVM")
def test_a_job_reads_the_same_whatever_the_user_has_set(otherwise):
    """Of each of these settings the results depend on, or a run's time and memory; the user's are all the other way."""
    _, report = otherwise

    assert report["results"] == {
        "a damaged file fails": True,
        "a file that is gone fails": True,
        "files are packed by their size": True,
        "midnight": "1970-01-01 00:00:00",
        "midnight in a time zone": 0,
        "no number": None,
        "folders are listed without a job": True,
        "what is kept is not packed": True,
    }
