"""A new encryption key: every sealed column is sealed again with the newest, so that the old one
can be taken out of ENCRYPTION_KEYS.

Each batch is a transaction of its own, and what the newest key opens is left alone. So a rotation
may be interrupted anywhere, repeated, or run while the service runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Row, Table, select, update
from sqlalchemy.exc import OperationalError, ProgrammingError

from recover.foundation.database import Base, Database
from recover.foundation.errors import PermanentError
from recover.foundation.vault import Vault

SUFFIX = "_sealed"
ROWS_AT_ONCE = 200

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where one sealed value is stored; never the value."""

    table: str
    key: object  # the row's primary key
    column: str
    account_id: int | None

    def __str__(self) -> str:
        owner = f"account {self.account_id}" if self.account_id else f"{self.table} {self.key}"
        return f"{self.column.removesuffix(SUFFIX).replace('_', ' ')} of {owner}"


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many values a rotation or an inspection found, by the key that opens them."""

    fresh: int = 0  # sealed with the newest key already
    rotated: int = 0  # in an inspection: sealed with an old key
    stuck: tuple[Sealed, ...] = ()  # no key opens them
    old: tuple[Sealed, ...] = ()


def columns() -> list[tuple[Table, Column[str]]]:
    """Every column of sealed values."""
    return [
        (table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(SUFFIX)
    ]


def rotate(db: Database, vault: Vault, progress: Progress = lambda _rows: None) -> Rotated:
    """Seal everything with the newest key. Values that no key opens are left and listed."""
    total = Rotated()
    for table, column in columns():
        for rows in _batches(db, table, column):
            total = _sum(total, _reseal_batch(db, vault, table, column, rows))
            progress(len(rows))
    return total


def inspect(db: Database, vault: Vault) -> Rotated:
    """What a rotation would do. Changes nothing."""
    total = Rotated()
    for table, column in columns():
        for rows in _batches(db, table, column):
            for location, sealed in rows:
                total = _sum(total, _state_of(vault, location, sealed))
    return total


def warnings(db: Database, vault: Vault) -> list[str]:
    """Sentences about secrets that need an old key or that no key opens, for the start-up log."""
    try:
        found = inspect(db, vault)
    except (OperationalError, ProgrammingError):  # no database, or no tables yet
        return []
    texts = [
        f"The {one} cannot be opened: the key it was sealed with is not in ENCRYPTION_KEYS. Put it"
        " back there, or connect again."
        for one in found.stuck
    ]
    if found.old:
        named = ", ".join(str(one) for one in found.old[:5])
        more = f" and {len(found.old) - 5} more" if len(found.old) > 5 else ""  # noqa: PLR2004 - as many as are named
        texts.append(
            f"Sealed with an old key: {named}{more}. Run recover keys rotate before you remove it."
        )
    return texts


def _batches(db: Database, table: Table, column: Column[str]) -> Iterator[list[tuple[Sealed, str]]]:
    [key] = table.primary_key.columns
    owner = table.columns.get("account_id")
    query = select(key, column, *([owner] if owner is not None else [])).where(column != "")
    last = None
    while True:
        after_last = query if last is None else query.where(key > last)
        with db.read() as session:
            rows = session.execute(after_last.order_by(key).limit(ROWS_AT_ONCE)).all()
        if not rows:
            return
        last = rows[-1][0]
        yield [(_sealed_value(table, column, row), row[1]) for row in rows]


def _sealed_value(table: Table, column: Column[str], row: Row[Any]) -> Sealed:
    """``row``: primary key, sealed value, and the account if the table names one."""
    account_id = row[0] if table.name == "accounts" else getattr(row, "account_id", None)
    return Sealed(table.name, row[0], column.name, account_id)


def _reseal_batch(
    db: Database,
    vault: Vault,
    table: Table,
    column: Column[str],
    rows: list[tuple[Sealed, str]],
) -> Rotated:
    [key] = table.primary_key.columns
    done = Rotated()
    with db.begin() as session:
        for location, sealed in rows:
            found = _state_of(vault, location, sealed)
            if found.old:
                # Only if it is still what was read: somebody may have stored a new key meanwhile.
                same = key == location.key, column == sealed
                values = {column.name: vault.reseal(sealed)}
                session.execute(update(table).where(*same).values(values))
            done = _sum(done, found)
    return done


def _state_of(vault: Vault, location: Sealed, sealed: str) -> Rotated:
    if vault.fresh(sealed):
        return Rotated(fresh=1)
    try:
        vault.open(sealed)
    except PermanentError:
        return Rotated(stuck=(location,))
    return Rotated(rotated=1, old=(location,))


def _sum(one: Rotated, other: Rotated) -> Rotated:
    return Rotated(
        one.fresh + other.fresh,
        one.rotated + other.rotated,
        one.stuck + other.stuck,
        one.old + other.old,
    )
