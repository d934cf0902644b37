"""Who looks after a past-due invoice, in the present mode or in one that might be switched to.

Pure. An invoice nobody looks after is orphaned; one with two owners shares a budget, and the
referee keeps their tries apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from recover.dunning.budget import STRIPE_GRACE
from recover.dunning.campaign import Campaign
from recover.dunning.decisions import CaseState, RetryPayment, SendMessage, Stop, Wait
from recover.dunning.facts import Facts, RetryMode
from recover.dunning.preview import plan
from recover.dunning.reconcile import CaseSnapshot, InvoiceState, fixes, opens_case
from recover.dunning.retries import barred
from recover.dunning.timing import Timing


class Owner(StrEnum):
    US = "us"  # we charge or write, and Stripe has no try scheduled
    STRIPE = "stripe"  # Stripe has a try scheduled, and we do nothing by ourselves
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
        """Somebody will try the card again without the customer."""
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


def ownership(one: PastDue, mode: RetryMode, timing: Timing, now: datetime) -> Ownership:
    """Who owns the invoice in ``mode``. Neither side's schedule depends on being asked."""
    stripe_at = one.stripe_retry_at
    late = stripe_at is not None and stripe_at + STRIPE_GRACE <= now
    stripe_at = None if late else stripe_at
    retry_at, mail_at, why = _our_acts(one, mode, timing, now)
    ours = retry_at is not None or mail_at is not None
    if late:
        why = f"{why} A try of Stripe's was due and has not been seen."
    owner = {
        (True, True): Owner.BOTH,
        (True, False): Owner.US,
        (False, True): Owner.STRIPE,
        (False, False): Owner.NOBODY,
    }[ours, stripe_at is not None]
    return Ownership(owner, retry_at, mail_at, stripe_at, _first(retry_at, stripe_at), why)


def _first(ours: datetime | None, stripes: datetime | None) -> Owner | None:
    if ours is None:
        return Owner.STRIPE if stripes else None
    return Owner.STRIPE if stripes and stripes <= ours else Owner.US


def _our_acts(
    one: PastDue, mode: RetryMode, timing: Timing, now: datetime
) -> tuple[datetime | None, datetime | None, str]:
    """Our next charge, our next mail, and why, or why there is none."""
    if one.case is None or one.facts is None:
        return None, None, _no_case(one.invoice)
    if one.case.state is not CaseState.OPEN:
        return None, None, _over(one)
    if mode is RetryMode.OBSERVE:
        return None, None, "We only watch: nothing is charged or sent."
    facts = replace(one.facts, mode=mode, next_stripe_attempt_at=one.stripe_retry_at)
    retry_at, mail_at, stop = _next_acts(facts, one.campaign, timing, now)
    if retry_at is None and mail_at is None:
        return None, None, stop or "The case is open, and nothing is left to do but wait."
    idle = "" if retry_at else barred(facts, one.campaign) or "No further try is planned."
    return retry_at, mail_at, f"The case is open. {idle}".rstrip()


def _next_acts(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> tuple[datetime | None, datetime | None, str]:
    """The first charge and the first mail of the plan, and the words it ends with."""
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
    return retry_at, mail_at, ending


def _no_case(invoice: InvoiceState) -> str:
    opening = opens_case(invoice)
    if opening:
        return f"No case yet. {opening.reason} The next sweep opens one, unless the customer left."
    return opening.reason


def _over(one: PastDue) -> str:
    """Why a case that has ended does nothing, and whether the sweep would wake it."""
    case = one.case
    if case is None:
        return ""
    why = f" as {case.close_reason}" if case.close_reason else ""
    found = fixes([one.invoice], {case.invoice_id: case})
    mended = f" {found[0].reason} The next sweep looks at it again." if found else ""
    return f"The case is {case.state}{why}.{mended}"
