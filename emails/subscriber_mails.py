"""Every mail to a subscriber, one function each. Values in, a finished mail out.

Times are aware. ``link`` is the signed page. It and the reader's ``stop_link`` must be http(s)
addresses, or ValueError is raised. Names and products may be anything a person typed.
"""

from __future__ import annotations

from datetime import datetime

from emails.billing import Bill, Reader, ShownCard
from emails.brand import Brand, require_web_address
from emails.decline_copy import copy_for
from emails.reader_format import card_name, day, expiry_month, greeting, one_line
from emails.render import Rendered, render
from recover.foundation.money import format_money

_LONGEST_PRODUCT = 80
_PROOFS = {"Invoice": "your invoice number", "Card": "the last four digits of your card"}


def payment_failed(
    brand: Brand,
    reader: Reader,
    bill: Bill,
    card: ShownCard,
    *,
    reason: str,
    link: str,
    next_try_at: datetime | None = None,
    notice: int = 1,
) -> Rendered:
    """A payment was declined. ``reason`` is a key of `emails.decline_copy.REASONS`.

    ``next_try_at`` is the time of the next retry, ours or Stripe's; None where none is planned.
    ``notice`` counts the mails about this invoice from 1; later ones read as reminders.
    """
    copy = copy_for(reason)
    words = {
        "company": brand.short_name,
        "card": card_name(card.brand, card.last4),
        "on_record": _on_record(card),
    }
    next_try = day(next_try_at, reader.locale, reader.timezone) if next_try_at else ""
    context = _to_subscriber(reader, bill.product, link, reader.stop_link) | {
        "first_subject": copy.subject.format(**words),
        "reminder": notice > 1,
        "headline": "Your payment is still open" if notice > 1 else copy.headline,
        "happened": copy.happened.format(**words),
        "if_retried": copy.if_retried,
        "remedy": copy.remedy,
        "button": copy.button,
        "next_try": next_try,
        "method": "card" if card.last4 or card.brand else "payment method",
        "amount": _amount(bill, reader),
    }
    context |= _details(reader, bill, card, next_try=next_try)
    return render("payment_failed", context, brand)


def authentication_needed(
    brand: Brand, reader: Reader, bill: Bill, card: ShownCard, *, link: str, notice: int = 1
) -> Rendered:
    """The bank wants the subscriber to approve the payment; a retry alone cannot help."""
    context = _to_subscriber(reader, bill.product, link, reader.stop_link) | {
        "reminder": notice > 1,
        "headline": "Your bank still needs your confirmation"
        if notice > 1
        else "Your bank wants to hear from you",
        "card": card_name(card.brand, card.last4),
        "button": "Confirm the payment",
        "amount": _amount(bill, reader),
    }
    context |= _details(reader, bill, card)
    return render("authentication_needed", context, brand)


def card_expiring(
    brand: Brand,
    reader: Reader,
    card: ShownCard,
    *,
    renews_at: datetime,
    link: str,
    product: str = "",
) -> Rendered:
    """A card expires before the next renewal, and its bank has sent no newer one.

    ``card`` has its month and year.
    """
    renewal = day(renews_at, reader.locale, reader.timezone)
    expiry = _expiry(card)
    context = _to_subscriber(reader, product, link, reader.stop_link) | {
        "headline": "Your card expires soon",
        "card": card_name(card.brand, card.last4),
        "expiry": expiry,
        "renewal": renewal,
        "button": "Add your new card",
    }
    rows = [
        ("For", _product(product)),
        _card_row(card),
        ("Valid until", expiry),
        ("Renews", renewal),
    ]
    return render("card_expiring", context | _box(rows), brand)


def last_notice(
    brand: Brand, reader: Reader, bill: Bill, card: ShownCard, *, ends_at: datetime, link: str
) -> Rendered:
    """The last mail of a campaign. ``ends_at``: when Recover stops trying and writing."""
    context = _to_subscriber(reader, bill.product, link, reader.stop_link) | {
        "headline": "Our last email about this payment",
        "ends": day(ends_at, reader.locale, reader.timezone),
        "button": "Pay with another card",
        "amount": _amount(bill, reader),
    }
    context |= _details(reader, bill, card)
    return render("last_notice", context, brand)


def thank_you(
    brand: Brand,
    reader: Reader,
    bill: Bill,
    card: ShownCard,
    *,
    new_card: bool = False,
    receipt_link: str = "",
) -> Rendered:
    """The invoice is paid. ``card`` is what paid it; ``new_card``: it is used from now on."""
    context = _to_subscriber(reader, bill.product, receipt_link, "") | {
        "headline": "Thank you, it's paid",
        "card": card_name(card.brand, card.last4),
        "new_card": new_card and bool(card.last4),
        "button": "See your invoice",
        "amount": _amount(bill, reader),
    }
    context |= _details(reader, bill, card)
    return render("thank_you", context, brand)


def fresh_link(
    brand: Brand,
    reader: Reader,
    *,
    link: str,
    product: str = "",
    works_until: datetime | None = None,
) -> Rendered:
    """The subscriber opened a link that was too old and asked for another."""
    until = day(works_until, reader.locale, reader.timezone) if works_until else ""
    context = _to_subscriber(reader, product, link, "") | {
        "headline": "Here is your new link",
        "button": "Open the payment page",
        "works_until": until,
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
        "address": one_line(address),
        "link": require_web_address(link, "link"),
        "button": "Confirm the address",
        "stop_link": "",
        "proof": "",
    }
    return render("confirm_sender", context, brand)


def _to_subscriber(reader: Reader, product: str, link: str, stop_link: str) -> dict[str, object]:
    for field, address in (("link", link), ("stop_link", stop_link)):
        if address:
            require_web_address(address, field)
    return {
        "greeting": greeting(reader.name),
        "product": _product(product) or "your subscription",
        "link": link,
        "stop_link": stop_link,
        "proof": "",
    }


def _product(name: str) -> str:
    name = one_line(name)
    return name if len(name) <= _LONGEST_PRODUCT else name[: _LONGEST_PRODUCT - 1].rstrip() + "…"


def _amount(bill: Bill, reader: Reader) -> str:
    return format_money(bill.amount_minor, bill.currency, reader.locale)


def _expiry(card: ShownCard) -> str:
    return expiry_month(card.exp_month, card.exp_year) if card.exp_month and card.exp_year else ""


def _on_record(card: ShownCard) -> str:
    expiry = _expiry(card)
    return f" (valid until {expiry} in our records)" if expiry else ""


def _details(
    reader: Reader, bill: Bill, card: ShownCard, *, next_try: str = ""
) -> dict[str, object]:
    return _box(
        [
            ("For", _product(bill.product)),
            ("Amount", _amount(bill, reader)),
            ("Invoice", one_line(bill.number)),
            _card_row(card),
            ("Next try", next_try),
        ]
    )


def _card_row(card: ShownCard) -> tuple[str, str]:
    return "Card", card_name(card.brand, card.last4) if card.last4 else ""


def _box(rows: list[tuple[str, str]]) -> dict[str, object]:
    """The box above the button, and which of its rows only the sender and the reader know."""
    known = [_PROOFS[label] for label, value in rows if value and label in _PROOFS]
    return {
        "details": [(label, value) for label, value in rows if value],
        "proof": f"This email names {' and '.join(known)}." if known else "",
    }
