"""A mail as an email message: the headers that mailbox providers expect, plain text and HTML."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_LONGEST_LINE = 998  # RFC 5322
_LONGEST_ADDRESS = 254  # RFC 5321
_LONGEST_LOCAL_PART = 64


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail, ready to go. ``sent_at`` is aware; ``message_id`` comes with its angle brackets.

    ``stop_link`` is the http(s) address that stops these mails by a single POST; with it the mail
    carries the headers behind a mail program's own "unsubscribe" button.
    """

    to: str
    subject: str
    text: str
    html: str
    sender: str
    sent_at: datetime
    message_id: str
    sender_name: str = ""
    reply_to: str = ""
    stop_link: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def message_id(dedup_key: str, domain: str) -> str:
    """The same key gives the same id, so that a mail sent twice is recognisable as one."""
    digest = hashlib.sha256(dedup_key.encode()).hexdigest()[:40]
    return f"<{digest}@{domain}>"


def mailbox_address(address: str) -> str:
    """``address`` with its domain in ASCII (IDNA). ValueError unless it is one plain address."""
    address = address.strip()
    if not _ADDRESS.fullmatch(address) or len(address) > _LONGEST_ADDRESS:
        raise ValueError("not an email address")
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("not an email address: its domain is malformed") from error
    if len(local) > _LONGEST_LOCAL_PART or ".." in local or local[0] == "." or local[-1] == ".":
        raise ValueError("not an email address")
    return f"{local}@{ascii_domain}"


def to_message(outgoing: Outgoing) -> EmailMessage:
    """The mail with all its headers. Raises ValueError for a value that no header may hold."""
    sender, recipient = mailbox_address(outgoing.sender), mailbox_address(outgoing.to)
    international = not (sender.isascii() and recipient.isascii())
    message = EmailMessage(policy=_POLICY.clone(utf8=international))
    message["From"] = _mailbox(outgoing.sender_name, sender)
    message["To"] = _mailbox("", recipient)
    message["Subject"] = outgoing.subject
    message["Date"] = format_datetime(outgoing.sent_at)
    for name, value in _technical_headers(outgoing):
        message[name] = value
    if outgoing.reply_to:
        message["Reply-To"] = _mailbox("", mailbox_address(outgoing.reply_to))
    message.set_content(outgoing.text, cte="quoted-printable")
    message.add_alternative(outgoing.html, subtype="html", cte="quoted-printable")
    return message


class _KeepLongTokens(EmailPolicy):
    """The standard library splits long ids and addresses into encoded words, which breaks them."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _UNFOLDED:
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _UNFOLDED:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_UNFOLDED = frozenset({"message-id", "list-unsubscribe", "x-entity-ref-id"})
_POLICY = _KeepLongTokens(linesep=SMTP.linesep)


def _mailbox(name: str, address: str) -> Address:
    """A display name with line breaks would end the header: the address registry refuses it."""
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _technical_headers(outgoing: Outgoing) -> list[tuple[str, str]]:
    if not _MESSAGE_ID.fullmatch(outgoing.message_id):
        raise ValueError("a message id must have the form <unique@domain>")
    headers = [
        ("Message-ID", outgoing.message_id),
        # Without it Gmail puts a notice into the thread of the one before, where nobody sees it.
        ("X-Entity-Ref-ID", outgoing.message_id.strip("<>")),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    if outgoing.stop_link:
        headers += [
            ("List-Unsubscribe", f"<{_one_token(outgoing.stop_link)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    headers += [(_header_name(name), value) for name, value in outgoing.headers.items()]
    return headers


def _one_token(address: str) -> str:
    """``address`` again; ValueError where it would not survive as one header line."""
    room = _LONGEST_LINE - len("List-Unsubscribe: <>")
    printable = address.isascii() and address.isprintable() and not set(address) & set(" <>,")
    if not printable or len(address) > room:
        raise ValueError("the stop link cannot be put into a header")
    return address


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a header's name")
    return name
