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
    Page("web.tokens.show", "API", "Tokens for your own programs, and how long grace lasts."),
    Page("web.hooks.show", "Webhooks", "Tell your own programs what happens to a case."),
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
