"""The entry point of an image: starts the job of its processing container.

    python -m spark_model_monitor.spark.container

It reads only the environment and the files below `/opt/ml`, so that our image can replace the service's image. The job runs in
one local Spark on one host. If there are several hosts, the first does all the work, so it needs all the data.

Source: C1.1, C1.2, C1.3, C1.4, C7.1 for variables and files; C11c for the choice of the job.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.running.configuration.command_line import PROCESSING_JOB_FILES
from spark_model_monitor.running.configuration.sources import Sources, get_member, read_json_object, read_sources
from spark_model_monitor.running.runtime.logs import start_logging
from spark_model_monitor.running.runtime.status import ExitStatus, failed, message_path, write_message
from spark_model_monitor.spark.launch import submission

log = logging.getLogger(__name__)

RESOURCES = "opt/ml/config/resourceconfig.json"
ANALYSIS_CONFIG = "opt/ml/processing/input/config/analysis_config.json"
ANALYSED_DATA = "opt/ml/processing/input/data"
OUTPUT = "opt/ml/processing/output"
"""Paths of the configuration, the data and the report in a Clarify container, which gets no variables for them."""

CGROUP_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
# Share of the memory for the JVM's heap; Python workers need the rest, because each holds Arrow batches
HEAP_FRACTION = 0.5

MIN_HEAP_MIB = 1024


def choose_job(sources: Sources) -> str:
    """The container's job: merge, monitor or baseline."""
    # Labels are looked for first, because a merge may be started with the baseline's variables, too
    if sources.text("ground_truth_source"):
        return "merge"
    if sources.text("baseline_constraints"):
        return "monitor"
    return "baseline"


def derive_variables(sources: Sources, root: Path) -> dict[str, str]:
    """The variables that a container with Clarify's layout implies but doesn't set; empty for any other container.

    Raises BadConfiguration if its configuration can't be read as JSON.
    """
    path = root / ANALYSIS_CONFIG
    if not path.is_file():
        return {}
    # Only the configuration shows which of Clarify's containers this is
    if _requests_attributions(read_json_object(path), path):
        analysis = AnalysisType.MODEL_EXPLAINABILITY
    else:
        analysis = AnalysisType.MODEL_BIAS
    implied_variables = {
        "analysis_type": analysis.value,
        "MODEL_MONITOR_ANALYSIS_CONFIG": str(path),
        "dataset_source": str(root / ANALYSED_DATA),
        "output_path": str(root / OUTPUT),
    }
    # Variables that the user set have priority; the path of the configuration always follows from the layout
    set_names = {"analysis_type", "dataset_source", "output_path"} & set(sources.values)
    return {name: value for name, value in implied_variables.items() if name not in set_names}


def is_idle(root: Path) -> bool:
    """Whether this host isn't the first of several, and so does nothing.

    Raises BadConfiguration if each host has a share of the data, because the first would see only its own share.
    """
    resources = read_json_object(root / RESOURCES)
    # Sorted, so that all hosts choose the same first host without communication
    hosts = sorted(map(str, get_member(resources, "hosts", list, root / RESOURCES)))
    if len(hosts) < 2:
        return False
    sharded_inputs = [name for name, distribution in _read_distributions(root) if distribution == "ShardedByS3Key"]
    if sharded_inputs:
        raise BadConfiguration(
            f"input {sharded_inputs[0]} is split among {len(hosts)} hosts (ShardedByS3Key) and one of them does the work; "
            "write FullyReplicated, or an instance count of 1"
        )
    return resources.get("current_host") != hosts[0]


def choose_heap_mebibytes(root: Path = Path("/")) -> int:
    """The heap for the job's Spark in MiB: a share of the memory that the container may use."""
    # The machine's memory in bytes; the container's cgroup may allow less
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for relative in CGROUP_LIMITS:
        try:
            limits.append(int((root / relative).read_text()))
        except (OSError, ValueError):  # the file is absent or says "max": there is no limit
            continue
    return max(MIN_HEAP_MIB, int(min(limits) * HEAP_FRACTION / 2**20))


def main(environment: Mapping[str, str] | None = None) -> int:
    """Replace this process by the job's spark-submit. Returns only on an idle host (0) or after an error before (its status)."""
    environment = os.environ if environment is None else environment
    start_logging()
    sources = read_sources([], environment)
    root = Path(sources.text("container_root") or "/")
    try:
        # An idle host has to succeed, because otherwise the service reports the whole job as failed
        if is_idle(root):
            log.info("another host of this job does the work")
            return ExitStatus.COMPLETED
        job = choose_job(sources)
        variables = derive_variables(sources, root)
    except MonitorError as error:
        return _report_refusal(error, root)
    log.info("this container runs the %s job", job)
    os.environ.update(variables)
    # In local mode, the driver's heap is also that of the executors, which run in the same JVM
    return submission.main(["--driver-memory", f"{choose_heap_mebibytes()}m", job], program="container")


def _report_refusal(error: MonitorError, root: Path) -> int:
    log.error("%s", error)
    # The path is None outside a container; there, the log is enough
    path = message_path(str(root), None)
    if path is not None:
        write_message(failed(str(error)), path, None)
    return error.exit_status


def _requests_attributions(analysis_config: Mapping[str, Json], path: Path) -> bool:
    """Whether a configuration of Clarify requests feature attributions and no bias metrics."""
    methods = get_member(analysis_config, "methods", dict, path)
    return "shap" in methods and not any(name.endswith("_bias") for name in methods)


def _read_distributions(root: Path) -> list[tuple[str, str | None]]:
    """For each input of the processing job: its name, and how its data is distributed to the hosts."""
    distributions = []
    # There are two paths, because the service's guide names another path than its containers have
    for relative in PROCESSING_JOB_FILES:
        path = root / relative
        for source in get_member(read_json_object(path), "ProcessingInputs", list, path):
            if not isinstance(source, dict):
                raise BadConfiguration(f"{path}: ProcessingInputs has to be a list of objects; correct or remove it")
            s3_input = get_member(source, "S3Input", dict, path)
            distributions.append((source.get("InputName", "?"), s3_input.get("S3DataDistributionType")))
    return distributions


if __name__ == "__main__":
    sys.exit(main())
