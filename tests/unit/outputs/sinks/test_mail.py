"""Mail: what arrives at a real SMTP server, and what each refusal means."""

from __future__ import annotations

import ssl

import pytest
from aiosmtpd.smtp import AuthResult
from tests.servers import Mailbox, smtp_server

from spark_model_monitor.errors import BadConfiguration, SinkFailed
from spark_model_monitor.reports.mails import MailServer, create_mail
from spark_model_monitor.reports.sinks import SINKS
from spark_model_monitor.reports.sinks.mail import email

SECRET = "correct horse battery staple"


def plain(port, **variables):
    return {
        "MODEL_MONITOR_SMTP_HOST": f"127.0.0.1:{port}",
        "MODEL_MONITOR_SMTP_SECURITY": "none",
        "MODEL_MONITOR_SMTP_FROM": "monitor@example.org",
        **variables,
    }


def test_a_mail_arrives_with_alert_violations_and_paths(report, environment):
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        email(report(violations=7, alarm_count=4), "team@example.org", environment(**plain(port)))

    [envelope], [message] = mailbox.envelopes, mailbox.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("monitor@example.org", ["team@example.org"])
    assert message["Subject"] == (
        "InAlert: DATA_QUALITY of churn / hourly, 7 violations from 2026-01-31T22:00:00Z to 2026-01-31T23:00:00Z"
    )
    assert message["Date"].datetime.isoformat() == "2026-01-31T23:05:00+00:00"
    assert message.get_content().splitlines()[1:] == [
        "The alert is InAlert, changed by this run: 1 of the last 1 windows had violations, 1 make an alert.",
        "",
        "- plan: 100 % are not Integral any more",
        "and 3 more",
        "",
        "output: reports/2026/01/31/22",
        "run: 0123456789abcdef",
    ]


def test_names_with_line_breaks_stay_one_line(report):
    alarms = ("a\nBcc: someone@example.org drifted, größer",)
    message = create_mail(report(endpoint="x\r\nBcc: y@example.org", alarms=alarms), "a@example.org", "b@example.org")

    assert message["Bcc"] is None
    assert "x\\r\\nBcc: y@example.org" in message["Subject"]
    assert "- a\\nBcc: someone@example.org drifted, größer" in message.get_content()


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_passing_refusal_is_tried_again(report, environment, pauses, command):
    mailbox = Mailbox(**{command: ["451 try again later"]})
    with smtp_server(mailbox) as port:
        email(report(), "team@example.org", environment(**plain(port)))

    assert len(mailbox.mails) == 1
    assert pauses == [1]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        pytest.param("MAIL", "refused the sender (550)", id="sender"),
        pytest.param("RCPT", "refused the recipient (550)", id="recipient"),
        pytest.param("DATA", "refused the mail (550)", id="mail"),
    ],
)
def test_a_final_refusal_is_reported_without_the_servers_words(report, environment, pauses, command, sentence):
    mailbox = Mailbox(**{command: ["550 5.1.1 no such customer as Jane Roe"]})
    with smtp_server(mailbox) as port, pytest.raises(SinkFailed) as caught:
        email(report(), "team@example.org", environment(**plain(port)))

    assert sentence in str(caught.value)
    assert "Jane" not in str(caught.value)
    assert pauses == []


def test_a_server_that_is_away_is_tried_three_times(report, environment, pauses):
    with smtp_server(Mailbox()) as port:
        pass
    with pytest.raises(SinkFailed, match=r"127\.0\.0\.1:\d+ could not be reached \(Connection refused\)"):
        email(report(), "team@example.org", environment(**plain(port)))

    assert pauses == [1, 2]


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """A certificate for 127.0.0.1 whose authority this process trusts."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


def allowing(*pairs):
    """An authenticator for these users and passwords."""

    def authenticate(server, session, envelope, mechanism, credentials):
        allowed = (credentials.login.decode(), credentials.password.decode()) in pairs
        return AuthResult(success=allowed, handled=False)  # the server answers 535 itself

    return authenticate


def encrypted(port, **variables):
    return {
        "MODEL_MONITOR_SMTP_HOST": f"127.0.0.1:{port}",
        "MODEL_MONITOR_SMTP_USER": "monitor@example.org",
        "MODEL_MONITOR_SMTP_PASSWORD": SECRET,
        **variables,
    }


def test_by_default_the_connection_is_encrypted_before_the_login(report, environment, authority):
    mailbox = Mailbox()
    options = {"tls_context": authority, "require_starttls": True, "auth_required": True}
    with smtp_server(mailbox, authenticator=allowing(("monitor@example.org", SECRET)), **options) as port:
        email(report(), "team@example.org", environment(**encrypted(port)))

    assert mailbox.mails[0]["From"] == "monitor@example.org"


def test_a_refused_login_is_reported_without_the_password(report, environment, authority, caplog):
    caplog.set_level("DEBUG")
    options = {"tls_context": authority, "auth_required": True}
    with smtp_server(Mailbox(), authenticator=allowing(), **options) as port, pytest.raises(SinkFailed) as caught:
        email(report(), "team@example.org", environment(**encrypted(port)))

    assert "refused the login (535)" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


def test_a_server_without_starttls_gets_no_password(report, environment):
    with smtp_server(Mailbox()) as port, pytest.raises(SinkFailed, match="does not offer what"):
        email(report(), "team@example.org", environment(**encrypted(port)))


def test_a_certificate_that_nobody_vouches_for_gets_no_password(report, environment):
    trustme = pytest.importorskip("trustme")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with (
        smtp_server(Mailbox(), tls_context=context) as port,
        pytest.raises(SinkFailed, match="has a certificate that is not trusted"),
    ):
        email(report(), "team@example.org", environment(**encrypted(port)))


def test_what_is_missing_is_reported_at_once(environment):
    mail_environment = environment(MODEL_MONITOR_SMTP_SECURITY="ssl", MODEL_MONITOR_SMTP_PASSWORD=SECRET)
    with pytest.raises(BadConfiguration) as caught:
        SINKS.get("email").facts["ready"]("team@example.org", mail_environment)

    assert str(caught.value).splitlines() == [
        "MODEL_MONITOR_SMTP_SECURITY is 'ssl'; write starttls, tls or none",
        "MODEL_MONITOR_SMTP_HOST is not set; write the mail server's name, or NAME:PORT",
        "MODEL_MONITOR_SMTP_FROM is not set; write the address that the mail comes from",
        "only one of MODEL_MONITOR_SMTP_USER and MODEL_MONITOR_SMTP_PASSWORD is set; set both, or none",
    ]


def test_a_password_is_not_sent_in_clear_text(environment):
    with pytest.raises(BadConfiguration, match="would send the password in clear text"):
        MailServer.of(environment(**encrypted(25, MODEL_MONITOR_SMTP_SECURITY="none")))


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_usual_port_goes_with_the_security(environment, security, port):  # RFC 6409, RFC 8314, RFC 5321
    variables = {"MODEL_MONITOR_SMTP_HOST": "mail.example.org", "MODEL_MONITOR_SMTP_FROM": "m@example.org"}
    server = MailServer.of(environment(MODEL_MONITOR_SMTP_SECURITY=security, **variables))

    assert (server.host, server.port) == ("mail.example.org", port)


def test_the_server_as_text_has_no_password(environment):
    assert SECRET not in repr(MailServer.of(environment(**encrypted(587))))
