"""Who looks after a past-due invoice, in the present mode or in one that might be switched to.

An invoice nobody looks after is orphaned. Where two look after it they share one budget, and the
referee keeps their attempts apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from recover.dunning.campaign import Campaign
from recover.dunning.decisions import CaseState, RetryPayment, SendMessage, Stop, Wait
from recover.dunning.facts import Facts, RetryMode
from recover.dunning.preview import plan
from recover.dunning.reconciliation import CaseSnapshot, InvoiceState, fixes, opens_case
from recover.dunning.retry_budget import STRIPE_GRACE
from recover.dunning.retry_schedule import why_no_retry
from recover.dunning.timing import Timing


class Owner(StrEnum):
    US = "us"  # we charge or write, and Stripe has no retry scheduled
    STRIPE = "stripe"  # Stripe has a retry scheduled, and we do nothing by ourselves
    BOTH = "both"  # both: one budget
    NOBODY = "nobody"  # an orphan


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who acts on one invoice if nobody pays, and why. Times are aware UTC, None for never."""

    owner: Owner
    our_retry_at: datetime | None
    our_mail_at: datetime | None
    stripe_retry_at: datetime | None
    first: Owner | None  # US or STRIPE: whose next charge comes first; None without any charge
    reason: str

    @property
    def charged(self) -> bool:
        """True where somebody will retry the card without the customer."""
        return self.first is not None


@dataclass(frozen=True, slots=True)
class PastDue:
    """One past-due invoice as both sides know it. ``facts`` is None where there is no case."""

    invoice: InvoiceState
    stripe_retry_at: datetime | None
    case: CaseSnapshot | None
    facts: Facts | None
    campaign: Campaign


def past_due(invoice: InvoiceState) -> bool:
    """True for an invoice that was charged in vain, or should have been, and is still owed."""
    return (
        invoice.status == "open"
        and invoice.attempted
        and invoice.amount_remaining_minor > 0
        and invoice.collection_method == "charge_automatically"
    )


@dataclass(frozen=True, slots=True)
class _OurActs:
    """Our next charge and our next mail. ``reason``: why these, or why there is none."""

    retry_at: datetime | None
    mail_at: datetime | None
    reason: str

    @property
    def any(self) -> bool:
        return self.retry_at is not None or self.mail_at is not None


def ownership(overdue: PastDue, mode: RetryMode, timing: Timing, now: datetime) -> Ownership:
    """Who owns the invoice in ``mode``. Neither side's schedule depends on being asked."""
    stripe_at = overdue.stripe_retry_at
    stripe_is_late = stripe_at is not None and stripe_at + STRIPE_GRACE <= now
    stripe_at = None if stripe_is_late else stripe_at
    ours = _our_acts(overdue, mode, timing, now)
    reason = ours.reason
    if stripe_is_late:
        reason = f"{reason} A try of Stripe's was due and has not been seen."
    owner = {
        (True, True): Owner.BOTH,
        (True, False): Owner.US,
        (False, True): Owner.STRIPE,
        (False, False): Owner.NOBODY,
    }[ours.any, stripe_at is not None]
    first = _first_to_charge(ours.retry_at, stripe_at)
    return Ownership(owner, ours.retry_at, ours.mail_at, stripe_at, first, reason)


def _first_to_charge(our_at: datetime | None, stripe_at: datetime | None) -> Owner | None:
    if our_at is None:
        return Owner.STRIPE if stripe_at else None
    return Owner.STRIPE if stripe_at and stripe_at <= our_at else Owner.US


def _our_acts(overdue: PastDue, mode: RetryMode, timing: Timing, now: datetime) -> _OurActs:
    if overdue.case is None or overdue.facts is None:
        return _OurActs(None, None, _no_case_reason(overdue.invoice))
    if overdue.case.state is not CaseState.OPEN:
        return _OurActs(None, None, _case_over_reason(overdue.invoice, overdue.case))
    if mode is RetryMode.OBSERVE:
        return _OurActs(None, None, "We only watch: nothing is charged or sent.")
    facts = replace(overdue.facts, mode=mode, next_stripe_attempt_at=overdue.stripe_retry_at)
    planned = _planned_acts(facts, overdue.campaign, timing, now)
    if not planned.any:
        waits = "The case is open, and nothing is left to do but wait."
        return replace(planned, reason=planned.reason or waits)
    if planned.retry_at:
        return replace(planned, reason="The case is open.")
    no_retry = why_no_retry(facts, overdue.campaign) or "No further try is planned."
    return replace(planned, reason=f"The case is open. {no_retry}")


def _planned_acts(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> _OurActs:
    """The first charge and the first mail of the plan, and the reason for which it ends."""
    retry_at: datetime | None = None
    mail_at: datetime | None = None
    at, ending = now, ""
    for decision in plan(facts, campaign, timing, now):
        if isinstance(decision, Wait):
            at = decision.until
        elif isinstance(decision, RetryPayment):
            retry_at = retry_at or at
        elif isinstance(decision, SendMessage):
            mail_at = mail_at or at
        elif isinstance(decision, Stop):
            ending = decision.reason
    return _OurActs(retry_at, mail_at, ending)


def _no_case_reason(invoice: InvoiceState) -> str:
    opening = opens_case(invoice)
    if opening:
        after = "The next reconciliation opens one, unless the customer left."
        return f"No case yet. {opening.reason} {after}"
    return opening.reason


def _case_over_reason(invoice: InvoiceState, case: CaseSnapshot) -> str:
    """Why a case that has ended does nothing, and whether reconciliation would reopen it."""
    why = f" as {case.close_reason}" if case.close_reason else ""
    to_fix = fixes([invoice], {case.invoice_id: case})
    fixed = f" {to_fix[0].reason} The next reconciliation looks at it again." if to_fix else ""
    return f"The case is {case.state}{why}.{fixed}"
