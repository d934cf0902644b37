"""The audit log: one entry for each act, with the reason in the words of whoever decided it.

An entry is written in the transaction of the act itself, and hashed into its chain a moment later
by `seal`, so that no act waits for a chain's lock. From then on any change to it is detected. Only
one change is allowed: when a person is erased, `reason`, `details` and `salt` are emptied; their
digest, which is what the chain covers, stays.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final, Protocol

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recover.foundation.database import Database
from recover.models import AuditLogEntry, AuditLogHead

log = logging.getLogger(__name__)

RECOVER: Final = "recover"  # the service by itself
STRIPE: Final = "stripe"
SUBSCRIBER: Final = "subscriber"
COMMAND: Final = "command"  # somebody at the installation's command line
INSTALLATION: Final = "installation"  # the chain of what belongs to no company
ERASE: Final = "erase"  # the verb of entries that say how many others were emptied
ENTRIES_AT_ONCE = 2000


class SealedColumns(Protocol):
    """The columns of an entry that its hash covers, with the hash of the entry before."""

    @property
    def id(self) -> int: ...
    @property
    def chain(self) -> str: ...
    @property
    def account_id(self) -> int | None: ...
    @property
    def company_id(self) -> int | None: ...
    @property
    def case_id(self) -> int | None: ...
    @property
    def stripe_customer_id(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def verb(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def user_actor(user_id: int) -> str:
    """A signed-in user as an actor."""
    return f"user:{user_id}"


def note_customer(
    session: Session,
    verb: str,
    reason: str,
    at: datetime,
    *,
    actor: str,
    account_id: int,
    customer_id: str,
    case_id: int | None = None,
) -> None:
    """Write an entry about an account's customer, and about their case if ``case_id`` is given."""
    write(
        session,
        verb,
        reason,
        at,
        Subject(
            f"case:{case_id}" if case_id else "customer",
            account_id=account_id,
            case_id=case_id,
            customer_id=customer_id,
        ),
        actor=actor,
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, such as case:1 or setting:mode, and to whom it belongs."""

    about: str
    account_id: int | None = None
    company_id: int | None = None
    case_id: int | None = None
    customer_id: str = ""


def write(
    session: Session,
    verb: str,
    reason: str,
    at: datetime,
    subject: Subject,
    *,
    actor: str,
    details: Mapping[str, Any] | None = None,
) -> AuditLogEntry:
    """Write an entry for the chain of the account, else of the company, else of the installation.

    ``details`` must be JSON, such as {"before": ..., "after": ...}; never a secret.
    """
    salt = token_hex(16)
    entry = AuditLogEntry(
        chain=_chain_of(subject.account_id, subject.company_id),
        account_id=subject.account_id,
        company_id=subject.company_id,
        case_id=subject.case_id,
        stripe_customer_id=subject.customer_id,
        actor=actor,
        verb=verb,
        about=subject.about,
        reason=reason,
        details=dict(details) if details else {},
        salt=salt,
        digest=digest(salt, reason, details or {}),
        at=at,
    )
    session.add(entry)
    return entry


def _chain_of(account_id: int | None, company_id: int | None) -> str:
    if account_id is not None:
        return f"account:{account_id}"
    return INSTALLATION if company_id is None else f"company:{company_id}"


def digest(salt: str, reason: str, details: Mapping[str, Any]) -> str:
    """SHA-256 of an entry's words, in hex: all that the chain holds of them."""
    return _canonical_sha256([salt, reason, details])


def entry_hash(previous_hash: str, entry: SealedColumns, seq: int) -> str:
    """SHA-256 in hex of the entry number ``seq`` of a chain, after one with ``previous_hash``."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return _canonical_sha256(
        [
            previous_hash,
            entry.chain,
            seq,
            entry.id,
            at,
            entry.actor,
            entry.verb,
            entry.about,
            entry.account_id,
            entry.company_id,
            entry.case_id,
            entry.stripe_customer_id,
            entry.digest,
        ]
    )


def _canonical_sha256(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def seal(db: Database) -> int:
    """Hash every unsealed entry into its chain. Returns how many.

    Harmless to repeat, and to run in two processes at once.
    """
    waiting = select(AuditLogEntry.chain).where(AuditLogEntry.seq.is_(None)).distinct()
    with db.read() as session:
        chains = list(session.scalars(waiting))
    return sum(_seal(db, chain) for chain in chains)


def _seal(db: Database, chain: str) -> int:
    count = 0
    try:
        while sealed := _seal_batch(db, chain):
            count += sealed
    except IntegrityError:  # its head is gone or was set back; the other chains go on
        log.error("the audit log of %s cannot be sealed: recover record verify says why", chain)  # noqa: TRY400 - a trace would show the rows
    return count


SEALED = (
    AuditLogEntry.id,
    AuditLogEntry.chain,
    AuditLogEntry.account_id,
    AuditLogEntry.company_id,
    AuditLogEntry.case_id,
    AuditLogEntry.stripe_customer_id,
    AuditLogEntry.actor,
    AuditLogEntry.verb,
    AuditLogEntry.about,
    AuditLogEntry.digest,
    AuditLogEntry.at,
)


def _seal_batch(db: Database, chain: str) -> int:
    """Seal the next entries in the order of their ids, under the lock of the chain's head."""
    unsealed = select(*SEALED).where(AuditLogEntry.chain == chain, AuditLogEntry.seq.is_(None))
    with db.begin() as session:
        session.execute(db.insert_ignoring_duplicates(AuditLogHead).values(chain=chain, seq=0))
        head = session.get_one(AuditLogHead, chain, with_for_update=True)
        rows = []
        for entry in session.execute(unsealed.order_by(AuditLogEntry.id).limit(ENTRIES_AT_ONCE)):
            head.seq, head.hash = head.seq + 1, entry_hash(head.hash, entry, head.seq + 1)
            rows.append({"id": entry.id, "seq": head.seq, "hash": head.hash})
        if rows:
            session.execute(update(AuditLogEntry), rows)
    return len(rows)
