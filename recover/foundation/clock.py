"""The product's one source of "now": the system's clock, or a file's time in a rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Now = Callable[[], datetime]


def system_now() -> datetime:
    return datetime.now(UTC)


def file_clock(path: str) -> Now:
    """A clock that reads an ISO 8601 time from ``path`` at every call.

    A rehearsal moves all processes through a month together by replacing that one file.
    """
    file = Path(path)

    def now() -> datetime:
        return datetime.fromisoformat(file.read_text().strip()).astimezone(UTC)

    return now
