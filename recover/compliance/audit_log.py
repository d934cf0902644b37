"""The audit log: one entry for each act, with the reason in the words of whoever decided it.

A line is written in the transaction of the act itself, and chained a moment later by `seal`, so
that no act waits for the end of a chain. From then on any change to it shows. Only one change is
lawful: `reason`, `details` and `salt` of a person who asked for it are emptied, while their digest,
which the chain covers, stays.
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
ERASE: Final = "erase"  # the verb of lines that say how many others lost their words
BATCH = 2000


class SealedColumns(Protocol):
    """What the chain covers of a line, beside the hash of the line before."""

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
    """Add a line about an account's customer, and about their case where it is about one."""
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
    """What a line is about, such as case:1 or setting:mode, and whose it is."""

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
    """Add a line to the chain of the account, else of the company, else of the installation.

    ``details`` must be JSON, such as {"before": ..., "after": ...}; never a secret.
    """
    salt = token_hex(16)
    entry = AuditLogEntry(
        chain=_chain(subject.account_id, subject.company_id),
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


def _chain(account_id: int | None, company_id: int | None) -> str:
    if account_id is not None:
        return f"account:{account_id}"
    return INSTALLATION if company_id is None else f"company:{company_id}"


def digest(salt: str, reason: str, details: Mapping[str, Any]) -> str:
    """What the chain knows of the words: 64 hex digits."""
    return _hashed([salt, reason, details])


def entry_hash(before: str, line: SealedColumns, seq: int) -> str:
    """The hash of a line at its place in the chain, after the line whose hash is ``before``."""
    at = line.at.astimezone(UTC).isoformat(timespec="microseconds")
    return _hashed(
        [
            before,
            line.chain,
            seq,
            line.id,
            at,
            line.actor,
            line.verb,
            line.about,
            line.account_id,
            line.company_id,
            line.case_id,
            line.stripe_customer_id,
            line.digest,
        ]
    )


def _hashed(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def seal(db: Database) -> int:
    """Chain every line that is not chained yet. How many. Harmless to repeat or to run twice."""
    waiting = select(AuditLogEntry.chain).where(AuditLogEntry.seq.is_(None)).distinct()
    with db.read() as session:
        chains = list(session.scalars(waiting))
    return sum(_seal(db, chain) for chain in chains)


def _seal(db: Database, chain: str) -> int:
    count = 0
    try:
        while sealed := _seal_batch(db, chain):
            count += sealed
    except IntegrityError:  # its head is gone or set back; no other chain has to wait for that
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
    """The next lines in the order of their ids, under the lock of the chain's head."""
    unsealed = select(*SEALED).where(AuditLogEntry.chain == chain, AuditLogEntry.seq.is_(None))
    with db.begin() as session:
        session.execute(db.insert_ignoring_duplicates(AuditLogHead).values(chain=chain, seq=0))
        head = session.get_one(AuditLogHead, chain, with_for_update=True)
        rows = []
        for line in session.execute(unsealed.order_by(AuditLogEntry.id).limit(BATCH)):
            head.seq, head.hash = head.seq + 1, entry_hash(head.hash, line, head.seq + 1)
            rows.append({"id": line.id, "seq": head.seq, "hash": head.hash})
        if rows:
            session.execute(update(AuditLogEntry), rows)
    return len(rows)
