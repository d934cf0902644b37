"""Engine and sessions: SQLite for one machine, PostgreSQL for real use; times are aware UTC."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    String,
    Text,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from recover.foundation.texts import SHORT, fit, storable

SQLITE_BUSY_MS = 15_000
READING = "recover_reading"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in and out, also on SQLite, which forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time reached the database; times are aware UTC")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ShortText(TypeDecorator[str]):
    """A text of at most `texts.SHORT` characters. What is longer is cut, on either database, and
    compared as it was stored: no text from outside can make a row fail.
    """

    impl = String(SHORT)
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else fit(value)


class LongText(TypeDecorator[str]):
    """A text of any length, without what a database cannot store."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def _values_of(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


# The column type of every StrEnum: a plain string in the database, a member in Python. Writing or
# reading a string that is no member raises LookupError.
ENUM_COLUMN = Enum(
    StrEnum, native_enum=False, length=255, values_callable=_values_of, validate_strings=True
)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own idiom
        datetime: UtcDateTime(),
        StrEnum: ENUM_COLUMN,
    }


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for ``url``. Threads share it; a forked process must make its own."""
    url = url.replace("postgres://", "postgresql://", 1)
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return create_engine(url, pool_size=pool_size, max_overflow=10, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers and one writer work side by side; FULL keeps what was committed."""
    connection.isolation_level = None  # the driver's own implicit BEGIN would come too late
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={SQLITE_BUSY_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    """Take the write lock at once.

    A transaction that reads first and writes later cannot wait for the lock: SQLite refuses it
    with "database is locked" instead of queueing, since what it read may have changed.
    """
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


class Database:
    """Sessions on one engine. `begin()` commits at the end of its block or rolls back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sessions = sessionmaker(engine, expire_on_commit=False)

    @classmethod
    def connect(cls, url: str, *, pool_size: int = 5) -> Database:
        return cls(make_engine(url, pool_size=pool_size))

    @contextlib.contextmanager
    def begin(self) -> Iterator[Session]:
        with self.sessions.begin() as session:
            yield session

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads, and so waits for no writer. Changes are rolled back."""
        with self.sessions() as session:
            session.connection(execution_options={READING: True})
            yield session

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Session]:
        """As `read`, but everything is read as of one moment, and invalid text is not refused."""
        sqlite_ = self.engine.dialect.name == "sqlite"
        options = {} if sqlite_ else {"isolation_level": "REPEATABLE READ"}
        with self.sessions() as session:
            connection = session.connection(execution_options={READING: True, **options})
            raw: Any = connection.connection.driver_connection if sqlite_ else None
            try:
                if raw:
                    raw.text_factory = lambda stored: stored.decode(errors="surrogateescape")
                yield session
            finally:
                if raw:
                    raw.text_factory = str

    def insert_ignoring_duplicates(self, table: Any) -> Any:
        """INSERT .. ON CONFLICT DO NOTHING, which both databases spell the same way."""
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Any, keys: Sequence[str], columns: Sequence[str]) -> Any:
        """INSERT .. ON CONFLICT (keys) DO UPDATE of ``columns``, as both databases spell it."""
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(table)
        changed = {name: insert.excluded[name] for name in columns}
        return insert.on_conflict_do_update(index_elements=list(keys), set_=changed)
