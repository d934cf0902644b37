"""What a customer may use while an invoice is unpaid: fine, grace or limited, and until when.

Recover locks nobody out; the company's own application asks and does. So the rule is cautious:
what was paid for stays open to its last day, and what the company itself ended is no debt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recover.dunning.decisions import CaseState, CloseReason


class AccessState(StrEnum):
    FINE = "fine"
    GRACE = "grace"  # something is unpaid; everything still works, until a known moment
    LIMITED = "limited"  # unpaid for too long, and nothing prepaid is left


# How a case ends with the money still owed. All others are the company's own decision, or paid.
STILL_OWED = frozenset(
    {
        CloseReason.WINDOW_OVER,
        CloseReason.DISPUTED,
        CloseReason.UNCOLLECTIBLE,
        CloseReason.SUBSCRIPTION_ENDED,
    }
)
# Those after which nobody waits for it any more. A dispute is for a person to look at.
_AT_ONCE = {
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
class Access:
    """``since``: the first failure that is still owed. ``until``: when grace ends, or ended."""

    state: AccessState
    reason: str
    since: datetime | None = None
    until: datetime | None = None


def access(debts: Iterable[Debt], grace: timedelta, now: datetime) -> Access:
    """The strictest of what each unpaid invoice means. Days in the reason are UTC dates."""
    owed = [debt for debt in debts if debt.owed]
    if not owed:
        return Access(AccessState.FINE, "Nothing is owed that Recover knows of.")
    until, why = min(_ends(debt, grace) for debt in owed)
    since = min(debt.failed_at for debt in owed)
    unpaid = f"A renewal has been unpaid since {since:%Y-%m-%d}"
    if now < until:
        reason = f"{unpaid}. Everything stays open until {until:%Y-%m-%d}, {why}."
        return Access(AccessState.GRACE, reason, since, until)
    reason = f"{unpaid}. Full access ended on {until:%Y-%m-%d}, {why}."
    return Access(AccessState.LIMITED, reason, since, until)


def _ends(debt: Debt, grace: timedelta) -> tuple[datetime, str]:
    """Grace is for as long as the money may still come, and for all that is paid already."""
    ends = [
        (debt.failed_at + grace, "the end of the days of grace"),
        (debt.window_ends_at, "the end of the campaign"),
    ]
    if debt.closed_at and debt.close_reason in _AT_ONCE:
        ends.append((debt.closed_at, _AT_ONCE[CloseReason(debt.close_reason)]))
    first = min(ends)
    prepaid = (debt.paid_until, "the end of what was paid for") if debt.paid_until else first
    return max(first, prepaid)
