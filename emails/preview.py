"""Every mail as files to look at: each template and reason, with plain and with unusual values."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emails import company_mails, people_mails, subscriber_mails
from emails.billing import Bill, Reader, ShownCard
from emails.brand import Brand
from emails.decline_copy import REASONS
from emails.envelope import Outgoing, message_id, to_message
from emails.render import Rendered

_NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
_NEXT_TRY = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
_ENDS = datetime(2026, 12, 15, 9, 30, tzinfo=UTC)
_LINK = "https://recover.example.com/c/eyJhIjoxLCJpIjoiaW5fMVFhYmMifQ.aScVLw.Zx7Hq2m0tqYp3mJvQ5r8oK1bNfE"
_STOP = "https://recover.example.com/stop/eyJhIjoxfQ.aScVLw.k2mVb7"

BRAND = Brand(
    company_name="Northwind Notes",
    color="#5b3df5",
    support_email="help@northwind.example.com",
    website_url="https://app.northwind.example.com/",
    postal_address="12 Harbour Street, Bristol BS1 4DJ, United Kingdom",
    sender_name="Northwind Notes",
    sender_email="billing@northwind.example.com",
)
BARE_BRAND = Brand(company_name="Kiosk", color="#ffdd33", sender_email="kiosk@example.com")
LONG_BRAND = Brand(
    company_name="Donaudampfschifffahrtsgesellschaft für Buchhaltungssoftware mbH & Co. KG",
    color="#0a0a0a",
    reply_to="rechnung@example.de",
    sender_email="rechnung@example.de",
)


def samples() -> Iterator[tuple[str, Brand, Rendered]]:
    """(file name without ending, who it is from, the mail) for every mail there is."""
    for reason in REASONS:
        yield f"payment_failed-{reason}", BRAND, _failed(reason, next_try_at=_NEXT_TRY)
        yield f"payment_failed-{reason}-no-retry", BRAND, _failed(reason)
    yield "payment_failed-reminder", BRAND, _failed("bank_declined", notice=2)
    yield "payment_failed-bare", BARE_BRAND, _bare()
    yield "payment_failed-long", LONG_BRAND, _long()
    yield from _others()
    yield from _to_the_company()


def write_previews(directory: Path) -> Path:
    """Write .html, .txt and .eml of every sample and an index.html; the index's path."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, brand, mail in samples():
        (directory / f"{name}.html").write_text(mail.html, encoding="utf-8")
        (directory / f"{name}.txt").write_text(mail.text, encoding="utf-8")
        (directory / f"{name}.eml").write_bytes(to_message(_outgoing(name, brand, mail)).as_bytes())
        rows.append(_index_row(name, mail.subject))
    index = directory / "index.html"
    index.write_text(_INDEX.replace("ROWS", "\n".join(rows)), encoding="utf-8")
    return index


READER = Reader("Priya Raman", "en-GB", "Europe/London", _STOP)
PLAIN_READER = Reader("Priya Raman", "en-GB")
BILL = Bill(2900, "gbp", "Northwind Notes Team", "F4D81C02-0007")
CARD = ShownCard("visa", "4242", 10, 2026)


def _failed(reason: str, *, next_try_at: datetime | None = None, notice: int = 1) -> Rendered:
    return subscriber_mails.payment_failed(
        BRAND,
        READER,
        BILL,
        CARD,
        reason=reason,
        next_try_at=next_try_at,
        notice=notice,
        link=_LINK,
    )


def _bare() -> Rendered:
    """Nothing but what every payment has, in a currency without decimals."""
    bill = Bill(4980, "jpy")
    return subscriber_mails.payment_failed(
        BARE_BRAND, Reader(locale="ja"), bill, ShownCard(), reason="generic", link=_LINK
    )


def _long() -> Rendered:
    plan = "Jahresabonnement Finanzbuchhaltung Professional mit Rechtsschutzversicherungen"
    return subscriber_mails.payment_failed(
        LONG_BRAND,
        Reader("Maximiliane Schmidt-Hohenzollernberg", "de-DE", "Europe/Berlin", _STOP),
        Bill(123456789, "eur", plan, "RECHNUNG-2026-000000012345"),
        ShownCard("amex", "0005"),
        reason="expired",
        next_try_at=_NEXT_TRY,
        link=_LINK,
    )


