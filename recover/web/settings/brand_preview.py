"""Previews of a brand: the card page and a mail, before subscribers see it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request

from emails import subscriber_mails
from emails.billing import Bill, Reader, ShownCard
from emails.brand import Brand
from recover.accounts.settings import brand, catalogue, changes
from recover.models import Account
from recover.services import Services
from recover.web import headers
from recover.web.settings import change_history
from recover.web.settings.form import Form
from recover.web.translations import words_for

AMOUNT_MINOR, CURRENCY = 2900, "usd"


def add_routes(routes: Blueprint, services: Services) -> None:
    @routes.get("/settings/brand/<int:account_id>/preview/page")
    def preview_page(account_id: int) -> str:
        brand = _brand(services, account_id)
        _frame(brand)
        return render_template(
            "settings/brand_preview.html",
            brand=brand,
            t=words_for("en"),
            amount=AMOUNT_MINOR,
            currency=CURRENCY,
        )

    @routes.get("/settings/brand/<int:account_id>/preview/mail")
    def preview_mail(account_id: int) -> Response:
        brand = _brand(services, account_id)
        _frame(brand)
        headers.allow().sources["style-src"] = ("'unsafe-inline'",)  # as mails have to
        return Response(_mail(brand, services.links.base_url), mimetype="text/html")


def preview_args(form: Form) -> dict[str, str]:
    """The arguments of a preview's address: what is typed, where it is sound."""
    return {k: str(v) for k, v in form.values.items() if v}


def _frame(brand: Brand) -> None:
    headers.allow_image(brand.logo_url)
    headers.allow().sources["frame-ancestors"] = ("'self'",)


def _brand(services: Services, account_id: int) -> Brand:
    """The brand asked for; where a value is not sound, the one in force."""
    with services.db.read() as session:
        _, account = change_history.own_account(session, account_id)
    account = account or abort(404)
    names = [*catalogue.SETTINGS]
    values = changes.values_of(account, names)
    for one in catalogue.BRAND.settings:
        value = one.kind.read(request.args.get(one.name, ""))
        sound = not one.kind.fault(value)
        values[one.name] = value if sound and request.args else values[one.name]
    return brand.brand(Account(**values))


def _mail(brand: Brand, link: str) -> str:
    return subscriber_mails.payment_failed(
        brand,
        Reader("Ada Lovelace", stop_link=link),
        Bill(AMOUNT_MINOR, CURRENCY, "Team plan", "A1B2C3D4-0007"),
        ShownCard("visa", "4242"),
        reason="insufficient_funds",
        link=link,
    ).html
