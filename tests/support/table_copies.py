"""A copy of every table, kept in the database itself: to go back to it takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine

from recover.foundation.database import Base

TABLES = tuple(f'"{table.name}"' for table in Base.metadata.sorted_tables)
COPIES = tuple(f'"kept_{table.name}"' for table in Base.metadata.sorted_tables)


class TableCopies:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self) -> None:
        """Copy what the tables hold now, in place of any copy before."""
        self.drop()
        self._execute(
            f"CREATE TABLE {copy} AS SELECT * FROM {table}"
            for table, copy in zip(TABLES, COPIES, strict=True)
        )

    def restore(self) -> None:
        """Fill the tables with what they held at `keep`."""
        deletes = [f"DELETE FROM {table}" for table in reversed(TABLES)]
        inserts = [
            f"INSERT INTO {table} SELECT * FROM {copy}"
            for table, copy in zip(TABLES, COPIES, strict=True)
        ]
        self._execute(deletes + inserts)

    def drop(self) -> None:
        """Forget the copies, if there are any: a database may serve the next test."""
        self._execute(f"DROP TABLE IF EXISTS {copy}" for copy in COPIES)

    def _execute(self, statements: Iterable[str]) -> None:
        """In one transaction, and at a server in one message."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                statements = [f"DO $$ BEGIN {'; '.join(statements)}; END $$"]
            for statement in statements:
                connection.exec_driver_sql(statement)
