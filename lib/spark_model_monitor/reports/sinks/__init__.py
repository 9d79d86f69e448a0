"""Sinks: where a monitoring run sends its results. Each sink is a registered function in its own file. Runs on the driver only.

A sink is a function of (report, target, environment). It may send only what is in the `Report`, and use only what is in the
`Environment`. The target is the text after its name in `--sink NAME:TARGET`. It raises `SinkFailed` if the report didn't arrive.
Its error messages never contain a secret, nor the path of a URL, because that may be a secret.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadConfiguration, SinkFailed, explain_missing_import
from spark_model_monitor.registry import Registry
from spark_model_monitor.reports.notices import Report
from spark_model_monitor.storage import LocalStorage, is_local, join
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

SMTP_VARIABLES = tuple(f"MODEL_MONITOR_SMTP_{name}" for name in ("HOST", "SECURITY", "FROM", "USER", "PASSWORD"))
WEBHOOK_SECRET = "MODEL_MONITOR_WEBHOOK_SECRET"  # the environment variable with the secret that signs the document

# Attempts for one request, including the first; boto3's standard mode waits longer each time, up to 20 s
AWS_MAX_ATTEMPTS = 5

NO_BOTO3 = "the sink {service} needs boto3; install it: pip install 'spark-model-monitor[s3]'"
NO_REGION = "the sink {service} needs a region; set the variable AWS_DEFAULT_REGION, for example to eu-central-1"


def create_aws_client(service: str, region: str | None = None) -> BaseClient:
    """A boto3 client that retries by itself when it is throttled or the service is unavailable.

    region: None for the region that boto3 finds in the environment or its configuration.
    Raises MissingDependency without boto3, BadConfiguration if no region is known.
    """
    with explain_missing_import(NO_BOTO3.format(service=service)):
        import boto3
        from botocore.config import Config
        from botocore.exceptions import NoRegionError
    retries = {"mode": "standard", "total_max_attempts": AWS_MAX_ATTEMPTS}
    settings = Config(retries=retries, connect_timeout=10, read_timeout=20)
    try:
        # a new session, because boto3's shared session would keep the first credentials that it found
        return boto3.session.Session().client(service, region_name=region, config=settings)
    except NoRegionError as error:
        raise BadConfiguration(NO_REGION.format(service=service)) from error


@contextmanager
def translate_aws_errors(service: str) -> Iterator[None]:
    """A context that turns exceptions of boto3 into a sentence with the service's error code, or the type of boto3's own error.

    Raises SinkFailed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an unknown error")
        raise SinkFailed(f"{service} refused it ({code}); check the job's permissions and the target") from error
    except BotoCoreError as error:
        why = f"({type(error).__name__}); check credentials, region and network"
        raise SinkFailed(f"{service} could not be asked {why}") from error


TIMEOUT_SECONDS = 10.0  # seconds that a sink waits for a connection, and then for each response
DELIVERY_SECONDS = 60.0  # most seconds for a whole delivery, including further attempts, even if the receiver is slow


@value_class
class Environment:
    """The outside world of a sink. variables: the environment variables, with secrets and servers. aws: returns the client for a
    service and a region or None. pause: waits a number of seconds between two attempts. timeout_seconds, whole_seconds: see
    TIMEOUT_SECONDS and DELIVERY_SECONDS.
    """

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    aws: Callable[[str, str | None], BaseClient] = create_aws_client
    pause: Callable[[float], None] = time.sleep
    timeout_seconds: float = TIMEOUT_SECONDS
    whole_seconds: float = DELIVERY_SECONDS

    def variable(self, name: str) -> str | None:
        """The text of an environment variable; None if it is absent or blank."""
        return self.variables.get(name, "").strip() or None


Sink = Callable[[Report, str, Environment], None]

SINKS: Registry[Sink] = Registry("sink")


