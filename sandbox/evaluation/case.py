"""One failed invoice in the hands of one policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from recover.dunning import (
    CardUse,
    Decline,
    Facts,
    Outcome,
    PastAttempt,
    RetryMode,
    Trigger,
)
from sandbox.answers import Answer
from sandbox.books import Source, Try
from sandbox.cards import CardTruth
from sandbox.evaluation.invoices import FailedInvoice
from sandbox.issuers import Authorisation, Issuers


@dataclass(frozen=True, slots=True)
class Tried:
    """A retry, with what was known when it was chosen."""

    facts: Facts
    at: datetime
    approved: bool


class Case:
    """``facts`` is all that a policy may look at; ``truth`` is for issuers and the oracle."""

    __slots__ = ("facts", "invoice", "now", "tried", "tries", "truth")

    def __init__(self, invoice: FailedInvoice) -> None:
        self.invoice = invoice
        self.truth: CardTruth = invoice.card_truth()
        self.now = invoice.failed_at  # the last failure: then the next retry is chosen
        self.facts = _facts(invoice)
        self.tried: list[Tried] = []
        self.tries = [_entry(invoice, invoice.failed_at, invoice.answer, Source.RENEWAL)]

    @property
    def retried_at(self) -> datetime | None:
        """When a retry was approved, had nothing else ended the case before."""
        return self.tried[-1].at if self.tried and self.tried[-1].approved else None

    def retry(self, issuers: Issuers, at: datetime) -> bool:
        """Charge the card; True where the issuer approves."""
        invoice = self.invoice
        request = Authorisation(
            at, invoice.amount_minor, invoice.currency, invoice.id, invoice.failed_at
        )
        answer = issuers.authorise(self.truth, request)
        self.tried.append(Tried(self.facts, at, answer.approved))
        self.tries.append(_entry(invoice, at, answer, Source.API_PAY))
        if not answer.approved:
            self.facts, self.now = _after_decline(self.facts, at, answer), at
        return answer.approved


def _facts(invoice: FailedInvoice) -> Facts:
    first = PastAttempt(
        invoice.failed_at, Trigger.STRIPE, Outcome.FAILED, invoice.card, _decline(invoice.answer)
    )
    return Facts(
        mode=RetryMode.RECOVER,
        failed_at=invoice.failed_at,
        invoice_status="open",
        amount_remaining_minor=invoice.amount_minor,
        currency=invoice.currency,
        card=invoice.card,
        attempts=(first,),
        card_uses=(CardUse(invoice.failed_at, invoice.amount_minor, succeeded=False),),
        timezone=invoice.truth.timezone,
    )


def _after_decline(facts: Facts, at: datetime, answer: Answer) -> Facts:
    decline = _decline(answer)
    past = PastAttempt(at, Trigger.SCHEDULE, Outcome.FAILED, facts.card, decline)
    use = CardUse(at, facts.amount_remaining_minor, succeeded=False)
    return replace(facts, attempts=(*facts.attempts, past), card_uses=(*facts.card_uses, use))


def _decline(answer: Answer) -> Decline:
    return Decline(
        error_code=answer.code,
        decline_code=answer.decline_code,
        advice_code=answer.advice_code,
        network_decline_code=answer.network_decline_code,
        network_advice_code=answer.network_advice_code,
        outcome_type=answer.outcome_type,
        network_status=answer.network_status,
    )


def _entry(invoice: FailedInvoice, at: datetime, answer: Answer, source: Source) -> Try:
    return Try(
        at=at,
        account="",
        invoice=invoice.id,
        charge="",
        fingerprint=invoice.card.fingerprint,
        brand=invoice.card.brand,
        amount_minor=invoice.amount_minor,
        currency=invoice.currency,
        source=source,
        off_session=True,
        approved=answer.approved,
        decline_code=answer.decline_code,
        hard=answer.hard,
        reached_network=answer.network_status != "not_sent_to_network",
        after_cancel=False,
    )
