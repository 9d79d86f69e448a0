"""Fixtures of all tests, and markers from the folder a test lies in (CONTRIBUTING.md says what each folder needs)."""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import both_engines
from tests.at_hand import require
from tests.jvms import SHORT_LIVED, class_archive_options
from tests.lookups import remember_lookups
from tests.running_jobs import JobProcesses, JobsHere, restoring_log

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.data.engine.engine_protocol import Engine

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT.parent / "shared" / "golden"
os.environ["SPARK_SUBMIT_OPTS"] = " ".join(
    [os.environ.get("SPARK_SUBMIT_OPTS", ""), SHORT_LIVED, *class_archive_options()]
).strip()

with suppress(ImportError):  # Airflow's environment has none
    from hypothesis import settings

    is_night = "HYPOTHESIS_EXAMPLES" in os.environ
    examples = int(os.environ.get("HYPOTHESIS_EXAMPLES", "30"))
    settings.register_profile("unhurried", deadline=None, max_examples=examples, derandomize=not is_night)
    settings.load_profile("unhurried")

FOLDERS = (
    "unit",
    "spark",
    "jobs",
    "golden",
    "golden_open",
    "clients",
    "serving",
    "clusters",
    "s3",
    "fuzz",
    "simulation",
    "browser",
    "image",
)
NIGHTLY = ("clients", "serving", "clusters", "s3", "fuzz", "simulation", "browser", "image")
"""Folders whose tests `make test` leaves to `make nightly`, but for those marked `everyday`; of the other folders some tests say
so of themselves."""

CHOSEN_BY_DAY = "not nightly and not slow"
"""As setup.cfg says it."""

LONG = ("clusters", "s3")
"""Folders that take minutes in one process, so that their servers start once. They begin first: nothing waits for them in the
end, and what they leave of the processors is another's."""
ORDER = (*LONG, "unit", "golden", "golden_open", "jobs")
"""Unit tests come before a process has a Spark session, which frames of pandas would go to, and long files before short ones."""


def _has_deequ() -> bool:
    from tests.spark_lines import has_deequ  # the environment of Airflow has no Spark

    return has_deequ()


def find_piece(nodeid: str) -> str:
    """What one process runs in one go: a folder of LONG, else a file."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return next((piece for piece in LONG if f"{file}/".startswith(f"{piece}/")), file)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Tests of the night are not read where those of the day are chosen; `make compiled-tests` reads all."""
    if config.option.markexpr != CHOSEN_BY_DAY or not collection_path.match("test_*.py"):
        return None
    if find_folder(collection_path) not in NIGHTLY or "everyday" in collection_path.read_text(encoding="utf-8"):
        return None
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Fixtures that make the session
    makers = {"spark"}
    if both_engines.are_asked_for():
        makers |= {"engine_name", "make_jobs"}
    for item in items:
        folder = find_folder(item.path)
        if folder in FOLDERS:
            item.add_marker(folder)
        if folder in NIGHTLY and not item.get_closest_marker("everyday"):
            item.add_marker("nightly")
        if item.get_closest_marker("deequ") and not _has_deequ():
            item.add_marker(
                pytest.mark.skip(
                    reason="no JAR of Deequ for this Spark, which MODEL_MONITOR_DEEQU_JAR names, or no JVM"
                )
            )
        if not makers.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("session")
    files_with_session = {test.path for test in items if test.get_closest_marker("session")}

    def rank(test: pytest.Item) -> int:
        folder = find_folder(test.path)
        if folder not in ORDER or (test.path in files_with_session and folder not in LONG):
            return len(ORDER)
        return ORDER.index(folder)

    items.sort(key=rank)


@cache
def find_folder(test_file: Path) -> str:
    """The folder below tests/ that a file lies in."""
    return test_file.relative_to(ROOT / "tests").parts[0]


