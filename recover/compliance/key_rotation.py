"""A new encryption key: every sealed column is sealed again with the newest, so that the old one
can be taken out of ENCRYPTION_KEYS.

Each batch is a transaction of its own, and what the newest key opens is left alone: a rotation may
break off anywhere, be repeated, or run beside the service.
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

ENDING = "_sealed"
BATCH = 200

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed value, by its place; never what it is."""

    table: str
    key: object  # the row's primary key
    column: str
    account_id: int | None

    def __str__(self) -> str:
        owner = f"account {self.account_id}" if self.account_id else f"{self.table} {self.key}"
        return f"{self.column.removesuffix(ENDING).replace('_', ' ')} of {owner}"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation, or a look at what there is to rotate, found."""

    fresh: int = 0  # with the newest key already
    rotated: int = 0  # or, of a look: sealed with an old key
    stuck: tuple[Sealed, ...] = ()  # no key opens them
    old: tuple[Sealed, ...] = ()


def columns() -> list[tuple[Table, Column[str]]]:
    """Every column that holds something sealed."""
    return [
        (table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(ENDING)
    ]


def rotate(db: Database, vault: Vault, progress: Progress = lambda _rows: None) -> Rotated:
    """Seal everything with the newest key. What cannot be opened is left as it is, and named."""
    total = Rotated()
    for table, column in columns():
        for rows in _batches(db, table, column):
            total = _sum(total, _rotate(db, vault, table, column, rows))
            progress(len(rows))
    return total


def inspect(db: Database, vault: Vault) -> Rotated:
    """What a rotation would find. Changes nothing."""
    total = Rotated()
    for table, column in columns():
        for rows in _batches(db, table, column):
            for place, sealed in rows:
                total = _sum(total, _state_of(vault, place, sealed))
    return total


def warnings(db: Database, vault: Vault) -> list[str]:
    """For whoever starts the service: secrets that need an old key, or that nobody can open."""
    try:
        found = inspect(db, vault)
    except (OperationalError, ProgrammingError):  # no database, or no tables yet
        return []
    said = [
        f"The {one} cannot be opened: the key it was sealed with is not in ENCRYPTION_KEYS. Put it"
        " back there, or connect again."
        for one in found.stuck
    ]
    if found.old:
        named = ", ".join(str(one) for one in found.old[:5])
        more = f" and {len(found.old) - 5} more" if len(found.old) > 5 else ""  # noqa: PLR2004 - as many as are named
        said.append(
            f"Sealed with an old key: {named}{more}. Run recover keys rotate before you remove it."
        )
    return said


def _batches(db: Database, table: Table, column: Column[str]) -> Iterator[list[tuple[Sealed, str]]]:
    [key] = table.primary_key.columns
    owner = table.columns.get("account_id")
    query = select(key, column, *([owner] if owner is not None else [])).where(column != "")
    last = None
    while True:
        here = query if last is None else query.where(key > last)
        with db.read() as session:
            rows = session.execute(here.order_by(key).limit(BATCH)).all()
        if not rows:
            return
        last = rows[-1][0]
        yield [(_place(table, column, row), row[1]) for row in rows]


def _place(table: Table, column: Column[str], row: Row[Any]) -> Sealed:
    """``row``: its key, what is sealed, and the account where the table names one."""
    account_id = row[0] if table.name == "accounts" else getattr(row, "account_id", None)
    return Sealed(table.name, row[0], column.name, account_id)


def _rotate(
    db: Database,
    vault: Vault,
    table: Table,
    column: Column[str],
    rows: list[tuple[Sealed, str]],
) -> Rotated:
    [key] = table.primary_key.columns
    done = Rotated()
    with db.begin() as session:
        for place, sealed in rows:
            found = _state_of(vault, place, sealed)
            if found.old:
                # Only where it is still what was read: somebody may have connected anew meanwhile.
                same = key == place.key, column == sealed
                values = {column.name: vault.reseal(sealed)}
                session.execute(update(table).where(*same).values(values))
            done = _sum(done, found)
    return done


def _state_of(vault: Vault, place: Sealed, sealed: str) -> Rotated:
    if vault.fresh(sealed):
        return Rotated(fresh=1)
    try:
        vault.open(sealed)
    except PermanentError:
        return Rotated(stuck=(place,))
    return Rotated(rotated=1, old=(place,))


def _sum(one: Rotated, other: Rotated) -> Rotated:
    return Rotated(
        one.fresh + other.fresh,
        one.rotated + other.rotated,
        one.stuck + other.stuck,
        one.old + other.old,
    )
