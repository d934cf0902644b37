"""The settings: pages side by side, each with its own blueprint, listed here in their order."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from recover import account_settings


@dataclass(frozen=True, slots=True)
class Page:
    endpoint: str  # of its GET
    title: str
    about: str  # one sentence


_OF_ACCOUNTS = [
    Page(f"web.account_settings.{one.key}", one.title, one.about) for one in account_settings.PAGES
]

PAGES: tuple[Page, ...] = (
    Page(
        "web.stripe_accounts.show",
        "Stripe accounts",
        "Connect and disconnect, and see whether Stripe reaches this installation.",
    ),
    *_OF_ACCOUNTS,
    Page("web.account_settings.changes", "Changes", "Who changed what, with the way back."),
    Page("web.team.show", "Team", "Who may come in, and what they may do."),
    Page("web.passkeys.show", "Passkeys", "Sign in by fingerprint, face or PIN."),
    Page("web.sessions.show", "Sessions", "Where you are signed in, and how to end it."),
)
"""Add a page here, and let its template extend settings.html."""


def blueprint(services: object) -> Blueprint:
    del services
    routes = Blueprint("settings", __name__)

    @routes.get("/settings")
    def show() -> str:
        return render_template("settings_index.html", pages=PAGES)

    @routes.app_context_processor
    def pages() -> dict[str, tuple[Page, ...]]:
        return {"settings_pages": PAGES}

    return routes
