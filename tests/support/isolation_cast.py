"""Two companies with two Stripe accounts each, and rows of both in every table there is.

A new table gets its rows by itself: each column is filled by its name or its type, a foreign key
with the row of the same account. Where the product needs a certain word in a column, it is said in
`isolation_words`. Every text holds the company's own marker, so that it can be looked for anywhere.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from isolation_words import OF_THE_COMPANY, ROWS, WORDS, device_of, token_of, version_of
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Enum,
    Float,
    Integer,
    Row,
    Select,
    String,
    Table,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement
from table_copies import TableCopies

from app import create_app
from recover.foundation.database import READING, Base, LongText, ShortText
from recover.foundation.signed_links import Purpose
from recover.models import Account, SignIn
from recover.services import Services
from sandbox.sandbox import Sandbox
from sandbox.state import Store

OURS, THEIRS = "Quetzalcoatl", "Xylophonist"  # nothing else in the project is called that


@dataclass
class Side:
    """One company. ``keys`` holds each table's primary keys, one row for each of its accounts."""

    marker: str
    stores: list[Store]
    keys: dict[str, list[Any]] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def id(self, table: str, which: int = 0) -> Any:
        return self.keys[table][which]

    @property
    def chains(self) -> set[str]:
        """The record's chains that are this company's."""
        of_accounts = {f"account:{one}" for one in self.keys["accounts"]}
        return {f"company:{self.id('companies')}", *of_accounts}

    def owns(self, table: Table) -> ColumnElement[bool]:
        """Which rows of a table are this company's. Fails for a table that belongs to nobody."""
        columns, company = table.columns, self.id("companies")
        if table.name == "companies":
            return columns.id == company
        if table.name == "passkeys":  # a person's own, and a person is a mail address
            return columns.email.in_(self._of("users", "email"))
        if "chain" in columns:
            return columns.chain.in_(self.chains)
        if "company_id" in columns:
            return columns.company_id == company
        if "account_id" in columns:
            return columns.account_id.in_(self._of("accounts"))
        for column in columns:
            for key in column.foreign_keys:
                if key.column.table is not table:
                    return column.in_(self._of(key.column.table.name, key.column.name))
        raise AssertionError(
            f"Nothing in the table {table.name} says whose a row is. Give it an account_id or a"
            " company_id, or say in `Side.owns` how its owner is found."
        )

    @cached_property
    def queries(self) -> dict[str, Select[Any]]:
        """What reads every row of this company's, by table. Its ``keys`` have to be complete."""
        return {
            table.name: select(table).where(self.owns(table)).order_by(*table.primary_key)
            for table in Base.metadata.sorted_tables
        }

    def _of(self, name: str, column: str = "id") -> Any:
        table = Base.metadata.tables[name]
        return select(table.columns[column]).where(self.owns(table))


