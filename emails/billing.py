"""What mails to subscribers are about: the reader, the bill, and the card."""

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
    """What a mail may say of a card. "" and None mean unknown."""

    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
