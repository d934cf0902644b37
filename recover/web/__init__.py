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
    dry_run,
    go_live,
    guard,
    health,
    present,
    problems,
    retries,
    security,
    settings_area,
    sign_in,
    start,
    stop,
)


def register(app: Flask, services: Services) -> None:
    """Add every page to ``app``, with the headers, cookies and checks that belong to them."""
    security.configure(app, services.settings)
    guard.configure(app)
    present.configure(app)
    problems.configure(app)
    site = Blueprint("web", __name__)
    site.before_request(partial(guard.check, services))
    parts = (
        health, brand, sign_in, start, dry_run, go_live, dashboard, case, retries, settings_area,
        card, stop,
    )  # fmt: skip
    for part in parts:
        site.register_blueprint(part.blueprint(services))
    app.register_blueprint(site)
