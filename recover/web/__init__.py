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
    invitations,
    members,
    passkey_sign_in,
    passkeys,
    places,
    present,
    problems,
    retries,
    security,
    sessions,
    settings_area,
    sign_in,
    stop,
    team,
    welcome,
)

PEOPLE = (
    passkey_sign_in,
    welcome,
    places,
    team,
    members,
    invitations,
    sessions,
    passkeys,
)


def register(app: Flask, services: Services) -> None:
    """Add every page to ``app``, with the headers, cookies and checks that belong to them."""
    security.configure(app, services.settings)
    guard.configure(app)
    present.configure(app)
    problems.configure(app)
    site = Blueprint("web", __name__)
    site.before_request(partial(guard.check, services))
    parts = (health, brand, sign_in, dashboard, case, retries, settings_area, card, stop, *PEOPLE)
    for part in parts:
        site.register_blueprint(part.blueprint(services))
    app.register_blueprint(site)
