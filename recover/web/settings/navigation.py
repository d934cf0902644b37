"""The navigation of the settings: their pages in order, and the index that lists them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, g, render_template

from recover.accounts.settings import catalogue
from recover.models import Role
from recover.web import access_control


@dataclass(frozen=True, slots=True)
class Page:
    endpoint: str  # of its GET
    title: str
    about: str  # one sentence


_ACCOUNT_PAGES = [
    Page(f"web.account_settings.{one.key}", one.title, one.about) for one in catalogue.PAGES
]

PAGES: tuple[Page, ...] = (
    Page(
        "web.stripe_accounts.show",
        "Stripe accounts",
        "Connect and disconnect, and see whether Stripe reaches this installation.",
    ),
    *_ACCOUNT_PAGES,
    Page("web.account_settings.changes", "Changes", "Who changed what, with the way back."),
    Page("web.team.show", "Team", "Who may come in, and what they may do."),
    Page("web.passkeys.show", "Passkeys", "Sign in by fingerprint, face or PIN."),
    Page("web.sessions.show", "Sessions", "Where you are signed in, and how to end it."),
    Page(
        "web.privacy.show",
        "Personal data",
        "How long it is kept; copies and erasure for those who ask.",
    ),
    Page(
        "web.audit_log.show",
        "Audit log",
        "Who did what, when and why; and proof that nothing was altered.",
    ),
    Page("web.api_tokens.show", "API", "Tokens for your own programs, and how long grace lasts."),
    Page(
        "web.webhook_endpoints.show", "Webhooks", "Tell your own programs what happens to a case."
    ),
)
"""Add a page here, and let its template extend settings/layout.html."""


def blueprint(services: object) -> Blueprint:
    del services
    routes = Blueprint("navigation", __name__)

    @routes.get("/settings")
    def show() -> str:
        return render_template("settings/index.html", pages=_visible_pages())

    @routes.app_context_processor
    def pages() -> dict[str, tuple[Page, ...]]:
        return {"settings_pages": _visible_pages()}

    return routes


def _visible_pages() -> tuple[Page, ...]:
    """Those that whoever is signed in may open."""
    role = Role(g.user.role) if g.get("user") else Role.VIEWER
    return tuple(page for page in PAGES if role.may(access_control.needed(page.endpoint, "GET")))
