"""Stores events in one round trip to the database, over a connection of its own.

A connection from the pool costs three more: a check that it is alive, BEGIN and COMMIT. An INSERT
alone is a transaction too. (The driver sends several rows as one pipeline, which the server commits
or rolls back as a whole.)
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from recover.foundation.database import Database
from recover.models import StripeEvent

Row = dict[str, Any]


class EventWriter:
    """For one thread at a time. It connects at its first write, so after a fork."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: Connection | None = None
        self._insert = db.insert_ignoring_duplicates(StripeEvent.__table__)
        event.listen(db.engine, "engine_disposed", lambda _engine: self.close())

    def write(self, rows: list[Row]) -> None:
        """Commit ``rows``, all or none; those already known are skipped.

        Each row names every column that may not be null, because SQLAlchemy's defaults would take
        most of the time here. A connection lost since the last write is replaced. Raises
        OperationalError and InterfaceError where the database is away.
        """
        # In a fixed order: two processes storing the same events cannot wait for each other.
        rows = sorted(rows, key=lambda row: (row["account_id"], row["stripe_event_id"]))
        fresh = self._connection is None
        try:
            self._store(rows)
        except DBAPIError as error:
            if fresh or not error.connection_invalidated:
                raise
            self._store(rows)

    def _store(self, rows: list[Row]) -> None:
        connection = self._connected()
        try:
            with connection.begin():
                connection.execute(self._insert, rows)
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            # Each statement commits by itself. `begin` then only matters to SQLite, which is
            # cheap there.
            connection = self._db.engine.connect()
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # it takes no place in the pool, and is closed when we close it
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
