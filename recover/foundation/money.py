"""Money in minor units, and how a person reads it.

Stripe counts in the currency's smallest unit. Which currencies have none, or three decimals, is
Stripe's own list (docs.stripe.com/currencies), which differs from ISO 4217 in places: UGX and ISK
are sent with two decimals although they have none.
"""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency

from recover.foundation.locales import first_known

ZERO_DECIMAL = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def exponent(currency: str) -> int:
    """How many decimals Stripe's minor unit of ``currency`` (lower or upper case) has."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """1999, "usd" -> Decimal("19.99")."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def format_money(amount_minor: int, currency: str, *locales: str) -> str:
    """1999, "usd", "de" -> "19,99 $". The first locale that is known counts; else English."""
    value = to_decimal(amount_minor, currency)
    return format_currency(value, currency.upper(), locale=first_known(*locales))
