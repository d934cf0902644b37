"""Verifying the audit log: whether a chain is as it was sealed, and if not, its first fault.

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
    EntryBroken,
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
    """The first broken entry of a chain. An entry that is missing has no id and no time."""

    chain: str
    seq: int | None
    entry_id: int | None
    at: datetime | None
    what: str

    def __str__(self) -> str:
        position = f"line {self.seq}" if self.seq is not None else "its end"
        details = [f"id {self.entry_id}"] if self.entry_id is not None else []
        details += [f"of {self.at:%Y-%m-%d %H:%M:%S} UTC"] if self.at else []
        named = f" ({' '.join(details)})" if details else ""
        return f"{self.chain}, {position}{named}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one chain: ``lines`` are intact entries, ``erased`` of them without words.

    The names of the fields are keys of `recover record verify --json`.
    """

    chain: str
    lines: int
    erased: int
    waiting: int  # written, and not sealed yet
    hash: str  # of the last line that held
    fault: Fault | None = None

    @property
    def head(self) -> str:
        """chain/number/hash, to be kept elsewhere and given to ``--expect`` later."""
        return f"{self.chain}/{self.lines}/{self.hash}"


def chains(db: Database) -> list[str]:
    """Every chain, also one whose head or whose entries are gone."""
    with db.snapshot() as session:
        heads = set(session.scalars(select(AuditLogHead.chain)))
        return sorted(heads | set(session.scalars(select(AuditLogEntry.chain).distinct())))


def sealed_count(db: Database, chain: str) -> int:
    """How many sealed entries the chain has."""
    if _printable(chain) != chain:
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
    """Verify one chain. ``expected`` holds hashes kept elsewhere, by the number of their entry.

    ``progress`` is called with the number of entries read since the last call.
    """
    printable = _printable(chain)
    if printable != chain:
        what = "its name is no text: some line or head was moved to it from another chain"
        return Checked(printable, 0, 0, 0, "", Fault(printable, None, None, None, what))
    with db.snapshot() as session:
        walk = _Walk(chain, dict(expected or {}))
        sealed = AuditLogEntry.chain == chain, AuditLogEntry.seq.is_not(None)
        for rows in raw_entries(session, *sealed):
            for row in rows:
                if not walk.take(row):
                    return walk.result(_unsealed_count(session, chain))
            progress(len(rows))
        result = walk.result(_unsealed_count(session, chain))
        fault = (
            walk.missing()
            or _head_fault(session, result)
            or _unsealed_too_long(session, result, now)
        )
        fault = fault or _unexplained_erasures(session, result, walk.claimed_erased)
    return replace(result, fault=fault)


def _printable(chain: str) -> str:
    """A chain's name as it can be printed and queried.

    SQLite stores bytes that are no text, and tampering may leave some.
    """
    return chain.encode(errors="backslashreplace").decode()


def store_result(db: Database, result: Checked, now: datetime) -> None:
    """Store the result of a check, for the founder's page. It is no part of the chain."""
    fault = str(result.fault) if result.fault else ""
    head = update(AuditLogHead).where(AuditLogHead.chain == result.chain)
    with db.begin() as session:
        session.execute(head.values(verified_at=now, verified_seq=result.lines, fault=fault))


class _Walk:
    """A walk along one chain: how far it has come, and what it has counted."""

    def __init__(self, chain: str, expected: dict[int, str]) -> None:
        self.chain, self.expected = chain, expected
        self.lines, self.hash, self.erased, self.claimed_erased = 0, "", 0, 0
        self.fault: Fault | None = None

    def take(self, row: RawEntry) -> bool:
        """Verify the next entry. False if it is broken."""
        seq = self.lines + 1
        if row.seq != seq:
            after = f"the one found next is line {row.seq}, id {row.id}"
            self.fault = Fault(self.chain, seq, None, None, f"it is missing: {after}")
            return False
        try:
            hash_ = checked_hash(self.hash, row)
            self._compare(seq, hash_)
        except EntryBroken as broken:
            self.fault = Fault(self.chain, seq, row.id, time_if_any(row.at), str(broken))
            return False
        self.lines, self.hash = seq, hash_
        self.erased += row.erased
        self.claimed_erased += erased_entries_claimed(row)
        return True

    def _compare(self, seq: int, hash_: str) -> None:
        if self.expected.pop(seq, hash_) != hash_:
            raise EntryBroken(
                "its hash is not the one kept elsewhere: the chain was rebuilt up to here or before"
            )

    def missing(self) -> Fault | None:
        """The fault if an entry whose hash was kept elsewhere is missing."""
        if not self.expected:
            return None
        what = "it is missing, and its hash was kept elsewhere"
        return Fault(self.chain, min(self.expected), None, None, what)

    def result(self, waiting: int) -> Checked:
        return Checked(self.chain, self.lines, self.erased, waiting, self.hash, self.fault)


def _unsealed_count(session: Session, chain: str) -> int:
    return session.scalar(select(func.count(AuditLogEntry.id)).where(*_unsealed(chain))) or 0


def _unsealed(chain: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return AuditLogEntry.chain == chain, AuditLogEntry.seq.is_(None)


def _head_fault(session: Session, result: Checked) -> Fault | None:
    """The fault if the chain's head and its last entry differ: only here a cut-off end shows."""
    head = select(AuditLogHead.seq, AuditLogHead.hash).where(AuditLogHead.chain == result.chain)
    seq, hash_ = next(iter(session.execute(head)), (0, ""))
    if seq > result.lines:
        what = f"it is missing: the chain went up to line {seq} and ends before"
        return Fault(result.chain, result.lines + 1, None, None, what)
    if (seq, hash_) != (result.lines, result.hash):
        what = f"the chain's head says line {seq}, the lines themselves say {result.lines}"
        what = (
            what if seq != result.lines else "the chain's head has another hash than its last line"
        )
        return Fault(result.chain, None, None, None, what)
    return None


def _unsealed_too_long(session: Session, result: Checked, now: datetime) -> Fault | None:
    """The fault if entries stay unsealed: they could be changed without a trace."""
    for rows in raw_entries(session, *_unsealed(result.chain)):
        for row in rows:
            at = time_if_any(row.at)
            if at is None or at < now - SEALED_WITHIN:
                what = f"it has waited to be sealed too long, with {result.waiting} in all"
                return Fault(result.chain, None, row.id, at, f"{what}: is the clock running?")
    return None


def _unexplained_erasures(session: Session, result: Checked, claimed: int) -> Fault | None:
    """The fault if more entries lost their words than the entries about erasures account for."""
    just_now = *_unsealed(result.chain), AuditLogEntry.verb == audit_log.ERASE
    for rows in raw_entries(session, *just_now):
        claimed += sum(erased_entries_claimed(row) for row in rows if _words_intact(row))
    if result.erased <= claimed:
        return None
    what = f"{result.erased} lines have lost their words, and the erasures in the log account for"
    return Fault(result.chain, None, None, None, f"{what} {claimed}")


def _words_intact(row: RawEntry) -> bool:
    try:
        check_words(row)
    except EntryBroken:
        return False
    return True