def _others() -> Iterator[tuple[str, Brand, Rendered]]:
    about = (BRAND, PLAIN_READER, BILL, ShownCard("visa", "4242"))
    yield "authentication_needed", BRAND, subscriber_mails.authentication_needed(*about, link=_LINK)
    yield "card_expiring", BRAND, _expiring()
    yield "last_notice", BRAND, subscriber_mails.last_notice(*about, ends_at=_ENDS, link=_LINK)
    yield "thank_you", BRAND, subscriber_mails.thank_you(*about, new_card=True)
    link = subscriber_mails.fresh_link(BRAND, PLAIN_READER, link=_LINK, works_until=_ENDS)
    yield "fresh_link", BRAND, link
    yield (
        "confirm_sender",
        BRAND,
        subscriber_mails.confirm_sender("Northwind Notes", "billing@northwind.example", _LINK),
    )
    yield "sign_in_link", _product(), subscriber_mails.sign_in_link("Recover", _LINK, minutes=15)
    yield (
        "passkey_added",
        _product(),
        people_mails.passkey_added("Recover", name="Firefox on Linux", link=_LINK),
    )
    yield "invitation", _product(), _invitation("Northwind Notes")
    yield "invitation-long", _product(), _invitation(LONG_BRAND.company_name)


def _expiring() -> Rendered:
    return subscriber_mails.card_expiring(
        BRAND,
        Reader("Priya Raman", "en-GB", stop_link=_STOP),
        ShownCard("visa", "4242", 11, 2026),
        product=BILL.product,
        renews_at=_ENDS,
        link=_LINK,
    )


def _invitation(company: str) -> Rendered:
    return people_mails.invitation(
        "Recover",
        company=company,
        inviter="grace@northwind.example.com",
        may="Works on cases and changes settings.",
        link=_LINK,
        days=7,
    )


def _to_the_company() -> Iterator[tuple[str, Brand, Rendered]]:
    common: dict[str, Any] = {
        "account": "Northwind Notes",
        "link": "https://recover.example.com/",
        "settings_link": "https://recover.example.com/settings/notifications/1",
    }
    refused = company_mails.company_trouble(
        **common, said="401: Invalid API Key provided.", disconnected=False
    )
    yield "company_trouble", _product(), refused
    gone = company_mails.company_trouble(**common, said="", disconnected=True)
    yield "company_trouble-disconnected", _product(), gone
    yield "company_parked", _product(), company_mails.company_parked(**common, count=3)
    rows = [("Priya Raman", "£29.00, F4D81C02-0007"), ("Łukasz & Søn GmbH <x>", "£1,290.00")]
    ended = company_mails.company_exhausted(
        **common, since="Tuesday, 8:00", count=4, rows=rows, ending="Nothing is done on Stripe."
    )
    yield "company_exhausted", _product(), ended
    disputed = [("Priya Raman", "£29.00, charged on 5 Nov 2026: disputed, and not answered yet.")]
    contested = company_mails.company_disputes(**common, count=3, rows=disputed)
    yield "company_disputes", _product(), contested
    sums = [
        ("Won back", "£1,319.00 (2 invoices)"),
        ("of it: Scheduled retry", "£29.00 (1 invoice)"),
        ("of it: Stripe's own retry", "£1,290.00 (1 invoice)"),
        ("Given back", "nothing"),
        ("Lost", "£58.00 (2 invoices)"),
        ("At risk now", "£261.00 (9 invoices), €19.00 (1 invoice)"),
    ]
    week = company_mails.company_weekly(
        **common, since="16 Nov", until="22 Nov", failed=12, rows=sums
    )
    yield "company_weekly", _product(), week


def _product() -> Brand:
    return replace(BARE_BRAND, company_name="Recover", sender_email="recover@example.com")


def _outgoing(name: str, brand: Brand, mail: Rendered) -> Outgoing:
    return Outgoing(
        to="priya@example.org",
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        sender=brand.sender_email,
        sender_name=brand.sender_name or brand.company_name,
        reply_to=brand.reply_to,
        sent_at=_NOW,
        message_id=message_id(name, "recover.example.com"),
        stop_link=_STOP if _STOP in mail.text else "",
    )


def _index_row(name: str, subject: str) -> str:
    links = " ".join(f'<a href="{name}.{kind}">{kind}</a>' for kind in ("html", "txt", "eml"))
    return f"<tr><td>{name}</td><td>{html.escape(subject)}</td><td>{links}</td></tr>"


_INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Every mail Recover sends</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .5rem; border-bottom: 1px solid #8884 }
td:last-child { white-space: nowrap }
</style>
<h1>Every mail Recover sends</h1>
<table><tr><th>Mail</th><th>Subject</th><th>Open</th></tr>
ROWS
</table></html>
"""
