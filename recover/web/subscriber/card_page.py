"""The card page's addresses: behind a signed link, open to whoever holds it.

Nothing is created at Stripe before a POST: opening the link, as mail scanners do, only shows it.
"""

from __future__ import annotations

import logging

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from recover.foundation.errors import RecoverError
from recover.foundation.keyed_hash import HashPurpose, network_hash
from recover.messages.subscriber import queue
from recover.models import Account, Link
from recover.services import Services
from recover.subscribers import card_page, card_update
from recover.subscribers.card_update import NotPossible
from recover.web import headers
from recover.web.subscriber import card_result, card_view
from recover.web.subscriber.card_problems import answer_problems
from recover.workflow import sync

log = logging.getLogger(__name__)

Page = tuple[str, int]


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("card_page", __name__)
    routes.before_request(_private)
    answer_problems(routes, services)
    _add_script_routes(routes, services)

    @routes.get("/card/<token>")
    def show(token: str) -> Page:
        account, link = card_page.find_link(services, token)
        return card_view.render(services, account, link, token)

    @routes.post("/card/<token>/checkout")
    def checkout(token: str) -> Response:
        """Without the script: Stripe's hosted page, and back to `come_back`."""
        account, link = card_page.find_link(services, token)
        setup = card_update.start(
            services,
            account,
            link,
            origin=_origin(services),
            invoice_ids=request.form.getlist("invoice"),
            shown=_shown(),
            return_url=_return_url(services, token),
        )
        return redirect(setup.url, 303)

    @routes.get("/card/<token>/return")
    def come_back(token: str) -> Page | Response:
        """Back from Stripe: the page with what came of it. Reloading it changes nothing."""
        account, link = _usable_link(services, token)
        setup_intent_id, session_id = _returned_ids()
        if not setup_intent_id and not session_id:
            return redirect(url_for("web.card_page.show", token=token), 303)
        result = card_result.finish(services, account, link, setup_intent_id, session_id)
        return card_view.render(services, account, link, token, result)

    @routes.post("/card/<token>/fresh")
    def fresh(token: str) -> Page:
        """A new link by mail. The answer is the same whatever comes of it."""
        account, link = card_view.link_of_any_age(services, token)
        try:
            queue.send_fresh_link(services, account, link)
        except RecoverError as error:
            log.warning("a fresh link could not be sent: %s", error)
        return card_view.notice(account, "fresh", 200, card_view.words_of(services, account, link))

    return routes


def _add_script_routes(routes: Blueprint, services: Services) -> None:
    """What the page's script asks for, as JSON."""

    @routes.post("/card/<token>/start")
    def start(token: str) -> Response:
        """A SetupIntent for the Payment Element, and what the button says."""
        account, link = card_page.find_link(services, token)
        invoice_ids = request.form.getlist("invoice")
        setup = card_update.start(
            services,
            account,
            link,
            origin=_origin(services),
            invoice_ids=invoice_ids,
            shown=_shown(),
        )
        page = card_page.load_page(services, account, link)
        t = card_view.words_of(services, account, link, page.locale)
        agreed = tuple(one for one in page.owed if one.invoice_id in invoice_ids)
        amount = card_view.total(t, agreed)
        return jsonify(
            setup_intent=setup.id,
            client_secret=setup.client_secret,
            label=t("button_pay", amount=amount) if agreed else t("button_save"),
            **card_view.stripe_keys(account),
        )

    @routes.post("/card/<token>/finish")
    def finish(token: str) -> Response:
        """Save the card, pay, and say what is next."""
        account, link = _usable_link(services, token)
        setup_intent_id = request.form.get("setup_intent", "")
        result = card_result.finish(services, account, link, setup_intent_id, "")
        return jsonify(state=result.state, client_secret=result.client_secret)

    @routes.post("/card/<token>/settle")
    def settle(token: str) -> Response:
        """The bank's confirmation is over; look at the invoices again."""
        account, link = _usable_link(services, token)
        setup_intent_id, session_id = _returned_ids()
        row = card_update.find(services, link, setup_intent_id, session_id)
        for invoice_id in row.invoice_ids:
            sync.sync(services, account, invoice_id)
        result = card_result.finish(services, account, link, setup_intent_id, session_id)
        return jsonify(state=result.state, client_secret=result.client_secret)


def _private() -> None:
    headers.allow().private = True


def _usable_link(services: Services, token: str) -> tuple[Account, Link]:
    """The link, where a card entered through it may still be saved. Raises NotPossible."""
    account, link = card_page.find_link(services, token)
    if link.revoked_at or account.disconnected_at:
        raise NotPossible("This link was switched off.")
    return account, link


def _shown() -> dict[str, int] | None:
    """Each invoice that the visitor's page showed, with the amount it named (minor units).

    None from a page that was shown before it said so.
    """
    if "invoice" in request.form and "shown" not in request.form:
        return None
    pairs = (one.rpartition(":") for one in request.form.getlist("shown"))
    return {invoice_id: int(amount) for invoice_id, _, amount in pairs if amount.isdecimal()}


def _returned_ids() -> tuple[str, str]:
    """What Stripe or the script says the visitor comes back with."""
    return request.values.get("setup_intent", ""), request.values.get("session_id", "")


def _return_url(services: Services, token: str) -> str:
    path = url_for("web.card_page.come_back", token=token).removeprefix(request.script_root)
    return services.links.base_url + path


def _origin(services: Services) -> str:
    return network_hash(services.settings, HashPurpose.NETWORK_CAPS, request.remote_addr)
