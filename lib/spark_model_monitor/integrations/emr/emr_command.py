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
from urllib.parse import urlsplit

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.emr import emr_outcomes
from spark_model_monitor.integrations.emr.emr_runs import ServiceRun, build_request, get_jar, get_spark_line
from spark_model_monitor.integrations.emr.emr_uploads import UploadSet
from spark_model_monitor.running.configuration.command_line import PATH_FLAGS, PREVIOUS
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.encryption import upload_arguments
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import describe_unused_window
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.running.runtime.logs import start_logging
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.spark.launch.deequ_jar import describe_missing_jar, jar_path
from spark_model_monitor.spark.launch.java import PINNED
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import S3Location, SubmitRequest, Target, spark_settings
from spark_model_monitor.spark.launch.spark_command import own_settings

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)  # how far this machine's clock may be ahead of S3's

NO_ENVIRONMENT = (
    "no --environment is given: driver and executors take the cluster's Python, which has to have the job's libraries"
)


def run(
    request: SubmitRequest,
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
    # Errors on this machine are found before AWS is called
    config = _check_config(request)
    output = S3Location.of(config.output_path, "--output-path")
    driver = layout.job_file(request.job, working_directory)
    # The files that the job needs on S3: package, JAR and driver
    package = provide_zip(layout.package, cache_directory(environment))
    # Likely mistakes, which are no errors
    remarks = list(_list_remarks(config))
    if not target.environment:
        remarks.append(NO_ENVIRONMENT)
    jar = None
    if layout.needs_deequ(driver):
        jar = _provide_jar(request, target, environment, remarks)
    upload_set = UploadSet.of(target, driver, package, jar)
    # The request; on EMR Serverless the token makes a repeated request start one run only
    settings = _make_settings(layout, request, remarks)
    name = f"spark-model-monitor {driver.stem}"
    token = str(uuid.uuid4())
    service_request = build_request(
        target, upload_set, settings, request.options, request.job_arguments, name=name, token=token
    )
    # Printed before anything is uploaded or started; a dry run shows them, too
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    if request.dry_run:
        uploads = {str(file.path): file.uri for file in upload_set.files()}
        sys.stdout.write(json.dumps({"uploads": uploads, "request": service_request}, indent=2) + "\n")
        return ExitStatus.COMPLETED
    # From here on AWS is called
    encryption = upload_arguments(config.s3_encryption, config.s3_kms_key)
    with emr_outcomes.error_sentences(target):
        return _start_and_follow(target, upload_set, service_request, output, encryption, pause)


def _provide_jar(
    request: SubmitRequest, target: Target, environment: Mapping[str, str], remarks: list[str]
) -> Path | None:
    """Deequ's JAR for the target's Spark. A dry run makes no requests."""
    if request.dry_run:
        remarks.append(f"taken as a release with Spark {PINNED.name}; the start looks it up")
        return jar_path(environment)
    with emr_outcomes.error_sentences(target):
        import boto3

        # The cluster's release has a version of Spark, which decides on the JAR
        line = get_spark_line(target, boto3.client(target.kind.value))
    jar = get_jar(line, environment)
    if jar is None:
        remarks.append(describe_missing_jar(line))
    return jar


def _start_and_follow(
    target: Target,
    upload_set: UploadSet,
    service_request: Mapping[str, Json],
    output: S3Location,
    encryption: Mapping[str, str],
    pause: Callable[[float], None],
) -> int:
    import boto3

    s3 = boto3.client("s3")
    service = boto3.client(target.kind.value)
    for file in upload_set.upload(s3, encryption):
        log.info(f"put {file.path.name} to {file.uri}, {file.path.stat().st_size:,} bytes")
    # Earlier messages at the output path are of other runs; S3's clock may differ from this one
    since = datetime.now(timezone.utc) - CLOCKS_APART
    service_run = ServiceRun.start(target.kind, service, service_request)
    log.info("started %s %s of %s", target.kind.value, service_run.identifier, service_run.target_id)
    # With --no-wait this command doesn't learn how the job ends
    if not target.waits:
        return ExitStatus.COMPLETED
    state = service_run.wait(service, pause=pause)
    message = emr_outcomes.read_message(s3, output, since)
    # A job that was killed, or never started, left no message; only the service gives a reason
    if message is None:
        raise emr_outcomes.make_no_message_error(state, service_run)
    log.info("%s", message)
    return emr_outcomes.derive_exit_status(message, state, service_run)


def _check_config(request: SubmitRequest) -> JobConfig:
    """The configuration of the job's flags, checked here, before a request to a cluster."""
    # Secrets are refused first, so that no later sentence repeats one
    arguments = list(request.job_arguments)
    for option in request.options:
        arguments += option.words()
    emr_outcomes.refuse_secrets(arguments)
    # Without this machine's variables and project file, which the cluster will not have
    sources = read_sources(request.job_arguments, {}, project=None)
    config = build_config(Path(request.job).stem, sources)
    config.find_window()  # raises an error for an incomplete window
    if sources.text("env_file"):
        raise BadConfiguration(
            "--env-file names a file of this machine, which the cluster has not; write its lines as flags"
        )
    return config


def _list_remarks(config: JobConfig) -> Iterator[str]:
    """Likely unintended effects of the job's options."""
    for flag in PATH_FLAGS:
        path = getattr(config, flag.removeprefix("--").replace("-", "_")) or PREVIOUS
        # A remark and no error: a path may exist on every node of a cluster
        if path != PREVIOUS and urlsplit(path).scheme in ("", "file"):
            yield f"{flag} is {path!r}, which is looked for on the cluster, not on this machine; write s3://…, or put it there"
    window_remark = describe_unused_window(config)
    if window_remark:
        yield window_remark


def _make_settings(layout: Layout, request: SubmitRequest, remarks: list[str]) -> dict[str, str]:
    settings = own_settings(layout, request.columns, "yarn", spark_settings(request.options), remarks)
    settings.pop("spark.ui.showConsoleProgress", None)
    return settings
