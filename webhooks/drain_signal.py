"""Rings on a thread of its own, so that no answer to Stripe waits for Redis.

Under load one ring serves every event stored since the last, which is all a bell is for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05  # between rings; the most a drain is late by


class Ringer:
    """Calling it asks for a ring soon after; it never blocks and never raises.

    A process that ends at once may not ring any more. The clock drains what nobody rang for.
    """

    def __init__(self, ring: Callable[[], object], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._ring = ring
        self._pause_seconds = pause_seconds
        self._asked = Event()
        self._starting = Lock()
        self._thread: Thread | None = None

    def __call__(self) -> None:
        self._asked.set()
        if self._thread is None or not self._thread.is_alive():  # also in a forked child
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="ringer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()  # before ringing: who asks from here on is rung for again
            try:
                self._ring()
            except Exception:
                log.exception("the bell could not be rung; the clock will drain the inbox")
            time.sleep(self._pause_seconds)
