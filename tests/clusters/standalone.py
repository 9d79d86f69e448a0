"""A standalone cluster of Spark on this machine: a master and two workers, each a process of its own, on ports that are free."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.jvms import SHORT_LIVED, class_archive_options
from tests.waiting import wait_for

from spark_model_monitor.spark.launch.java import find_java, find_spark_home

SECONDS = 180
"""After which a master or a worker that was told to end is killed."""

WORKERS = 2
CORES = "1"
MEMORY = "1g"
"""Of each worker."""


@dataclass(frozen=True)
class Standalone:
    """A running cluster. master: `spark://127.0.0.1:PORT`. processes: the master's, then the workers'."""

    master: str
    processes: tuple[subprocess.Popen[bytes], ...]

    def executors(self) -> dict[str, int]:
        """The executors that run now: `<application's id>/<executor's number>` -> process."""
        workers = {process.pid for process in self.processes}
        task_counts = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                words = _words(folder)
                if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words and _parent(folder) in workers:
                    application, number = (words[words.index(name) + 1] for name in ("--app-id", "--executor-id"))
                    task_counts[f"{application}/{number}"] = int(folder.name)
        return task_counts

    def kill_executor(self, name: str) -> None:
        """End one of `executors` by SIGKILL."""
        os.kill(self.executors()[name], signal.SIGKILL)

    def kill_master(self) -> None:
        """End the master, and nothing else."""
        self.processes[0].kill()
        self.processes[0].wait()

    def kill(self) -> None:
        """End all of it at once, as a power cut does; the workers' executors see it and end."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def standalone_cluster(folder: Path) -> Iterator[Standalone]:
    """`with standalone_cluster(folder) as cluster: …`; logs and the executors' directories are in `folder`.

    Nothing of this clone is in the workers' environment: their executors have Spark, and what a job sends them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spark_home = find_spark_home({})
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "JAVA_HOME": str(find_java(os.environ).home),
        "SPARK_HOME": str(spark_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": " ".join(class_archive_options()),
        "JAVA_TOOL_OPTIONS": SHORT_LIVED,  # the executors' as well
    }
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, *words: str) -> Path:
        log = folder / f"{name}.log"
        with log.open("wb") as log_file:
            command = [str(spark_home / "bin" / "spark-class"), f"org.apache.spark.deploy.{words[0]}", *words[1:]]
            running.append(
                subprocess.Popen(command, env=environment, cwd=folder, stdout=log_file, stderr=subprocess.STDOUT)
            )
        return log

    local = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    try:
        log = start("master", "master.Master", *local)
        master = wait_for(lambda: re.search(r"spark://127\.0\.0\.1:\d+", log.read_text()), "a master", *running).group()
        for number in range(WORKERS):
            size = ("--cores", CORES, "--memory", MEMORY, "--work-dir", str(folder / f"work-{number}"))
            start(f"worker-{number}", "worker.Worker", *local, *size, master)
        wait_for(lambda: log.read_text().count("Registering worker") == WORKERS, "both workers", *running)
        cluster = Standalone(master, tuple(running))
        yield cluster
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_whole_group(process: subprocess.Popen[str]) -> None:
    """Kill a process that leads a session, and all that it started: a driver's JVM and its Python."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _words(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # it has ended meanwhile
        return []


def _parent(process: Path) -> int:
    try:
        text = (process / "stat").read_text()
    except OSError:
        return 0
    return int(text[text.rindex(")") + 2 :].split()[1])
