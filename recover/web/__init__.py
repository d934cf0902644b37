"""The pages: the founder's, behind a sign-in, and the subscriber's, behind a signed link."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Flask

from recover.services import Services
from recover.web import (
    access_control,
    brand_stylesheet,
    error_pages,
    headers,
    health,
    live_or_test,
    template_helpers,
)
from recover.web.dashboard import audit_log, case_page, overview, retry_models
from recover.web.onboarding import checklist, dry_run, go_live
from recover.web.people import (
    accept_invitation,
    company_switch,
    invitations,
    members,
    passkey_sign_in,
    passkeys,
    sessions,
    sign_in,
    team,
)
from recover.web.settings import (
    account_settings,
    api_tokens,
    navigation,
    privacy,
    stripe_accounts,
    stripe_connect,
    webhook_endpoints,
)
from recover.web.subscriber import card_page, unsubscribe

START = (checklist, dry_run, go_live)
FOUNDERS = (overview, case_page, retry_models, navigation, account_settings, audit_log, privacy)
CONNECTIONS = (live_or_test, stripe_accounts, stripe_connect, api_tokens, webhook_endpoints)
PEOPLE = (
    passkey_sign_in,
    accept_invitation,
    company_switch,
    team,
    members,
    invitations,
    sessions,
    passkeys,
)
SUBSCRIBERS = (card_page, unsubscribe)


def register(app: Flask, services: Services) -> None:
    """Add every page to ``app``, with the headers, cookies and checks that belong to them."""
    headers.configure(app, services.settings)
    access_control.configure(app)
    template_helpers.configure(app)
    error_pages.configure(app)
    site = Blueprint("web", __name__)
    site.before_request(partial(access_control.check, services))
    for part in (
        health,
        brand_stylesheet,
        sign_in,
        *START,
        *FOUNDERS,
        *CONNECTIONS,
        *PEOPLE,
        *SUBSCRIBERS,
    ):
        site.register_blueprint(part.blueprint(services))
    site.register_blueprint(audit_log.export_blueprint(services))
    app.register_blueprint(site)
