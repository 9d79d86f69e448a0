"""Builds the spark-submit command of a request, with the options of the JVM that it starts on this machine.

Standard library only, any Python from 3.9 on.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.spark.launch import class_archive, deequ_jar, package_zip
from spark_model_monitor.spark.launch.class_archive import ClassArchive
from spark_model_monitor.spark.launch.java import TextsByName, find_java, find_line_at, find_spark_home
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import (
    COLUMNS,
    PYTHON_PATH,
    SubmitRequest,
    is_local,
    option_words,
    read_properties,
    spark_settings,
    split_options,
)
from spark_model_monitor.value_class import value_class

JVM_OPTIONS_VARIABLE = "SPARK_SUBMIT_OPTS"
LOG_SETTINGS = "-Dlog4j2.configurationFile"

COLLECTOR_OPTION = "-XX:+UseParallelGC"
"""The garbage collector of a local run, whose heap has only short-lived batches of rows. Java's default, Garbage-First, touches
more new memory, which takes time in short runs."""

LOCAL_COMPILATION = (
    "-XX:Tier4InvocationThreshold=200000",
    "-XX:Tier4MinInvocationThreshold=24000",
    "-XX:Tier4CompileThreshold=600000",
    "-XX:Tier4BackEdgeThreshold=1600000",
)
"""Options of a local run: Java's second compiler waits 40 times as long as by default, because a run ends before that compiler
saves time; benchmarks/submission.py prints the JVM's time."""

DRIVER_COMPILATION = ("-XX:TieredStopAtLevel=1",)
"""Options of a driver whose executors are on other machines: it plans and adds states, for which the first compiler's code is
fast enough; benchmarks/driver.py prints its time."""

