"""Lines of the record, newest first, in pages that cost the same however many lines there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from recover.models import RecordEntry, RecordHead

PAGE = 50
LONGEST_ID = 18  # digits; more is no row of ours, and would not fit its column


@dataclass(frozen=True, slots=True)
class Asked:
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
    lines: list[RecordEntry]
    before: str  # cursor of the next page; "" on the last one


def page(session: Session, chains: Sequence[str], asked: Asked) -> Page:
    """One page of these chains. Each is asked by itself, so that its index gives the order."""
    wanted = [chain for chain in chains if asked.chain in ("", chain)]
    conditions = _conditions(asked)
    order = RecordEntry.id.desc()
    found = [
        line
        for chain in wanted
        for line in session.scalars(
            select(RecordEntry)
            .where(RecordEntry.chain == chain, *conditions)
            .order_by(order)
            .limit(PAGE + 1)
        )
    ]
    lines = sorted(found, key=lambda line: line.id, reverse=True)
    more = len(lines) > PAGE
    return Page(lines[:PAGE], str(lines[PAGE - 1].id) if more else "")


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    conditions = []
    if asked.actor == "people":
        conditions.append(RecordEntry.actor.startswith("user:"))
    elif asked.actor:
        conditions.append(RecordEntry.actor == asked.actor)
    if asked.verb:
        conditions.append(RecordEntry.verb == asked.verb)
    if (case_id := _number(asked.case)) is not None:
        conditions.append(RecordEntry.case_id == case_id)
    if (before := _number(asked.before)) is not None:
        conditions.append(RecordEntry.id < before)
    return conditions


def _number(text: str) -> int | None:
    """None for what is no id: an unknown filter means all, a spoilt cursor the start."""
    whole = text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID
    return int(text) if whole else None


def heads(session: Session, chains: Sequence[str]) -> dict[str, RecordHead]:
    query = select(RecordHead).where(RecordHead.chain.in_(chains))
    return {head.chain: head for head in session.scalars(query)}
