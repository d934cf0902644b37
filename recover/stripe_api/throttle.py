"""How fast Stripe is asked when much is to be read.

Stripe allows 100 reads a second in live mode and 25 in test mode, for everything the company does.
A tenth of that leaves the company's own programs alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PER_SECOND = 10.0


class Pace:
    """At most ``per_second`` turns a second, evenly; ``pause`` and ``clock`` are in seconds."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gap = 1 / per_second
        self._pause, self._clock = pause, clock
        self._next = 0.0

    def wait_turn(self) -> None:
        """Return when it is one's turn: at once, unless the last one was a moment ago."""
        now = self._clock()
        if now < self._next:
            self._pause(self._next - now)
        self._next = max(now, self._next) + self._gap
