"""A mail as it arrived, taken apart for reading."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import Envelope

_HREF = re.compile(r"""href=(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class MailMessage:
    """``to`` and ``sender`` are the envelope's; ``headers`` keep their order and repeats.

    ``links`` are the http(s) addresses of both parts, first seen first, each once.
    """

    number: int
    to: tuple[str, ...]
    sender: str
    from_: str
    subject: str
    text: str
    html: str
    message_id: str
    headers: tuple[tuple[str, str], ...]
    links: tuple[str, ...]
    received_at: datetime
    raw: bytes

    def header(self, name: str) -> str:
        """The first header of that name, whatever its case; "" where there is none."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")

    def summary(self) -> dict[str, Any]:
        """What a list shows, as JSON can hold it."""
        return {
            "number": self.number,
            "to": list(self.to),
            "from": self.from_,
            "subject": self.subject,
            "message_id": self.message_id,
            "received_at": self.received_at.isoformat(),
        }

    def full(self) -> dict[str, Any]:
        return self.summary() | {
            "sender": self.sender,
            "text": self.text,
            "html": self.html,
            "headers": [list(pair) for pair in self.headers],
            "links": list(self.links),
        }


def parse(number: int, envelope: Envelope, received_at: datetime) -> MailMessage:
    raw = bytes(envelope.original_content or b"")
    mail = message_from_bytes(raw, _class=EmailMessage, policy=default)
    text, page = _part(mail, "plain"), _part(mail, "html")
    return MailMessage(
        number=number,
        to=tuple(envelope.rcpt_tos),
        sender=envelope.mail_from or "",
        from_=str(mail["From"] or ""),
        subject=str(mail["Subject"] or ""),
        text=text,
        html=page,
        message_id=str(mail["Message-ID"] or ""),
        headers=tuple((name, str(value)) for name, value in mail.items()),
        links=_links(text, page),
        received_at=received_at,
        raw=raw,
    )


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _links(text: str, page: str) -> tuple[str, ...]:
    hrefs = (html.unescape(double or single) for double, single in _HREF.findall(page))
    found = [*_IN_TEXT.findall(text), *hrefs]
    return tuple(dict.fromkeys(link for link in found if link.startswith("http")))
