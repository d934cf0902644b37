"""What the sandbox will do later, soonest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Run ``action`` at ``moment``; of two at one moment, the first one set runs first."""
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, action))

    def next_at(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, until: datetime) -> tuple[datetime, Callable[[], None]] | None:
        if not self._heap or self._heap[0][0] > until:
            return None
        moment, _, action = heapq.heappop(self._heap)
        return moment, action
