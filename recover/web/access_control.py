"""Who may call which page: nothing is public unless it is listed here."""

from __future__ import annotations

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from recover.compliance import audit_log
from recover.models import Role, User
from recover.people import sessions
from recover.people.sessions import Current
from recover.services import Services
from recover.web import headers, user_agent

PUBLIC = frozenset(
    {
        "web.health.health",
        "web.brand_stylesheet.stylesheet",
        "web.sign_in.form",
        "web.sign_in.ask",
        "web.sign_in.confirm",
        "web.sign_in.enter",
        "web.passkey_sign_in.options",
        "web.passkey_sign_in.enter",
        # Signed by the link itself, and nothing happens before a button is pressed:
        "web.accept_invitation.show",
        "web.accept_invitation.accept",
        # Signed by the link itself:
        "web.checklist.confirm",
        "web.checklist.accept",
        "web.card_page.show",
        "web.card_page.start",
        "web.card_page.checkout",
        "web.card_page.finish",
        "web.card_page.settle",
        "web.card_page.come_back",
        "web.card_page.fresh",
        "web.unsubscribe.show",
        "web.unsubscribe.stop",
        "web.unsubscribe.undo",
    }
)
"""Endpoints that ask for no sign-in. Everything else does."""

OWNERS_ONLY: frozenset[str] = frozenset(
    {
        "web.webhook_endpoints",
        "web.invitations",
        "web.members",
        "web.privacy",
        "web.audit_log_export",
        "web.stripe_connect",
        "web.api_tokens",
    }
)
"""Endpoints, or their beginnings up to a dot, for owners alone: people, keys, connections."""

MEMBERS_ONLY: frozenset[str] = frozenset({"web.case_page.confirm_retry"})
"""Pages that do nothing but ask to confirm what a viewer may not do."""

FOR_ONESELF = frozenset(
    {
        "web.sign_in.leave",
        "web.live_or_test.switch",
        "web.team.leave",
        "web.company_switch",
        "web.sessions",
        "web.passkeys",
    }
)
"""What everybody signed in may change: their own session, passkeys and membership. Endpoints, or
their beginnings up to a dot.
"""

WITHOUT_CSRF = frozenset({"web.unsubscribe.stop"})
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
    app.jinja_env.globals.update(may=may)


def check(services: Services) -> Response | None:
    """Run before every request: limit the body, check the CSRF token, require a user with the role.

    A response stops the request: a redirect to the sign-in. Aborts with 403 where the role does not
    suffice.
    """
    request.max_content_length = headers.MAX_FORM_BYTES
    if request.endpoint not in WITHOUT_CSRF:
        csrf.protect()
    if request.endpoint in PUBLIC:
        return None
    headers.allow().private = True
    g.here = sessions.current(services, session.get("token", ""))
    g.user = g.here.user if g.here else None
    if g.here is None:
        if request.method == "GET":
            session["next"] = request.script_root + request.full_path.rstrip("?")
        return redirect(url_for("web.sign_in.form"), 303)
    if not Role(g.user.role).may(needed(request.endpoint or "", request.method)):
        abort(403)
    sessions.touch(services, g.here.sign_in, user_agent.visit(services))
    return None


def needed(endpoint: str, method: str) -> Role:
    """The least role that may call this."""
    names = {endpoint, endpoint.rpartition(".")[0]}
    if names & OWNERS_ONLY:
        return Role.OWNER
    looks = method in ("GET", "HEAD", "OPTIONS") and not names & MEMBERS_ONLY
    return Role.VIEWER if looks or names & FOR_ONESELF else Role.MEMBER


def may(role: str) -> bool:
    """For templates: whether the user may do what that role may; hides buttons they cannot use."""
    user = g.get("user")
    return user is not None and Role(user.role).may(Role(role))


def current_user() -> User:
    """Who is signed in; only behind `check`."""
    user: User = g.user
    return user


def current_session() -> Current:
    """The session of who is signed in; only behind `check`."""
    here: Current = g.here
    return here


def actor() -> str:
    """Who is signed in, as the audit log names them: user:12."""
    return audit_log.user_actor(current_user().id)
