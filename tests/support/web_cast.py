"""A company whose subscribers' cards fail, on the sandbox's Stripe, in front of the real pages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_urlsafe

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from recover.foundation.signed_links import Purpose
from recover.models import Account, Link, RecoveryCase, User
from recover.people import users
from recover.services import Services
from recover.workflow import sync
from sandbox.api import create_stripe
from sandbox.mailbox import Mailbox
from sandbox.sandbox import Sandbox
from sandbox.server import RunningServer, serve

GOOD_CARD = "4242424242424242"
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox("calm", seed=1)
    yield made
    made.close()


@pytest.fixture
def stripe(sandbox: Sandbox) -> Iterator[RunningServer]:
    running = serve(create_stripe(sandbox))
    sandbox.state.base_url = running.url
    yield running
    running.stop()


@pytest.fixture
def stripe_url(stripe: RunningServer) -> str:
    return stripe.url


@pytest.fixture
def mailbox(sandbox: Sandbox) -> Iterator[Mailbox]:
    with Mailbox(now=sandbox.clock.now) as made:
        yield made


@dataclass
class Scene:
    """One company with one account and one user, and the pages it has."""

    services: Services
    sandbox: Sandbox
    mailbox: Mailbox
    account: Account
    user: User
    app: Flask
    client: FlaskClient

    def failed(
        self,
        decline_code: str = "expired_card",
        *,
        amount: int = 2900,
        currency: str = "usd",
        email: str = "sam@subscriber.test",
        name: str = "Sam Subscriber",
        locale: str = "",
        product: str = "Pro",
    ) -> RecoveryCase:
        """A renewal that failed, as a case."""
        customer = self.sandbox.add_customer(
            email=email, name=name, locale=locale, currency=currency
        )
        subscription = self.sandbox.add_subscription(customer, amount, currency, product=product)
        return self.renewal_fails(subscription["id"], decline_code)

    def renewal_fails(
        self, subscription_id: str, decline_code: str = "expired_card"
    ) -> RecoveryCase:
        subscription = self.sandbox.store.get(subscription_id)
        invoice_id = self.sandbox.fail_renewal(subscription, decline_code)
        case = sync.sync(self.services, self.account, invoice_id)
        assert case is not None
        return case

    def link(self, case: RecoveryCase) -> str:
        """The path of a card page made for a case, as its mails carry it."""
        row = Link(
            account_id=case.account_id,
            case_id=case.id,
            public_id=token_urlsafe(16),
            stripe_customer_id=case.stripe_customer_id,
            stripe_subscription_id=case.stripe_subscription_id,
            created_at=self.services.now(),
        )
        with self.services.db.begin() as session:
            session.add(row)
        return "/card/" + self.token(row.public_id)

    def token(self, public_id: str) -> str:
        now = self.services.now()
        return self.services.links.sign(Purpose.CARD_PAGE, {"link": public_id}, now)

    def case(self, case_id: int) -> RecoveryCase:
        with self.services.db.read() as session:
            return session.get_one(RecoveryCase, case_id)

    def links(self) -> list[Link]:
        with self.services.db.read() as session:
            return list(session.scalars(select(Link).order_by(Link.id)))

    def sign_in(self, user: User | None = None, client: FlaskClient | None = None) -> FlaskClient:
        """A browser in which a user has used a mailed link."""
        client = client or self.app.test_client()
        wanted = users.request_link(self.services, (user or self.user).email, "a-test")
        assert wanted is not None
        now = self.services.now()
        token = self.services.links.sign(Purpose.SIGN_IN, {"nonce": wanted.nonce}, now)
        self.post(client, f"/sign-in/{token}", f"/sign-in/{token}")
        return client

    def csrf(self, client: FlaskClient, path: str, **options) -> str:
        """The token of a form on a page."""
        found = CSRF.search(client.get(path, **options).text)
        assert found, "the page has no form"
        return found[1]

    def post(self, client: FlaskClient, path: str, form_on: str, **fields):
        """Send a form that stands on the page ``form_on``."""
        return client.post(path, data={"csrf_token": self.csrf(client, form_on), **fields})


@pytest.fixture
def scene(
    services: Services,
    sandbox: Sandbox,
    mailbox: Mailbox,
    stripe_url: str,
    account: Account,
    user: User,
) -> Scene:
    services = dataclasses.replace(services, now=sandbox.clock.now)
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        row.stripe_account_id = sandbox.account_id
        row.secret_key_sealed = services.vault.seal(sandbox.account_key)
        row.publishable_key = sandbox.account_publishable_key
        row.website_url = "https://acme.test"
    app = create_app(services)
    app.testing = True
    return Scene(services, sandbox, mailbox, row, user, app, app.test_client())
