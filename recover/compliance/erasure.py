"""A person asks to be erased, or for a copy of what is kept about them.

Erasing empties what names them, cancels their pending mails, revokes their links and suppresses
all further mail. The ledger, the figures and the chain of the audit log stay as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from recover.compliance import anonymization, audit_log
from recover.compliance.anonymization import Emptied
from recover.compliance.erasure_list import address_hash, customer_erased
from recover.dunning import CaseState
from recover.foundation.mail_addresses import normal_email
from recover.models import (
    Account,
    Attempt,
    AuditLogEntry,
    Company,
    ErasedAddress,
    KnownDispute,
    Link,
    Message,
    RecoveryCase,
    Suppression,
    SuppressionReason,
)
from recover.services import Services

# Where an address of somebody stands.
ADDRESSES = ((RecoveryCase, "customer_email"), (Message, "to_email"), (Suppression, "email"))
REASON = "Erased on request: name, address, mails, links and words. Money and dates stay."


@dataclass(frozen=True, slots=True)
class Customer:
    account_id: int
    stripe_customer_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as one or more of a company's customers, with their addresses."""

    company_id: int
    customers: tuple[Customer, ...]
    addresses: tuple[str, ...]
    cases: int
    open_cases: int
    messages: int


def find(session: Session, company_id: int, who: str) -> Person | None:
    """Find by a customer's id (``cus_...``) or a mail address. None if nothing is stored."""
    accounts = list(session.scalars(select(Account.id).where(Account.company_id == company_id)))
    customers = tuple(
        sorted(
            {
                Customer(*row)
                for table, address in ADDRESSES
                for row in session.execute(_matching_customers(table, address, accounts, who))
            },
            key=lambda one: (one.account_id, one.stripe_customer_id),
        )
    )
    if not customers:
        return None
    states = [state for one in customers for state in session.scalars(_case_states(one))]
    mails = sum(session.scalar(_mail_count(one)) or 0 for one in customers)
    addresses = sorted({text for one in customers for text in _addresses_of(session, one)})
    return Person(
        company_id, customers, tuple(addresses), len(states), states.count(CaseState.OPEN), mails
    )


def _matching_customers(table: Any, address: str, accounts: Sequence[int], who: str) -> Any:
    column = getattr(table, address)
    matches = table.stripe_customer_id == who.strip()
    if "@" in who:
        matches = func.lower(column) == normal_email(who)
    of_company = table.account_id.in_(accounts), table.stripe_customer_id != ""
    return select(table.account_id, table.stripe_customer_id).where(matches, *of_company).distinct()


def _case_states(one: Customer) -> Any:
    return select(RecoveryCase.state).where(_belongs_to(RecoveryCase, one))


def _mail_count(one: Customer) -> Any:
    return select(func.count(Message.id)).where(_belongs_to(Message, one))


def _belongs_to(table: Any, one: Customer) -> Any:
    return (table.account_id == one.account_id) & (
        table.stripe_customer_id == one.stripe_customer_id
    )


def _addresses_of(session: Session, one: Customer) -> set[str]:
    cases = select(RecoveryCase.customer_email).where(_belongs_to(RecoveryCase, one)).distinct()
    mails = select(Message.to_email).where(_belongs_to(Message, one)).distinct()
    stopped = select(Suppression.email).where(_belongs_to(Suppression, one)).distinct()
    return {
        normal_email(text)
        for query in (cases, mails, stopped)
        for text in session.scalars(query)
        if text
    }


def erase(services: Services, company_id: int, who: str, *, actor: str) -> Emptied | None:
    """Erase a person. None if nothing is stored about them. Harmless to repeat."""
    now, done = services.now(), Emptied()
    with services.db.begin() as session:
        person = find(session, company_id, who)
        if person is None:
            return None
        _suppress_mail(session, services, person)
        for account_id in sorted({one.account_id for one in person.customers}):
            emptied = Emptied()
            for one in person.customers:
                if one.account_id == account_id:
                    where = anonymization.of_customer(account_id, one.stripe_customer_id)
                    emptied += anonymization.empty(session, where, now)
            anonymization.note_erasure(session, account_id, emptied, REASON, now, actor)
            done += emptied
    return done


def _suppress_mail(session: Session, services: Services, person: Person) -> None:
    """Suppress mail to the person's customers and addresses; of these only a hash is stored."""
    now = services.now()
    insert = services.db.insert_ignoring_duplicates
    company = session.get_one(Company, person.company_id, with_for_update=True)
    for address in person.addresses:
        hashed = address_hash(services.vault, company, address)
        row = {"company_id": company.id, "address_hash": hashed, "created_at": now}
        session.execute(insert(ErasedAddress.__table__).values(row))
    of_address = select(Account.id).where(Account.company_id == company.id)
    session.execute(
        delete(Suppression).where(
            Suppression.account_id.in_(of_address), Suppression.email.in_(person.addresses)
        )
    )
    for one in person.customers:
        session.execute(delete(Suppression).where(_belongs_to(Suppression, one)))
        session.execute(
            insert(Suppression.__table__).values(
                account_id=one.account_id,
                stripe_customer_id=one.stripe_customer_id,
                reason=SuppressionReason.ERASED,
                created_at=now,
            )
        )


LEFT_OUT = {
    "public_id",  # opens a card page
    "hosted_invoice_url",
    "idempotency_key",
    "proposal",
    "salt",
    "digest",
    "hash",
    "seq",
}
"""Columns that say nothing about the person, or that would give access to something."""


def export_person(
    services: Services, company_id: int, who: str, *, actor: str
) -> dict[str, Any] | None:
    """All that is stored about a person, as JSON; None if nothing is. Noted in the audit log."""
    with services.db.begin() as session:
        person = find(session, company_id, who)
        if person is None:
            return None
        for one in person.customers:
            audit_log.note_customer(
                session,
                "export",
                "A copy of all that is kept about them was made.",
                services.now(),
                actor=actor,
                account_id=one.account_id,
                customer_id=one.stripe_customer_id,
            )
        session.flush()
        return {
            "asked_for": who,
            "addresses": list(person.addresses),
            "customers": [_customer_data(session, one) for one in person.customers],
        }


def _customer_data(session: Session, one: Customer) -> dict[str, Any]:
    tables = {
        "cases": RecoveryCase,
        "messages": Message,
        "links": Link,
        "disputes": KnownDispute,
        "suppressions": Suppression,
        "record": AuditLogEntry,
    }
    found: dict[str, Any] = {
        name: [
            _as_json(row) for row in session.scalars(select(table).where(_belongs_to(table, one)))
        ]
        for name, table in tables.items()
    }
    theirs = select(RecoveryCase.id).where(_belongs_to(RecoveryCase, one))
    attempts = select(Attempt).where(or_(Attempt.case_id.in_(theirs)))
    found["attempts"] = [_as_json(row) for row in session.scalars(attempts)]
    return {
        "account_id": one.account_id,
        "stripe_customer_id": one.stripe_customer_id,
        "erased": customer_erased(session, one.account_id, one.stripe_customer_id),
        **found,
    }


def _as_json(row: Any) -> dict[str, Any]:
    return {
        column.key: value.isoformat() if hasattr(value, "isoformat") else value
        for column in row.__table__.columns
        if column.key not in LEFT_OUT
        for value in [getattr(row, column.key)]
        if value not in (None, "", [], {})
    }