def register_sink(
    name: str,
    *,
    spelling: str,
    examined: Callable[[str], str],
    every_run: bool,
    adds_up: bool = False,
    ready: Callable[[str, Environment], None] = lambda target, environment: None,
) -> Callable[[Sink], Sink]:
    """Decorator that registers a sink.

    spelling: how users write it after `--sink`, with a word for the target.
    examined: returns the target in the form that the sink uses; raises ValueError, whose text says what to write instead.
    every_run: True for series of numbers, with a point for every run; False for messages, which are sent when the alert
    changes unless `every` asks for more.
    adds_up: True if numbers that are sent twice count twice, so that a rerun must not send them again.
    ready: called before any data is read; raises BadConfiguration if a variable, a library or a region is missing.
    """
    return SINKS.register(name, spelling=spelling, examined=examined, ready=ready, every_run=every_run, adds_up=adds_up)


def require_library(sink: str, module: str, library: str) -> Callable[[str, Environment], None]:
    """A function that raises MissingDependency if a sink's library isn't installed. library: the library's usual name."""

    def check_ready(target: str, environment: Environment) -> None:
        with explain_missing_import(
            f"the sink {sink} needs {library}; install it: pip install 'spark-model-monitor[{sink}]'"
        ):
            import_module(module)

    return check_ready


def check_url(sink: str, url: str) -> str:
    """The target of a sink if it is a web address. Raises ValueError for any other text, and for an address with a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url or not url.isascii():
        raise ValueError(f"is no URL; write {sink}:https://HOST/PATH")
    if parts.username is not None:
        raise ValueError(f"has a user or password in it; leave them out, and {SECRET_VARIABLES[sink]}")
    return url


SECRET_VARIABLES = {
    "webhook": f"sign with the variable {WEBHOOK_SECRET}",
    "openlineage": "write a key into the variable OPENLINEAGE_API_KEY",
    "opentelemetry": "write headers into the variable OTEL_EXPORTER_OTLP_HEADERS",
}
"""By sink: how receivers at a web address recognise the sender."""


@contextmanager
def open_local_page(report: Report) -> Iterator[str | None]:
    """The path of the run's page on this machine, for sinks that send the file itself; None if the page is elsewhere.

    If the page names values of the data, it isn't sent: the path is that of a temporary page without values.
    """
    page = report.paths.get("page")
    if not page or not is_local(page) or not LocalStorage().exists(page):
        yield None
    elif report.page is None:
        yield page
    else:
        with TemporaryDirectory() as folder:
            copy = join(folder, page.rpartition("/")[2])
            LocalStorage().write(copy, report.page())
            yield copy


TEMPORARY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses of failures that may be temporary
MAX_ATTEMPTS = 3  # attempts for one delivery, including the first; the pauses between them are 1 s and 2 s


class TemporaryFailure(SinkFailed):
    """A failure that may be temporary."""


def describe_unreachable(server: str, error: Exception) -> SinkFailed:
    """The failure to report. The library's message is left out, because it may contain the URL."""
    from ssl import SSLCertVerificationError
    from urllib.error import URLError

    cause = error
    # URLError wraps the actual error
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        cause = error.reason
    if isinstance(cause, SSLCertVerificationError):
        return SinkFailed(f"{server} has a certificate that is not trusted; name its authority's file in SSL_CERT_FILE")
    if isinstance(cause, TimeoutError):
        return TemporaryFailure(f"{server} did not answer in time")
    reason = getattr(cause, "strerror", None) or type(cause).__name__
    return TemporaryFailure(f"{server} could not be reached ({reason})")


def send_with_retries(send: Callable[[], None], environment: Environment) -> None:
    """Call `send`. While it raises TemporaryFailure, call it again after a pause, at most `MAX_ATTEMPTS` times in all.

    Raises the last exception of `send`.
    """
    from tenacity import (  # imported late, because it takes 0.1 s
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_exponential,
    )

    # The retries of urllib3 and requests aren't used, because they log the whole URL, whose path may be a secret.
    Retrying(
        retry=retry_if_exception_type(TemporaryFailure),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_exponential(multiplier=1),
        sleep=environment.pause,
        before_sleep=_log_retry,
        reraise=True,
    )(send)


def _log_retry(state: RetryCallState) -> None:
    error = None
    if state.outcome:
        error = state.outcome.exception()
    log.info("%s; trying again", error)
