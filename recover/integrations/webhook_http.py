"""One signed POST to an address that a customer of ours typed in. The home of outgoing HTTP.

Two dangers are met here. The address may lead into our own network: so the name is resolved first,
each of its IP addresses must be public, and the connection goes to one of these, so that the name
cannot resolve to another one meanwhile. And a receiver may hang, or send a byte a minute: so the
connection is shut down when the total time is up. There are no redirects, proxies or cookies.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from recover.foundation.errors import PermanentError

CONNECT_SECONDS, TOTAL_SECONDS = 3.0, 10.0
ANSWER_BYTES = 1000
MAX_URL_LENGTH = 2000
SIGNATURE = "Recover-Signature"

Resolve = Callable[[str, int], Sequence[str]]


class AddressRefused(PermanentError):
    """An address that Recover does not send to. The text says why, for whoever typed it in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. ``status_code`` 0: there was none, and ``error`` says why."""

    status_code: int
    body: str = ""
    error: str = ""
    took_ms: int = 0

    @property
    def accepted(self) -> bool:
        return 200 <= self.status_code < 300  # noqa: PLR2004 - what HTTP calls success


def sign(body: bytes, secrets: Sequence[str], at: datetime) -> str:
    """The signature header, in the form of Stripe's: "t=1795000000,v1=..." once for each secret."""
    seconds = int(at.timestamp())
    signed = str(seconds).encode() + b"." + body
    digests = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={seconds}", *(f"v1={digest}" for digest in digests)])


def resolve(host: str, port: int) -> list[str]:
    """Every IP address of a name. Raises OSError."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in addresses))


def check_url(url: str, *, loopback: bool) -> SplitResult:
    """The parts of an address that may be sent to, before its name is resolved.

    ``loopback``: a rehearsal, in which this machine is allowed, also without TLS.
    Raises AddressRefused.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is not an address that can be read.") from None
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or " " in url:
        raise AddressRefused("The address is too long, or holds characters no address has.")
    if not parts.hostname or port == 0:
        raise AddressRefused("The address names no host: https://example.com/recover")
    if parts.username or parts.password or parts.fragment:
        raise AddressRefused("The address must hold no password and no # part.")
    if parts.scheme == "https":
        return parts
    if parts.scheme == "http" and loopback:
        return parts
    raise AddressRefused("The address must begin with https://")


def post(
    url: str, body: bytes, headers: dict[str, str], *, loopback: bool, resolve: Resolve = resolve
) -> Answer:
    """Send ``body``. Returns the answer, or the error if none came in time; never raises."""
    began = time.monotonic()
    try:
        parts = check_url(url, loopback=loopback)
        address = _public_address(parts, loopback=loopback, resolve=resolve)
        status, text = _exchange(parts, address, body, headers)
    except (AddressRefused, OSError, HTTPException) as error:
        seconds = time.monotonic() - began
        return Answer(0, error=_error_text(error, seconds), took_ms=int(seconds * 1000))
    return Answer(status, text, took_ms=int((time.monotonic() - began) * 1000))


def _public_address(parts: SplitResult, *, loopback: bool, resolve: Resolve) -> str:
    """The IP address to connect to. Raises AddressRefused if any of the name's is private."""
    host, port = parts.hostname or "", _port(parts)
    addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in resolve(host, port)]
    if not addresses:
        raise AddressRefused(f"{host} has no address.")
    for one in addresses:
        if one.is_loopback and loopback:
            continue
        if parts.scheme != "https":
            raise AddressRefused("Without TLS only this machine itself can be sent to.")
        if not _is_public(one):
            raise AddressRefused(f"{host} leads to {one}, which is not a public address.")
    return str(addresses[0])


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is public, and so is the IPv4 address that an IPv6 one may embed."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return _is_public(inner)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _exchange(
    parts: SplitResult, address: str, body: bytes, headers: dict[str, str]
) -> tuple[int, str]:
    deadline = time.monotonic() + TOTAL_SECONDS
    with socket.create_connection((address, _port(parts)), timeout=CONNECT_SECONDS) as raw:
        raw.settimeout(TOTAL_SECONDS)
        with _shut_at(raw, deadline), _with_tls(raw, parts) as connected:
            connection = HTTPConnection(parts.hostname or "", _port(parts))
            connection.sock = connected
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"Host": parts.netloc, **headers})
            answer = connection.getresponse()
            if time.monotonic() >= deadline:  # headers that were cut off look like an answer
                raise TimeoutError
            return answer.status, answer.read(ANSWER_BYTES).decode(errors="replace")


@contextmanager
def _shut_at(raw: socket.socket, deadline: float) -> Iterator[None]:
    """Shut the connection down at the deadline: a socket's own timeout is for each single wait."""
    with raw.dup() as handle:  # TLS takes the socket itself away
        guard = threading.Timer(max(0, deadline - time.monotonic()), _shut, args=[handle])
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()


def _with_tls(raw: socket.socket, parts: SplitResult) -> socket.socket:
    if parts.scheme != "https":
        return raw
    return _tls_context().wrap_socket(raw, server_hostname=parts.hostname)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _shut(raw: socket.socket) -> None:
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was quicker
        return


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _error_text(error: Exception, seconds: float) -> str:
    """What happened, for the log that the endpoint's owner reads."""
    if isinstance(error, AddressRefused):
        return str(error)
    if isinstance(error, socket.gaierror):
        return "The name of the host could not be resolved."
    if isinstance(error, TimeoutError) or seconds >= TOTAL_SECONDS:
        return f"There was no answer within {round(seconds)} seconds."
    if isinstance(error, ssl.SSLError):
        return f"The TLS connection failed: {error.reason or type(error).__name__}"
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused: nothing listens there."
    return f"The connection broke: {type(error).__name__}"
