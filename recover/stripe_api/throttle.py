"""How fast long readings ask Stripe.

Stripe allows 100 reads a second in live mode and 25 in test mode, for all programs of a company.
`PER_SECOND` leaves most of that to the company's own.
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
        """Wait until the next turn is due; return at once if it is."""
        now = self._clock()
        if now < self._next:
            self._pause(self._next - now)
        self._next = max(now, self._next) + self._gap