def pytest_collection_finish() -> None:
    """What stays for the whole run is not looked through at each collection of garbage: ten thousand tests, and libraries."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many windows, and other things made from seeds, held the laws of tests/fuzz."""
    seeds: Counter[str] = Counter()
    for report in terminalreporter.getreports("") + terminalreporter.getreports("error"):
        if report.when == "teardown":
            seeds.update(dict(report.user_properties).get("held", {}))
    for noun, count in sorted(seeds.items()):
        terminalreporter.write_line(f"fuzzers: {noun}: {count:,} held the law")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile` gives each process a piece after the other."""
    from xdist.scheduler import LoadFileScheduling

    class Pieces(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return find_piece(nodeid)

    if config.getoption("dist") == "loadfile":
        return Pieces(config, log)
    return None


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command that a test calls in its own process starts the log anew."""
    with restoring_log():
        yield


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder with real inputs and the outputs that the service wrote for them."""
    require(GOLDEN.is_dir(), "the golden cases (../shared/golden) are not at hand; they are not part of the repository")
    return GOLDEN


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One small local session for the whole run; two cores, so that partial states really get merged."""
    from pyspark import SparkConf
    from pyspark.sql import SparkSession
    from tests.spark_lines import IS_REMOTE

    from spark_model_monitor.spark.engine.application import worker_settings
    from spark_model_monitor.spark.launch.deequ_jar import is_jar_available, provide_jar
    from spark_model_monitor.spark.launch.java import find_line_at, find_spark_home

    if not IS_REMOTE:
        remember_lookups()
    line = find_line_at(find_spark_home({}))
    os.environ.setdefault("SPARK_VERSION", line.pydeequ)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(ROOT / "lib")  # the workers' own; pytest's pythonpath is this process's
    builder = SparkSession.builder.appName("spark-model-monitor-tests")
    if IS_REMOTE:
        os.environ["SPARK_TESTING"] = "1"  # a free port, so that several processes may have a server each
        builder = builder.remote("local[2]")
        del os.environ["PYTHONPATH"]  # the package comes to the workers as an artifact
    else:
        builder = builder.master("local[2]").config("spark.locality.wait", "0")  # as every local job
        for key, value in worker_settings(SparkConf(), os.environ).items():  # a job can't make them once Spark runs
            builder = builder.config(key, value)
    if is_jar_available(os.environ, line):
        builder = builder.config("spark.jars", str(provide_jar(os.environ)))
    session = (
        builder.config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.codegen.wholeStage", "false")  # plans of few rows: compiling them takes longer than they do
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", "/tmp/spark-model-monitor-tests/warehouse")
        .getOrCreate()
    )
    if not IS_REMOTE:
        session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session", params=("local", "spark") if both_engines.are_asked_for() else ("local",))
def engine_name(request: pytest.FixtureRequest) -> str:
    """The engine of a test that reads data itself; `ENGINES=both` has the test on each."""
    if request.param == "spark":
        request.getfixturevalue("spark")
    return str(request.param)


@pytest.fixture(scope="session")
def engine(engine_name: str, request: pytest.FixtureRequest) -> Engine:
    """That engine."""
    from spark_model_monitor.data.engine.local_engine import LocalEngine

    if engine_name == "local":
        return LocalEngine()
    from spark_model_monitor.spark.engine.spark import SparkEngine

    return SparkEngine(request.getfixturevalue("spark"))


@pytest.fixture(scope="session")
def make_jobs(request: pytest.FixtureRequest) -> Callable[[Path], JobsHere]:
    """`make_jobs(folder)` runs jobs there without Spark; `ENGINES=both` has each on both engines, and compares its files."""
    if both_engines.are_asked_for():
        request.getfixturevalue("spark")
    return partial(JobsHere, engine="local")


@pytest.fixture
def jobs_here(spark: SparkSession, tmp_path: Path) -> JobsHere:
    """Jobs in this session, in a folder of this test."""
    return JobsHere(tmp_path)


@pytest.fixture
def job_processes(tmp_path: Path) -> JobProcesses:
    """Jobs as processes, in a folder of this test."""
    return JobProcesses(tmp_path)


@pytest.fixture
def file_size_limit() -> Callable[[int], AbstractContextManager[None]]:
    """`with file_size_limit(size_bytes): …` makes the system refuse larger files, as a full disk would."""

    @contextmanager
    def limiting(size_bytes: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limiting


@pytest.fixture
def count_spark_jobs(spark: SparkSession) -> Callable[[], AbstractContextManager[list[int]]]:
    """`with count_spark_jobs() as jobs: …` fills `jobs` with the ids of the Spark jobs that the body started."""
    from tests.spark_lines import driver_context

    context = driver_context()

    def all_jobs() -> set[int]:
        listed = context._jsc.sc().statusStore().jobsList(None)
        return {listed.apply(index).jobId() for index in range(listed.size())}

    @contextmanager
    def counting() -> Iterator[list[int]]:
        before = all_jobs()
        jobs = []
        try:
            yield jobs
        finally:
            jobs += sorted(all_jobs() - before)

    return counting
