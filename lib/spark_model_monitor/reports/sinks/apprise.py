"""apprise:URL: a message to whatever Apprise has a URL for: Slack, Teams, PagerDuty, Telegram and a hundred others."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.reports.notices import Report, write_text
from spark_model_monitor.reports.sinks import (
    Environment,
    TemporaryFailure,
    open_local_page,
    register_sink,
    require_library,
    send_with_retries,
)

if TYPE_CHECKING:
    from apprise import NotifyBase

NO_SERVICE = (
    "the sink apprise: Apprise has no service for the URL that begins with {scheme}://, or the URL lacks a part; "
    "apprise --details lists what each service asks for"
)


def _check_url(url: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9.+-]*://\S+", url) is None or not url.isprintable():
        raise ValueError("is no URL of Apprise; write apprise:SERVICE://…, such as apprise:slack://TOKEN/CHANNEL")
    return url


def _check_ready(url: str, environment: Environment) -> None:
    require_library("apprise", "apprise", "apprise")(url, environment)
    _create_service(url)


@register_sink("apprise", spelling="apprise:URL", examined=_check_url, ready=_check_ready, every_run=False)
def apprise(report: Report, url: str, environment: Environment) -> None:
    """A message through Apprise, to Slack, Teams, PagerDuty and others: headline, alarms in words, page.

    The page is attached if it is on this machine and the service accepts files; the text has its path.
    Apprise doesn't report why it failed, so every failure is retried.

    Raises SinkFailed.
    """
    from apprise import Apprise

    service = _create_service(url)
    outbox = Apprise()
    outbox.add(service)
    # The headline is the title, because some services show only the title
    first, _, further_lines = write_text(report).partition("\n")
    message: dict[str, Any] = {
        "title": first,
        "body": further_lines.strip() or first,
        "notify_type": _choose_kind(report),
        "body_format": "text",
    }

    def send() -> None:
        if not outbox.notify(**message):
            raise TemporaryFailure(
                f"Apprise reached nobody by {url.partition('://')[0]}://; check the URL and the service"
            )

    # The page is a file only inside this context, so all attempts are made in the context
    with open_local_page(report) as page:
        message["attach"] = page if service.attachment_support else None
        send_with_retries(send, environment)


def _create_service(url: str) -> NotifyBase:
    """Apprise's object for the URL. Raises BadConfiguration if Apprise has no such service."""
    from apprise import Apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its failure messages may repeat the URL, a secret
    service = Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise BadConfiguration(NO_SERVICE.format(scheme=url.partition("://")[0]))
    return service


def _choose_kind(report: Report) -> str:
    if not report.is_of_a_run:
        return "info"
    kinds = {AlertStatus.IN_ALERT: "warning", AlertStatus.CANNOT_TELL: "info", AlertStatus.OK: "success"}
    return kinds[report.alert.status]
