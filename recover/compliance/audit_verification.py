"""Verifying the audit log: whether a chain is what was written, and where it first is not.

A chain is read once, in order, in one snapshot and in constant memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.compliance.audit_rows import (
    Broken,
    RawEntry,
    check_words,
    checked_hash,
    erased_entries_claimed,
    raw_entries,
    time_if_any,
)
from recover.foundation.database import Database
from recover.models import AuditLogEntry, AuditLogHead

SEALED_WITHIN = timedelta(minutes=10)  # the clock seals every minute

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first line of a chain that does not hold. A line that is gone has no id and no time."""

    chain: str
    seq: int | None
    entry_id: int | None
    at: datetime | None
    what: str

    def __str__(self) -> str:
        place = f"line {self.seq}" if self.seq is not None else "its end"
        known = [f"id {self.entry_id}"] if self.entry_id is not None else []
        known += [f"of {self.at:%Y-%m-%d %H:%M:%S} UTC"] if self.at else []
        named = f" ({' '.join(known)})" if known else ""
        return f"{self.chain}, {place}{named}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one chain. ``lines`` held; ``erased`` of them have lawfully lost their words."""

    chain: str
    lines: int
    erased: int
    waiting: int  # written, and not sealed yet
    hash: str  # of the last line that held
    fault: Fault | None = None

    @property
    def head(self) -> str:
        """To be kept elsewhere, and given to ``--expect`` one day: chain/line/hash."""
        return f"{self.chain}/{self.lines}/{self.hash}"


def chains(db: Database) -> list[str]:
    """Every chain there is, also one whose head or whose lines are gone."""
    with db.snapshot() as session:
        heads = set(session.scalars(select(AuditLogHead.chain)))
        return sorted(heads | set(session.scalars(select(AuditLogEntry.chain).distinct())))


def sealed_count(db: Database, chain: str) -> int:
    """How many sealed lines there are to check."""
    if _spelt(chain) != chain:
        return 0
    sealed = select(func.count()).where(
        AuditLogEntry.chain == chain, AuditLogEntry.seq.is_not(None)
    )
    with db.read() as session:
        return session.scalar(sealed) or 0


def check(
    db: Database,
    chain: str,
    now: datetime,
    *,
    expected: Mapping[int, str] | None = None,
    progress: Progress = lambda _lines: None,
) -> Checked:
    """Go through one chain. ``expected`` holds hashes kept elsewhere, by their line's number."""
    if _spelt(chain) != chain:
        what = "its name is no text: some line or head was moved to it from another chain"
        return Checked(_spelt(chain), 0, 0, 0, "", Fault(_spelt(chain), None, None, None, what))
    with db.snapshot() as session:
        walk = _Walk(chain, dict(expected or {}))
        sealed = AuditLogEntry.chain == chain, AuditLogEntry.seq.is_not(None)
        for rows in raw_entries(session, *sealed):
            for row in rows:
                if not walk.take(row):
                    return walk.result(_waiting(session, chain))
            progress(len(rows))
        found = walk.result(_waiting(session, chain))
        fault = walk.missing() or _head_fault(session, found) or _late(session, found, now)
        fault = fault or _unlawful(session, found, walk.said_erased)
    return replace(found, fault=fault)


def _spelt(chain: str) -> str:
    """A chain's name as it can be shown and asked for. SQLite keeps bytes that are no text, and
    whoever tampers may leave some.
    """
    return chain.encode(errors="backslashreplace").decode()


def store_result(db: Database, found: Checked, now: datetime) -> None:
    """Remember what a check found, for the founder's page. Not part of the chain."""
    fault = str(found.fault) if found.fault else ""
    head = update(AuditLogHead).where(AuditLogHead.chain == found.chain)
    with db.begin() as session:
        session.execute(head.values(verified_at=now, verified_seq=found.lines, fault=fault))


class _Walk:
    """One way along a chain, and how far it has come."""

    def __init__(self, chain: str, expected: dict[int, str]) -> None:
        self.chain, self.expected = chain, expected
        self.lines, self.hash, self.erased, self.said_erased = 0, "", 0, 0
        self.fault: Fault | None = None

    def take(self, row: RawEntry) -> bool:
        """Go one line on. False where it does not hold."""
        seq = self.lines + 1
        if row.seq != seq:
            after = f"the one found next is line {row.seq}, id {row.id}"
            self.fault = Fault(self.chain, seq, None, None, f"it is missing: {after}")
            return False
        try:
            hash_ = checked_hash(self.hash, row)
            self._compare(seq, hash_)
        except Broken as broken:
            self.fault = Fault(self.chain, seq, row.id, time_if_any(row.at), str(broken))
            return False
        self.lines, self.hash = seq, hash_
        self.erased += row.erased
        self.said_erased += erased_entries_claimed(row)
        return True

    def _compare(self, seq: int, hash_: str) -> None:
        if self.expected.pop(seq, hash_) != hash_:
            raise Broken(
                "its hash is not the one kept elsewhere: the chain was rebuilt up to here or before"
            )

    def missing(self) -> Fault | None:
        """A line whose hash was kept elsewhere, and that is not there any more."""
        if not self.expected:
            return None
        what = "it is missing, and its hash was kept elsewhere"
        return Fault(self.chain, min(self.expected), None, None, what)

    def result(self, waiting: int) -> Checked:
        return Checked(self.chain, self.lines, self.erased, waiting, self.hash, self.fault)


def _waiting(session: Session, chain: str) -> int:
    return session.scalar(select(func.count(AuditLogEntry.id)).where(*_unsealed(chain))) or 0


def _unsealed(chain: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return AuditLogEntry.chain == chain, AuditLogEntry.seq.is_(None)


def _head_fault(session: Session, found: Checked) -> Fault | None:
    """Deletion at the end shows only here."""
    head = select(AuditLogHead.seq, AuditLogHead.hash).where(AuditLogHead.chain == found.chain)
    seq, hash_ = next(iter(session.execute(head)), (0, ""))
    if seq > found.lines:
        what = f"it is missing: the chain went up to line {seq} and ends before"
        return Fault(found.chain, found.lines + 1, None, None, what)
    if (seq, hash_) != (found.lines, found.hash):
        what = f"the chain's head says line {seq}, the lines themselves say {found.lines}"
        what = (
            what if seq != found.lines else "the chain's head has another hash than its last line"
        )
        return Fault(found.chain, None, None, None, what)
    return None


def _late(session: Session, found: Checked, now: datetime) -> Fault | None:
    """Lines that nobody has sealed could be changed unseen."""
    for rows in raw_entries(session, *_unsealed(found.chain)):
        for row in rows:
            at = time_if_any(row.at)
            if at is None or at < now - SEALED_WITHIN:
                what = f"it has waited to be sealed too long, with {found.waiting} in all"
                return Fault(found.chain, None, row.id, at, f"{what}: is the clock running?")
    return None


def _unlawful(session: Session, found: Checked, said: int) -> Fault | None:
    """Every line without words is accounted for by an erasure, which has an entry of its own."""
    just_now = *_unsealed(found.chain), AuditLogEntry.verb == audit_log.ERASE
    for rows in raw_entries(session, *just_now):
        said += sum(erased_entries_claimed(row) for row in rows if _says_what_it_said(row))
    if found.erased <= said:
        return None
    what = f"{found.erased} lines have lost their words, and the erasures in the log account for"
    return Fault(found.chain, None, None, None, f"{what} {said}")


def _says_what_it_said(row: RawEntry) -> bool:
    try:
        check_words(row)
    except Broken:
        return False
    return True
