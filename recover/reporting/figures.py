"""The founder's numbers: sums over the ledger and the cases, always of one company's accounts.

Money stays in its currency; nothing is converted. "Recovered" is net of what was given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    cast,
    extract,
    func,
    select,
    true,
)
from sqlalchemy.orm import Session

from recover.cases.ledger import WON
from recover.dunning import CaseState, CloseReason, Source
from recover.models import Account, LedgerLine, RecoveryCase
from recover.reporting.won_lines import source_of_line, won_cases

SOURCE_NAMES = {
    Source.OUR_RETRY: "Scheduled retry",
    Source.CARD_PAGE: "Card page",
    Source.NEW_CARD: "New card, tried at once",
    Source.FOUNDER: "Retried by hand",
    Source.STRIPE_RETRY: "Stripe's own retry",
    Source.ELSEWHERE: "Paid elsewhere",
    Source.UNKNOWN: "Unknown",
}

SECONDS_PER_DAY = 86_400

LOST_REASONS = (
    CloseReason.WINDOW_OVER,
    CloseReason.SUBSCRIPTION_ENDED,
    CloseReason.UNCOLLECTIBLE,
    CloseReason.DISPUTED,
)
"""A subscriber who cancels while owing money is a loss. A void, a pause or a switch to manual
invoices is the company's own decision, and counts as neither recovered nor lost."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A number of invoices and their money, in minor units of one currency."""

    currency: str
    invoices: int = 0
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class SourceSum:
    """What one source won back, net of what was given back later."""

    source: Source
    currency: str
    invoices: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """How the invoices that first failed in the period ended, each counted once."""

    recovered: int = 0
    lost: int = 0
    unfinished: int = 0
    set_aside: int = 0  # voided, paused, deleted: neither recovered nor lost

    @property
    def failed(self) -> int:
        return self.recovered + self.lost + self.unfinished + self.set_aside

    @property
    def recovered_share(self) -> float | None:
        """Of the invoices that are recovered or lost. None while there are none."""
        decided = self.recovered + self.lost
        return self.recovered / decided if decided else None


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of one period; ``at_risk`` is always as of now. Lists are by currency."""

    recovered: tuple[Sum, ...]
    given_back: tuple[Sum, ...]  # refunds and disputes of the period, as positive amounts
    at_risk: tuple[Sum, ...]
    lost: tuple[Sum, ...]
    sources: tuple[SourceSum, ...]  # largest number of invoices first
    cohort: Cohort


def accounts_of(session: Session, company_id: int) -> list[Account]:
    query = select(Account).where(Account.company_id == company_id).order_by(Account.id)
    return list(session.scalars(query))


def overview(
    session: Session,
    account_ids: list[int],
    since: datetime | None,
    until: datetime | None = None,
) -> Overview:
    """All figures from ``since`` (None: the beginning) to ``until`` (excluded; None: now) over the
    given accounts.
    """
    period = Period(since, until)
    return Overview(
        recovered=_recovered(session, account_ids, period),
        given_back=_given_back(session, account_ids, period),
        at_risk=_at_risk(session, account_ids),
        lost=_lost(session, account_ids, period),
        sources=_sources(session, account_ids, period),
        cohort=_cohort(session, account_ids, period),
    )


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` to ``until`` (excluded); None where it has no such end."""

    since: datetime | None
    until: datetime | None

    def holds(self, column: Any) -> ColumnElement[bool]:
        later = column >= self.since if self.since else true()
        return and_(later, column < self.until) if self.until else later


def _in_period(account_ids: list[int], period: Period) -> ColumnElement[bool]:
    return and_(LedgerLine.account_id.in_(account_ids), period.holds(LedgerLine.at))


def _recovered(session: Session, account_ids: list[int], period: Period) -> tuple[Sum, ...]:
    won = won_cases(account_ids)
    query = (
        select(LedgerLine.currency, func.count(won.c.line_id), func.sum(LedgerLine.amount_minor))
        .outerjoin(won, won.c.line_id == LedgerLine.id)
        .where(_in_period(account_ids, period))
        .group_by(LedgerLine.currency)
    )
    return _sums(session.execute(query).all())


