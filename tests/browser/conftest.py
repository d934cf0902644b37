"""A real Chromium, a database for what it looks at, and a town of companies to look at."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import page_cast
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from page_town import Town
from playwright.sync_api import Browser, sync_playwright

from app import create_app
from recover import services as composition
from recover.foundation import config
from sandbox.api import create_stripe
from sandbox.consent import CLIENT_ID
from sandbox.sandbox import Sandbox
from sandbox.server import serve

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-state-per-page",
        action="store_true",
        help="the page walk: each page in one state alone",
    )


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The database makes no difference to a browser: one kind is enough."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'recover.db')}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium here, and CI has to have one")
        pytest.skip("no Chromium here: apt install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def town(
    sqlite_template: Path, redis_session_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """The companies of `page_cast`, with their pages on a port: see `Town.url`."""
    folder = tmp_path_factory.mktemp("town")
    sandbox = Sandbox("calm", seed=1)
    stripe = serve(create_stripe(sandbox))
    sandbox.state.base_url = stripe.url
    # On localhost, where passkeys need no https.
    pages = serve(lambda *call: town.app(*call), host="localhost")  # noqa: PLW0108 - the town is built below
    settings = {
        "SECRET_KEYS": "a-secret-key-for-tests-0123456789",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "BASE_URL": pages.url,
        "DATABASE_URL": f"sqlite:///{shutil.copy(sqlite_template, folder / 'recover.db')}",
        "REDIS_URL": redis_session_url,
        "SMTP_URL": "smtp://127.0.0.1:9",
        "MAIL_FROM": "billing@recover.test",
        "STRIPE_API_BASE": stripe.url,
        "STRIPE_CONNECT_BASE": stripe.url,
        "STRIPE_JS_URL": f"{stripe.url}/stripe.js",
        "STRIPE_CLIENT_ID": CLIENT_ID,
        "STRIPE_SECRET_KEY": sandbox.platform_key,
        "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key,
        "STRIPE_WEBHOOK_SECRETS": "whsec_platform",
    }
    services = composition.build(config.load(settings, folder / "no.env"))
    town = page_cast.build(services, sandbox)
    town.apps["bare"] = _without_https(town)
    yield town
    pages.stop()
    stripe.stop()
    sandbox.close()
    services.close()


def _without_https(town: Town) -> Flask:
    """The same companies on an installation that offers no passkeys, and no way but a key."""
    base_url = "http://127.0.0.1"
    settings = dataclasses.replace(town.services.settings, base_url=base_url, stripe_client_id="")
    return create_app(dataclasses.replace(town.services, settings=settings))
