"""The sandbox's own books: what truly happened, to hold any retry engine's claims against."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Who caused a charge."""

    RENEWAL = "renewal"  # Stripe, the first time
    STRIPE_SCHEDULE = "stripe_schedule"
    API_PAY = "api_pay"
    AUTHENTICATED = "authenticated"  # the subscriber passed 3-D Secure in a browser
    HOSTED_PAGE = "hosted_page"  # the subscriber, on Stripe's own invoice page
    PART = "part"  # a payment intent that the company attached
    OUT_OF_BAND = "out_of_band"  # marked as paid by the company; no charge


# Whoever holds the card may not want it, or it is not theirs: no other invoice mends that.
FORBIDDEN_FOR_GOOD = frozenset(
    {
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
    }
)
AUTOMATIC = frozenset({Source.RENEWAL, Source.STRIPE_SCHEDULE})


@dataclass(frozen=True, slots=True)
class Try:
    """One authorisation."""

    at: datetime
    account: str
    invoice: str
    charge: str
    fingerprint: str
    brand: str
    amount_minor: int
    currency: str
    source: Source
    off_session: bool
    approved: bool
    decline_code: str
    hard: bool  # one of Stripe's nine
    reached_network: bool
    after_cancel: bool  # the subscription had ended


@dataclass(frozen=True, slots=True)
class Money:
    """Money that came in for an invoice, or went back."""

    at: datetime
    invoice: str
    payment: str  # what it came by: a charge, a payment record, or the invoice itself
    amount_minor: int  # negative: it went back
    source: Source | None = None  # None of money that went back


@dataclass(slots=True)
class FailedInvoice:
    """A renewal whose first automatic charge failed. Money is what came in since."""

    invoice: str
    account: str
    customer: str
    subscription: str
    amount_minor: int
    currency: str
    failed_at: datetime
    cause: str  # the latent cause; "" where the failure was scripted
    settled_at: datetime | None = None  # Stripe shows it paid: with money, or by credit notes
    recovered_at: datetime | None = None  # the same, where money came in
    recovered_minor: int = 0  # what came in
    given_back_minor: int = 0  # what went back of it
    source: Source | None = None  # of the latest payment
    closed: str = ""  # void or uncollectible


@dataclass(slots=True)
class Books:
    tries: list[Try] = field(default_factory=list)
    failed: dict[str, FailedInvoice] = field(default_factory=dict)  # by invoice id
    refused_requests: Counter[str] = field(default_factory=Counter)  # pay, by invoice: a 400
    refused_after_end: Counter[str] = field(default_factory=Counter)  # pay on paid or void, asked

    money: list[Money] = field(default_factory=list)

    def record_paid(
        self, invoice: str, at: datetime, amount_minor: int, source: Source, payment: str
    ) -> None:
        """Money came in for an invoice; `record_settled` follows once it is paid in full."""
        self.money.append(Money(at, invoice, payment, amount_minor, source))
        case = self.failed.get(invoice)
        if case:
            case.recovered_minor += amount_minor
            case.source = source

    def record_settled(self, invoice: str, at: datetime) -> None:
        case = self.failed.get(invoice)
        if case and case.settled_at is None:
            case.settled_at = at
            case.recovered_at = at if case.recovered_minor else None

    def record_back(self, payment: str, at: datetime, amount_minor: int) -> None:
        """Money of a payment went back: a refund, or a dispute. Negative: it is here again.

        A dispute takes the whole charge, also where part of it was refunded: no more is counted as
        gone than came in for the invoice.
        """
        came = next((one for one in self.money if one.payment == payment and one.source), None)
        if came is None:
            return
        held = sum(one.amount_minor for one in self.money if one.payment == payment)
        back = min(amount_minor, held)
        self.money.append(Money(at, came.invoice, payment, -back))
        case = self.failed.get(came.invoice)
        if case and came.at >= case.failed_at:
            case.given_back_minor += back

    def report(self, account: str | None = None) -> dict[str, Any]:
        """Everything in numbers, for one account or all; amounts in minor units by currency."""
        cases = [c for c in self.failed.values() if account in (None, c.account)]
        tries = [t for t in self.tries if account in (None, t.account)]
        won = [case for case in cases if case.recovered_minor]
        ours = [t for t in tries if t.source not in AUTOMATIC]
        return {
            "failed_invoices": len(cases),
            "failed_minor": _by_currency((c.currency, c.amount_minor) for c in cases),
            "recovered_invoices": len(won),
            "recovered_minor": _by_currency((c.currency, c.recovered_minor) for c in won),
            "given_back_minor": _by_currency(
                (c.currency, c.given_back_minor) for c in cases if c.given_back_minor
            ),
            "by_source": dict(sorted(Counter(str(c.source) for c in won).items())),
            "by_cause": dict(sorted(Counter(c.cause for c in cases).items())),
            "recovered_by_cause": dict(sorted(Counter(c.cause for c in won).items())),
            "authorisations": len(tries),
            "authorisations_after_failure": sum(t.source is not Source.RENEWAL for t in tries),
            "api_tries": sum(t.source is Source.API_PAY for t in ours),
            "charges": sum(t.approved for t in tries),
            "most_tries_per_card_30d": _most_in(tries, timedelta(days=30)),
            "most_tries_per_card_24h": _most_in(tries, timedelta(hours=24)),
            "refused_after_end": dict(self.refused_after_end),
            "faults": self.faults(account),
        }

    def faults(self, account: str | None = None) -> dict[str, int]:
        """Counts of what must never happen; all zero for a retry engine that keeps the rules."""
        tries = [t for t in self.tries if account in (None, t.account)]
        return {
            "charged_twice": _charged_twice(tries),
            "after_payment": _after_payment(tries),
            "after_cancel": sum(_by_machine(t) and t.after_cancel for t in tries),
            "hard_code_tries": _hard_code_tries(tries),
            "over_network_cap": _over_cap(tries),
            "too_close": _too_close(tries),
        }


