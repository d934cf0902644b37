"""The mail server as one address, such as ``smtp+starttls://user:password@mail.example.com:587``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

Security = Literal["none", "starttls", "tls"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}


@dataclass(frozen=True, slots=True)
class SmtpUrl:
    """Where mail is handed over. Printing one never shows the password."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_smtp_url(url: str) -> SmtpUrl:
    """Raises ValueError saying what is wrong, without repeating what may hold a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # urlsplit quotes the part it trips over, which may be a password with a "/" or "#" in it.
        raise ValueError(_HELP) from None
    if parts.scheme not in _SCHEMES or not host or parts.path not in ("", "/"):
        raise ValueError(_HELP)
    if parts.query or parts.fragment:
        raise ValueError(_HELP)
    security, default_port = _SCHEMES[parts.scheme]
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(username) != bool(password):
        raise ValueError("the mail server's address has a user name or a password, but not both")
    return SmtpUrl(host, port or default_port, security, username, password)


_HELP = (
    "the mail server's address must look like smtp+starttls://user:password@host:587, "
    "with smtp://, smtp+starttls:// or smtps://, "
    "and with special characters of the password percent-encoded"
)
