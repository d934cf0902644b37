"""The pages: the founder's, behind a sign-in, and the subscriber's, behind a signed link."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Flask

from recover.services import Services
from recover.web import (
    account_settings,
    brand,
    card,
    case,
    dashboard,
    dry_run,
    go_live,
    guard,
    health,
    hooks,
    invitations,
    members,
    mode,
    passkey_sign_in,
    passkeys,
    personal,
    places,
    present,
    problems,
    record,
    retries,
    security,
    sessions,
    settings_area,
    sign_in,
    start,
    stop,
    stripe_accounts,
    stripe_connect,
    team,
    tokens,
    welcome,
)

START = (start, dry_run, go_live)
FOUNDERS = (dashboard, case, retries, settings_area, account_settings, record, personal)
CONNECTIONS = (mode, stripe_accounts, stripe_connect, tokens, hooks)
PEOPLE = (passkey_sign_in, welcome, places, team, members, invitations, sessions, passkeys)
SUBSCRIBERS = (card, stop)


def register(app: Flask, services: Services) -> None:
    """Add every page to ``app``, with the headers, cookies and checks that belong to them."""
    security.configure(app, services.settings)
    guard.configure(app)
    present.configure(app)
    problems.configure(app)
    site = Blueprint("web", __name__)
    site.before_request(partial(guard.check, services))
    for part in (health, brand, sign_in, *START, *FOUNDERS, *CONNECTIONS, *PEOPLE, *SUBSCRIBERS):
        site.register_blueprint(part.blueprint(services))
    site.register_blueprint(record.export_blueprint(services))
    app.register_blueprint(site)
