"""Sending: one mail, one SMTP conversation, and exactly one of four endings.

`Mailer.send` returns (taken), or raises MailUnavailable (try later), MailRefused (do not try
again) or DeliveryUncertain (nobody can know). SMTP has no idempotency key, so the ending after
the last dot of the message matters: smtplib's own ``sendmail`` cannot tell it from the others.
"""

from __future__ import annotations

import logging
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from emails.envelope import Outgoing, mailbox_address, to_message
from emails.smtp_url import SmtpUrl, parse_smtp_url
from recover.foundation.errors import DeliveryUncertain, MailRefused, MailUnavailable

__all__ = ["Mailer", "Outgoing", "SmtpUrl", "parse_smtp_url"]

log = logging.getLogger(__name__)

_OK: Final = 250
_GO_AHEAD: Final = 354
_PERMANENT: Final = range(500, 600)
_ENHANCED: Final = re.compile(rb"\s*5\.(\d{1,3})\.(\d{1,3})\b")
_SENDERS_ADDRESS: Final = (7, 8)
_DISABLED: Final = ((2, 1),)
_MAILBOX_CODES: Final = (550, 551, 553)  # RFC 5321: mailbox unavailable, elsewhere, not allowed


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What the server answered, for messages to people."""

    code: int
    text: bytes

    def is_about_the_recipient(self) -> bool:
        """Whether a refusal of the recipient means them, and not us, our message or the server.

        By the enhanced status code (RFC 3463) where there is one: 5.1.x the address, but not the
        sender's (5.1.7, 5.1.8), 5.2.1 a mailbox that is switched off. A full one (5.2.2) may have
        room again, and 5.7.x is the server's policy.
        """
        enhanced = _ENHANCED.match(self.text)
        if enhanced is None or enhanced[1] == b"0":
            return self.code in _MAILBOX_CODES
        return self.names_the_recipient()

    def names_the_recipient(self) -> bool:
        """Whether an enhanced status code says so, whatever was being said when it came."""
        enhanced = _ENHANCED.match(self.text)
        if enhanced is None:
            return False
        subject, detail = int(enhanced[1]), int(enhanced[2])
        return detail not in _SENDERS_ADDRESS if subject == 1 else (subject, detail) in _DISABLED

    def __str__(self) -> str:
        said = self.text.decode("utf-8", "replace")
        return f"{self.code} {' '.join(said.split())[:200]}"


class Mailer:
    """Sends through the server named by ``url``: smtp://, smtp+starttls:// or smtps://.

    ``timeout`` is in seconds, for each answer of the server. ``helo`` is the name we give
    ourselves; the machine's own where it is "". Raises ValueError for an address it cannot read,
    never showing the password.
    """

    def __init__(self, url: str, *, timeout: float = 20.0, helo: str = "") -> None:
        self._server = parse_smtp_url(url)
        self._timeout = timeout
        self._helo = helo or socket.gethostname()

    def __repr__(self) -> str:
        return f"Mailer({self._server})"

    def send(self, outgoing: Outgoing) -> None:
        """Hand over one mail. Raises MailUnavailable, MailRefused or DeliveryUncertain."""
        try:
            content = to_message(outgoing).as_bytes()
            sender, recipient = mailbox_address(outgoing.sender), mailbox_address(outgoing.to)
        except ValueError as error:
            # A to-address nobody could deliver to is as good as refused.
            raise MailRefused(str(error), recipient_refused=_bad_recipient(outgoing)) from error
        with self._session() as smtp:
            _say_from_and_to(smtp, sender, recipient)
            _hand_over(smtp, content)

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        smtp = self._connect()
        try:
            yield smtp
        finally:
            # The mail's fate is decided by now; a server that is rude at the door changes nothing.
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._open(server)
            if server.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.username:
                smtp.login(server.username, server.password)
        except (OSError, smtplib.SMTPException) as error:
            # Wrong credentials too: a person mends the settings, and then the mail can still go.
            if smtp is not None:
                smtp.close()
            raise MailUnavailable(f"no mail session with {server}: {_plain(error)}") from error
        return smtp

    def _open(self, server: SmtpUrl) -> smtplib.SMTP:
        if server.security == "tls":
            return smtplib.SMTP_SSL(
                server.host,
                server.port,
                local_hostname=self._helo,
                timeout=self._timeout,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(
            server.host, server.port, local_hostname=self._helo, timeout=self._timeout
        )


def _say_from_and_to(smtp: smtplib.SMTP, sender: str, recipient: str) -> None:
    options = []
    if not (sender.isascii() and recipient.isascii()):
        if not smtp.has_extn("smtputf8"):
            raise MailRefused(
                f"the mail server cannot deliver to international addresses such as {recipient}",
                recipient_refused=not recipient.isascii(),
            )
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    with _nothing_handed_over():
        answer = _Spoken(*smtp.mail(sender, options))
        if answer.code != _OK:
            _raise(answer, f"the sender {sender}")
        answer = _Spoken(*smtp.rcpt(recipient))
        if answer.code not in (_OK, 251):
            about_them = answer.is_about_the_recipient()
            _raise(answer, f"the address {recipient}", recipient_refused=about_them)


def _hand_over(smtp: smtplib.SMTP, content: bytes) -> None:
    """The message itself. Until its final dot has left us, nothing can have been delivered."""
    stuffed = re.sub(rb"(?m)^\.", b"..", content)
    if not stuffed.endswith(b"\r\n"):
        stuffed += b"\r\n"
    with _nothing_handed_over():
        answer = _Spoken(*smtp.docmd("DATA"))
        if answer.code != _GO_AHEAD:
            _raise(answer, "the message")
        smtp.send(stuffed)
    try:
        smtp.send(b".\r\n")
        answer = _Spoken(*smtp.getreply())
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryUncertain(
            f"the connection broke before the mail server confirmed the message: {_plain(error)}"
        ) from error
    if answer.code != _OK:
        _raise(answer, "the message", recipient_refused=answer.names_the_recipient())


@contextmanager
def _nothing_handed_over() -> Iterator[None]:
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnavailable(f"the mail server went away: {_plain(error)}") from error


def _raise(answer: _Spoken, what: str, *, recipient_refused: bool = False) -> NoReturn:
    if answer.code in _PERMANENT:
        raise MailRefused(
            f"the mail server refused {what}: {answer}", recipient_refused=recipient_refused
        )
    raise MailUnavailable(f"the mail server put off {what}: {answer}")


def _bad_recipient(outgoing: Outgoing) -> bool:
    try:
        mailbox_address(outgoing.to)
    except ValueError:
        return True
    return False


def _plain(error: Exception) -> str:
    """The error for a person: a server's words where there are some, never our credentials."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return str(_Spoken(error.smtp_code, text if isinstance(text, bytes) else text.encode()))
    return str(error) or type(error).__name__
