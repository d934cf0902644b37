"""The entitlement: what a customer may use while an invoice is unpaid, and until when.

Recover locks nobody out; the company's own application asks, and acts on the answer. So the rule is
cautious: what was paid for stays open to its last day, and what the company itself ended is no
debt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recover.dunning.decisions import CaseState, CloseReason


class EntitlementState(StrEnum):
    FINE = "fine"
    GRACE = "grace"  # something is unpaid; everything still works, until a known moment
    LIMITED = "limited"  # unpaid for too long, and nothing prepaid is left


# How a case ends with the money still owed. The other endings are a payment or the company's own
# decision.
STILL_OWED = frozenset(
    {
        CloseReason.WINDOW_OVER,
        CloseReason.DISPUTED,
        CloseReason.FRAUD_WARNING,
        CloseReason.UNCOLLECTIBLE,
        CloseReason.SUBSCRIPTION_ENDED,
    }
)
# Of those, the endings after which no money is waited for any more.
_NO_LONGER_EXPECTED = {
    CloseReason.UNCOLLECTIBLE: "the day the invoice was given up",
    CloseReason.SUBSCRIPTION_ENDED: "the day the subscription ended",
}


@dataclass(frozen=True, slots=True)
class Debt:
    """One failed invoice as its case stands. Times are aware UTC."""

    state: CaseState
    failed_at: datetime
    window_ends_at: datetime  # when the campaign has run its course
    close_reason: str = ""
    closed_at: datetime | None = None
    paid_until: datetime | None = None  # what is paid for all the same; None: not known

    @property
    def owed(self) -> bool:
        return self.state == CaseState.OPEN or self.close_reason in STILL_OWED


@dataclass(frozen=True, slots=True)
class Entitlement:
    """``since``: the first failure that is still owed. ``until``: when grace ends, or ended."""

    state: EntitlementState
    reason: str
    since: datetime | None = None
    until: datetime | None = None


def entitlement(debts: Iterable[Debt], grace: timedelta, now: datetime) -> Entitlement:
    """The strictest of what each unpaid invoice means. Days in the reason are UTC dates."""
    owed = [debt for debt in debts if debt.owed]
    if not owed:
        return Entitlement(EntitlementState.FINE, "Nothing is owed that Recover knows of.")
    until, why = min(_grace_end(debt, grace) for debt in owed)
    since = min(debt.failed_at for debt in owed)
    unpaid = f"A renewal has been unpaid since {since:%Y-%m-%d}"
    if now < until:
        reason = f"{unpaid}. Everything stays open until {until:%Y-%m-%d}, {why}."
        return Entitlement(EntitlementState.GRACE, reason, since, until)
    reason = f"{unpaid}. Full access ended on {until:%Y-%m-%d}, {why}."
    return Entitlement(EntitlementState.LIMITED, reason, since, until)


def _grace_end(debt: Debt, grace: timedelta) -> tuple[datetime, str]:
    """(when grace ends, why then): when no money is expected any more, and not before the last day
    that was paid for.
    """
    ends = [
        (debt.failed_at + grace, "the end of the days of grace"),
        (debt.window_ends_at, "the end of the campaign"),
    ]
    if debt.closed_at and debt.close_reason in _NO_LONGER_EXPECTED:
        ends.append((debt.closed_at, _NO_LONGER_EXPECTED[CloseReason(debt.close_reason)]))
    first = min(ends)
    prepaid = (debt.paid_until, "the end of what was paid for") if debt.paid_until else first
    return max(first, prepaid)
