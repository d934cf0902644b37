"""A real SMTP server that keeps what it is given, for people and tests to look at.

It speaks SMTP on a socket like any other, and can be told to turn mail away or to hang up.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox_message import MailMessage, parse

Stage = Literal["mail", "rcpt", "data"]


class Mailbox:
    """Listens on ``host``:``port`` (0: any free port) between `start` and `stop`.

    ``now`` gives the times of arrival, the machine's clock by default. Of all mails the newest
    ``keep`` are kept; numbers count on from 1 and are never used twice. Safe from any thread.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        now: Callable[[], datetime] | None = None,
        keep: int = 5000,
    ) -> None:
        # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every
        # EHLO would wait 40 ms for an acknowledgement.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen()
        self.host, self.port = self._listener.getsockname()[:2]
        self._now = now or (lambda: datetime.now(UTC))
        self._kept: deque[MailMessage] = deque(maxlen=keep)
        self._received = 0
        self._failures: deque[tuple[Stage, str]] = deque()
        self._hang_ups: deque[bool] = deque()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="mailbox", daemon=True)

    @property
    def url(self) -> str:
        """For the product's SMTP_URL."""
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> Self:
        """Begin to answer. The socket listens from the constructor on, so nobody is turned away."""
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        elif not self._loop.is_closed():
            self._loop.close()
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def received(self) -> int:
        """How many mails ever arrived; also the number of the newest."""
        return self._received

    def messages(self, *, after: int = 0, to: str = "") -> list[MailMessage]:
        """Kept mails with a number above ``after``, oldest first; all of them or one address's."""
        with self._lock:
            kept = list(self._kept)
        return [m for m in kept if m.number > after and (not to or to in m.to)]

    def message(self, number: int) -> MailMessage | None:
        with self._lock:
            return next((m for m in self._kept if m.number == number), None)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    def fail_next(self, code: int, n: int = 1, *, at: Stage = "rcpt", words: str = "") -> None:
        """Answer ``code`` (such as 421 or 550) to the next ``n`` mails at this command.

        ``words`` may begin with an enhanced status code (RFC 3463), such as 5.1.1.
        """
        words = words or ("Come back later" if code < 500 else "Not here")
        with self._lock:
            self._failures.extend([(at, f"{code} {words}")] * n)

    def hang_up_next(self, n: int = 1, *, keep: bool = True) -> None:
        """Take the next ``n`` mails in full, then close the connection without an answer.

        ``keep`` decides whether they count as received: their sender cannot tell.
        """
        with self._lock:
            self._hang_ups.extend([keep] * n)

    # What aiosmtpd calls, on the loop's thread. The names are its own.

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._failure("mail"):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._failure("rcpt"):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if refusal := self._failure("data"):
            return refusal
        with self._lock:
            hang_up = bool(self._hang_ups)
            if not hang_up or self._hang_ups.popleft():
                self._received += 1
                self._kept.append(parse(self._received, envelope, self._now()))
        if hang_up and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 OK"

    def _failure(self, stage: Stage) -> str:
        with self._lock:
            if not self._failures or self._failures[0][0] != stage:
                return ""
            return self._failures.popleft()[1]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._answer_until_stopped())
        finally:
            self._loop.close()

    async def _answer_until_stopped(self) -> None:
        server = await self._loop.create_server(self._conversation, sock=self._listener)
        await self._stopping.wait()
        server.close()
        await self._end_conversations()

    def _conversation(self) -> Any:
        return SMTP(self, hostname="mailbox.test", enable_SMTPUTF8=True, loop=self._loop)

    async def _end_conversations(self) -> None:
        open_ones = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
