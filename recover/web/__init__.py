"""The pages: the founder's, behind a sign-in, and the subscriber's, behind a signed link."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Flask

from recover.services import Services
from recover.web import (
    brand,
    card,
    case,
    dashboard,
    guard,
    health,
    hooks,
    present,
    problems,
    security,
    settings_area,
    sign_in,
    stop,
    tokens,
)


def register(app: Flask, services: Services) -> None:
    """Add every page to ``app``, with the headers, cookies and checks that belong to them."""
    security.configure(app, services.settings)
    guard.configure(app)
    present.configure(app)
    problems.configure(app)
    site = Blueprint("web", __name__)
    site.before_request(partial(guard.check, services))
    for part in (
        health, brand, sign_in, dashboard, case, settings_area, tokens, hooks, card, stop,
    ):  # fmt: skip
        site.register_blueprint(part.blueprint(services))
    app.register_blueprint(site)
