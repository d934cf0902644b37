"""Group commit: rows of requests that arrive together share one transaction.

A commit waits for the disk, and each round trip to the database costs as much as the rest of a
request. While one thread writes, the rows of the others are gathered; then one of these threads
writes them all. No thread returns before its own row is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

Row = dict[str, Any]
Write = Callable[[list[Row]], object]


class _Ticket:
    """A row to be written. ``wake`` is released once it is, or when its thread has to lead."""

    __slots__ = ("done", "error", "row", "wake")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.done = False
        self.error: Exception | None = None
        self.wake = Lock()
        self.wake.acquire()


class GroupCommit:
    """``write`` stores rows in one transaction, all or none; it runs in one thread at a time."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._lock = Lock()
        self._gathering: list[_Ticket] = []
        self._writing = False

    def store(self, row: Row) -> bool:
        """Return once ``row`` is committed. True in the one thread that wrote for its group.

        Raises what ``write`` raised for this row.
        """
        ticket = _Ticket(row)
        with self._lock:
            self._gathering.append(ticket)
            leads, self._writing = not self._writing, True
        if not leads:
            ticket.wake.acquire()
            leads = not ticket.done
        if leads:
            self._lead()
        if ticket.error:
            raise ticket.error
        return leads

    def _lead(self) -> None:
        """Write the gathered rows, then let a thread that came meanwhile lead."""
        with self._lock:
            group, self._gathering = self._gathering, []
        if not self._write_group(group) and len(group) > 1:
            for ticket in group:  # one bad row must not fail its neighbours
                self._write_group([ticket])
        with self._lock:
            next_leader = self._gathering[0] if self._gathering else None
            self._writing = next_leader is not None
        if next_leader:
            next_leader.wake.release()
        for ticket in group:
            ticket.done = True
            ticket.wake.release()

    def _write_group(self, group: list[_Ticket]) -> bool:
        error: Exception | None = None
        try:
            self._write([ticket.row for ticket in group])
        except Exception as caught:  # noqa: BLE001 - raised again by each thread it concerns
            error = caught
        for ticket in group:
            ticket.error = error
        return error is None
