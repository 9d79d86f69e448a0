"""./spark-submit.sh --target …: ships a job to EMR, waits for it, and ends with its exit status.

Arguments that hold a secret are refused: EMR keeps the arguments of every step. AWS's errors become sentences with a hint.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.emr.endings import (
    error_sentences,
    exit_status_of,
    message_of,
    refuse_secrets,
    without_message,
)
from spark_model_monitor.integrations.emr.runs import Run, Shipment, jar_for, line_on, request_of
from spark_model_monitor.running.configuration.command_line import NAMING, PREVIOUS
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.encryption import upload_arguments
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.inputs.run_inputs import configured_window, unused_window
from spark_model_monitor.running.layout import Layout, cache_directory
from spark_model_monitor.running.runtime.status import ExitStatus, start_logging
from spark_model_monitor.spark.launch.deequ_jar import jar_path, without_jar
from spark_model_monitor.spark.launch.java import PINNED
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import Bucket, Request, Target, settings_of
from spark_model_monitor.spark.launch.spark_command import own_settings

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)  # how far this machine's clock may be ahead of S3's

NO_ENVIRONMENT = (
    "no --environment is given: driver and executors take the cluster's Python, which has to have the job's libraries"
)


def run(
    request: Request,
    target: Target,
    layout: Layout,
    environment: Mapping[str, str],
    working_directory: Path,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Execute the command line; returns the exit status.

    Raises BadConfiguration before anything is uploaded, AwsRefused or RunFailed for remote errors.
    """
    start_logging()
    config = _examined(request)
    output = Bucket.of(config.output_path, "--output-path")
    driver = layout.job_file(request.job, working_directory)
    package = provide_zip(layout.package, cache_directory(environment))
    remarks = [*_remarks(config), *([] if target.environment else [NO_ENVIRONMENT])]
    jar = None
    if layout.needs_deequ(driver):
        jar = _jar(request, target, environment, remarks)
    shipment = Shipment.of(target, driver, package, jar)
    settings = _settings(layout, request, remarks)
    name = f"spark-model-monitor {driver.stem}"
    token = str(uuid.uuid4())
    asked = request_of(target, shipment, settings, request.options, request.job_arguments, name=name, token=token)
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    if request.dry_run:
        uploads = {str(parcel.path): parcel.uri for parcel in shipment.parcels()}
        sys.stdout.write(json.dumps({"uploads": uploads, "request": asked}, indent=2) + "\n")
        return ExitStatus.COMPLETED
    with error_sentences(target):
        return _run(target, shipment, asked, output, upload_arguments(config.s3_encryption, config.s3_kms_key), pause)


def _jar(request: Request, target: Target, environment: Mapping[str, str], remarks: list[str]) -> Path | None:
    """Deequ's JAR for the target's Spark. A dry run makes no requests."""
    if request.dry_run:
        remarks.append(f"taken as a release with Spark {PINNED.name}; the start looks it up")
        return jar_path(environment)
    with error_sentences(target):
        import boto3

        line = line_on(target, boto3.client(target.kind.value))
    jar = jar_for(line, environment)
    if jar is None:
        remarks.append(without_jar(line))
    return jar


def _run(
    target: Target,
    shipment: Shipment,
    asked: Mapping[str, Any],
    output: Bucket,
    encryption: Mapping[str, str],
    pause: Callable[[float], None],
) -> int:
    import boto3

    s3 = boto3.client("s3")
    service = boto3.client(target.kind.value)
    for parcel in shipment.upload(s3, encryption):
        log.info("put %s to %s, %s bytes", parcel.path.name, parcel.uri, f"{parcel.path.stat().st_size:,}")
    since = datetime.now(timezone.utc) - CLOCKS_APART
    started = Run.started(target.kind, service, asked)
    log.info("started %s %s of %s", target.kind.value, started.identifier, started.of)
    if not target.waits:
        return ExitStatus.COMPLETED
    state = started.wait(service, pause=pause)
    message = message_of(s3, output, since)
    if message is None:
        raise without_message(state, started)
    log.info("%s", message)
    return exit_status_of(message, state, started)


def _examined(request: Request) -> JobConfig:
    """The configuration of the job's flags, checked here, before a request to a cluster."""
    refuse_secrets([*request.job_arguments, *(word for option in request.options for word in option.words())])
    sources = read_sources(request.job_arguments, {})
    config = build_config(Path(request.job).stem, sources, in_container=False)
    configured_window(config)  # raises for an incomplete one
    if sources.text("env_file"):
        raise BadConfiguration(
            "--env-file names a file of this machine, which the cluster has not; write its lines as flags"
        )
    return config


def _remarks(config: JobConfig) -> Iterator[str]:
    """Likely unintended effects of the job's options."""
    for flag in NAMING:
        path = getattr(config, flag.removeprefix("--").replace("-", "_")) or PREVIOUS
        if path != PREVIOUS and urlsplit(path).scheme in ("", "file"):
            yield f"{flag} is {path!r}, which is looked for on the cluster, not on this machine; write s3://…, or put it there"
    if whole := unused_window(config):
        yield whole


def _settings(layout: Layout, request: Request, remarks: list[str]) -> dict[str, str]:
    settings = own_settings(layout, request.columns, "yarn", settings_of(request.options), remarks)
    settings.pop("spark.ui.showConsoleProgress", None)
    return settings
