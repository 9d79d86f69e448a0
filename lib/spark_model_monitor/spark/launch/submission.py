"""Starts a job: builds the spark-submit command and replaces this process by it. Standard library only, Python 3.9 or later.

`./spark-submit.sh` in a clone and `spark-model-monitor submit` of an installed wheel both call this module. It passes a job for
EMR to `emr`.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.reports.outputs.printable import format_error
from spark_model_monitor.running.configuration.command_line import read_stored_help, require_existing_paths
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.spark.launch.request import SparkOption, SubmitRequest, read_request

SHARED_SPARK = "SHARED_SPARK"  # the variable is set if a job uses a running Spark that other jobs use, too

VERBOSE = SparkOption("--verbose")

LOCAL_JOBS = ("baseline", "monitor", "merge", "replay")  # jobs that may run without Spark

HELP = """\
usage: {program} [--dry-run] JOB [OPTIONS OF SPARK] [FLAGS OF THE JOB]

JOB is the path of a driver, or one of: {jobs}.
spark-submit gets the options that it knows, in any position (--master, --deploy-mode, --conf K=V, --driver-memory,
--executor-memory, --packages, --jars, --py-files, --files, --archives, --properties-file, --queue, --name, …); the job
gets all others, and everything after --. The exit status is the job's.

  --master M      where to run: local[*] (default), local[4], spark://HOST:PORT, yarn, k8s://…
  --dry-run       print the command with its environment, and start nothing
  --columns N     before JOB: number of columns; sets the memory of executors on YARN and Kubernetes (default: 1000)
  --environment A archive of Python libraries, for a cluster whose nodes lack them (`make environment` builds one)
  --target T      emr (with --cluster-id) or emr-serverless (with --application-id, --execution-role): put the package
                  below --package-location s3://… and start a step or a job run; --no-wait returns while it runs
  --help          this text; after the JOB: the job's flags

Variables: SPARK_HOME, JAVA_HOME (each found if not set), MODEL_MONITOR_DEEQU_JAR (an existing JAR),
MODEL_MONITOR_MAVEN_MIRROR (where to fetch it), MODEL_MONITOR_CACHE (folder of the JAR and the package's zip).
"""


def main(arguments: Sequence[str], program: str = "./spark-submit.sh", *, is_verb: bool = False) -> int:
    """Replace this process by the job's spark-submit. Returns only for help, a dry run or a wrong command line (2).

    is_verb: whether the job itself decides if it needs Spark; Python then starts it unless Spark's options or a target are given.
    """
    layout = Layout.here()
    try:
        request = read_request(arguments)
        if request is None:
            sys.stdout.write(HELP.format(program=program, jobs=", ".join(layout.job_names())))
            if {"--help", "-h"} & set(arguments):
                return 0
            return 2
        # The command has this option like any job; spark-submit's option has the same name
        if is_verb and VERBOSE in request.options:
            request.options.remove(VERBOSE)
            request.job_arguments.append(VERBOSE.name)
        remote = read_flag_or_variable("remote", request.job_arguments, os.environ)
        # Paths are checked before Spark starts, because Spark would take seconds to report the same
        if is_verb and not (request.asks_for_help or request.options or request.target or remote):
            require_existing_paths(request.job_arguments)
        if (
            request.asks_for_help
            and (text := read_stored_help(request.job, request.job_arguments, os.environ)) is not None
        ):
            sys.stdout.write(text)
            return 0
        # Help and local runs need no JVM, so Python runs the job's file in this process
        if request.asks_for_help or _is_run_by_python(request, is_verb=is_verb):
            words = [str(layout.job_file(request.job, Path.cwd())), *request.job_arguments]
            if request.dry_run:
                sys.stdout.write(f"{shlex.join([sys.executable, *words])}\n")
                return 0
            return _run_in_process(words, layout)
        # Imported late, because only this branch needs boto3
        if request.target:
            from spark_model_monitor.plugins import plugin

            return int(plugin("emr").run(request, request.target, layout, os.environ, Path.cwd()))
        from spark_model_monitor.spark.launch.spark_command import build_submission

        submission = build_submission(request, layout, os.environ, Path.cwd())
    except MonitorError as error:
        sys.stderr.write(format_error(error))
        if is_verb and "--json" in arguments:
            failure = {"exit_status": int(error.exit_status), "message": f"Error: {error}"}
            sys.stdout.write(f"{json.dumps(failure, indent=2, ensure_ascii=False)}\n")
        return error.exit_status
    for remark in submission.remarks:
        sys.stderr.write(f"{remark}\n")
    if request.dry_run:
        sys.stdout.write(f"{submission}\n")
        return 0
    # The command replaces this process, so that the job gets signals and gives the exit status
    return _replace_process(submission.command, submission.variables)


def _is_run_by_python(request: SubmitRequest, *, is_verb: bool) -> bool:
    """Whether Python starts the job, which then starts a Spark only if it needs one."""
    if SHARED_SPARK in os.environ or read_flag_or_variable("remote", request.job_arguments, os.environ):
        return True
    engine = read_flag_or_variable("engine", request.job_arguments, os.environ).lower()
    # ./spark-submit.sh starts Spark by default; the command `spark-model-monitor` leaves the decision to the job
    if engine == "local" or not is_verb:
        return engine == "local"
    is_for_spark = engine == "spark" or request.options or request.target or request.environment
    return request.job in LOCAL_JOBS and not is_for_spark


def read_flag_or_variable(name: str, job_arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The value of a flag in a job's arguments, otherwise of its environment variable; empty if neither is set."""
    words = iter(job_arguments)
    flag_value = environment.get(f"MODEL_MONITOR_{name.upper()}", "")
    # The last of a repeated flag counts, as in the job's own parser
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == f"--{name}":
            flag_value = value if equals else next(words, "")
    return flag_value


def _run_in_process(words: list[str], layout: Layout) -> NoReturn:
    """Run a driver's file as the program of this process, in an environment whose child processes find the package."""
    os.environ["PYTHONPATH"] = layout.python_path(os.environ)
    # Only for the package's own drivers, because a user's driver may rely on garbage collection
    if Path(words[0]).parent == layout.jobs.resolve():
        gc.disable()  # saves 0.1 s, because loaded libraries are never garbage; the job enables collection again
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
    sys.exit(0)


def _replace_process(command: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], list(command), {**os.environ, **variables})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
