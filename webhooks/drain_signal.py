"""Queues the job that drains the inbox, from a thread, so that no answer to Stripe waits for Redis.

Under load one job serves all events stored since the last one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05  # between two signals; a drain is late by this much at most


class DrainSignal:
    """Call it to have the drain queued soon after. The call never blocks and never raises.

    A process that ends at once may not queue it; the clock's own drain then handles the events.
    """

    def __init__(self, signal: Callable[[], object], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._signal = signal
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
                self._thread = Thread(target=self._run, name="drain-signal", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()  # before the signal: a call from here on gets a signal of its own
            try:
                self._signal()
            except Exception:
                log.exception("the drain could not be queued; the clock will drain the inbox")
            time.sleep(self._pause_seconds)
