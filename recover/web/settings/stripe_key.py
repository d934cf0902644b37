"""The page on which a restricted key is pasted: checked first, stored after, never shown again."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from recover.accounts import connecting, restricted_keys
from recover.accounts.connecting import NotConnected
from recover.accounts.restricted_keys import Fit, KeyRefused
from recover.foundation.errors import StripeAccessLost
from recover.services import Services
from recover.stripe_api.key_permissions import NEEDED, OPTIONAL, create_key_url
from recover.web.access_control import current_user


def add_routes(routes: Blueprint, services: Services) -> None:
    @routes.get("/settings/stripe/key")
    def key_form() -> str:
        mode = "test" if request.args.get("mode") == "test" else "live"
        return _form(mode)

    @routes.post("/settings/stripe/key")
    def key() -> Response | tuple[str, int]:
        mode = "test" if request.form.get("mode") == "test" else "live"
        secret = request.form.get("key", "").strip()
        public = request.form.get("publishable_key", "").strip()
        try:
            fit = _check_keys(services, secret, public, live=mode == "live")
            if fit.missing or (fit.more_than_needed and "allow_more" not in request.form):
                return _form(mode, public, fit=fit), 400
            connected = connecting.connect_key(services, current_user(), secret, public)
        except (KeyRefused, NotConnected, StripeAccessLost) as error:
            return _form(mode, public, fault=str(error)), 400
        flash(f"{connected.account.name} is connected. Recover watches and does nothing yet.")
        account_id = connected.account.id
        return redirect(url_for("web.stripe_accounts.one", account_id=account_id), 303)


def _check_keys(services: Services, secret: str, public: str, *, live: bool) -> Fit:
    """What the restricted key may do, compared with what is needed.

    Raises KeyRefused, StripeUnavailable.
    """
    if not secret:
        raise KeyRefused("Paste the restricted key: it begins with rk_.")
    mode = "live" if live else "test"
    if not public.startswith(f"pk_{mode}_"):
        raise KeyRefused(
            f"The publishable key begins with pk_{mode}_. Stripe shows it above the secret keys;"
            " the card page needs it."
        )
    return restricted_keys.check(services, secret, livemode=live)


def _form(mode: str, public: str = "", *, fault: str = "", fit: Fit | None = None) -> str:
    return render_template(
        "settings/stripe_key.html",
        mode=mode,
        public=public,
        fault=fault,
        fit=fit,
        needed=NEEDED,
        optional=OPTIONAL,
        create_url=create_key_url(livemode=mode == "live"),
    )
