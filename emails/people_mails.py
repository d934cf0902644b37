"""Mails to the people of a company, other than the sign-in link. Values in, a finished mail out."""

from __future__ import annotations

from emails import reader_format
from emails.brand import Brand, require_web_address
from emails.render import Rendered, render


def passkey_added(product_name: str, *, name: str, link: str) -> Rendered:
    """For whoever's sign-in got a passkey, in case it was not them. ``link`` leads to it."""
    brand = Brand(company_name=product_name)
    context = {
        "headline": "A passkey was added",
        "name": reader_format.one_line(name),
        "link": require_web_address(link, "link"),
        "button": "See your passkeys",
        "stop_link": "",
        "proof": "",
    }
    return render("passkey_added", context, brand)


def invitation(
    product_name: str, *, company: str, inviter: str, may: str, link: str, days: int
) -> Rendered:
    """For somebody invited to a company's dashboard. ``may``: a sentence on what they may do there.

    ``company`` and ``inviter`` may be anything a person typed; ``link`` is good for ``days``.
    """
    brand, theirs = Brand(company_name=product_name), Brand(company_name=company or "a company")
    context = {
        "headline": f"You are invited to {brand.short_name}",
        "company": theirs.company_name,
        "short_company": theirs.short_name,
        "inviter": reader_format.one_line(inviter),
        "may": may,
        "link": require_web_address(link, "link"),
        "button": "See the invitation",
        "days": days,
        "stop_link": "",
        "proof": "",
    }
    return render("invitation", context, brand)
