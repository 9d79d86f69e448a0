"""Starts a job: builds the spark-submit command and becomes it. Standard library only, any Python from 3.9 on.

`./spark-submit.sh` in a clone and `model-monitor submit` of an installed wheel both end here; `shell_variables` does the same
for a Python that runs already. What the command gets,
beside the options given: the package as a zip (--py-files), Deequ's JAR (--jars), the settings of `conf/spark-defaults.conf`
(--conf, before those given), the log settings of `conf/log4j2.properties`, a suitable Java, and the Python to use.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from model_monitor import deequ_release
from model_monitor.errors import BadConfiguration, MonitorError
from model_monitor.runtime import deequ_jar, jvm_options, python_environment
from model_monitor.runtime.cache import cache_directory
from model_monitor.runtime.class_archive import ClassArchive
from model_monitor.runtime.emr.target import OPTIONS as TARGET_OPTIONS
from model_monitor.runtime.emr.target import Target
from model_monitor.runtime.java import find_java
from model_monitor.runtime.layout import Layout
from model_monitor.runtime.package_zip import provide_zip
from model_monitor.runtime.spark_home import find_spark_home
from model_monitor.runtime.spark_options import (
    LISTS,
    SparkOption,
    is_local,
    read_properties,
    settings_of,
    split_options,
    values_of,
)

HELP = """\
usage: {program} [--dry-run] JOB [OPTIONS OF SPARK] [FLAGS OF THE JOB]

JOB is a driver's path or one of: {jobs}.
Options that spark-submit knows are taken by it wherever they stand (--master, --deploy-mode, --conf K=V,
--driver-memory, --executor-memory, --packages, --jars, --py-files, --files, --archives, --properties-file, --queue,
--name, …); everything else goes to the job. What follows -- goes to the job unread. The exit status is the job's.

  --master M      where to run: local[*] (default), local[4], spark://HOST:PORT, yarn, k8s://…
  --dry-run       print the command with its environment, and start nothing
  --columns N     how wide the data is; sizes the memory of executors on YARN and Kubernetes (default: 1000)
  --environment A archive of Python's libraries for a cluster whose nodes have none (`make package` builds one)
  --target T      emr (with --cluster-id) or emr-serverless (with --application-id, --execution-role): put the package
                  below --package-location s3://… and start a step or a job run; --no-wait to leave it running
  --help          this text; after the JOB: the job's flags

