"""An owner in front of the pages that connect Stripe accounts, and Stripe's page of consent."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from web_cast import Scene

from recover.models import Account, AuditLogEntry, Company, User
from recover.services import Services
from sandbox.sandbox import Sandbox

ACCOUNTS, KEY = "/settings/stripe", "/settings/stripe/key"


@dataclass
class Desk:
    """``client`` is the browser of Ada, who owns Acme; no account is connected at first."""

    scene: Scene
    client: FlaskClient

    @property
    def services(self) -> Services:
        return self.scene.services

    @property
    def sandbox(self) -> Sandbox:
        return self.scene.sandbox

    def rows(self, table: type = Account) -> list:
        with self.services.db.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def only(self) -> Account:
        [account] = self.rows()
        return account

    def to_stripe(self, client: FlaskClient | None = None) -> str:
        """Press "Connect with Stripe": the address of Stripe's page."""
        client = client or self.client
        answer = self.scene.post(client, f"{ACCOUNTS}/connect", ACCOUNTS)
        assert answer.status_code == 303, answer.text
        return str(answer.location)

    def consent(self, address: str, answer: str = "allow", account: str = "") -> str:
        """What Stripe's page sends the browser back to: a path of ours with its query."""
        form = {"answer": answer, "account": account or self.sandbox.account_id}
        back = requests.post(
            address, data=form, allow_redirects=False, timeout=10, headers={"Connection": "close"}
        )
        parts = urlsplit(back.headers["Location"])
        return f"{parts.path}?{parts.query}"

    def connect(self, **consent: str):
        """The whole way through OAuth; the last answer."""
        return self.client.get(self.consent(self.to_stripe(), **consent))

    def paste(self, key: str, *, client: FlaskClient | None = None, mode: str = "test", **fields):
        public = self.sandbox.account_publishable_key.replace("_test_", f"_{mode}_")
        form = {"key": key, "publishable_key": public, "mode": mode} | fields
        return self.scene.post(client or self.client, KEY, KEY, **form)

    def rival(self) -> FlaskClient:
        """The browser of another company's owner."""
        with self.services.db.begin() as session:
            company = Company(name="Rival", created_at=self.services.now())
            session.add(company)
            session.flush()
            spy = User(
                company_id=company.id, email="eve@rival.test", created_at=self.services.now()
            )
            session.add(spy)
        return self.scene.sign_in(spy)

    def endpoints(self) -> list[dict]:
        return self.sandbox.store.all("webhook_endpoint")

    def record(self) -> list[tuple[str, str]]:
        """What was done about the connection, and by whom."""
        about = {"connect", "disconnect", "listen", "set"}
        return [(row.verb, row.actor) for row in self.rows(AuditLogEntry) if row.verb in about]


@pytest.fixture
def desk(scene: Scene) -> Desk:
    with scene.services.db.begin() as session:
        session.execute(delete(Account))
    scene.sandbox.store.deauthorized = True
    return Desk(scene, scene.sign_in())
