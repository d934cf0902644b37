"""What a journey stands on: a pretend Stripe, a mailbox and the product, each on a real socket."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import requests
from cryptography.fernet import Fernet
from flask import Flask
from journey import Journey
from sqlalchemy import event

from app import create_app
from recover import services as composition
from recover.accounts import connections
from recover.entrypoints import jobs
from recover.foundation import config
from recover.services import Services
from recover.stripe_api.gateway import StripeGateway
from sandbox.api import create_stripe
from sandbox.mailbox import Mailbox
from sandbox.sandbox import Sandbox
from sandbox.server import serve
from webhooks.handlers import HANDLED_TYPES


class Door:
    """A web address that is known before the application behind it is built."""

    app: Flask | None = None

    def __call__(self, environ, start_response):
        assert self.app is not None
        return self.app(environ, start_response)


def set_up(
    stack: ExitStack,
    database_url: str,
    redis_url: str,
    directory: Path,
    *,
    mode: str = "recover",
    connection: str = "key",
    timing: str = "fixed",
    kind: type[Journey] = Journey,
    disturb: Callable = lambda app: app,
    **world,
) -> Journey:
    """A journey of this ``kind`` on an empty database; ``stack`` takes it down.

    ``mode`` of the account, ``connection`` by its own key or the platform's, ``timing`` (the fixed
    days, which a test can name, unless it is about the engine), and what `Sandbox` takes.
    ``disturb`` is put around the pretend Stripe.
    """
    sandbox = Sandbox("calm", **{"timezone": "UTC", **world})
    stack.callback(sandbox.close)
    stripe = serve(disturb(create_stripe(sandbox)))
    stack.callback(stripe.stop)
    sandbox.state.base_url = stripe.url
    mailbox = stack.enter_context(Mailbox(now=sandbox.clock.now))
    door = Door()
    web = serve(door)
    stack.callback(web.stop)
    secrets = _platform_endpoint(sandbox, stripe.url, web.url) if connection == "platform" else ""
    settings = config.load(
        {
            "SECRET_KEYS": "a-secret-key-for-tests-0123456789",
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "BASE_URL": web.url,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SMTP_URL": mailbox.url,
            "MAIL_FROM": "billing@fernhill.test",
            "STRIPE_API_BASE": stripe.url,
            "STRIPE_JS_URL": f"{stripe.url}/stripe.js",
            "STRIPE_SECRET_KEY": sandbox.platform_key,
            "STRIPE_PUBLISHABLE_KEY": sandbox.publishable_key,
            "STRIPE_WEBHOOK_SECRETS": secrets,
        },
        directory / "no.env",
    )
    services = dataclasses.replace(
        composition.build(settings),
        now=sandbox.clock.now,
        # The SDK's own repeats wait in real time; the journeys' troubles go beyond them.
        gateway=StripeGateway(stripe.url, retries=0),
    )
    stack.callback(services.close)
    stack.callback(_give_back, _taken(services))
    stack.enter_context(mock.patch.object(jobs, "services", return_value=services))
    account = _connect(services, sandbox, mode, connection)
    connections.set_retries(services, account.id, {"timing": timing})
    door.app = create_app(services)
    return kind(services, account, sandbox, mailbox, stripe.url)


def _taken(services: Services) -> dict:
    """Connections that are out of the pool at any time: the receiver keeps one to itself."""
    taken: dict = {}
    engine = services.db.engine
    event.listen(engine, "checkout", lambda dbapi, _, proxy: taken.update({id(dbapi): proxy}))
    event.listen(engine, "checkin", lambda dbapi, _: taken.pop(id(dbapi), None))
    return taken


def _give_back(taken: dict) -> None:
    for proxy in list(taken.values()):
        proxy.close()


def _platform_endpoint(sandbox: Sandbox, stripe_url: str, web_url: str) -> str:
    """The platform's own endpoint, for the events of accounts that are connected through it."""
    answer = requests.post(
        f"{stripe_url}/v1/webhook_endpoints",
        data={
            "url": f"{web_url}/webhooks/stripe",
            "connect": "true",
            **{f"enabled_events[{i}]": name for i, name in enumerate(HANDLED_TYPES)},
        },
        headers={"Authorization": f"Bearer {sandbox.platform_key}", "Connection": "close"},
        timeout=30,
    )
    assert answer.ok, answer.text
    return answer.json()["secret"]


def _connect(services: Services, sandbox: Sandbox, mode: str, connection: str):
    if connection == "platform":
        return connections.connect(
            services,
            "Fernhill Software",
            connections.Keys(stripe_account_id=sandbox.account_id),
            mode=mode,
        )
    account = connections.connect(
        services,
        "Fernhill Software",
        connections.Keys(
            secret=sandbox.restricted_key, publishable=sandbox.account_publishable_key
        ),
        mode=mode,
    )
    connections.add_webhook_endpoint(services, account, HANDLED_TYPES)
    return account
