"""What goes wrong between a driver and its executors, as sentences with a remedy. Pure.

Spark, its cluster managers and Python tell of it as texts inside one another's exceptions. A fault is known by a pattern in
that text, which holds versions, sizes and names of programs, and no value of the data.
"""

from __future__ import annotations

import re

from model_monitor.storage.files import ErrorPattern

_KILLED = 137
_HEAP_FULL = 52
"""Exit codes of an executor: 128 + SIGKILL; Spark's own for an OutOfMemoryError (Spark 3.5, SparkExitCode.OOM)."""

_EXIT = r"(?:exited with code|exit code|Exit status:) "

_FOREIGN = (
    r"Exec format error|invalid ELF header|wrong ELF class|version .GLIBC_[\d.]+. not found"
    r"|cannot open shared object file|numpy C-extensions failed|Error from python worker:\s+\S+: (?:line )?\d+: "
)
"""What the system, its loader and numpy say of a program or a library that was built for another system.

Java hands a program that the system refuses to a shell, which finds faults in its "lines".
"""


CLUSTER_FAULTS = (
    ErrorPattern(
        re.compile(r"exceeding (physical|virtual) memory limits\. (?P<taken>[\d.]+ \w+) of (?P<given>[\d.]+ \w+)"),
        "YARN ended an executor that took {taken} of the {given} it was given; raise spark.executor.memoryOverhead, which "
        "Python's workers live on (--columns sizes it), or lower --executor-cores",
    ),
    ErrorPattern(
        re.compile(rf"executor (?!driver\b)\S+\): java\.lang\.OutOfMemoryError|{_EXIT}{_HEAP_FULL}\b"),
        "the heap of an executor is full; raise spark.executor.memory (--executor-memory)",
    ),
    ErrorPattern(
        re.compile(rf"{_EXIT}{_KILLED}\b|OOMKilled|possible container OOM"),
        "an executor was killed from outside, as is done where memory runs out; raise spark.executor.memoryOverhead (YARN, "
        "Kubernetes), or lower --executor-cores and --executor-memory to what the machine has (standalone)",
    ),
    ErrorPattern(
        re.compile(
            r"different version:? \(?(?P<major>\d+)(?:, |\.)(?P<minor>\d+)\)? than that in driver:? (?P<driver>\d+\.\d+)"
        ),
        "the executors have Python {major}.{minor}, the driver has {driver}; they have to be of one minor version: name the "
        "executors' in PYSPARK_PYTHON, or send one along by --environment",
    ),
    ErrorPattern(
        re.compile(_FOREIGN),
        "the executors' Python or a library of it was built for another system than theirs; pack the --environment on a "
        "machine with the nodes' system and processor",
    ),
    ErrorPattern(
        re.compile(r"(reading the port number from|Bad data in) \S+daemon\b"),
        "the executors' Python ended before it began to work; run it on a node to see why, or send one along by --environment",
    ),
    ErrorPattern(
        re.compile(r'Cannot run program "(?P<program>[^"]+)".*error=2\b'),
        "the executors have no Python at {program}; name theirs in PYSPARK_PYTHON. If it is that of an --environment: its "
        "Python is a link, which has to lead to one on each node (make package NODE_PREFIX=/usr)",
    ),
    ErrorPattern(
        re.compile(r"No module named '(?P<module>numpy|pyarrow|pandas|sklearn)'"),
        "the executors' Python has no {module}; install it there, or send one along by --environment",
    ),
    ErrorPattern(
        re.compile(
            r"All masters are unresponsive|Master removed our application|YARN application has already ended"
            r"|cancelled because SparkContext was shut down|Cannot call methods on a stopped SparkContext"
            r"|StatusCode\.UNAVAILABLE|RETRIES_EXCEEDED|INVALID_HANDLE\.(?:SESSION|OPERATION)_"
        ),
        "the cluster went away while the job ran, or ended its application; look at the cluster, then run the job again",
    ),
)
"""The first whose sign is found counts."""