COLLECTOR_PATTERN = re.compile(r"-XX:\+Use\w+GC\b")
COLLECTOR_SETTINGS = ("spark.driver.extraJavaOptions", "spark.driver.defaultJavaOptions")
JAVA_VARIABLES = (JVM_OPTIONS_VARIABLE, "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


def build_jvm_options(
    archive: ClassArchive, logging: Path, settings: TextsByName, environment: TextsByName, *, local: bool
) -> str:
    """The value of SPARK_SUBMIT_OPTS: the user's options, and our options for what the user didn't set.

    logging: the file with our logging settings.
    settings: Spark's effective settings.
    local: whether executors are in the same JVM.
    """
    user_options = environment.get(JVM_OPTIONS_VARIABLE, "")
    our_options = []
    # An installed package may not have the file; Spark then uses its own logging settings
    if LOG_SETTINGS not in user_options and logging.is_file():
        our_options.append(f"{LOG_SETTINGS}={logging.as_uri()}")
    if class_archive.ARCHIVE_OPTION not in user_options:
        our_options += archive.options
    # On a cluster, the cluster's settings decide about the executors' JVMs
    if local:
        our_options += LOCAL_COMPILATION
    else:
        our_options += DRIVER_COMPILATION
    if local and not _has_collector(settings, environment):
        our_options.append(COLLECTOR_OPTION)
    # The user's options come last, because Java uses the last of a repeated option
    return f"{shlex.join(our_options)} {user_options}".strip()


def _has_collector(settings: TextsByName, environment: TextsByName) -> bool:
    """Whether the user chose a garbage collector. Java refuses to start with two."""
    words = [settings.get(name, "") for name in COLLECTOR_SETTINGS]
    words += [environment.get(name, "") for name in JAVA_VARIABLES]
    return any(map(COLLECTOR_PATTERN.search, words))


LOCAL_DRIVER_MEMORY = "2g"  # heap of a local run, in which one JVM is driver and executors; Spark's default is 1g

WORKER_BASE_MIB = 140
WORKER_MIB_PER_COLUMN = 0.2
"""Memory of a Python worker: 340 MB at 1,000 columns of doubles (benchmarks/profile_memory.py)."""

SHELL_NAME = "pyspark-shell"  # the name with which a running Python asks spark-submit for a JVM
SHELL_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"  # the variable from which PySpark takes that JVM's options, followed by SHELL
DISTUTILS = "SETUPTOOLS_USE_DISTUTILS"

_SIZE_MIB = {"k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0**2}


@value_class
class Submission:
    """The command and its additional environment variables; `remarks` are lines for the user."""

    command: list[str]
    variables: dict[str, str]
    remarks: list[str]

    def __str__(self) -> str:
        """The command as one line for a shell."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        return " ".join(["env", *assignments, *map(shlex.quote, self.command)])


def build_submission(
    request: SubmitRequest, layout: Layout, environment: TextsByName, working_directory: Path
) -> Submission:
    """The spark-submit command of a request. Creates the package's zip, and downloads the JAR except in a dry run.

    Raises BadConfiguration for a missing job, option or settings file, MissingDependency if Java, Spark or the JAR is missing.
    """
    job = layout.job_file(request.job, working_directory)
    words = [str(job), *request.job_arguments]
    with_deequ = layout.needs_deequ(job)
    return _assemble_submission(
        request, f"spark-model-monitor {job.stem}", words, layout, environment, with_deequ=with_deequ
    )


def shell_variables(layout: Layout, environment: TextsByName) -> dict[str, str]:
    """The environment variables with which PySpark, in a running Python, starts a JVM like that of a job.

    Options in the variable SHELL_ARGUMENTS count like options on a command line.

    Raises the errors of `build_submission`.
    """
    try:
        words = shlex.split(environment.get(SHELL_ARGUMENTS, ""))
    except ValueError as error:
        raise BadConfiguration(
            f"{SHELL_ARGUMENTS} can't be taken apart into words: {error}; write it as for a shell"
        ) from None
    options, _ = split_options(words)
    request = SubmitRequest(SHELL_NAME, [], options, dry_run=False, columns=COLUMNS)
    submission = _assemble_submission(request, "spark-model-monitor", [SHELL_NAME], layout, environment)
    variables = {**submission.variables, SHELL_ARGUMENTS: shlex.join(submission.command[1:])}
    variables.pop(DISTUTILS, None)  # only a starting Python reads it; later, setuptools warns about it
    return variables


def _assemble_submission(
    request: SubmitRequest,
    name: str,
    job: list[str],
    layout: Layout,
    environment: TextsByName,
    *,
    with_deequ: bool = True,
) -> Submission:
    # Spark's effective settings, with what the user and the cluster chose
    spark_home = find_spark_home(environment)
    conf = Path(environment.get("SPARK_CONF_DIR") or spark_home / "conf")
    settings = spark_settings(request.options, conf / "spark-defaults.conf")
    master = settings.setdefault("spark.master", "local[*]")
    _require_supported_mode(request, settings)
    remarks: list[str] = []

    command = [str(spark_home / "bin" / "spark-submit"), "--master", master]
    if "spark.app.name" not in settings:
        command += ["--name", name]
    if is_local(master) and "spark.driver.memory" not in settings:
        command += ["--driver-memory", LOCAL_DRIVER_MEMORY]
    # Settings and files that we add
    our_settings = own_settings(layout, request.columns, master, settings, remarks)
    our_words: dict[str, list[str]] = {"--py-files": [], "--jars": []}
    # Only other machines need the zip: Python compiles a zip's modules at every start, and here it finds the folder
    if not is_local(master) or PYTHON_PATH in settings:
        our_words["--py-files"] = [str(provide_zip(layout.package, cache_directory(environment)))]
    if request.environment:
        mode = settings.get("spark.submit.deployMode", "client")
        our_settings |= package_zip.python_settings(mode, environment)
        our_words["--archives"] = [package_zip.build_archive_option(request.environment)]
    for key, value in our_settings.items():
        command += ["--conf", f"{key}={value}"]

    # Deequ's JAR, unless the user names one
    has_user_jar = "deequ" in settings.get("spark.jars", "") + settings.get("spark.jars.packages", "")
    if with_deequ and not has_user_jar and deequ_jar.is_jar_available(environment, find_line_at(spark_home)):
        our_words["--jars"] = [str(_provide_jar(request, environment, remarks))]
    command += option_words(request.options, our_words, left_out=["--master"])
    variables = _build_variables(layout, spark_home, settings, environment)
    return Submission([*command, *job], variables, remarks)


def _require_supported_mode(request: SubmitRequest, settings: TextsByName) -> None:
    master = settings["spark.master"]
    mode = settings.get("spark.submit.deployMode", "client")
    # Checked now, because Spark refuses this only after its start
    if mode == "cluster" and master.startswith("spark://"):
        raise BadConfiguration(
            "--deploy-mode is cluster, which a standalone cluster doesn't have for Python; write client, or use YARN"
        )
    if request.environment and is_local(master):
        raise BadConfiguration(
            "--environment is for the nodes of a cluster, a local run has this Python; drop it, or name a --master"
        )


def own_settings(
    layout: Layout, columns: int, master: str, user_settings: TextsByName, remarks: list[str]
) -> dict[str, str]:
    """The settings that we add to the user's. `remarks` gets a line about each computed setting. columns: number of columns."""
    properties = read_properties(layout.conf / "spark-defaults.conf")
    # The bar is written to standard error. The job can't detect a terminal, because Spark gives its Python a pipe.
    properties.setdefault("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    if is_local(master):  # on a cluster, a task whose data is on another host might wait forever
        properties["spark.locality.wait"] = "0"
    overhead_key = "spark.executor.memoryOverhead"
    if master.startswith(("yarn", "k8s")) and overhead_key not in user_settings:
        cores = int(user_settings.get("spark.executor.cores") or 1)
        worker = WORKER_BASE_MIB + WORKER_MIB_PER_COLUMN * columns
        heap_mib = _parse_mebibytes(user_settings.get("spark.executor.memory") or "1g")
        # Spark's default overhead, and the memory of the Python workers
        default_overhead = max(384.0, heap_mib / 10)
        properties[overhead_key] = f"{round(default_overhead + cores * worker)}m"
        remarks.append(
            f"{overhead_key}={properties[overhead_key]}: {cores} Python workers an executor, {round(worker)} MB each at "
            f"{columns:,} columns"
        )
    return {key: value for key, value in properties.items() if key not in user_settings}


def _provide_jar(request: SubmitRequest, environment: TextsByName, remarks: list[str]) -> Path:
    path = deequ_jar.jar_path(environment)
    if not path.is_file():
        # A dry run shows the command, but downloads nothing
        if request.dry_run:
            remarks.append(f"{path} is not there yet; it is fetched when the job is started")
            return path
        sys.stderr.write(f"fetching Deequ's JAR, {deequ_jar.DEEQU_JAR.coordinate}, once (2 MB)\n")
    return deequ_jar.provide_jar(environment)


def _build_variables(
    layout: Layout, spark_home: Path, settings: TextsByName, environment: TextsByName
) -> dict[str, str]:
    java = find_java(environment, find_line_at(spark_home))
    variables = {"SPARK_HOME": str(spark_home), "JAVA_HOME": str(java.home)}
    archive = ClassArchive.of(java, spark_home, environment)
    log_settings = (layout.conf / "log4j2.properties").absolute()
    options = build_jvm_options(archive, log_settings, settings, environment, local=is_local(settings["spark.master"]))
    if options:
        variables[JVM_OPTIONS_VARIABLE] = options
    if sys.version_info < (3, 12):
        # PySpark imports distutils. By default, setuptools replaces it, which loads all of setuptools each time.
        variables[DISTUTILS] = environment.get(DISTUTILS, "stdlib")
    if is_local(settings["spark.master"]):
        variables["PYTHONPATH"] = layout.python_path(environment)
        # Driver and workers must use the same Python; without this, workers use the first python3 of the PATH.
        variables["PYSPARK_PYTHON"] = variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
        if not environment.get("SPARK_LOCAL_IP"):
            variables["SPARK_LOCAL_IP"] = "127.0.0.1"  # Spark doesn't start if the host name can't be resolved
    # Only the driver is on this machine; workers use the Python of their nodes
    elif _is_client_in_venv(settings) and not (
        environment.get("PYSPARK_DRIVER_PYTHON") or environment.get("PYSPARK_PYTHON")
    ):
        variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return variables


def _is_client_in_venv(settings: TextsByName) -> bool:
    """Whether the driver runs in this Python's virtual environment while the executors are on other machines."""
    return sys.prefix != sys.base_prefix and settings.get("spark.submit.deployMode", "client") == "client"


def _parse_mebibytes(size: str) -> float:
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", size.strip().lower())
    if not match:
        raise BadConfiguration(f"--executor-memory is {size!r}; write a size such as 4g")
    return int(match.group(1)) * _SIZE_MIB[match.group(2) or "m"]
