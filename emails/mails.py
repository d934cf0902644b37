"""Every mail to a subscriber, one function each. Values in, a finished mail out.

Common arguments: ``amount_minor`` in the currency's minor unit, times aware, ``link`` the signed
page, ``stop_link`` the way to stop these mails ("" for none), ``locale`` and ``timezone`` the
reader's. Names and products may be anything a person typed. ``link`` and ``stop_link`` must be
http(s) addresses, or ValueError is raised.
"""

from __future__ import annotations

from datetime import datetime

from emails import reader
from emails.brand import Brand, require_web_address
from emails.reasons import copy_for
from emails.render import Rendered, render
from recover.money import format_money

_LONGEST_PRODUCT = 80
_PROOFS = {"Invoice": "your invoice number", "Card": "the last four digits of your card"}


def payment_failed(
    brand: Brand,
    *,
    reason: str,
    amount_minor: int,
    currency: str,
    link: str,
    product: str = "",
    invoice_number: str = "",
    card_brand: str = "",
    card_last4: str = "",
    exp_month: int | None = None,
    exp_year: int | None = None,
    next_try_at: datetime | None = None,
    notice: int = 1,
    customer_name: str = "",
    locale: str = "en",
    timezone: str = "UTC",
    stop_link: str = "",
) -> Rendered:
    """A payment was declined. ``reason`` is a key of `emails.reasons.REASONS`.

    ``next_try_at`` is the next try anyone has planned on this card, None where there is none.
    ``notice`` counts the mails about this invoice from 1; later ones read as reminders.
    """
    copy = copy_for(reason)
    words = {
        "company": brand.short_name,
        "card": reader.card_name(card_brand, card_last4),
        "on_record": _on_record(exp_month, exp_year),
    }
    next_try = reader.day(next_try_at, locale, timezone) if next_try_at else ""
    amount = format_money(amount_minor, currency, locale)
    context = _to_subscriber(customer_name, product, link, stop_link) | {
        "first_subject": copy.subject.format(**words),
        "reminder": notice > 1,
        "headline": "Your payment is still open" if notice > 1 else copy.headline,
        "happened": copy.happened.format(**words),
        "if_retried": copy.if_retried,
        "remedy": copy.remedy,
        "button": copy.button,
        "next_try": next_try,
        "method": "card" if card_last4 or card_brand else "payment method",
        "amount": amount,
    }
    context |= _details(
        product=product,
        amount=amount,
        invoice=invoice_number,
        card=(card_brand, card_last4),
        next_try=next_try,
    )
    return render("payment_failed", context, brand)


def authentication_needed(
    brand: Brand,
    *,
    amount_minor: int,
    currency: str,
    link: str,
    product: str = "",
    invoice_number: str = "",
    card_brand: str = "",
    card_last4: str = "",
    notice: int = 1,
    customer_name: str = "",
    locale: str = "en",
    stop_link: str = "",
) -> Rendered:
    """The bank wants the subscriber to approve the payment; trying again alone cannot help."""
    amount = format_money(amount_minor, currency, locale)
    context = _to_subscriber(customer_name, product, link, stop_link) | {
        "reminder": notice > 1,
        "headline": "Your bank still needs your confirmation"
        if notice > 1
        else "Your bank wants to hear from you",
        "card": reader.card_name(card_brand, card_last4),
        "button": "Confirm the payment",
        "amount": amount,
    }
    context |= _details(
        product=product, amount=amount, invoice=invoice_number, card=(card_brand, card_last4)
    )
    return render("authentication_needed", context, brand)


def card_expiring(
    brand: Brand,
    *,
    exp_month: int,
    exp_year: int,
    renews_at: datetime,
    link: str,
    product: str = "",
    card_brand: str = "",
    card_last4: str = "",
    customer_name: str = "",
    locale: str = "en",
    timezone: str = "UTC",
    stop_link: str = "",
) -> Rendered:
    """A card dies before the next renewal, and no bank has sent a newer one."""
    renewal = reader.day(renews_at, locale, timezone)
    expiry = reader.expiry_month(exp_month, exp_year)
    context = _to_subscriber(customer_name, product, link, stop_link) | {
        "headline": "Your card expires soon",
        "card": reader.card_name(card_brand, card_last4),
        "expiry": expiry,
        "renewal": renewal,
        "button": "Add your new card",
    }
    context |= _details(
        product=product, card=(card_brand, card_last4), valid_until=expiry, renews=renewal
    )
    return render("card_expiring", context, brand)


