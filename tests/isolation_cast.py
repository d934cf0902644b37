"""Two companies with two Stripe accounts each, and rows of both in every table there is.

A new table gets its rows by itself: each column is filled by its name or its type, a foreign key
with the row of the same account. Where the product needs a certain word in a column, it is said in
`WORDS`. Every text holds the company's own marker, so that it can be looked for anywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, Row, String, Table, select
from sqlalchemy.sql.elements import ColumnElement

from app import create_app
from recover.db import READING, Base
from recover.dunning import DEFAULT
from recover.links import Purpose
from recover.models import SignIn
from recover.services import Services
from sandbox.sandbox import Sandbox
from sandbox.state import Store

OURS, THEIRS = "Quetzalcoatl", "Xylophonist"  # nothing else in the project is called that

# What a column must hold for the product to read it: by "table.column", or by the column alone.
# In a text, {marker} is the company's and {which} the account's number.
WORDS: dict[str, Any] = {
    "accounts.mode": "recover",
    "accounts.connection": "key",
    "accounts.livemode": False,
    "accounts.timing": "fixed",
    "accounts.test_mail": "everyone",
    "accounts.timezone": "UTC",
    "accounts.color": "#1f6feb",
    "accounts.logo_url": "",
    "accounts.website_url": "https://{marker}.test",
    "accounts.support_email": "help@{marker}.test",
    "accounts.sender_email": "billing@{marker}.test",
    "accounts.reply_to": "reply@{marker}.test",
    "users.email": "owner{which}@{marker}.test",
    "accounts.max_retries": 4,
    "accounts.min_gap_hours": 24,
    "accounts.disconnected_at": None,
    "accounts.leaving_at": None,
    "accounts.model_id": None,
    "attempts.outcome": "failed",
    "attempts.trigger": "stripe",
    "attempts.proposal": None,
    "card_updates.status": "started",
    "card_updates.field": "customer.invoice_settings.default_payment_method",
    "cases.state": "open",
    "cases.close_reason": "",
    "cases.decline_category": "retry_later",
    "cases.closed_at": None,
    "cases.locale": "en",
    "cases.timezone": "UTC",
    "ledger.kind": "recovered",
    "ledger.source": "our_retry",
    "links.revoked_at": None,
    "messages.status": "sent",
    "messages.template": "payment_failed",
    "stripe_events.status": "parked",
    "suppressions.reason": "asked",
    "users.role": "owner",
    "record.verb": "open",
    "record.actor": "recover",
    "record.seq": None,
    "record.hash": None,
    "retry_models.parent_id": None,
    "campaign_key": DEFAULT.key,
    "campaign_version": DEFAULT.version,
    "currency": "usd",
    "paid_hours": [],
    "warnings": [],
    "fixes": [],
    "invoice_ids": [],
}


@dataclass
class Side:
    """One company. ``keys`` holds each table's primary keys, one row for each of its accounts."""

    marker: str
    stores: list[Store]
    keys: dict[str, list[Any]] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def id(self, table: str, which: int = 0) -> Any:
        return self.keys[table][which]

    def owns(self, table: Table) -> ColumnElement[bool]:
        """Which rows of a table are this company's. Fails for a table that belongs to nobody."""
        accounts, company = self.keys["accounts"], self.id("companies")
        columns = table.columns
        if table.name == "companies":
            return columns.id == company
        if "chain" in columns:
            chains = [f"company:{company}", *(f"account:{one}" for one in accounts)]
            return columns.chain.in_(chains)
        if "account_id" in columns:
            return columns.account_id.in_(accounts)
        if "company_id" in columns:
            return columns.company_id == company
        if "user_id" in columns:
            return columns.user_id.in_(self.keys["users"])
        for column in columns:
            for key in column.foreign_keys:
                if key.column.table.name in self.keys:
                    return column.in_(self.keys[key.column.table.name])
        raise AssertionError(
            f"Nothing in the table {table.name} says whose a row is. Give it an account_id or a"
            " company_id, or say in `Side.owns` how its owner is found."
        )


@dataclass
class Worlds:
    """``ours`` is signed in; ``theirs`` must not be seen. Each request has a browser of its own."""

    app: Flask
    services: Services
    sandbox: Sandbox
    ours: Side
    theirs: Side

    def browser(self, side: Side | None = None) -> FlaskClient:
        """Signed in as the owner of a company, without a mail and its limits."""
        side, client, token = side or self.ours, self.app.test_client(), token_urlsafe(24)
        now = self.services.now()
        with self.services.db.begin() as session:
            row = SignIn(user_id=side.id("users"), nonce=token, created_at=now, used_at=now)
            session.add(row)
        with client.session_transaction() as cookie:
            cookie["token"] = token
        return client

    def token(self, side: Side, page: str, which: int = 0) -> str:
        """What a signed link of this company carries, by the page it leads to."""
        now, links = self.services.now(), self.services.links
        link, sign_in = side.rows["links"][which], side.rows["sign_ins"][which]
        stop = {"account": link["account_id"], "customer": link["stripe_customer_id"]}
        made = {
            "card": (Purpose.CARD_PAGE, {"link": link["public_id"]}),
            "stop": (Purpose.STOP_MAIL, stop),
            "sign_in": (Purpose.SIGN_IN, {"nonce": sign_in["nonce"]}),
        }
        if page not in made:
            raise AssertionError(f"Say in `Worlds.token` what a link to the page {page} carries.")
        return links.sign(*made[page], now)

    def snapshot(self, side: Side) -> dict[str, list[Row]]:
        """Every row of a company, in every table."""
        with self.reading() as connection:
            return {
                table.name: connection.execute(
                    select(table).where(side.owns(table)).order_by(*table.primary_key)
                ).all()
                for table in Base.metadata.sorted_tables
            }

    @contextmanager
    def reading(self) -> Iterator[Any]:
        with self.services.db.engine.connect() as connection:
            yield connection.execution_options(**{READING: True})


