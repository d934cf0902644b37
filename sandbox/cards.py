"""Cards: what an API shows of one, and the truth behind it that only the issuer knows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.chance import Chance
from sandbox.latent import Episode


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one of Stripe's test numbers does. Decline codes; "" approves."""

    on_setup: str = ""
    on_charge: str = ""
    authenticate: str = ""  # "always", or "unless_set_up"


APPROVES = Behaviour()
TEST_NUMBERS = {
    "4242424242424242": APPROVES,
    "4000056655665556": APPROVES,
    "5555555555554444": APPROVES,
    "5200828282828210": APPROVES,
    "378282246310005": APPROVES,
    "6011111111111117": APPROVES,
    "4000008260000000": APPROVES,
    "4000002760000016": APPROVES,
    "4000000000000002": Behaviour("generic_decline", "generic_decline"),
    "4000000000009995": Behaviour("insufficient_funds", "insufficient_funds"),
    "4000000000009987": Behaviour("lost_card", "lost_card"),
    "4000000000009979": Behaviour("stolen_card", "stolen_card"),
    "4000000000000069": Behaviour("expired_card", "expired_card"),
    "4000000000000127": Behaviour("incorrect_cvc", "incorrect_cvc"),
    "4000000000000119": Behaviour("processing_error", "processing_error"),
    "4000000000006975": Behaviour("card_velocity_exceeded", "card_velocity_exceeded"),
    "4000000000000341": Behaviour(on_charge="generic_decline"),
    "4000002500003155": Behaviour(authenticate="unless_set_up"),
    "4000002760003184": Behaviour(authenticate="always"),
    "4000000000003220": Behaviour(authenticate="always"),
    "4000000000004954": Behaviour("highest_risk_level", "highest_risk_level"),
}
_COUNTRY = {"4000008260000000": "GB", "4000002760000016": "DE", "4000002760003184": "DE"}
_DEBIT = frozenset({"4000056655665556", "5200828282828210"})


@dataclass(slots=True)
class CardTruth:
    """One card number as its issuer knows it."""

    fingerprint: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    last4: str = "4242"
    issuer: int = -1  # index into the world's issuers; -1: one that never fails
    timezone: str = "UTC"
    behaviour: Behaviour = APPROVES
    set_up: bool = False  # the cardholder has authenticated a setup
    script: deque[str] = field(default_factory=deque)  # next answers; "" approves
    episode: Episode | None = None
    tries: list[datetime] = field(default_factory=list)  # since the episode began


def luhn_valid(number: str) -> bool:
    digits = [int(digit) for digit in number]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def brand_of(number: str) -> str:
    if number.startswith(("34", "37")):
        return "amex"
    if number.startswith(("6011", "65")):
        return "discover"
    return "mastercard" if number[0] in "52" else "visa"


def from_number(number: str, chance: Chance) -> CardTruth:
    """The card behind a typed number: one of Stripe's test numbers, or a good card of its own."""
    return CardTruth(
        fingerprint=chance.token(16, "fingerprint", number),
        brand=brand_of(number),
        funding="debit" if number in _DEBIT else "credit",
        country=_COUNTRY.get(number, "US"),
        last4=number[-4:],
        behaviour=TEST_NUMBERS.get(number, APPROVES),
    )


def fresh_number(chance: Chance, *name: object, brand: str = "visa") -> str:
    """A valid number nobody else has: what a pretend subscriber types in."""
    rng = chance.rng("number", *name)
    length = 15 if brand == "amex" else 16
    start = {"visa": "47", "mastercard": "52", "amex": "37", "discover": "65"}[brand]
    body = start + "".join(str(rng.randrange(10)) for _ in range(length - 1 - len(start)))
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))
