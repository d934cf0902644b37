"""The card page as a reader sees it: in their language, with the company's face."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import render_template

from recover.accounts.settings.brand import brand
from recover.foundation.errors import LinkExpired
from recover.models import Account, Connection, Link
from recover.services import Services
from recover.stripe_api.objects import PaymentMethod
from recover.subscribers import card_page
from recover.subscribers.card_page import CardPage, Owed, PageState
from recover.web import headers, labels, reader_locale
from recover.web.subscriber.card_result import Result
from recover.web.translations import Words

FORM_STATES = (PageState.OWED, PageState.CARD_ONLY)
GONE = {PageState.REVOKED, PageState.DISCONNECTED}


def render(
    services: Services, account: Account, link: Link, token: str, result: Result | None = None
) -> tuple[str, int]:
    """The page for a valid link, from fresh evidence; ``result`` tells of a card just entered."""
    page = card_page.load_page(services, account, link)
    t = words_of(services, account, link, page.locale)
    company = brand(account)
    headers.allow_image(company.logo_url)
    if page.state in GONE or (page.state not in FORM_STATES and result is None):
        return notice(account, page.state, 410 if page.state in GONE else 200, t)
    headers.allow_stripe(services.settings)
    html = render_template(
        "subscriber/card.html",
        t=t,
        brand=company,
        page=page,
        result=result,
        token=token,
        total=total(t, page.owed),
        card=card_name(t, page.method),
        expired=_expired(services, page),
        new_card=card_name(t, result.method if result else None),
        paid=_paid(t, result),
        host=urlsplit(services.settings.base_url).netloc,
        stripe_js=services.settings.stripe_js_url,
        keys=stripe_keys(account),
    )
    return html, 200


def words_of(services: Services, account: Account, link: Link, locale: str = "") -> Words:
    """The words for the customer behind a link."""
    locale = locale or reader_locale.known_locale(services, account, link.stripe_customer_id)
    return reader_locale.words(account, locale)


def link_of_any_age(services: Services, token: str) -> tuple[Account, Link]:
    """The link behind a token of ours, however old. Raises LinkInvalid."""
    try:
        return card_page.find_link(services, token)
    except LinkExpired as error:
        return card_page.link_by_id(services, str(error.payload.get("link", "")))


def notice(
    account: Account | None,
    state: str,
    status: int,
    t: Words,
    *,
    token: str = "",
    button: str = "",
) -> tuple[str, int]:
    """A page that only explains. ``state`` names its words: title_<state> and lead_<state>."""
    company = brand(account) if account else None
    if company:
        headers.allow_image(company.logo_url)
    html = render_template(
        "subscriber/notice.html", t=t, brand=company, state=state, token=token, button=button
    )
    return html, status


def stripe_keys(account: Account) -> dict[str, str]:
    """What Stripe.js needs to speak for this account; all of it is public."""
    through_platform = account.connection == Connection.PLATFORM
    return {
        "publishable_key": account.publishable_key,
        "stripe_account": account.stripe_account_id if through_platform else "",
    }


def total(t: Words, owed: tuple[Owed, ...]) -> str:
    """What all invoices come to, currency by currency."""
    sums: dict[str, int] = {}
    for one in owed:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount_minor
    return " + ".join(t.money(amount, currency) for currency, amount in sums.items())


def card_name(t: Words, method: PaymentMethod | None) -> str:
    """Such as "Visa ending in 4242" in the reader's language; "" for none."""
    if method is None:
        return ""
    if not method.last4:
        return method.type.replace("_", " ")
    name = labels.BRANDS.get(method.brand, method.brand.replace("_", " ").capitalize())
    return t("card_ending", brand=name, last4=method.last4)


def _expired(services: Services, page: CardPage) -> bool:
    method, now = page.method, services.now()
    if method is None or not method.exp_year or not method.exp_month:
        return False
    return (method.exp_year, method.exp_month) < (now.year, now.month)


def _paid(t: Words, result: Result | None) -> str:
    """What was just paid, as one amount (or one for each currency)."""
    paid = result.paid if result else ()
    return total(
        t,
        tuple(
            Owed(c.stripe_invoice_id, c.invoice_number, c.amount_minor, c.currency, "", c.failed_at)
            for c in paid
        ),
    )
