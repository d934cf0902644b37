"""The ledger's lines as they are counted: each case once, and each line for a source."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Subquery, case, func, select
from sqlalchemy.orm import aliased

from recover.cases.ledger import WON
from recover.dunning import Source
from recover.models import LedgerKind, LedgerLine


def won_cases(account_ids: list[int]) -> Subquery:
    """For each case that won money: the line by which it is counted, once, whatever it came in by.

    A case whose only line was corrected to nothing won none.
    """
    paid = case((LedgerLine.kind == LedgerKind.RECOVERED, LedgerLine.id))
    return (
        select(func.max(paid).label("line_id"))
        .where(LedgerLine.account_id.in_(account_ids), LedgerLine.kind.in_(WON))
        .group_by(LedgerLine.case_id)
        .having(func.sum(LedgerLine.amount_minor) > 0)
        .subquery()
    )


def source_of_line() -> ColumnElement[str]:
    """The line's own source; of money given back, that of the payment, else of the case's last."""
    won = aliased(LedgerLine)
    of_case = (
        select(won.source)
        .where(won.case_id == LedgerLine.case_id, won.kind == LedgerKind.RECOVERED)
        .order_by(won.id.desc())
        .limit(1)
        .correlate(LedgerLine)
    )
    of_payment = of_case.where(won.reference == LedgerLine.reference)
    return func.coalesce(
        func.nullif(LedgerLine.source, ""),
        of_payment.scalar_subquery(),
        of_case.scalar_subquery(),
        Source.UNKNOWN.value,
    )
