"""Who may call which page: nothing is public unless it is listed here."""

from __future__ import annotations

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from recover import people
from recover.models import User
from recover.roles import Role
from recover.services import Services
from recover.web import security

PUBLIC = frozenset(
    {
        "web.health.health",
        "web.brand.stylesheet",
        "web.sign_in.form",
        "web.sign_in.ask",
        "web.sign_in.confirm",
        "web.sign_in.enter",
        # Signed by the link itself:
        "web.start.confirm",
        "web.start.accept",
        "web.card.show",
        "web.card.start",
        "web.card.checkout",
        "web.card.finish",
        "web.card.settle",
        "web.card.come_back",
        "web.card.fresh",
        "web.stop.show",
        "web.stop.stop",
        "web.stop.undo",
    }
)
"""Endpoints that ask for no sign-in. Everything else does."""

OWNERS_ONLY: frozenset[str] = frozenset()
"""Endpoints, or their beginnings up to a dot, for owners alone: people, keys, connections."""

FOR_ONESELF = frozenset({"web.sign_in.leave"})
"""What everybody signed in may change: nothing but their own session and keys."""

WITHOUT_CSRF = frozenset({"web.stop.stop"})
"""A mail program posts here by itself (RFC 8058): it has the signed link and no session."""

csrf = CSRFProtect()


def configure(app: Flask) -> None:
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,  # `check` does, for our pages; webhooks are signed instead
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a page may lie open over lunch
        # Signed pages send no referrer, so that their address stays private; the token suffices.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)


def check(services: Services) -> Response | None:
    """Before every page: a small body, a CSRF token for what changes things, a user."""
    request.max_content_length = security.MAX_FORM_BYTES
    if request.endpoint not in WITHOUT_CSRF:
        csrf.protect()
    if request.endpoint in PUBLIC:
        return None
    security.allow().private = True
    g.user = people.user_of(services, session.get("token", ""))
    if g.user is None:
        if request.method == "GET":
            session["next"] = request.full_path.rstrip("?")
        return redirect(url_for("web.sign_in.form"), 303)
    if not Role(g.user.role).may(needed(request.endpoint or "", request.method)):
        abort(403)
    return None


def needed(endpoint: str, method: str) -> Role:
    """The least role that may call this."""
    if endpoint in OWNERS_ONLY or endpoint.rpartition(".")[0] in OWNERS_ONLY:
        return Role.OWNER
    looks = method in ("GET", "HEAD", "OPTIONS") or endpoint in FOR_ONESELF
    return Role.VIEWER if looks else Role.MEMBER


def current_user() -> User:
    """Who is signed in; only behind `check`."""
    user: User = g.user
    return user
