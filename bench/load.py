"""A load client that costs the machine little: prepared requests, raw sockets, one thread.

Each connection is kept alive and has one request under way at a time, as Stripe's has.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Sequence

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TIMEOUT_SECONDS = 60.0


def request_bytes(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST, as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def post_all(port: int, requests: Sequence[bytes], connections: int) -> float:
    """Send every request over ``connections`` sockets; the seconds it took.

    Raises RuntimeError for any answer but 200.
    """
    waiting = list(reversed(requests))
    with selectors.DefaultSelector() as selector:
        sockets = [_connect(port) for _ in range(connections)]
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ, (sock, bytearray()))
        began = time.perf_counter()
        for sock in sockets:
            _send_next(sock, waiting)
        _answer_until(selector, waiting, len(requests))
        took = time.perf_counter() - began
        for sock in sockets:
            sock.close()
    return took


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _answer_until(selector: selectors.BaseSelector, waiting: list[bytes], expected: int) -> None:
    answered = 0
    while answered < expected:
        ready = selector.select(TIMEOUT_SECONDS)
        if not ready:
            raise RuntimeError("the server does not answer")
        for key, _ in ready:
            sock, got = key.data
            got += sock.recv(65536)
            if _complete(got):
                answered += 1
                got.clear()
                _send_next(sock, waiting)


def _send_next(sock: socket.socket, waiting: list[bytes]) -> None:
    if waiting:
        sock.sendall(waiting.pop())


def _complete(answer: bytearray) -> bool:
    head, end, body = bytes(answer).partition(b"\r\n\r\n")
    if not end:
        return False
    length = LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"an answer other than 200: {head[:300]!r} {body[:300]!r}")
    return len(body) >= int(length[1])
