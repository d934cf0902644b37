"""One installation with many companies in front of its pages, at one moment that does not move.

Who lives there: see `page_cast`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from team_cast import person
from webhook_cast import HOOK_SECRET

from emails.brand import DEFAULT_COLOR
from recover.accounts import connecting
from recover.dunning import DEFAULT
from recover.foundation.signed_links import Purpose
from recover.models import Account, Company, Link, Passkey, RecoveryCase, SignIn, User
from recover.services import Services
from recover.workflow import sync
from sandbox.sandbox import Sandbox
from sandbox.state import Store

LOGO = "https://cdn.acme.test/logo.svg"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH"
SAID = {"model": "3f2a9c01deadbeef"}  # of a scheduled try, by the model in use
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Town:
    """Everybody there is, by the names the pages' states call them by."""

    services: Services
    sandbox: Sandbox
    apps: dict[str, Flask]  # installations over the same companies; "" is the usual one
    people: dict[str, User] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    sessions: dict[str, SignIn] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)  # of other tables, by a name of their own

    @property
    def now(self) -> datetime:
        return self.services.now()

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    def add(self, *rows: Any) -> Any:
        """Store rows; the first of them."""
        with self.services.db.begin() as session:
            session.add_all(rows)
        return rows[0]

    def change(self, row: Any, **values: Any) -> None:
        with self.services.db.begin() as session:
            found = session.get_one(type(row), row.id)
            for name, value in values.items():
                setattr(found, name, value)

    def company(self, name: str, owner: str) -> Company:
        row = self.add(Company(name=name, created_at=self.ago(days=400)))
        self.join(owner, row.id, "owner")
        return row

    def join(self, name: str, company_id: int, role: str) -> User:
        user = person(self.services, company_id, f"{name}@company-{company_id}.test", role)
        self.people[name] = user
        return user

    def actor(self, name: str) -> str:
        """Somebody, as the audit log calls them."""
        return f"user:{self.people[name].id}"

    def begin_session(self, user: User, **fields: Any) -> SignIn:
        about = {
            "device": "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0 Safari/537.36",
            "used_at": self.ago(hours=2),
            "created_at": self.ago(hours=2),
            "last_seen_at": self.ago(minutes=3),
            "nonce": token_urlsafe(24),
        }
        return self.add(SignIn(user_id=user.id, **about | fields))

    def passkey(self, name: str, called: str, **fields: Any) -> Passkey:
        made = {"created_at": self.ago(days=30), "public_key": "k", "handle": f"h-{name}"}
        key = f"c-{name}-{called}"
        email = self.people[name].email
        return self.add(Passkey(email=email, name=called, credential_id=key, **made | fields))

    def connect(self, name: str, owner: str, *, known: bool = True, **fields: Any) -> Account:
        """An account with a Stripe account of its own behind it; ``known``: it listens there."""
        title = fields.pop("title", name.capitalize())
        live = fields.get("livemode", False)
        store = self.stores[name] = self.sandbox.add_company(title)
        seal = self.services.vault.seal
        about = {
            "livemode": False,
            "connection": "key",
            "mode": "recover",
            "timing": "engine",
            "timezone": "Europe/Berlin",
            "color": DEFAULT_COLOR,
            "support_email": f"help@{name}.test",
            "campaign_key": DEFAULT.key,
            "campaign_version": DEFAULT.version,
            "secret_key_sealed": seal(self.sandbox.new_key(store, "sk", livemode=live)),
            "publishable_key": self.sandbox.new_key(store, "pk", livemode=live),
            "webhook_secrets_sealed": seal(HOOK_SECRET),
            "hook_token": f"hook-of-{name}",
            "connected_at": self.ago(days=300),
        }
        row = Account(
            company_id=self.people[owner].company_id,
            stripe_account_id=store.id,
            name=title,
            **about | fields,
        )
        self.accounts[name] = self.add(row)
        if known:
            connecting.try_to_replace_endpoint(self.services, row, "command")
        return row

    @contextmanager
    def at(self, account: str) -> Iterator[Sandbox]:
        """The sandbox, with this account's Stripe account at hand."""
        before, self.sandbox.store = self.sandbox.store, self.stores[account]
        yield self.sandbox
        self.sandbox.store = before

    def failed(self, account: str, *, synced: bool = True, **about: Any) -> RecoveryCase:
        """A renewal that failed at Stripe a moment ago, as a case; if not ``synced``, as a row that
        knows no more than whose it is.
        """
        amount, currency = about.pop("amount", 2900), about.pop("currency", "usd")
        product = about.pop("product", "Pro")
        with self.at(account) as sandbox:
            customer = sandbox.add_customer(currency=currency, **about)
            renewal = sandbox.add_subscription(customer, amount, currency, product=product)
            invoice = sandbox.fail_renewal(renewal, "insufficient_funds")
        ours = self.accounts[account]
        if synced:
            case = sync.sync(self.services, ours, invoice)
            assert case is not None
            return case
        return self.add(
            RecoveryCase(
                account_id=ours.id,
                stripe_invoice_id=invoice,
                stripe_customer_id=customer["id"],
                stripe_subscription_id=renewal["id"],
                state="open",
                currency=currency,
                amount_minor=amount,
                amount_remaining_minor=amount,
                failed_at=self.now,
                opened_at=self.now,
                campaign_version=1,
            )
        )

    def token(self, purpose: Purpose, at: datetime | None = None, **payload: Any) -> str:
        return self.services.links.sign(purpose, payload, at or self.now)

    def card_link(self, case: RecoveryCase, at: datetime | None = None, **fields: Any) -> str:
        """The path of the card page for a case, as its mails carry it."""
        about: dict[str, Any] = {"case_id": case.id, "created_at": at or self.now} | fields
        row = self.add(
            Link(
                account_id=case.account_id,
                public_id=token_urlsafe(16),
                stripe_customer_id=case.stripe_customer_id,
                stripe_subscription_id=case.stripe_subscription_id,
                **about,
            )
        )
        return "/card/" + self.token(Purpose.CARD_PAGE, at, link=row.public_id)

    @property
    def app(self) -> Flask:
        return self.apps[""]

    def client(self, reader: str, site: str = "") -> FlaskClient:
        """The browser of somebody who is signed in, such as "ada", or "ada test", who has chosen to
        see test money; "" is nobody.
        """
        client = self.apps[site].test_client()
        who, _, mode = reader.partition(" ")
        if who and who not in self.sessions:
            self.sessions[who] = self.begin_session(self.people[who])
        if who:
            with client.session_transaction() as session:
                session.update({"token": self.sessions[who].nonce, "start_shown": True})
                if mode:
                    session["livemode"] = False
        return client

    def fill(self, text: str) -> str:
        """An address with the ids of accounts and rows in it: "/cases/{one case}"."""
        ids = {name: one.id for name, one in (self.people | self.accounts).items()}
        rows = {name: getattr(one, "id", one) for name, one in self.rows.items()}
        return text.format_map(ids | rows)
