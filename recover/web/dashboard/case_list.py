"""The list of cases, newest first, in pages that cost the same however many cases there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from sqlalchemy import ColumnElement, Select, Text, and_, cast, or_, select
from sqlalchemy.orm import Session

from recover.dunning import CaseState
from recover.models import RecoveryCase
from recover.reporting import figures

PAGE = 30
MAX_QUERY = 100

DOUBTED = and_(
    RecoveryCase.state == CaseState.OPEN,
    cast(RecoveryCase.warnings, Text).not_in(("[]", "null")),
)
"""Open cases of which the engine distrusts or does not know something."""

FILTERS = {
    "all": None,
    "open": RecoveryCase.state == CaseState.OPEN,
    "recovered": RecoveryCase.state == CaseState.RECOVERED,
    "lost": figures.lost(),
    "aside": and_(
        RecoveryCase.state == CaseState.CLOSED,
        RecoveryCase.close_reason.not_in(figures.LOST_REASONS),
    ),
    "doubted": DOUBTED,
}
"""By the name in the address. "aside": ended by the company's own act, neither won nor lost."""


@dataclass(frozen=True, slots=True)
class Page:
    cases: list[RecoveryCase]
    after: str  # cursor of the next page; "" on the last one


def page(
    session: Session,
    account_ids: list[int],
    *,
    state: str = "all",
    query: str = "",
    after: str = "",
) -> Page:
    """One page of the accounts' cases. An unknown filter means all, a bad cursor the start.

    Each account has a query of its own, so that its index serves both the filter and the order.
    """
    conditions = _conditions(state, query, after)
    found = chain.from_iterable(
        session.scalars(_newest().where(RecoveryCase.account_id == account_id, *conditions))
        for account_id in account_ids
    )
    rows = sorted(found, key=lambda row: (row.failed_at, row.id), reverse=True)
    more = len(rows) > PAGE
    return Page(rows[:PAGE], cursor(rows[PAGE - 1]) if more else "")


def _newest() -> Select[RecoveryCase]:
    order = (RecoveryCase.failed_at.desc(), RecoveryCase.id.desc())
    return select(RecoveryCase).order_by(*order).limit(PAGE + 1)


def _conditions(state: str, query: str, after: str) -> list[ColumnElement[bool]]:
    conditions = []
    if (wanted := FILTERS.get(state)) is not None:
        conditions.append(wanted)
    if text := query.strip()[:MAX_QUERY]:
        conditions.append(_matches(text))
    if position := _cursor_position(after):
        conditions.append(_older(*position))
    return conditions


def _matches(text: str) -> ColumnElement[bool]:
    columns = (
        RecoveryCase.customer_name,
        RecoveryCase.customer_email,
        RecoveryCase.invoice_number,
        RecoveryCase.stripe_invoice_id,
        RecoveryCase.stripe_customer_id,
    )
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _older(failed_at: datetime, case_id: int) -> ColumnElement[bool]:
    """Spelt with a bound on the first column alone, which an index can use."""
    return and_(
        RecoveryCase.failed_at <= failed_at,
        or_(RecoveryCase.failed_at < failed_at, RecoveryCase.id < case_id),
    )


def cursor(row: RecoveryCase) -> str:
    """Where the next page begins: microseconds since 1970, and the id that breaks ties."""
    micros = int(row.failed_at.timestamp()) * 1_000_000 + row.failed_at.microsecond
    return f"{micros}-{row.id}"


def _cursor_position(after: str) -> tuple[datetime, int] | None:
    micros, _, case_id = after.partition("-")
    if not (micros.isdecimal() and case_id.isdecimal() and len(after) < 40):  # noqa: PLR2004 - two whole numbers
        return None
    seconds, rest = divmod(int(micros), 1_000_000)
    try:
        at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    except (OverflowError, ValueError, OSError):
        return None
    return at, int(case_id)