def _given_back(session: Session, account_ids: list[int], period: Period) -> tuple[Sum, ...]:
    query = (
        select(
            LedgerLine.currency,
            func.count(func.distinct(LedgerLine.case_id)),
            -func.sum(LedgerLine.amount_minor),
        )
        .where(
            _in_period(account_ids, period),
            LedgerLine.kind.not_in(WON),
            LedgerLine.amount_minor != 0,  # a line whose money came back, as of a won dispute
        )
        .group_by(LedgerLine.currency)
    )
    return _sums(session.execute(query).all())


def _at_risk(session: Session, account_ids: list[int]) -> tuple[Sum, ...]:
    return _case_sums(session, account_ids, RecoveryCase.state == CaseState.OPEN)


def _lost(session: Session, account_ids: list[int], period: Period) -> tuple[Sum, ...]:
    return _case_sums(session, account_ids, and_(lost(), period.holds(RecoveryCase.closed_at)))


def lost() -> ColumnElement[bool]:
    """Cases that ended without the money."""
    return and_(
        RecoveryCase.state.in_((CaseState.EXHAUSTED, CaseState.CLOSED)),
        RecoveryCase.close_reason.in_(LOST_REASONS),
    )


def _case_sums(
    session: Session, account_ids: list[int], condition: ColumnElement[bool]
) -> tuple[Sum, ...]:
    query = (
        select(
            RecoveryCase.currency,
            func.count(RecoveryCase.id),
            func.sum(RecoveryCase.amount_remaining_minor),
        )
        .where(RecoveryCase.account_id.in_(account_ids), condition)
        .group_by(RecoveryCase.currency)
    )
    return _sums(session.execute(query).all())


def _sums(rows: object) -> tuple[Sum, ...]:
    """Most invoices first, so that a company's main currency leads."""
    sums = [Sum(currency, int(count), int(amount)) for currency, count, amount in rows]  # type: ignore[attr-defined]
    return tuple(sorted(sums, key=lambda one: (-one.invoices, one.currency)))


def _sources(session: Session, account_ids: list[int], period: Period) -> tuple[SourceSum, ...]:
    """A refund is subtracted from the source that had won that payment."""
    won = won_cases(account_ids)
    lines = (
        select(
            source_of_line().label("source"),
            LedgerLine.currency,
            LedgerLine.amount_minor,
            won.c.line_id,
        )
        .outerjoin(won, won.c.line_id == LedgerLine.id)
        .where(_in_period(account_ids, period))
        .subquery()
    )
    query = select(
        lines.c.source,
        lines.c.currency,
        func.count(lines.c.line_id),
        func.sum(lines.c.amount_minor),
    ).group_by(lines.c.source, lines.c.currency)
    found = [SourceSum(Source(s), c, int(n), int(a)) for s, c, n, a in session.execute(query)]
    return tuple(sorted(found, key=lambda one: (-one.invoices, one.source, one.currency)))


def _cohort(session: Session, account_ids: list[int], period: Period) -> Cohort:
    query = (
        select(RecoveryCase.state, RecoveryCase.close_reason, func.count(RecoveryCase.id))
        .where(RecoveryCase.account_id.in_(account_ids), period.holds(RecoveryCase.failed_at))
        .group_by(RecoveryCase.state, RecoveryCase.close_reason)
    )
    counts = {"recovered": 0, "lost": 0, "unfinished": 0, "set_aside": 0}
    for state, close_reason, count in session.execute(query):
        counts[_cohort_group(state, close_reason)] += count
    return Cohort(**counts)


def _cohort_group(state: str, close_reason: str) -> str:
    if state == CaseState.OPEN:
        return "unfinished"
    if state == CaseState.RECOVERED:
        return "recovered"
    return "lost" if close_reason in LOST_REASONS else "set_aside"


def daily(
    session: Session, account_ids: list[int], currency: str, *, now: datetime, days: int
) -> list[tuple[datetime, int]]:
    """Net recovered money for each of the last ``days`` days (UTC), oldest first, no gaps."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight - timedelta(days=days - 1)
    since_first = cast(extract("epoch", LedgerLine.at), BigInteger) - int(first.timestamp())
    day = since_first // SECONDS_PER_DAY
    query = (
        select(day, func.sum(LedgerLine.amount_minor))
        .where(
            LedgerLine.account_id.in_(account_ids),
            LedgerLine.currency == currency,
            LedgerLine.at >= first,
        )
        .group_by(day)
    )
    totals = {int(number): int(total) for number, total in session.execute(query)}
    return [(first + timedelta(days=number), totals.get(number, 0)) for number in range(days)]
