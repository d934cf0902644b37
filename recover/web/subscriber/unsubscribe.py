"""The page behind "stop these mails": one click, and a way back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template

from recover.accounts.settings.brand import brand
from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.foundation.signed_links import Purpose
from recover.messages import suppression
from recover.models import Account, SuppressionReason
from recover.services import Services
from recover.web import headers, reader_locale

# Whoever was erased on request stays so.
AFTER_UNDO = {None: "resumed", SuppressionReason.REFUSED: "refused"}


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose mail it is about."""

    account: Account
    stripe_customer_id: str

    @property
    def key(self) -> tuple[int, str]:
        return self.account.id, self.stripe_customer_id


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("unsubscribe", __name__)

    @routes.get("/stop/<token>")
    def show(token: str) -> str:
        customer = _customer_of_link(services, token)
        stopped = _suppression_reason(services, customer)
        return _page(services, customer, token, "stopped" if stopped else "asking")

    @routes.post("/stop/<token>")
    def stop(token: str) -> str:
        customer = _customer_of_link(services, token)
        suppression.stop_mail(services, *customer.key)
        return _page(services, customer, token, "stopped")

    @routes.post("/stop/<token>/undo")
    def undo(token: str) -> str:
        customer = _customer_of_link(services, token)
        suppression.resume_mail(services, *customer.key)
        reason = _suppression_reason(services, customer)
        return _page(services, customer, token, AFTER_UNDO.get(reason, "stopped"))

    return routes


def _page(services: Services, customer: Customer, token: str, state: str) -> str:
    account = customer.account
    locale = reader_locale.known_locale(services, account, customer.stripe_customer_id)
    t = reader_locale.words(account, locale)
    return render_template(
        "subscriber/unsubscribe.html", t=t, brand=brand(account), token=token, state=state
    )


def _customer_of_link(services: Services, token: str) -> Customer:
    headers.allow().private = True
    try:
        payload = services.links.read(Purpose.STOP_MAIL, token, services.now())
    except (LinkExpired, LinkInvalid):
        abort(404)
    with services.db.read() as session:
        account = session.get(Account, int(payload.get("account", 0)))
    if account is None:
        abort(404)
    headers.allow_image(account.logo_url)
    return Customer(account, str(payload.get("customer", "")))


def _suppression_reason(services: Services, customer: Customer) -> SuppressionReason | None:
    with services.db.read() as session:
        entry = suppression.suppression_of(session, *customer.key)
    return entry.reason if entry else None
