"""What the mails to subscribers are about: who reads, what is owed, and the card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """A subscriber. The name may be anything a person typed."""

    name: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    stop_link: str = ""  # the way to stop these mails; "" for none


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice, in the currency's minor unit."""

    amount_minor: int
    currency: str
    product: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """What may be said of a card; "" and None for what is not known."""

    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
