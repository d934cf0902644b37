"""Connecting, mending and disconnecting a Stripe account: for owners alone."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from recover.accounts import connecting, disconnecting
from recover.accounts.connecting import NotConnected
from recover.foundation.errors import StripeAccessLost, StripeUnavailable
from recover.models import Connection
from recover.services import Services
from recover.web import headers
from recover.web.access_control import actor, current_user
from recover.web.settings import stripe_key
from recover.web.settings.stripe_accounts import open_cases, own_account

LONGEST_DESCRIPTION = 300  # of Stripe's own words in the address of its answer

# Stripe's words for what went wrong on its page, in ours.
OAUTH_WORDS = {
    "access_denied": "You said no on Stripe's page. Nothing was connected.",
    "invalid_scope": "Stripe does not let this installation ask for what it needs.",
    "invalid_redirect_uri": "Stripe does not know the address it should send you back to.",
    "invalid_request": "Stripe did not understand this installation's question.",
    "unsupported_response_type": "Stripe did not understand this installation's question.",
}
FOR_THE_OPERATOR = (
    " Whoever runs this installation should compare STRIPE_CLIENT_ID and the redirect in Stripe's"
    " Connect settings."
)


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("stripe_connect", __name__)
    stripe_key.add_routes(routes, services)

    @routes.post("/settings/stripe/connect")
    def start() -> Response | tuple[str, int]:
        if not connecting.offers_oauth(services):
            return _not_connected(
                "This installation has no STRIPE_CLIENT_ID. Connect by a key instead."
            )
        return redirect(connecting.begin(services, current_user(), session.get("token", "")), 303)

    @routes.get(connecting.RETURN_PATH)
    def come_back() -> Response | tuple[str, int]:
        """The redirect back from Stripe: a GET that acts, as in OAuth, so its state counts once."""
        headers.allow().private = True
        try:
            connected = _finish_oauth(services)
        except NotConnected as error:
            return _not_connected(str(error))
        except StripeUnavailable as error:
            return _not_connected(str(error), 503)
        except StripeAccessLost as error:
            return _not_connected(
                f"Stripe refuses this installation: {error}{FOR_THE_OPERATOR}", 503
            )
        flash(f"{connected.account.name} is connected. Recover watches and does nothing yet.")
        return _to_account(connected.account.id)

    _add_account_routes(routes, services)
    return routes


def _finish_oauth(services: Services) -> connecting.Connected:
    user, token, args = current_user(), session.get("token", ""), request.args
    state = args.get("state", "")
    if error := args.get("error", ""):
        connecting.redeem_request(services, user, token, state)
        raise NotConnected(
            _oauth_error_text(error, args.get("error_description", "")[:LONGEST_DESCRIPTION])
        )
    if not args.get("code"):
        raise NotConnected("Stripe's answer is incomplete. Nothing was changed; begin again.")
    return connecting.finish(services, user, token, state, args["code"])


def _oauth_error_text(error: str, description: str) -> str:
    if error == "access_denied":
        return OAUTH_WORDS[error]
    words = OAUTH_WORDS.get(error, "Stripe did not connect the account.")
    quoted = f" Stripe says: {description}" if description else ""
    return f"{words}{quoted}{FOR_THE_OPERATOR} Nothing was connected."


def _add_account_routes(routes: Blueprint, services: Services) -> None:
    @routes.post("/settings/stripe/<int:account_id>/listen")
    def listen(account_id: int) -> Response:
        account = own_account(services, account_id)
        if account.connection != Connection.KEY or account.disconnected_at:
            flash("This account has no webhook endpoint of its own to repair.")
        elif trouble := connecting.try_to_replace_endpoint(services, account, actor()):
            flash(f"Still not mended: {trouble}")
        else:
            flash("Mended: one endpoint, our events, our version.")
        return _to_account(account_id)

    @routes.get("/settings/stripe/<int:account_id>/disconnect")
    def confirm_disconnect(account_id: int) -> str:
        account = own_account(services, account_id)
        count = open_cases(services, account)
        return render_template("settings/stripe_disconnect.html", account=account, count=count)

    @routes.post("/settings/stripe/<int:account_id>/disconnect")
    def disconnect(account_id: int) -> Response:
        account = own_account(services, account_id)
        reason = f"{current_user().email} disconnected the account."
        stripe_notified = disconnecting.disconnect(services, account.id, actor(), reason)
        later = (
            ""
            if stripe_notified
            else " Stripe could not be told yet; Recover repeats that until it succeeds."
        )
        flash(f"{account.name} is disconnected. Nothing more is charged or sent.{later}")
        return _to_account(account_id)


def _to_account(account_id: int) -> Response:
    return redirect(url_for("web.stripe_accounts.one", account_id=account_id), 303)


def _not_connected(text: str, status: int = 400) -> tuple[str, int]:
    return render_template("settings/stripe_refused.html", text=text), status
