"""The ends of a job on EMR: errors of AWS and secrets in arguments as sentences, and the message on S3 as an exit status."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spark_model_monitor.errors import MESSAGE, BadConfiguration, MonitorError, explain_missing_import
from spark_model_monitor.integrations.emr import emr_runs
from spark_model_monitor.running.runtime.status import COMPLETED, ExitStatus, is_completed, parse_exit_status
from spark_model_monitor.spark.launch.request import S3Location, ServiceKind, Target

if TYPE_CHECKING:
    from botocore.client import BaseClient


class AwsRefused(MonitorError):
    """AWS did not do what was requested."""


@contextmanager
def error_sentences(target: Target) -> Iterator[None]:
    """Converts boto3's errors to one sentence.

    Raises MissingDependency without boto3, BadConfiguration for what the user can fix, AwsRefused for the rest.
    """
    with explain_missing_import("--target needs boto3; install it: pip install 'spark-model-monitor[s3]'"):
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            EndpointConnectionError,
            NoCredentialsError,
            NoRegionError,
        )
    # The most specific errors first: several of them derive from BotoCoreError
    try:
        yield
    except NoCredentialsError as error:
        raise BadConfiguration(
            "there are no AWS credentials here; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    except NoRegionError as error:
        raise BadConfiguration(
            "no AWS region is set; set AWS_DEFAULT_REGION to the one of the " + _name_target(target)
        ) from error
    except EndpointConnectionError as error:
        raise AwsRefused(
            f"{error.kwargs.get('endpoint_url')} can't be reached; check the network, and whether AWS_DEFAULT_REGION names a "
            "region that has the service"
        ) from error
    except ClientError as error:
        raise _make_error(error.response.get("Error", {}), error.operation_name, target) from error
    except BotoCoreError as error:
        raise AwsRefused(f"AWS could not be asked ({type(error).__name__}: {error})") from error
    except S3UploadFailedError as error:
        raise AwsRefused(f"the package could not be put below s3://{target.package.name} ({error})") from error


def _make_error(answer: dict[str, str], operation: str, target: Target) -> MonitorError:
    code = answer.get("Code", "an unknown error")
    message = answer.get("Message", "")
    # Requests of files are about the bucket, all others about the cluster or application
    if operation in ("HeadObject", "PutObject", "GetObject"):
        where = f"s3://{target.package.name}"
    else:
        where = _name_target(target)
    # HEAD has no body, so S3 answers with the bare number
    if code in ("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"):
        return AwsRefused(
            f"{operation} on {where} is not allowed ({code}); docs/emr.md lists the permissions that are needed"
        )
    if code == "NoSuchBucket" or (code == "404" and operation == "HeadBucket"):
        return BadConfiguration(
            f"there is no bucket {target.package.name}; create it, or name another --package-location"
        )
    if code in ("301", "PermanentRedirect", "IllegalLocationConstraintException"):
        return BadConfiguration(f"bucket {target.package.name} lies in another region; set AWS_DEFAULT_REGION to it")
    # For an unknown cluster, EMR's error is that its id is not valid
    if code in ("ResourceNotFoundException", "ClusterNotFound") or (
        code == "InvalidRequestException" and "not valid" in message
    ):
        return BadConfiguration(
            f"there is no {_name_target(target)} in this region and account; look at the identifier and region"
        )
    # An existing cluster or application that is terminated, or stopped without an automatic start
    if code in ("InvalidRequestException", "ValidationException", "ConflictException"):
        flag = "--cluster-id" if target.kind is ServiceKind.EMR else "--application-id"
        return AwsRefused(
            f"the {_name_target(target)} takes no job now ({message or code}); start it, or name another by {flag}"
        )
    return AwsRefused(f"{operation} on {where} failed ({code}: {message})")


def _name_target(target: Target) -> str:
    if target.kind is ServiceKind.EMR:
        return f"EMR cluster {target.identifier}"
    return f"EMR Serverless application {target.identifier}"


def derive_exit_status(message: str, state: emr_runs.ServiceRunState, run: emr_runs.ServiceRun) -> int:
    """The job's own exit status, as far as its message shows it: a service reports only success or failure.

    Source: C1.6 for the texts; C11b for the statuses.
    """
    has_succeeded = state.name in emr_runs.SUCCEEDED_STATES[run.kind]
    # A job with a good message fails only if it has to fail when it can't tell
    if is_completed(message) and not has_succeeded:
        return ExitStatus.CANNOT_TELL
    if message.startswith(COMPLETED.partition(":")[0]):  # also with violations
        if has_succeeded:
            return ExitStatus.COMPLETED
        return ExitStatus.VIOLATIONS
    if has_succeeded:
        return ExitStatus.FAILED  # the message is an error's: another process wrote there after the job
    return parse_exit_status(message)


def read_message(s3: BaseClient, output: S3Location, since: datetime) -> str | None:
    """The message that the job left with its results; None if there is no message, or only that of an earlier run.

    since: when the run was started, by this machine's clock.
    """
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_object(Bucket=output.name, Key=output.key(MESSAGE))
    except ClientError as error:
        # Without the permission to list, S3 answers AccessDenied for a key that isn't there
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "AccessDenied"):
            return None
        raise
    if answer["LastModified"] < since:
        return None
    return str(answer["Body"].read().decode(errors="replace").strip())


def make_no_message_error(state: emr_runs.ServiceRunState, run: emr_runs.ServiceRun) -> emr_runs.ServiceRunFailed:
    """The error of a run without a message: it was stopped, or never reached our code."""
    reason = f" ({state.reason})" if state.reason else ""
    return emr_runs.ServiceRunFailed(
        f"{run.kind.value} run {run.identifier} of {run.target_id} ended as {state.name}{reason} and left no message with its "
        "results; its log says more (docs/emr.md, Logs)"
    )


_SECRET_NAME = re.compile(r"(?i)(secret|password|passwd|token|credential|access[._-]?key|private[._-]?key)")
_PROVIDERS = re.compile(r"(?i)provider$")
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")
_WITH_SECRET_PATH = ("webhook:",)


def refuse_secrets(arguments: Sequence[str]) -> None:
    """Accept arguments without secrets. Raises BadConfiguration naming the argument, never its value."""
    for position, (argument, next_argument) in enumerate(zip_longest(arguments, arguments[1:], fillvalue=""), 1):
        name, _, value = argument.partition("=")
        # `--password X` has its value in the next argument, `--password=X` in its own
        secret = _find_secret(argument, name, value or next_argument)
        if secret:
            raise BadConfiguration(
                f"argument {position} ({secret}) holds a secret, and EMR shows the arguments of a step to everyone who may "
                "look at it; give the role of the job the permission instead, or set a variable on the cluster"
            )


def _find_secret(argument: str, name: str, next_text: str) -> str | None:
    """The kind of secret in an argument; None if it has no secret."""
    # An access key is known by its form, whatever the flag is called
    if _ACCESS_KEY.search(argument):
        return "an access key"
    if any(text.startswith(_WITH_SECRET_PATH) for text in re.split("[=,]", argument)):  # also among several sinks
        return "the address of a webhook"
    # A provider's class name holds no secret, though its setting's name sounds like one
    if next_text and _SECRET_NAME.search(name) and not _PROVIDERS.search(name):
        return name
    password = None
    if "://" in argument:
        password = urlsplit(argument.partition("=")[2] or argument).password
    if password:
        return "a password in a URL"
    return None
