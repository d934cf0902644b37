"""Failed invoices of a world: what Stripe would show of each, and the truth behind it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from recover.dunning import Card
from sandbox.answers import Answer
from sandbox.cards import CardTruth
from sandbox.chance import Chance
from sandbox.evaluation.contact import Contact, contact
from sandbox.issuers import Authorisation, Issuers
from sandbox.latent import pick
from sandbox.names import CURRENCIES, TIMEZONES
from sandbox.population import PER_DOLLAR
from sandbox.world import World

START = datetime(2026, 1, 5, tzinfo=UTC)
SPAN_DAYS = 180  # so that every payday of half a year is met


@dataclass(frozen=True, slots=True)
class FailedInvoice:
    id: str
    truth: CardTruth  # never to be changed: `card_truth` gives a copy to play with
    card: Card
    failed_at: datetime
    answer: Answer  # the issuer's, to the first charge
    dollars: float  # what it is worth, to add up over currencies
    amount_minor: int
    currency: str
    contact: Contact

    @property
    def cause(self) -> str:
        """The latent cause; "outage" where nothing was the matter with the card."""
        return str(self.truth.episode.cause) if self.truth.episode else "outage"

    def card_truth(self) -> CardTruth:
        return replace(self.truth, tries=[self.failed_at])


class RememberingIssuers(Issuers):
    """Issuers that work out each month's outages once: an evaluation asks a million times."""

    def __init__(self, world: World, chance: Chance) -> None:
        super().__init__(world, chance)
        self._months: dict[tuple[int, int, int], list[tuple[datetime, datetime]]] = {}

    def outages(self, issuer: int, at: datetime) -> list[tuple[datetime, datetime]]:
        key = (issuer, at.year, at.month)
        if key not in self._months:
            self._months[key] = super().outages(issuer, at)
        return self._months[key]


def failed_invoices(issuers: Issuers, count: int) -> list[FailedInvoice]:
    """``count`` failed renewals, by the time of their failure. The seed is the issuers' own."""
    found = (_failed_invoice(issuers, f"in_{index}") for index in range(count))
    return sorted(found, key=lambda invoice: (invoice.failed_at, invoice.id))


def _failed_invoice(issuers: Issuers, key: str) -> FailedInvoice:
    rng = issuers.chance.rng("failed", key)
    truth = _card(issuers, key, rng)
    numbers = issuers.world.population
    dollars = min(500.0, max(3.0, rng.lognormvariate(0, numbers.amount_sigma) * 29))
    dollars *= numbers.amount_median_minor / 2900
    currency = CURRENCIES.get(truth.country, "usd")
    failed_at, answer = next(_failures(issuers, truth, key, rng))
    return FailedInvoice(
        id=key,
        truth=truth,
        card=_shown(truth, failed_at),
        failed_at=failed_at,
        answer=answer,
        dollars=dollars,
        amount_minor=round(dollars) * PER_DOLLAR[currency],
        currency=currency,
        contact=contact(issuers, truth, failed_at, key),
    )


def _failures(
    issuers: Issuers, truth: CardTruth, key: str, rng: random.Random
) -> Iterator[tuple[datetime, Answer]]:
    """Renewals of one card until they fail: for a cause of its own, or in an outage."""
    for renewal in itertools.count():
        at = START + timedelta(minutes=rng.randrange(SPAN_DAYS * 1440))
        planned = issuers.planned_failure(key, renewal, country=truth.country)
        if planned:
            issuers.begin(truth, *planned, at)
        elif not issuers.down(truth.issuer, at):
            continue
        answer = issuers.authorise(truth, Authorisation(at, 0, "usd"))
        if not answer.approved:
            yield at, answer


def _card(issuers: Issuers, key: str, rng: random.Random) -> CardTruth:
    numbers = issuers.world.population
    country = pick(numbers.countries, rng.random())
    funding = pick(numbers.funding, rng.random())
    if country != "US" and funding != "prepaid":
        funding = "debit" if rng.random() < numbers.european_debit else "credit"
    return CardTruth(
        fingerprint=f"fp_{key}",
        brand=pick(numbers.brands, rng.random()),
        funding=funding,
        country=country,
        last4=f"{rng.randrange(10_000):04d}",
        issuer=issuers.assign(key),
        timezone=rng.choice(TIMEZONES[country]),
    )


def _shown(truth: CardTruth, failed_at: datetime) -> Card:
    """An expired card says so on its face."""
    expired = truth.episode is not None and truth.episode.code == "expired_card"
    return Card(
        payment_method_id=f"pm_{truth.fingerprint}",
        fingerprint=truth.fingerprint,
        brand=truth.brand,
        funding=truth.funding,
        country=truth.country,
        last4=truth.last4,
        exp_month=12,
        exp_year=failed_at.year + (-1 if expired else 2),
    )
