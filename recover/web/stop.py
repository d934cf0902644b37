"""The page behind "stop these mails": one click, and a way back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recover.account_brand import brand
from recover.errors import LinkExpired, LinkInvalid
from recover.links import Purpose
from recover.models import Account, Suppression
from recover.record import SUBSCRIBER, note_customer
from recover.services import Services
from recover.web import reader, security

ASKED = "asked"
AFTER_UNDO = {"": "resumed", "refused": "refused"}  # whoever was erased on request stays so


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose mail it is about."""

    account: Account
    stripe_customer_id: str


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("stop", __name__)

    @routes.get("/stop/<token>")
    def show(token: str) -> str:
        customer = _customer(services, token)
        stopped = _reason(services, customer)
        return _page(services, customer, token, "stopped" if stopped else "asking")

    @routes.post("/stop/<token>")
    def stop(token: str) -> str:
        customer = _customer(services, token)
        _suppress(services, customer)
        return _page(services, customer, token, "stopped")

    @routes.post("/stop/<token>/undo")
    def undo(token: str) -> str:
        customer = _customer(services, token)
        _resume(services, customer)
        reason = _reason(services, customer)
        return _page(services, customer, token, AFTER_UNDO.get(reason, "stopped"))

    return routes


def _page(services: Services, customer: Customer, token: str, state: str) -> str:
    account = customer.account
    locale = reader.known_locale(services, account, customer.stripe_customer_id)
    t = reader.words(account, locale)
    return render_template("stop.html", t=t, brand=brand(account), token=token, state=state)


def _customer(services: Services, token: str) -> Customer:
    security.allow().private = True
    try:
        payload = services.links.read(Purpose.STOP_MAIL, token, services.now())
    except (LinkExpired, LinkInvalid):
        abort(404)
    with services.db.read() as session:
        account = session.get(Account, int(payload.get("account", 0)))
    if account is None:
        abort(404)
    security.allow_image(account.logo_url)
    return Customer(account, str(payload.get("customer", "")))


def _reason(services: Services, customer: Customer) -> str:
    """Why nothing is sent to this customer; "" where mail is sent."""
    query = select(Suppression.reason).where(
        Suppression.account_id == customer.account.id,
        Suppression.stripe_customer_id == customer.stripe_customer_id,
    )
    with services.db.read() as session:
        return session.scalar(query) or ""


def _suppress(services: Services, customer: Customer) -> None:
    insert = services.db.insert_ignoring_duplicates(Suppression.__table__).values(
        account_id=customer.account.id,
        stripe_customer_id=customer.stripe_customer_id,
        reason=ASKED,
        created_at=services.now(),
    )
    with services.db.begin() as session:
        if session.scalar(insert.returning(Suppression.id)) is not None:
            _note(services, session, customer, "suppress", "They asked for no more mail.")


def _resume(services: Services, customer: Customer) -> None:
    """Takes back what the customer asked for; an address that refuses mail stays as it is."""
    with services.db.begin() as session:
        asked = delete(Suppression).where(
            Suppression.account_id == customer.account.id,
            Suppression.stripe_customer_id == customer.stripe_customer_id,
            Suppression.reason == ASKED,
        )
        if session.scalar(asked.returning(Suppression.id)) is not None:
            _note(services, session, customer, "resume", "They want mail again after all.")


def _note(services: Services, session: Session, customer: Customer, verb: str, reason: str) -> None:
    note_customer(
        session, verb, reason, services.now(), actor=SUBSCRIBER,
        account_id=customer.account.id, customer_id=customer.stripe_customer_id,
    )  # fmt: skip