Variables: SPARK_HOME, JAVA_HOME (each found if not set), MODEL_MONITOR_DEEQU_JAR (a JAR that is here already),
MODEL_MONITOR_CACHE (where the JAR and the package's zip are kept).
"""

LOCAL_DRIVER_MEMORY = "2g"
"""Heap of a local run, where one JVM is driver and executors; Spark's own default is 1g."""

COLUMNS = 1000
"""How wide data is taken to be, if nobody says."""

WORKER_BASE_MIB, WORKER_MIB_PER_COLUMN = 140, 0.2
"""Memory of a Python worker: 340 MB at 1,000 columns of doubles (benchmarks/profile_memory.py)."""

SHELL = "pyspark-shell"
"""What spark-submit calls a Python that runs already and wants a JVM."""

SHELL_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"
"""Where PySpark looks for the options of that JVM, SHELL behind them."""

_SIZE_MIB = {"k": 1 / 1024, "m": 1.0, "g": 1024.0, "t": 1024.0**2}


@dataclass(frozen=True)
class Request:
    """A command line, taken apart: the job, what goes to it, what goes to Spark, and our own options.

    environment: an archive of Python's libraries for the nodes of a cluster; None if they have them.
    """

    job: str
    job_arguments: list[str]
    options: list[SparkOption]
    dry_run: bool
    columns: int
    target: Target | None = None
    environment: str | None = None

    @property
    def asks_for_help(self) -> bool:
        return any(word in ("--help", "-h") for word in self.job_arguments)


@dataclass(frozen=True)
class Submission:
    """The command and what is added to its environment; `remarks` are lines for the user."""

    command: list[str]
    variables: dict[str, str]
    remarks: list[str]

    def __str__(self) -> str:
        """One line for a shell."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        return " ".join(["env", *assignments, *map(shlex.quote, self.command)])


def read_request(arguments: Sequence[str]) -> Request | None:
    """The command line taken apart, or None if it asks for help or names no job.

    Raises BadConfiguration if something of the job's stands before the job.
    """
    options, rest = split_options(arguments)
    own, dry_run, columns = iter(rest), False, COLUMNS
    target: dict[str, str] = {}
    waits = True
    for word in own:
        name, equals, value = word.partition("=")
        if word == "--dry-run":
            dry_run = True
        elif word == "--no-wait":
            waits = False
        elif name in TARGET_OPTIONS:
            target[name] = value if equals else next(own, "")
        elif name == "--columns":
            columns = _columns(value if equals else next(own, ""))
        elif word in ("--help", "-h"):
            return None
        elif word.startswith("-"):
            raise BadConfiguration(f"{word} stands before the job and is no option of spark-submit; name the job first")
        else:
            job_arguments = list(own)
            if "--dry-run" in job_arguments:
                job_arguments.remove("--dry-run")
                dry_run = True
            named = Target.of(target, waits=waits)
            return Request(word, job_arguments, options, dry_run, columns, named, target.get("--environment"))
    return None


def build(request: Request, layout: Layout, environment: Mapping[str, str], working_directory: Path) -> Submission:
    """The spark-submit command of a request. Makes the package's zip, and fetches the JAR unless it is a dry run.

    Raises BadConfiguration for a job, an option or a settings file that is not there, MissingDependency without Java,
    Spark 3.5 or the JAR.
    """
    job = layout.job_file(request.job, working_directory)
    return _submission(request, f"model-monitor {job.stem}", [str(job), *request.job_arguments], layout, environment)


def shell_variables(layout: Layout, environment: Mapping[str, str]) -> dict[str, str]:
    """What has to be in the environment for PySpark to start its JVM as a job's, in a Python that runs already.

    Options that stand in the variable SHELL_ARGUMENTS count like those of a command line.
    Raises BadConfiguration and MissingDependency as `build` does.
    """
    try:
        words = shlex.split(environment.get(SHELL_ARGUMENTS, ""))
    except ValueError as fault:
        raise BadConfiguration(
            f"{SHELL_ARGUMENTS} can't be taken apart into words: {fault}; write it as for a shell"
        ) from None
    options, _ = split_options(words)
    request = Request(SHELL, [], options, dry_run=False, columns=COLUMNS)
    submission = _submission(request, "model-monitor", [SHELL], layout, environment)
    return {**submission.variables, SHELL_ARGUMENTS: shlex.join(submission.command[1:])}


def _submission(
    request: Request, name: str, job: list[str], layout: Layout, environment: Mapping[str, str]
) -> Submission:
    spark_home = find_spark_home(environment)
    conf = Path(environment.get("SPARK_CONF_DIR") or spark_home / "conf")
    settings = settings_of(request.options, conf / "spark-defaults.conf")
    master = settings.setdefault("spark.master", "local[*]")
    _refuse_what_no_cluster_does(request, settings)
    remarks: list[str] = []

    command = [str(spark_home / "bin" / "spark-submit"), "--master", master]
    if "spark.app.name" not in settings:
        command += ["--name", name]
    if is_local(master) and "spark.driver.memory" not in settings:
        command += ["--driver-memory", LOCAL_DRIVER_MEMORY]
    own = own_settings(layout, request.columns, master, settings, remarks)
    ours = {"--py-files": [str(provide_zip(layout.package, cache_directory(environment)))], "--jars": []}
    if request.environment:
        mode = settings.get("spark.submit.deployMode", "client")
        own |= python_environment.settings_of(mode, environment)
        ours["--archives"] = [python_environment.archive_of(request.environment)]
    for key, value in own.items():
        command += ["--conf", f"{key}={value}"]

    if "deequ" not in settings.get("spark.jars", "") + settings.get("spark.jars.packages", ""):
        ours["--jars"] = [str(_jar(request, environment, remarks))]
    for option_name in LISTS:
        listed = ours.get(option_name, []) + values_of(request.options, option_name)
        if listed:
            command += [option_name, ",".join(listed)]
    for option in request.options:
        if option.name not in (*LISTS, "--master"):
            command += option.words()

    variables = _variables(layout, spark_home, settings, environment)
    return Submission([*command, *job], variables, remarks)


def _refuse_what_no_cluster_does(request: Request, settings: Mapping[str, str]) -> None:
    master, mode = settings["spark.master"], settings.get("spark.submit.deployMode", "client")
    if mode == "cluster" and master.startswith("spark://"):
        raise BadConfiguration(
            "--deploy-mode is cluster, which a standalone cluster doesn't have for Python; write client, or use YARN"
        )
    if request.environment and is_local(master):
        raise BadConfiguration(
            "--environment is for the nodes of a cluster, a local run has this Python; drop it, or name a --master"
        )


def own_settings(
    layout: Layout, columns: int, master: str, given: Mapping[str, str], remarks: list[str]
) -> dict[str, str]:
    """The settings that we add to those given; what was computed is said in `remarks`. columns: how wide the data is."""
    own = read_properties(layout.conf / "spark-defaults.conf")
    # The job itself can't tell: Spark gives its Python a pipe. The bar goes to the standard error.
    own.setdefault("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    overhead = "spark.executor.memoryOverhead"
    if master.startswith(("yarn", "k8s")) and overhead not in given:
        cores = int(given.get("spark.executor.cores") or 1)
        worker = WORKER_BASE_MIB + WORKER_MIB_PER_COLUMN * columns
        beside_heap = max(384.0, _mebibytes(given.get("spark.executor.memory") or "1g") / 10)  # Spark's own default
        own[overhead] = f"{round(beside_heap + cores * worker)}m"
        remarks.append(
            f"{overhead}={own[overhead]}: {cores} Python workers an executor, {round(worker)} MB each at "
            f"{columns:,} columns"
        )
    return {key: value for key, value in own.items() if key not in given}


def _jar(request: Request, environment: Mapping[str, str], remarks: list[str]) -> Path:
    path = deequ_jar.jar_path(environment)
    if path.is_file():
        return deequ_jar.provide_jar(environment)
    if request.dry_run:
        remarks.append(f"{path} is not there yet; it is fetched when the job is started")
        return path
    sys.stderr.write(f"fetching Deequ's JAR, {deequ_release.COORDINATE}, once (2 MB)\n")
    return deequ_jar.provide_jar(environment)


def _variables(
    layout: Layout, spark_home: Path, settings: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    java = find_java(environment)
    variables = {
        "SPARK_HOME": str(spark_home),
        "JAVA_HOME": str(java.home),
        "SPARK_VERSION": deequ_release.SPARK_LINE,
    }
    options = jvm_options.jvm_options(
        ClassArchive.of(java, spark_home, environment),
        (layout.conf / "log4j2.properties").absolute(),
        settings,
        environment,
        local=is_local(settings["spark.master"]),
    )
    if options:
        variables[jvm_options.VARIABLE] = options
    if sys.version_info < (3, 12):
        # PySpark imports distutils; setuptools' own, which comes first otherwise, loads all of setuptools in every process.
        variables.setdefault("SETUPTOOLS_USE_DISTUTILS", environment.get("SETUPTOOLS_USE_DISTUTILS", "stdlib"))
    if is_local(settings["spark.master"]):
        # Driver and workers have to be one Python; unset, the workers take the first python3 of the PATH.
        variables["PYSPARK_PYTHON"] = variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
        if not environment.get("SPARK_LOCAL_IP"):
            variables["SPARK_LOCAL_IP"] = "127.0.0.1"  # a host name that doesn't resolve stops Spark
    elif _drives_here(settings) and not (environment.get("PYSPARK_DRIVER_PYTHON") or environment.get("PYSPARK_PYTHON")):
        variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return variables


def _drives_here(settings: Mapping[str, str]) -> bool:
    """Whether the driver runs in this Python's own virtual environment, and only the executors are elsewhere."""
    return sys.prefix != sys.base_prefix and settings.get("spark.submit.deployMode", "client") == "client"


def _columns(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise BadConfiguration(f"--columns is {text!r}; write a whole number above 0")
    return int(text)


def _mebibytes(size: str) -> float:
    found = re.fullmatch(r"(\d+)([kmgt]?)b?", size.strip().lower())
    if not found:
        raise BadConfiguration(f"--executor-memory is {size!r}; write a size such as 4g")
    return int(found.group(1)) * _SIZE_MIB[found.group(2) or "m"]


def main(arguments: Sequence[str], program: str = "./spark-submit.sh") -> int:
    """Become the job's spark-submit; returns only for help, a dry run or a wrong command line (2)."""
    layout = Layout.here()
    try:
        request = read_request(arguments)
        if request is None:
            sys.stdout.write(HELP.format(program=program, jobs=", ".join(layout.job_names())))
            return 0 if {"--help", "-h"} & set(arguments) else 2
        if request.asks_for_help:
            job = layout.job_file(request.job, Path.cwd())
            path = os.pathsep.join([str(layout.package.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
            return _become([sys.executable, str(job), "--help"], {"PYTHONPATH": path})
        if request.target:
            from model_monitor.runtime.emr import command

            return command.run(request, request.target, layout, os.environ, Path.cwd())
        submission = build(request, layout, os.environ, Path.cwd())
    except MonitorError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_status
    for remark in submission.remarks:
        sys.stderr.write(f"{remark}\n")
    if request.dry_run:
        sys.stdout.write(f"{submission}\n")
        return 0
    return _become(submission.command, submission.variables)


def _become(command: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], list(command), {**os.environ, **variables})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
