"""What to tell of AWS's errors: which thing is wrong and what to write or allow instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from model_monitor.errors import BadConfiguration, MissingDependency, MonitorError
from model_monitor.spark.launch.target import Kind, Target


class AwsRefused(MonitorError):
    """AWS did not do what it was asked for."""


@contextmanager
def told(target: Target) -> Iterator[None]:
    """Turns what boto3 raises into one sentence.

    Raises MissingDependency without boto3, BadConfiguration for what the user can set right, AwsRefused for the rest.
    """
    try:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            EndpointConnectionError,
            NoCredentialsError,
            NoRegionError,
        )
    except ImportError as fault:
        raise MissingDependency("--target needs boto3; install it: pip install 'spark-model-monitor[aws]'") from fault
    try:
        yield
    except NoCredentialsError as fault:
        raise BadConfiguration(
            "there are no AWS credentials here; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from fault
    except NoRegionError as fault:
        raise BadConfiguration(
            "no AWS region is set; set AWS_DEFAULT_REGION to the one of the " + _noun(target)
        ) from fault
    except EndpointConnectionError as fault:
        raise AwsRefused(
            f"{fault.kwargs.get('endpoint_url')} can't be reached; check the network, and whether AWS_DEFAULT_REGION names a "
            "region that has the service"
        ) from fault
    except ClientError as fault:
        raise _of_code(fault.response.get("Error", {}), fault.operation_name, target) from fault
    except BotoCoreError as fault:
        raise AwsRefused(f"AWS could not be asked ({type(fault).__name__}: {fault})") from fault
    except S3UploadFailedError as fault:
        raise AwsRefused(f"the package could not be put below s3://{target.package.name} ({fault})") from fault


def _of_code(error: dict[str, str], operation: str, target: Target) -> MonitorError:
    code, said = error.get("Code", "an unknown error"), error.get("Message", "")
    where = f"s3://{target.package.name}" if operation in ("HeadObject", "PutObject", "GetObject") else _noun(target)
    if code in ("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"):
        return AwsRefused(
            f"{operation} on {where} is not allowed ({code}); docs/emr.md lists the permissions that are needed"
        )
    if code in ("NoSuchBucket",) or (code == "404" and operation == "HeadBucket"):
        return BadConfiguration(
            f"there is no bucket {target.package.name}; create it, or name another --package-location"
        )
    if code in ("301", "PermanentRedirect", "IllegalLocationConstraintException"):
        return BadConfiguration(f"bucket {target.package.name} lies in another region; set AWS_DEFAULT_REGION to it")
    if code in ("ResourceNotFoundException", "ClusterNotFound") or (
        code == "InvalidRequestException" and "not valid" in said
    ):
        return BadConfiguration(
            f"there is no {_noun(target)} in this region and account; look at the identifier and region"
        )
    if code in ("InvalidRequestException", "ValidationException", "ConflictException"):
        return AwsRefused(
            f"the {_noun(target)} takes no job now ({said or code}); start it, or name another by {_option(target)}"
        )
    return AwsRefused(f"{operation} on {where} failed ({code}: {said})")


def _noun(target: Target) -> str:
    kind = "EMR cluster" if target.kind is Kind.EMR else "EMR Serverless application"
    return f"{kind} {target.identifier}"


def _option(target: Target) -> str:
    return "--cluster-id" if target.kind is Kind.EMR else "--application-id"
