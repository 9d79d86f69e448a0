"""Mails by SMTP. The sink `email` imports this module when it sends a report."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from enum import Enum

from spark_model_monitor.errors import BadConfiguration, SinkFailed
from spark_model_monitor.reports.notices import Report, write_headline, write_text
from spark_model_monitor.reports.sinks import (
    SMTP_VARIABLES,
    Environment,
    TemporaryFailure,
    describe_unreachable,
    send_with_retries,
)

HOST, SECURITY, SENDER, USER, PASSWORD = SMTP_VARIABLES


class Security(Enum):
    """How the connection is protected; the value is the text of the environment variable."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"

    @property
    def port(self) -> int:
        """The usual port. Source: RFC 6409 and RFC 8314; for port 25, RFC 5321."""
        return {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}[self]


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server from the environment. password: it is never in repr, errors or logs."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None
    password: str | None

    @classmethod
    def of(cls, environment: Environment) -> MailServer:
        """The server from the environment variables MODEL_MONITOR_SMTP_….

        Raises BadConfiguration, whose text lists everything that is missing or wrong.
        """
        # All faults are collected: a job that fails hourly for one variable after the other costs a day
        errors: list[str] = []
        security = Security.STARTTLS
        security_text = environment.variable(SECURITY) or security.value
        try:
            security = Security(security_text.lower())
        except ValueError:
            errors.append(f"{SECURITY} is {security_text!r}; write starttls, tls or none")
        host, port = _read_host(environment.variable(HOST), security, errors)
        # Servers inside a network may need no login; then the sender has to be named
        user = environment.variable(USER)
        password = environment.variable(PASSWORD)
        sender = _read_sender(environment.variable(SENDER) or user, errors)
        if (user is None) != (password is None):
            errors.append(f"only one of {USER} and {PASSWORD} is set; set both, or none")
        elif password is not None and security is Security.NONE:
            errors.append(f"{SECURITY} is 'none', which would send the password in clear text; write starttls or tls")
        BadConfiguration.raise_for(errors)
        return cls(host, port, security, sender, user, password)

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port}, {self.security.value})"


def check_address(address: str) -> str:
    """The address without change. Raises ValueError if it is invalid."""
    try:
        parsed_address = Address(addr_spec=address)
    # The standard library raises one of these, depending on the fault
    except (ValueError, IndexError, MessageError):
        parsed_address = Address()
    if not (parsed_address.username and parsed_address.domain):
        raise ValueError("is no address; write email:NAME@DOMAIN")
    return address


def send_mail(report: Report, address: str, environment: Environment) -> None:
    """Send the mail. It is sent again if the server is unreachable or refuses temporarily (4xx). Raises SinkFailed."""
    server = MailServer.of(environment)
    message = create_mail(report, server.sender, address)
    send_with_retries(lambda: _send(message, server, environment.timeout_seconds), environment)


def create_mail(report: Report, sender: str, address: str) -> EmailMessage:
    """The report as a mail. Its id is the same in every attempt, so that a mailbox can drop a duplicate."""
    message = EmailMessage()
    message["Subject"] = write_headline(report)
    message["From"] = sender
    message["To"] = address
    message["Date"] = format_datetime(report.time)
    message["Message-ID"] = f"<{report.delivery_id}@spark-model-monitor.invalid>"
    message["Auto-Submitted"] = "auto-generated"  # prevents out-of-office replies
    message.set_content(write_text(report))
    return message


def _send(message: EmailMessage, server: MailServer, timeout_seconds: float) -> None:
    try:
        with _open_connection(server, timeout_seconds) as connection:
            # Encryption starts before the login, which would otherwise go over the network in clear text
            if server.security is Security.STARTTLS:
                connection.starttls(context=ssl.create_default_context())
            if server.user and server.password:
                connection.login(server.user, server.password)
            connection.send_message(message)
    # Neither the exception nor its text is passed on, because the text may repeat what was sent
    except smtplib.SMTPException as error:
        raise _describe_refusal(server, error) from None
    # Caught after the library's own errors, which are OSErrors, too
    except OSError as error:
        raise describe_unreachable(f"{server.host}:{server.port}", error) from None


def _open_connection(server: MailServer, timeout_seconds: float) -> smtplib.SMTP:
    if server.security is Security.TLS:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=timeout_seconds)


TEMPORARY_CODES = range(400, 500)
"""SMTP codes of temporary failures, after which a mail may be sent again. Source: RFC 5321, 4.2.1."""


def _describe_refusal(server: MailServer, error: smtplib.SMTPException) -> SinkFailed:
    """The meaning of the server's refusal. The server's own text is left out, because it may repeat what was sent."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SinkFailed(f"{server.host} does not offer what {SECURITY} or the login needs; write tls or none")
    # A refused login may be temporary if the server is busy
    code: int | None = getattr(error, "smtp_code", None)
    # There is one recipient, so the first code is the only one
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _ in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPAuthenticationError) and code not in TEMPORARY_CODES:
        return SinkFailed(f"{server.host} refused the login ({code}); check {USER} and {PASSWORD}")
    if code is None:
        return TemporaryFailure(f"{server.host} ended the conversation ({type(error).__name__})")
    # The name of the address that the user should check
    subjects = {smtplib.SMTPRecipientsRefused: "the recipient", smtplib.SMTPSenderRefused: "the sender"}
    subject = subjects.get(type(error), "the mail")
    refusal = f"{server.host} refused {subject} ({code})"
    if code in TEMPORARY_CODES:
        return TemporaryFailure(refusal)
    return SinkFailed(f"{refusal}; check the addresses")


def _read_host(setting: str | None, security: Security, errors: list[str]) -> tuple[str, int]:
    if setting is None:
        errors.append(f"{HOST} is not set; write the mail server's name, or NAME:PORT")
        return "", 0
    name, colon, port = setting.partition(":")
    if not name or (colon and not (port.isdigit() and 0 < int(port) < 65536)):
        errors.append(f"{HOST} is {setting!r}; write the mail server's name, or NAME:PORT")
        return "", 0
    return name, int(port) if colon else security.port


def _read_sender(setting: str | None, errors: list[str]) -> str:
    try:
        return check_address(setting or "")
    except ValueError:
        sender = "not set" if setting is None else repr(setting)
        errors.append(f"{SENDER} is {sender}; write the address that the mail comes from")
        return ""
