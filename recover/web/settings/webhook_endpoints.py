"""The settings pages of outgoing webhooks: endpoints, their secrets, what became of each event."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from recover.integrations import webhook_endpoints, webhook_events
from recover.integrations.webhook_endpoints import EndpointFault
from recover.models import Account, Delivery, DeliveryAttempt, DeliveryStatus, WebhookEndpoint
from recover.reporting import figures
from recover.services import Services
from recover.web.access_control import actor, current_user

LOG = 30  # deliveries on one page

STATUSES = {
    DeliveryStatus.PENDING: ("On its way", "warn"),
    DeliveryStatus.DELIVERED: ("Delivered", "good"),
    DeliveryStatus.GIVEN_UP: ("Given up", "bad"),
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("webhook_endpoints", __name__)

    @routes.get("/settings/webhooks")
    def show() -> str:
        return _list_page(services)

    @routes.post("/settings/webhooks")
    def create() -> tuple[str, int]:
        account = _chosen_account(services, request.form.get("account", ""))
        url, events = request.form.get("url", "").strip(), request.form.getlist("event")
        try:
            row, secret = webhook_endpoints.create(services, account, url, events, actor=actor())
        except EndpointFault as fault:
            return _list_page(services, fault), 400
        return render_template(
            "settings/webhook_endpoint_secret.html", endpoint=row, secret=secret, fresh=True
        ), 201

    @routes.get("/settings/webhooks/<int:endpoint_id>")
    def endpoint(endpoint_id: int) -> str:
        return _endpoint_page(services, _own_endpoint(services, endpoint_id))

    @routes.post("/settings/webhooks/<int:endpoint_id>")
    def change(endpoint_id: int) -> Response | tuple[str, int]:
        row, form = _own_endpoint(services, endpoint_id), request.form
        try:
            webhook_endpoints.change(
                services,
                row,
                actor=actor(),
                url=form.get("url", "").strip(),
                events=form.getlist("event"),
                enabled=form.get("enabled") == "yes",
            )
        except EndpointFault as fault:
            return _endpoint_page(services, row, fault), 400
        flash("Saved.")
        return _to_endpoint(row)

    _add_actions(routes, services)
    return routes


def _add_actions(routes: Blueprint, services: Services) -> None:
    """What the buttons of an endpoint's page do."""

    @routes.post("/settings/webhooks/<int:endpoint_id>/secret")
    def rotate(endpoint_id: int) -> str:
        row = _own_endpoint(services, endpoint_id)
        secret = webhook_endpoints.rotate(services, row, actor=actor())
        return render_template(
            "settings/webhook_endpoint_secret.html", endpoint=row, secret=secret, fresh=False
        )

    @routes.post("/settings/webhooks/<int:endpoint_id>/test")
    def test(endpoint_id: int) -> Response:
        row = _own_endpoint(services, endpoint_id)
        webhook_endpoints.send_test(services, row)
        flash("A test event is on its way. Load this page again in a few seconds.")
        return _to_endpoint(row)

    @routes.post("/settings/webhooks/<int:endpoint_id>/again/<int:delivery_id>")
    def again(endpoint_id: int, delivery_id: int) -> Response:
        row = _own_endpoint(services, endpoint_id)
        with services.db.read() as session:
            delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.endpoint_id != row.id:
            abort(404)
        webhook_endpoints.send_again(services, delivery)
        flash("The event is on its way again. Load this page again in a few seconds.")
        return _to_endpoint(row)

    @routes.get("/settings/webhooks/<int:endpoint_id>/remove")
    def confirm_remove(endpoint_id: int) -> str:
        return render_template(
            "settings/webhook_endpoint_remove.html", endpoint=_own_endpoint(services, endpoint_id)
        )

    @routes.post("/settings/webhooks/<int:endpoint_id>/remove")
    def remove(endpoint_id: int) -> Response:
        row = _own_endpoint(services, endpoint_id)
        webhook_endpoints.remove(services, row, actor=actor())
        flash(f"Nothing more is sent to {row.url}.")
        return redirect(url_for("web.webhook_endpoints.show"), 303)


def _list_page(services: Services, fault: EndpointFault | None = None) -> str:
    with services.db.read() as session:
        accounts = figures.accounts_of(session, current_user().company_id)
        rows = [
            (account, row)
            for account in accounts
            for row in webhook_endpoints.of_account(session, account.id)
        ]
    return render_template(
        "settings/webhook_endpoints.html",
        endpoints=rows,
        accounts=accounts,
        events=webhook_events.EVENTS,
        fault=fault,
        form=request.form,
        chosen=_ticked_events(list(webhook_events.EVENTS)),
    )


def _endpoint_page(
    services: Services, row: WebhookEndpoint, fault: EndpointFault | None = None
) -> str:
    with services.db.read() as session:
        account = session.get_one(Account, row.account_id)
        log = _deliveries(session, row)
    return render_template(
        "settings/webhook_endpoint.html",
        endpoint=row,
        account=account,
        log=log,
        events=webhook_events.EVENTS,
        fault=fault,
        form=request.form,
        chosen=_ticked_events(row.events),
        statuses=STATUSES,
        timezone=account.timezone or "UTC",
    )


def _ticked_events(otherwise: list[str]) -> list[str]:
    """What is ticked: as it was sent, where the form comes back with a fault."""
    return request.form.getlist("event") if request.method == "POST" else otherwise


def _deliveries(
    session: Session, row: WebhookEndpoint
) -> list[tuple[Delivery, list[DeliveryAttempt]]]:
    latest = select(Delivery).where(Delivery.endpoint_id == row.id)
    found = list(session.scalars(latest.order_by(Delivery.id.desc()).limit(LOG)))
    ids = [one.id for one in found]
    attempts = (
        select(DeliveryAttempt)
        .where(DeliveryAttempt.delivery_id.in_(ids))
        .order_by(DeliveryAttempt.id)
    )
    by_delivery: dict[int, list[DeliveryAttempt]] = {}
    for one in session.scalars(attempts):
        by_delivery.setdefault(one.delivery_id, []).append(one)
    return [(one, by_delivery.get(one.id, [])) for one in found]


def _own_endpoint(services: Services, endpoint_id: int) -> WebhookEndpoint:
    """The endpoint, if it is of the user's own company; 404 otherwise."""
    query = (
        select(WebhookEndpoint)
        .join(Account, Account.id == WebhookEndpoint.account_id)
        .where(
            WebhookEndpoint.id == endpoint_id,
            WebhookEndpoint.deleted_at.is_(None),
            Account.company_id == current_user().company_id,
        )
    )
    with services.db.read() as session:
        row = session.scalar(query)
    if row is None:
        abort(404)
    return row


def _chosen_account(services: Services, chosen: str) -> Account:
    """The account chosen; the only one where there is no choice."""
    with services.db.read() as session:
        accounts = figures.accounts_of(session, current_user().company_id)
    found = [one for one in accounts if str(one.id) == chosen or len(accounts) == 1]
    if not found:
        abort(404)
    return found[0]


def _to_endpoint(row: WebhookEndpoint) -> Response:
    return redirect(url_for("web.webhook_endpoints.endpoint", endpoint_id=row.id), 303)
