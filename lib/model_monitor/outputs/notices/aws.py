"""Clients of AWS by boto3, which is loaded when a sink asks for one, and what to tell of its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_monitor.errors import BadConfiguration, MissingDependency, SinkFailed

MOST_ATTEMPTS = 5
"""Of one request, the first included; boto3's standard mode waits longer each time, up to 20 s."""

NO_BOTO3 = "the sink {service} needs boto3; install it: pip install 'spark-model-monitor[aws]'"
NO_REGION = "the sink {service} needs a region; set the variable AWS_DEFAULT_REGION, for example to eu-central-1"


def aws_client(service: str, region: str | None = None) -> Any:
    """A client that tries again by itself when it is throttled or the service is away.

    region: None for the one that boto3 finds in the environment or its configuration.
    Raises MissingDependency without boto3, BadConfiguration if no region is known.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import NoRegionError
    except ImportError as fault:
        raise MissingDependency(NO_BOTO3.format(service=service)) from fault
    settings = Config(
        retries={"mode": "standard", "total_max_attempts": MOST_ATTEMPTS}, connect_timeout=10, read_timeout=20
    )
    try:
        # a session of its own: boto3's shared one would keep the credentials that it saw first
        return boto3.session.Session().client(service, region_name=region, config=settings)
    except NoRegionError as fault:
        raise BadConfiguration(NO_REGION.format(service=service)) from fault


@contextmanager
def refused_by_aws(service: str) -> Iterator[None]:
    """Turns what boto3 raises into one sentence: the service's error code, or the type of the client's own error.

    Raises SinkFailed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code = fault.response.get("Error", {}).get("Code", "an unknown error")
        raise SinkFailed(f"{service} refused it ({code}); check the job's permissions and the target") from fault
    except BotoCoreError as fault:
        raise SinkFailed(
            f"{service} could not be asked ({type(fault).__name__}); check credentials, region and network"
        ) from fault
