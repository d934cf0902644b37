"""The settings: pages side by side, each with its own blueprint, listed here in their order."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template


@dataclass(frozen=True, slots=True)
class Page:
    endpoint: str  # of its GET
    title: str
    about: str  # one sentence


PAGES: tuple[Page, ...] = (
    Page(
        "web.stripe_accounts.show",
        "Stripe accounts",
        "Connect and disconnect, and see whether Stripe reaches this installation.",
    ),
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
