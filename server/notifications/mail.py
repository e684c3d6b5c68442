"""Sends mail by SMTP: one message to one address, the event's id in its Message-ID."""

import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException, SMTPResponseException

from ledger.notifications.queue import Delivery
from server.notifications.outcome import Failed, Outcome, Sent
from server.notifications.wording import Text

TIMEOUT_S = 15.0
PORTS = {"smtp": 587, "smtps": 465}
MAX_REASON = 120


class MailServer(NamedTuple):
    """Where mail is handed in. With a password the connection must be encrypted; without one it is
    where the server offers that.
    """

    host: str
    port: int
    tls_at_once: bool
    user: str | None
    password: str | None

    @property
    def must_be_encrypted(self) -> bool:
        """Whether STARTTLS has to succeed before anything is said."""
        return self.password is not None and not self.tls_at_once

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """From smtp://user:password@host:587 or smtps://…"""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            tls_at_once=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class Mail:
    """The channel of e-mail."""

    def __init__(self, server: MailServer, sender: Address) -> None:
        self._server, self._sender = server, sender

    async def send(self, delivery: Delivery, text: Text) -> Outcome:
        """Hands the message to the mail server."""
        message = message_of(delivery, text, self._sender)
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls_at_once,
            start_tls=True if server.must_be_encrypted else None,
            username=server.user,
            password=server.password,
            timeout=TIMEOUT_S,
            tls_context=_tls(verified=server.must_be_encrypted or server.tls_at_once),
        )
        try:
            async with client:
                await client.send_message(message)
        except SMTPAuthenticationError:
            return Failed("the mail server refuses our login: see TOLLGATE_SMTP_URL")
        except (SMTPException, OSError) as error:
            return _failed(error)
        return Sent()


def _tls(*, verified: bool) -> ssl.SSLContext:
    """Encryption that is only taken because it is offered hides from passers-by, from whomever."""
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def message_of(delivery: Delivery, text: Text, sender: Address) -> EmailMessage:
    """The mail, the same at every attempt but for a forecast."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = delivery.target
    message["Subject"] = text.subject
    message["Date"] = format_datetime(delivery.at)
    message["Message-ID"] = f"<{delivery.event}@{sender.domain}>"
    message["Tollgate-Event-Id"] = delivery.event
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.body)
    if text.attachment is not None:
        name, pdf = text.attachment
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename=name)
    return message


def _failed(error: Exception) -> Failed:
    """What the tenant may read: what the server says of the message, nothing of the server."""
    refusal = _refusal(error)
    if refusal is None:
        return Failed(f"the mail server could not be reached: {type(error).__name__}")
    words = "".join(c if c.isprintable() else " " for c in refusal.message[:MAX_REASON])
    return Failed(f"the mail server answered {refusal.code} {words}", final=refusal.code >= 500)


def _refusal(error: Exception) -> SMTPResponseException | None:
    """A refusal of the message or of its receiver; one of the connection is no verdict."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        return error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPDataError | aiosmtplib.SMTPRecipientRefused):
        return error
    return None
