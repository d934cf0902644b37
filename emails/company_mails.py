"""Every mail to a company's own people, one function each. Values in, a finished mail out.

Common arguments: ``account`` the name of the account, ``link`` the page to look at,
``settings_link`` where these mails are chosen, both http(s) addresses, or ValueError is raised.
Amounts and days come as the texts they are shown as. ``rows`` are (label, text), top down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emails.brand import Brand, require_web_address
from emails.reader_format import one_line
from emails.render import Rendered, render

PRODUCT = "Recover"
_LONGEST_LABEL = 48

Rows = Sequence[Sequence[str]]


def company_trouble(
    *, account: str, said: str, disconnected: bool, link: str, settings_link: str
) -> Rendered:
    """Stripe refuses our key, or the account was disconnected. ``said``: Stripe's words, or ""."""
    about = {
        "headline": "Stripe is disconnected" if disconnected else "Stripe refuses our key",
        "button": "See what is known",
        "said": one_line(said),
        "disconnected": disconnected,
    }
    return _render("company_trouble", account, link, settings_link, about)


def company_parked(*, account: str, count: int, link: str, settings_link: str) -> Rendered:
    """Events that could not be handled are parked until a person replays them."""
    events = "One event" if count == 1 else f"{count} events"
    about = {"headline": f"{events} to look at", "events": events, "button": "Open Recover"}
    return _render("company_parked", account, link, settings_link, about)


def company_exhausted(
    *,
    account: str,
    since: str,
    count: int,
    rows: Rows,
    ending: str,
    link: str,
    settings_link: str,
) -> Rendered:
    """The cases whose retries were used up since ``since``; ``rows`` lists some, ``count`` all.

    ``ending`` says what is done about them on Stripe.
    """
    cases = "One case is exhausted" if count == 1 else f"{count} cases are exhausted"
    about = {
        "headline": cases,
        "since": since,
        "details": _rows(rows),
        "more": count - len(rows),
        "ending": ending,
        "button": "Look at them",
    }
    return _render("company_exhausted", account, link, settings_link, about)


def company_disputes(
    *, account: str, count: int, rows: Rows, link: str, settings_link: str
) -> Rendered:
    """Payments that are disputed, or reported as fraud; ``rows`` lists some, ``count`` all."""
    payments = "One payment is" if count == 1 else f"{count} payments are"
    about = {
        "headline": f"{payments} disputed or reported as fraud",
        "details": _rows(rows),
        "more": count - len(rows),
        "button": "Look at the cases",
    }
    return _render("company_disputes", account, link, settings_link, about)


def company_weekly(
    *,
    account: str,
    since: str,
    until: str,
    failed: int,
    rows: Rows,
    link: str,
    settings_link: str,
) -> Rendered:
    """What became of failed payments in a week. ``failed``: invoices that first failed in it."""
    about = {
        "headline": "Your week with failed payments",
        "since": since,
        "until": until,
        "failed": f"{failed} {'renewal' if failed == 1 else 'renewals'} failed",
        "details": _rows(rows),
        "button": "Open Recover",
    }
    return _render("company_weekly", account, link, settings_link, about)


def _rows(rows: Rows) -> list[tuple[str, str]]:
    return [(_short(label), one_line(text)) for label, text in rows]


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1].rstrip() + "…"


def _render(
    name: str, account: str, link: str, settings_link: str, about: Mapping[str, object]
) -> Rendered:
    account = one_line(account) or PRODUCT
    common: dict[str, object] = {
        "account": account,
        "short": Brand(account).short_name,
        "link": require_web_address(link, "link"),
        "settings_link": require_web_address(settings_link, "settings_link"),
        "stop_link": "",
        "proof": "",
    }
    return render(name, {**common, **about}, Brand(PRODUCT))