@dataclass
class Worlds:
    """``ours`` is signed in; ``theirs`` must not be seen. Each request has a browser of its own."""

    app: Flask
    services: Services
    sandbox: Sandbox
    ours: Side
    theirs: Side
    copies: TableCopies

    def bring_theirs(self) -> None:
        self.theirs = add_company(self.services, self.sandbox, THEIRS)

    def keep(self) -> None:
        """Remember every row there is, for `restore`."""
        self.copies.keep()

    def restore(self) -> None:
        """As it was at `keep`, so that no request sees what the one before it did."""
        self.copies.restore()
        self.services.enqueue.redis.flushall()

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
        link, sign_in = side.rows["links"][which], side.rows["sign_ins"][1]  # not used yet
        invitation = side.rows["invitations"][which]
        stop = {"account": link["account_id"], "customer": link["stripe_customer_id"]}
        account = side.rows["accounts"][which]
        sender = {"account": side.id("accounts", which), "address": account["sender_email"]}
        made = {
            "card_page": lambda: (Purpose.CARD_PAGE, {"link": link["public_id"]}),
            "checklist": lambda: (Purpose.CONFIRM_SENDER, sender),
            "unsubscribe": lambda: (Purpose.STOP_MAIL, stop),
            "sign_in": lambda: (Purpose.SIGN_IN, {"nonce": sign_in["nonce"]}),
            "accept_invitation": lambda: (
                Purpose.INVITATION,
                {"nonce": invitation["mailed_nonce"]},
            ),
        }
        if page not in made:
            raise AssertionError(f"Say in `Worlds.token` what a link to the page {page} carries.")
        return links.sign(*made[page](), now)

    def snapshot(self, side: Side) -> dict[str, list[Row]]:
        """Every row of a company, in every table."""
        with self.reading() as connection:
            return {table: connection.execute(query).all() for table, query in side.queries.items()}

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
            for which in range(ROWS.get(table.name, 2)):
                row = _row(services, sandbox, side, table, which) | _from_stripe(
                    table.name, invoices[which % 2]
                )
                made = connection.execute(table.insert().values(row))
                side.keys.setdefault(table.name, []).append(made.inserted_primary_key[0])
                side.rows.setdefault(table.name, []).append(row)
        for account, model in zip(side.keys["accounts"], side.keys["retry_models"], strict=True):
            connection.execute(update(Account).where(Account.id == account).values(model_id=model))
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
    fixed = {}
    if table.name == "accounts":
        fixed = _account(services, sandbox, side.stores[which])
    if table.name == "api_tokens":
        fixed["token_hash"] = sha256(token_of(side.marker, which).encode()).hexdigest()
    if table.name == "passkeys":
        fixed = dict.fromkeys(("credential_id", "handle"), device_of(side.marker, which))
    if table.name == "retry_models":
        fixed["version"] = version_of(side.marker, which)
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
    for name in (f"{table}.{column.name}", column.name):
        word = WORDS.get(name, ...)
        word = word(which) if callable(word) else word
        if isinstance(word, dict):
            word = json.loads(json.dumps(word).replace("MARKER", side.marker))
        if isinstance(word, str) and not word.startswith('{"'):  # which would be JSON
            word = word.format(marker=side.marker.lower(), which=which)
        if word is not ...:
            return word
    for key in column.foreign_keys:
        target = key.column.table.name
        if target != table:
            rows = side.keys[target]
            return rows[which % len(rows)]
    if column.name == "chain":
        if which == OF_THE_COMPANY[table]:
            return f"company:{side.id('companies')}"
        return f"account:{side.id('accounts', which % 2)}"
    return _by_type(services, side, column, which)


def _by_type(services: Services, side: Side, column: Column[Any], which: int) -> Any:
    kind = column.type
    if isinstance(kind, ShortText | LongText):
        kind = kind.impl_instance
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | Float):
        return 7 + which
    if isinstance(kind, DateTime) or getattr(kind, "impl", None).__class__ is DateTime:
        return services.now()
    if isinstance(kind, JSON):
        return {"note": side.marker}
    if isinstance(kind, Enum):  # a column of one of a few words: they are no company's own
        return next(iter(kind.enum_class))
    if isinstance(kind, String):
        return f"{side.marker}-{column.table.name}-{column.name}-{which}"[: kind.length]
    raise AssertionError(f"Say in `WORDS` what {column.table.name}.{column.name} may hold.")


@pytest.fixture
def alone(services: Services, sandbox: Sandbox, mailbox, stripe_url: str) -> Iterator[Worlds]:
    """Only our company is there; `bring_theirs` brings the other."""
    services = dataclasses.replace(services, now=sandbox.clock.now)
    ours = add_company(services, sandbox, OURS)
    app = create_app(services)
    app.testing = True
    worlds = Worlds(app, services, sandbox, ours, ours, TableCopies(services.db.engine))
    yield worlds
    worlds.copies.drop()


@pytest.fixture
def worlds(alone: Worlds) -> Worlds:
    alone.bring_theirs()
    return alone
