"""Entries of the audit log, newest first, in pages that cost the same however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from recover.models import AuditLogEntry, AuditLogHead

PAGE = 50
LONGEST_ID = 18  # digits; more is no row of ours, and would not fit its column


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; "" where it does not say."""

    chain: str = ""
    actor: str = ""
    verb: str = ""
    case: str = ""
    before: str = ""

    @property
    def filtered(self) -> bool:
        return bool(self.chain or self.actor or self.verb or self.case)


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[AuditLogEntry]
    before: str  # cursor of the next page; "" on the last one


def page(session: Session, chains: Sequence[str], filters: Filters) -> Page:
    """One page of these chains. Each has a query of its own, so that its index gives the order."""
    wanted = [chain for chain in chains if filters.chain in ("", chain)]
    conditions = _conditions(filters)
    order = AuditLogEntry.id.desc()
    found = [
        entry
        for chain in wanted
        for entry in session.scalars(
            select(AuditLogEntry)
            .where(AuditLogEntry.chain == chain, *conditions)
            .order_by(order)
            .limit(PAGE + 1)
        )
    ]
    entries = sorted(found, key=lambda entry: entry.id, reverse=True)
    more = len(entries) > PAGE
    return Page(entries[:PAGE], str(entries[PAGE - 1].id) if more else "")


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = []
    if filters.actor == "people":
        conditions.append(AuditLogEntry.actor.startswith("user:"))
    elif filters.actor:
        conditions.append(AuditLogEntry.actor == filters.actor)
    if filters.verb:
        conditions.append(AuditLogEntry.verb == filters.verb)
    if (case_id := _number(filters.case)) is not None:
        conditions.append(AuditLogEntry.case_id == case_id)
    if (before := _number(filters.before)) is not None:
        conditions.append(AuditLogEntry.id < before)
    return conditions


def _number(text: str) -> int | None:
    """The id, or None for what is none: a bad filter then selects all, a bad cursor the start."""
    whole = text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID
    return int(text) if whole else None


def heads(session: Session, chains: Sequence[str]) -> dict[str, AuditLogHead]:
    query = select(AuditLogHead).where(AuditLogHead.chain.in_(chains))
    return {head.chain: head for head in session.scalars(query)}
