"""email:ADDRESS: a mail by SMTP. The module isn't called email, because that is a module of the standard library."""

from __future__ import annotations

from spark_model_monitor.reports.notices import Report
from spark_model_monitor.reports.sinks import Environment, register_sink


def _check_address(address: str) -> str:
    from spark_model_monitor.reports.mails import check_address  # imported late: only mails need its libraries

    return check_address(address)


def _check_ready(address: str, environment: Environment) -> None:
    from spark_model_monitor.reports.mails import MailServer

    MailServer.of(environment)


@register_sink("email", spelling="email:ADDRESS", examined=_check_address, ready=_check_ready, every_run=False)
def email(report: Report, address: str, environment: Environment) -> None:
    """A plain-text mail: the alert, the five largest alarms in words, the files' paths.

    MODEL_MONITOR_SMTP_HOST names the server; the connection uses STARTTLS unless MODEL_MONITOR_SMTP_SECURITY says otherwise.
    The mail is sent again if the server is unreachable or answers with a temporary refusal (4xx).

    Raises SinkFailed.
    """
    from spark_model_monitor.reports.mails import send_mail

    send_mail(report, address, environment)
