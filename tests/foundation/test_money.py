from decimal import Decimal

import pytest

from recover.foundation.money import exponent, format_money, to_decimal


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("usd", 2),
        ("EUR", 2),
        ("jpy", 0),
        ("KRW", 0),
        ("kwd", 3),
        ("ugx", 2),
        ("isk", 2),
        ("clp", 0),
    ],
)
def test_the_minor_unit_is_stripes(currency, decimals):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("amount_minor", "currency", "amount"),
    [
        (1999, "usd", "19.99"),
        (1999, "jpy", "1999"),
        (1999, "kwd", "1.999"),
        (0, "eur", "0.00"),
        (-5, "gbp", "-0.05"),
        (10**15, "usd", "10000000000000.00"),
    ],
)
def test_amounts_convert_without_loss(amount_minor, currency, amount):
    assert to_decimal(amount_minor, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "locale", "shown"),
    [
        (1999, "usd", "en", "$19.99"),
        (1999, "usd", "de", "19,99\u00a0$"),
        (123456, "eur", "en-GB", "€1,234.56"),
        (1500, "jpy", "en", "¥1,500"),
        (0, "eur", "en", "€0.00"),
    ],
)
def test_money_is_shown_as_the_reader_writes_it(amount_minor, currency, locale, shown):
    assert format_money(amount_minor, currency, locale) == shown


@pytest.mark.parametrize("locale", ["", "xx", "not a locale", "en_US_POSIX_too_long", "C.UTF-8"])
def test_a_locale_nobody_knows_falls_back_to_english(locale):
    assert format_money(1999, "usd", locale) == "$19.99"
