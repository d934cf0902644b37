"""Rows of requests that arrive together share one transaction.

A commit waits for the disk, and each round trip to the database costs as much as the rest of a
request. While one thread writes, the others gather; the next to write takes all they brought.
Nobody returns before the own row is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

Row = dict[str, Any]
Write = Callable[[list[Row]], object]


class _Ticket:
    __slots__ = ("done", "error", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.done = False
        self.error: Exception | None = None


class GroupCommit:
    """``write`` stores rows in one transaction, all or none; it runs in one thread at a time."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._gathering: list[_Ticket] = []
        self._gather, self._writing = Lock(), Lock()

    def store(self, row: Row) -> bool:
        """Return once ``row`` is committed. True in the one thread that wrote for its group.

        Raises what ``write`` raised for this row.
        """
        ticket = _Ticket(row)
        with self._gather:
            self._gathering.append(ticket)
        with self._writing:
            leads = not ticket.done
            if leads:
                self._write_gathered()
        if ticket.error:
            raise ticket.error
        return leads

    def _write_gathered(self) -> None:
        with self._gather:
            group, self._gathering = self._gathering, []
        if not self._try(group) and len(group) > 1:
            for ticket in group:  # one bad row must not fail its neighbours
                self._try([ticket])
        for ticket in group:
            ticket.done = True

    def _try(self, group: list[_Ticket]) -> bool:
        error: Exception | None = None
        try:
            self._write([ticket.row for ticket in group])
        except Exception as caught:  # noqa: BLE001 - raised again by each thread it concerns
            error = caught
        for ticket in group:
            ticket.error = error
        return error is None
