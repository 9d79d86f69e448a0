"""What does adding states cost the driver of a baseline of 200 columns in 1,000, 3,000 and 10,000 partitions?

python benchmarks/driver.py [--quick] [--all-columns]

The states of one partition are made once, and each task sends them again: those of every twentieth column, another one each
time, because executors alone see them, and take minutes to add all. --all-columns sends all.
Executors are processes of their own, so the driver is its JVM and its Python: core seconds from their start, and the most
memory that each held. Each size is a process of its own. A line fitted on the smaller sizes predicts the largest one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyspark.sql.functions as F
from columns import frame
from performance import note
from processor_time import SYSTEM, USER, descendants, list_processes
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE

from spark_model_monitor.data.engine.engine_protocol import (
    PARTITION,
    STATE_SCHEMA,
    StateRow,
    add_encoded_states,
    add_states_by_key,
)
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.profiling.scan import RowSource, build_plans, choose_adder_count
from spark_model_monitor.data.profiling.scan_plan import ScanPlan
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.spark.engine.spark import SparkStates
from spark_model_monitor.spark.launch.spark_command import JVM_OPTIONS_VARIABLE, SHELL_ARGUMENTS, shell_variables
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS

MASTER = "local-cluster[1,2,1024]"
DRIVER_MEMORY = "1g"
COLUMNS = 200
PARTITIONS = (1_000, 3_000, 10_000)
TASKS_FOR_ALL_COLUMNS = 20
ROWS_OF_PARTITION = 50
"""Few, because executors alone see a partition's states: the driver gets sums, whose sketches are as large as any."""

MAX_CORE_SECONDS = 25
MAX_GIGABYTES = 2


class DriverCost(TypedDict):
    """Of one size: core seconds and gigabytes."""

    jvm: float
    python: float
    gigabytes: float


def make_states() -> list[StateRow]:
    """The states of a partition of a baseline, as an executor sends them."""
    batch = pa.RecordBatch.from_pandas(frame(ROWS_OF_PARTITION, COLUMNS, 1), preserve_index=False)
    names = batch.schema.names
    numbered = batch.rename_columns([f"c{position}" for position in range(COLUMNS)])
    rows = LocalEngine(processes=1).make_partitions(numbered.schema, [[numbered]])
    [plan], compute_states = build_plans(RowSource(rows, names), ScanPlan(run_rows=MIN_ROWS))
    return [StateRow(row.feature, row.kind, 0, row.blob) for row in compute_states(plan).rows()]


def replicate_states(spark: SparkSession, states: list[StateRow], partitions: int, tasks_for_all: int) -> SparkStates:
    """In each partition the states of the columns whose turn it is, by SQL: a Python worker would take longer to start."""
    rows = [(row.feature, row.kind, row.state) for row in states]
    shared = spark.createDataFrame(rows, "feature int, kind string, state binary")
    numbers = spark.range(0, partitions, 1, partitions).select(F.col("id").cast("int").alias(PARTITION))
    has_turn = (F.col("feature") - F.col(PARTITION)) % tasks_for_all == 0
    return SparkStates(numbers.join(F.broadcast(shared), has_turn).select(*STATE_SCHEMA.names))


def run_driver(partitions: int, tasks_for_all: int) -> None:
    """What the process of one size does: add the states as a scan does, compare a sum, and print its cost."""
    states = make_states()
    # The driver's JVM has the options of a job that is submitted to a cluster
    submitted = {**os.environ, SHELL_ARGUMENTS: f"--master {MASTER}"}
    os.environ[JVM_OPTIONS_VARIABLE] = shell_variables(Layout.here(), submitted)[JVM_OPTIONS_VARIABLE]
    with benchmark_session(DRIVER_MEMORY, MASTER) as spark:
        partials = replicate_states(spark, states, partitions, tasks_for_all)
        sums = add_states_by_key(partials.rows(choose_adder_count(COLUMNS, partitions)))
        # Column 0 has its turn in the first task, and in each that is a number of rounds later
        first = next(row for row in states if row.feature == 0)
        expected = add_encoded_states(first.state for _ in range(0, partitions, tasks_for_all))
        assert sums[0, first.kind].to_bytes() == expected.to_bytes()
        assert len(sums) == len(states)
        print(json.dumps(measure_driver()))


def measure_driver() -> DriverCost:
    """Of this process and its JVM, so far."""
    [jvm] = [pid for pid in descendants() if "org.apache.spark.deploy.SparkSubmit" in _read(pid, "cmdline")]
    ticks = {pid: int(fields[USER]) + int(fields[SYSTEM]) for pid, fields in list_processes()}
    second = os.sysconf("SC_CLK_TCK")
    peaks = [line for pid in (jvm, os.getpid()) for line in _read(pid, "status").splitlines() if "VmHWM" in line]
    gigabytes = sum(int(line.split()[1]) for line in peaks) * 1024 / 1e9
    return {"jvm": ticks[jvm] / second, "python": ticks[os.getpid()] / second, "gigabytes": gigabytes}


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the partitions")
    parser.add_argument("--all-columns", action="store_true", help="each task sends the states of all columns")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    tasks_for_all = 1 if arguments.all_columns else TASKS_FOR_ALL_COLUMNS
    if arguments.one:
        run_driver(arguments.one, tasks_for_all)
        return
    share = QUICK_SHARE if arguments.quick else 1
    sizes = [partitions // share for partitions in PARTITIONS]
    costs: list[DriverCost] = []
    print("| partitions | JVM, core s | Python, core s | both, core s | memory, GB |")
    print("| ---------: | ----------: | -------------: | -----------: | ---------: |")
    for partitions in sizes:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(partitions)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        cost: DriverCost = json.loads(answer.stdout.splitlines()[-1])
        costs.append(cost)
        print(
            f"| {partitions:10,} | {cost['jvm']:11.1f} | {cost['python']:14.1f} | "
            f"{cost['jvm'] + cost['python']:12.1f} | {cost['gigabytes']:10.2f} |",
            flush=True,
        )

    # The law, without the largest size, and what it says of that
    core_seconds = [cost["jvm"] + cost["python"] for cost in costs]
    slope, start = np.polyfit(sizes[:-1], core_seconds[:-1], 1)
    predicted = start + slope * sizes[-1]
    print(f"{start:.1f} core s and {1000 * slope:.2f} core ms a partition; {predicted:.1f} core s for {sizes[-1]:,},")
    print(f"an error of {predicted / core_seconds[-1] - 1:+.1%}")
    work = f"adding states of {sizes[-1]:,} partitions x {COLUMNS}, the driver"
    print(note(work, "", core_seconds[-1], at_most=MAX_CORE_SECONDS))
    print(note(f"{work}'s memory", "", costs[-1]["gigabytes"], at_most=MAX_GIGABYTES, unit="GB"))


if __name__ == "__main__":
    main()
