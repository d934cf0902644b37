"""The sandbox's own time: it stands still until somebody moves it, and never runs backwards."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path


class Clock:
    """Aware UTC time. With ``path``, every change is also written there (ISO 8601), atomically.

    The file is how another process, such as the product, tells the same time.
    """

    def __init__(self, start: datetime, path: Path | None = None) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock needs an aware time")
        self._now = start
        self._path = path
        self._lock = threading.Lock()
        self._write(start)

    def now(self) -> datetime:
        return self._now

    def epoch(self) -> int:
        """Now, in whole seconds since 1970, as Stripe counts."""
        return int(self._now.timestamp())

    def advance_to(self, moment: datetime) -> None:
        """Move forward. Raises ValueError for a moment that has passed."""
        with self._lock:
            if moment < self._now:
                raise ValueError(f"time runs forward: {moment} is before {self._now}")
            self._now = moment
            self._write(moment)

    def _write(self, moment: datetime) -> None:
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".new")
        draft.write_text(moment.isoformat(), encoding="ascii")
        os.replace(draft, self._path)  # noqa: PTH105 - replace is the atomic one on every system