def _by_machine(one: Try) -> bool:
    """Made through the API without the cardholder: what a retry engine answers for."""
    return one.source is Source.API_PAY and one.off_session


def _by_currency(amounts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for currency, minor in amounts:
        total[currency] += minor
    return dict(sorted(total.items()))


def _charged_twice(tries: list[Try]) -> int:
    paid = Counter(t.invoice for t in tries if t.approved and t.invoice)
    return sum(count - 1 for count in paid.values())


def _after_payment(tries: list[Try]) -> int:
    paid: set[str] = set()
    late = 0
    for one in tries:
        late += one.invoice in paid
        if one.approved:
            paid.add(one.invoice)
    return late


def _hard_code_tries(tries: list[Try]) -> int:
    """Tries by a machine on an invoice and card whose last answer was one of the nine codes, or on
    a card that was ever forbidden, on whichever invoice.
    """
    last: dict[tuple[str, str], bool] = {}
    forbidden: set[str] = set()
    count = 0
    for one in tries:
        key = (one.invoice, one.fingerprint)
        barred = last.get(key, False) or one.fingerprint in forbidden
        count += _by_machine(one) and barred
        last[key] = one.hard
        if one.decline_code in FORBIDDEN_FOR_GOOD:
            forbidden.add(one.fingerprint)
    return count


def _too_close(tries: list[Try]) -> int:
    """Tries by a machine within an hour of another on the same invoice and card."""
    last: dict[tuple[str, str], datetime] = {}
    count = 0
    for one in tries:
        if _by_machine(one):
            key = (one.invoice, one.fingerprint)
            count += key in last and one.at - last[key] < timedelta(hours=1)
            last[key] = one.at
    return count


def _cards(tries: list[Try]) -> dict[str, list[Try]]:
    cards: dict[str, list[Try]] = defaultdict(list)
    for one in tries:
        if one.reached_network:
            cards[one.fingerprint].append(one)
    return cards


def _within(card: list[Try], index: int, window: timedelta) -> int:
    """How many tries the window ending at this try holds, this one included."""
    return sum(card[index].at - one.at < window for one in card[: index + 1])


def _most_in(tries: list[Try], window: timedelta) -> int:
    cards = _cards(tries).values()
    counts = (_within(card, index, window) for card in cards for index in range(len(card)))
    return max(counts, default=0)


def _over_cap(tries: list[Try]) -> int:
    """Declined tries by a machine past what the networks allow.

    Mastercard: 10 in 24 hours and 35 in 30 days; the rest: 20 in 30 days.
    """
    count = 0
    for card in _cards([t for t in tries if not t.approved]).values():
        month = 35 if card[0].brand == "mastercard" else 20
        for index, one in enumerate(card):
            over_month = _within(card, index, timedelta(days=30)) > month
            mastercard = one.brand == "mastercard"
            over_day = mastercard and _within(card, index, timedelta(hours=24)) > 10
            count += _by_machine(one) and (over_month or over_day)
    return count
