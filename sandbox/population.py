"""Fills an account with subscribers of a world, each with a card, a plan and a renewal day."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sandbox.billing import next_period_end, schedule
from sandbox.cards import CardTruth
from sandbox.latent import pick
from sandbox.names import CURRENCIES, LOCALES, TIMEZONES, person
from sandbox.objects import customers, subscriptions
from sandbox.state import Obj, Store

_PRODUCTS = ("Starter", "Team", "Pro", "Business")
# What one US dollar is, roughly, in minor units of a currency: prices, not exchange rates.
PER_DOLLAR = {"usd": 100, "eur": 90, "gbp": 80, "jpy": 150}


def populate(store: Store, subscribers: int, *, days: int = 30) -> list[Obj]:
    """Add ``subscribers`` subscriptions that renew at chance moments within ``days`` from now."""
    return [_subscriber(store, index, days) for index in range(subscribers)]


def _subscriber(store: Store, index: int, days: int) -> Obj:
    rng = store.state.chance.rng("subscriber", store.id, index)
    numbers = store.state.world.population
    country = pick(numbers.countries, rng.random())
    name, email = person(rng, index)
    currency = CURRENCIES.get(country, "usd")
    customer = customers.customer(
        store,
        name=name,
        email=email,
        country=country,
        currency=currency,
        timezone=rng.choice(TIMEZONES[country]),
        locale=LOCALES.get(country, "en"),
    )
    store.state.people.add(customer["id"])
    dollars = min(500.0, max(3.0, rng.lognormvariate(0, numbers.amount_sigma) * 29))
    dollars *= numbers.amount_median_minor / 2900
    amount = round(dollars) * PER_DOLLAR[currency]
    tier = min(3, int(dollars / 25))
    price = subscriptions.price(store, amount, currency, product_name=_PRODUCTS[tier])
    # Whole minutes at half past keep a calm world's days apart from the hours things are tried at.
    renews = store.now().replace(minute=30, second=0, microsecond=0)
    renews += timedelta(hours=rng.randrange(1, max(2, days * 24)))
    sub = subscriptions.subscription(store, customer, price, _period(renews))
    _give_card(store, customer, sub, rng)
    schedule(store, sub)
    return sub


def _period(renews: datetime) -> tuple[datetime, datetime]:
    start = (renews - timedelta(days=28)).replace(day=min(renews.day, 28))
    if next_period_end(start, renews.day) != renews:
        start = renews - timedelta(days=30)
    return start, renews


def _give_card(store: Store, customer: Obj, sub: Obj, rng: random.Random) -> None:
    state, country = store.state, customer["address"]["country"]
    truth = CardTruth(
        fingerprint=state.chance.token(16, "card", customer["id"]),
        brand=pick(state.world.population.brands, rng.random()),
        funding=_funding(store, country, rng),
        country=country,
        last4=f"{rng.randrange(10_000):04d}",
        issuer=state.issuers.assign(customer["id"]),
        timezone=customer["metadata"]["timezone"],
    )
    month, year = _expiry(store, sub, truth, rng)
    billing = state.world.billing
    if rng.random() < billing.legacy_sources:
        card = customers.legacy_card(store, truth, customer["id"], exp_month=month, exp_year=year)
        customer["default_source"] = card["id"]
        return
    method = customers.payment_method(
        store, truth, exp_month=month, exp_year=year, customer_id=customer["id"]
    )
    method["created"] = sub["created"] - 86_400
    method["billing_details"]["name"] = customer["name"]
    if rng.random() < billing.subscription_methods:
        sub["default_payment_method"] = method["id"]
    else:
        customer["invoice_settings"]["default_payment_method"] = method["id"]


def _funding(store: Store, country: str, rng: random.Random) -> str:
    funding = pick(store.state.world.population.funding, rng.random())
    if country != "US" and funding != "prepaid":
        debit = store.state.world.population.european_debit
        return "debit" if rng.random() < debit else "credit"
    return funding


def _expiry(store: Store, sub: Obj, truth: CardTruth, rng: random.Random) -> tuple[int, int]:
    """A date ahead; but a card that will be declined as expired says so on its face."""
    renews = sub["items"]["data"][0]["current_period_end"]
    months = rng.randint(4, 48)
    planned = store.state.issuers.planned_failure(sub["id"], 1, country=truth.country)
    if planned and planned[1] == "expired_card":
        months = -1
    at = datetime.fromtimestamp(renews, store.now().tzinfo)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return month + 1, year