def last_notice(
    brand: Brand,
    *,
    amount_minor: int,
    currency: str,
    ends_at: datetime,
    link: str,
    product: str = "",
    invoice_number: str = "",
    card_brand: str = "",
    card_last4: str = "",
    customer_name: str = "",
    locale: str = "en",
    timezone: str = "UTC",
    stop_link: str = "",
) -> Rendered:
    """The last mail of a campaign. ``ends_at``: when Recover stops trying and writing."""
    amount = format_money(amount_minor, currency, locale)
    context = _to_subscriber(customer_name, product, link, stop_link) | {
        "headline": "Our last email about this payment",
        "ends": reader.day(ends_at, locale, timezone),
        "button": "Pay with another card",
        "amount": amount,
    }
    context |= _details(
        product=product, amount=amount, invoice=invoice_number, card=(card_brand, card_last4)
    )
    return render("last_notice", context, brand)


def thank_you(
    brand: Brand,
    *,
    amount_minor: int,
    currency: str,
    product: str = "",
    invoice_number: str = "",
    card_brand: str = "",
    card_last4: str = "",
    new_card: bool = False,
    receipt_link: str = "",
    customer_name: str = "",
    locale: str = "en",
) -> Rendered:
    """The invoice is paid. ``card_*`` name what paid it; ``new_card``: it is used from now on."""
    amount = format_money(amount_minor, currency, locale)
    context = _to_subscriber(customer_name, product, receipt_link, "") | {
        "headline": "Thank you, it's paid",
        "card": reader.card_name(card_brand, card_last4),
        "new_card": new_card and bool(card_last4),
        "button": "See your invoice",
        "amount": amount,
    }
    context |= _details(
        product=product, amount=amount, invoice=invoice_number, card=(card_brand, card_last4)
    )
    return render("thank_you", context, brand)


def fresh_link(
    brand: Brand,
    *,
    link: str,
    product: str = "",
    customer_name: str = "",
    works_until: datetime | None = None,
    locale: str = "en",
    timezone: str = "UTC",
) -> Rendered:
    """The subscriber opened a link that was too old and asked for another."""
    context = _to_subscriber(customer_name, product, link, "") | {
        "headline": "Here is your new link",
        "button": "Open the payment page",
        "works_until": reader.day(works_until, locale, timezone) if works_until else "",
    }
    return render("fresh_link", context, brand)


def sign_in_link(product_name: str, link: str, minutes: int) -> Rendered:
    """For the founder: the way into the dashboard, good for ``minutes``."""
    brand = Brand(company_name=product_name)
    context = {
        "headline": f"Sign in to {brand.short_name}",
        "link": require_web_address(link, "link"),
        "button": "Sign in",
        "minutes": minutes,
        "stop_link": "",
        "proof": "",
    }
    return render("sign_in_link", context, brand)


def confirm_sender(company: str, address: str, link: str) -> Rendered:
    """To the sender's own address, and from it: whoever reads it may send from there."""
    brand = Brand(company_name=company)
    context = {
        "headline": "Is this your sender's mailbox?",
        "address": reader.one_line(address),
        "link": require_web_address(link, "link"),
        "button": "Confirm the address",
        "stop_link": "",
        "proof": "",
    }
    return render("confirm_sender", context, brand)


def _to_subscriber(name: str, product: str, link: str, stop_link: str) -> dict[str, object]:
    for field, address in (("link", link), ("stop_link", stop_link)):
        if address:
            require_web_address(address, field)
    return {
        "greeting": reader.greeting(name),
        "product": _product(product) or "your subscription",
        "link": link,
        "stop_link": stop_link,
        "proof": "",
    }


def _product(name: str) -> str:
    name = reader.one_line(name)
    return name if len(name) <= _LONGEST_PRODUCT else name[: _LONGEST_PRODUCT - 1].rstrip() + "…"


def _on_record(month: int | None, year: int | None) -> str:
    return (
        f" (valid until {reader.expiry_month(month, year)} in our records)"
        if month and year
        else ""
    )


def _details(
    *,
    product: str = "",
    amount: str = "",
    invoice: str = "",
    card: tuple[str, str] = ("", ""),
    valid_until: str = "",
    renews: str = "",
    next_try: str = "",
) -> dict[str, object]:
    """The box above the button, and which of its rows only the sender and the reader know."""
    brand, last4 = card
    rows = [
        ("For", _product(product)),
        ("Amount", amount),
        ("Invoice", reader.one_line(invoice)),
        ("Card", reader.card_name(brand, last4) if last4 else ""),
        ("Valid until", valid_until),
        ("Renews", renews),
        ("Next try", next_try),
    ]
    known = [_PROOFS[label] for label, value in rows if value and label in _PROOFS]
    return {
        "details": [(label, value) for label, value in rows if value],
        "proof": f"This email names {' and '.join(known)}." if known else "",
    }