def add_company(services: Services, sandbox: Sandbox, marker: str) -> Side:
    """A company with two accounts at the sandbox, and a row for each of them in every table."""
    stores = [sandbox.add_company(f"{marker} {letter}") for letter in "AB"]
    side = Side(marker, stores)
    invoices = [_failed(sandbox, store, marker) for store in stores]
    with services.db.engine.begin() as connection:
        # A chain is named for an account without a foreign key to it: those tables come last.
        for table in sorted(Base.metadata.sorted_tables, key=lambda one: "chain" in one.columns):
            for which in range(1 if table.name == "companies" else 2):
                row = _row(services, sandbox, side, table, which) | _from_stripe(
                    table.name, invoices[which]
                )
                made = connection.execute(table.insert().values(row))
                side.keys.setdefault(table.name, []).append(made.inserted_primary_key[0])
                side.rows.setdefault(table.name, []).append(row)
    return side


def _failed(sandbox: Sandbox, store: Store, marker: str) -> dict[str, str]:
    """A renewal that failed at Stripe, in this account."""
    main, sandbox.store = sandbox.store, store
    try:
        customer = sandbox.add_customer(email=f"{marker}@subscriber.test".lower(), name=marker)
        subscription = sandbox.add_subscription(customer, product=f"{marker} Pro")
        invoice = sandbox.fail_renewal(subscription, "insufficient_funds")
    finally:
        sandbox.store = main
    return {
        "stripe_invoice_id": invoice,
        "stripe_customer_id": customer["id"],
        "stripe_subscription_id": subscription["id"],
    }


def _from_stripe(table: str, ids: dict[str, str]) -> dict[str, str]:
    columns = Base.metadata.tables[table].columns
    return {name: value for name, value in ids.items() if name in columns}


def _row(
    services: Services, sandbox: Sandbox, side: Side, table: Table, which: int
) -> dict[str, Any]:
    fixed = _account(services, sandbox, side.stores[which]) if table.name == "accounts" else {}
    row = {}
    for column in table.columns:
        if column.name in fixed:
            row[column.name] = fixed[column.name]
        elif not (column.primary_key and isinstance(column.type, Integer)) or column.foreign_keys:
            row[column.name] = _value(services, side, column, which)
    return row


def _account(services: Services, sandbox: Sandbox, store: Store) -> dict[str, Any]:
    return {
        "stripe_account_id": store.id,
        "secret_key_sealed": services.vault.seal(sandbox.new_key(store, "sk")),
        "webhook_secrets_sealed": services.vault.seal(f"whsec_{store.id}"),
    }


def _value(services: Services, side: Side, column: Column[Any], which: int) -> Any:
    table = column.table.name
    for key in column.foreign_keys:
        target = key.column.table.name
        if target != table:
            rows = side.keys[target]
            return rows[min(which, len(rows) - 1)]
    for name in (f"{table}.{column.name}", column.name):
        if name in WORDS:
            word = WORDS[name]
            named = {"marker": side.marker.lower(), "which": which}
            return word.format(**named) if isinstance(word, str) else word
    if column.name == "chain":
        return f"account:{side.id('accounts', which)}"
    return _by_type(services, side, column, which)


def _by_type(services: Services, side: Side, column: Column[Any], which: int) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | Float):
        return 7 + which
    if isinstance(kind, DateTime) or getattr(kind, "impl", None).__class__ is DateTime:
        return services.now()
    if isinstance(kind, JSON):
        return {"note": side.marker}
    if isinstance(kind, String):
        return f"{side.marker}-{column.table.name}-{column.name}-{which}"[: kind.length]
    raise AssertionError(f"Say in `WORDS` what {column.table.name}.{column.name} may hold.")


@pytest.fixture
def alone(services: Services, sandbox: Sandbox, mailbox, stripe_url: str) -> Worlds:
    """Only our company is there; `add_company` brings the other."""
    services = dataclasses.replace(services, now=sandbox.clock.now)
    ours = add_company(services, sandbox, OURS)
    app = create_app(services)
    app.testing = True
    return Worlds(app, services, sandbox, ours, ours)


@pytest.fixture
def worlds(alone: Worlds) -> Worlds:
    alone.theirs = add_company(alone.services, alone.sandbox, THEIRS)
    return alone
