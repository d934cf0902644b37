"""Connected Stripe accounts: connect, disconnect, and the brand their mails and pages wear."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from emails.brand import DEFAULT_COLOR
from recover import timings
from recover.dunning import DEFAULT, CaseState, CloseReason, RetryMode
from recover.dunning.network_rules import CEILING
from recover.errors import PermanentError
from recover.letters import brand
from recover.models import Account, Company, RecoveryCase
from recover.record import note
from recover.services import Services

log = logging.getLogger(__name__)

__all__ = [
    "add_webhook_endpoint",
    "brand",
    "connect",
    "connected",
    "disconnect",
    "named_or_only",
    "note_trouble",
    "plan_anew",
    "set_mode",
    "set_retries",
]


def connect(
    services: Services,
    company_name: str,
    *,
    secret_key: str = "",
    stripe_account_id: str = "",
    publishable_key: str = "",
    webhook_secrets: Sequence[str] = (),
    mode: str = RetryMode.OBSERVE,
) -> Account:
    """Connect an account with its own key, or (without one) through the platform's.

    Asks Stripe for the account's name, zone and mode first, so that a wrong key is found here.
    Connecting again updates the keys and keeps everything else. Raises StripeAccessLost,
    StripeUnavailable.
    """
    key = secret_key or services.settings.stripe_secret_key
    info = services.gateway.account(key, "" if secret_key else stripe_account_id).account_info()
    with services.db.begin() as session:
        account = session.scalar(
            select(Account).where(
                Account.stripe_account_id == info.id, Account.livemode == info.livemode
            )
        )
        if account is None:
            company = Company(name=company_name, created_at=services.now())
            session.add(company)
            session.flush()
            account = Account(
                company_id=company.id,
                stripe_account_id=info.id,
                livemode=info.livemode,
                hook_token=token_urlsafe(24),
                name=company_name or info.name,
                mode=mode,
                timezone=info.timezone or "UTC",
                support_email=info.support_email,
                color=DEFAULT_COLOR,
                campaign_key=DEFAULT.key,
                campaign_version=DEFAULT.version,
                connected_at=services.now(),
            )
            session.add(account)
        account.connection = "key" if secret_key else "platform"
        account.secret_key_sealed = services.vault.seal(secret_key)
        account.publishable_key = publishable_key or services.settings.stripe_publishable_key
        if webhook_secrets:
            account.webhook_secrets_sealed = services.vault.seal(",".join(webhook_secrets))
        account.disconnected_at, account.problem = None, ""
    return account


def add_webhook_endpoint(services: Services, account: Account, events: Sequence[str]) -> str:
    """Have Stripe send ``events`` to this account's own address, and keep the signing secret."""
    url = f"{services.settings.base_url}/webhooks/stripe/{account.hook_token}"
    _, secret = services.stripe(account).create_webhook_endpoint(url, sorted(events))
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        row.webhook_secrets_sealed = services.vault.seal(secret)
    return url


def set_mode(services: Services, account_id: int, mode: str) -> None:
    """Change who retries. Every open case is planned anew at once, none is orphaned or doubled."""
    with services.db.begin() as session:
        session.get_one(Account, account_id).mode = RetryMode(mode)
        plan_anew(session, account_id, services.now())


def set_retries(
    services: Services, account_id: int, wanted: Mapping[str, str | int | float | None]
) -> None:
    """Change how this account's tries are timed and limited; open cases are planned anew.

    ``wanted`` by the columns' names: timing, explore, max_retries, min_gap_hours; None goes back
    to the campaign's own. Raises PermanentError, and changes nothing, where one is out of bounds.
    """
    for name, value in wanted.items():
        if fault := _fault(name, value):
            raise PermanentError(fault)
    with services.db.begin() as session:
        account = session.get_one(Account, account_id)
        for name, value in wanted.items():
            setattr(account, name, value)
        plan_anew(session, account_id, services.now())


BOUNDS = {"max_retries": (0, CEILING), "min_gap_hours": (1, 168), "explore": (0.0, 0.3)}


def _fault(name: str, value: str | float | None) -> str:
    if name == "timing":
        return "" if value in timings.TIMINGS else f"timing is engine or fixed, not {value}"
    low, high = BOUNDS[name]
    if value is None and name != "explore":
        return ""
    if isinstance(value, int | float) and low <= value <= high:
        return ""
    return f"{name} must be from {low} to {high}, not {value}"


def plan_anew(session: Session, account_id: int, now: datetime) -> None:
    """Have every open case looked at again now."""
    session.execute(
        update(RecoveryCase)
        .where(RecoveryCase.account_id == account_id, RecoveryCase.state == CaseState.OPEN)
        .values(next_step_at=now)
    )


def disconnect(services: Services, account_id: int) -> None:
    """Stripe told us we have no access any more: every open case ends, nothing more is sent."""
    now = services.now()
    with services.db.begin() as session:
        account = session.get_one(Account, account_id)
        if account.disconnected_at:
            return
        account.disconnected_at = now
        open_cases = select(RecoveryCase).where(
            RecoveryCase.account_id == account_id, RecoveryCase.state == CaseState.OPEN
        )
        for case in session.scalars(open_cases).all():
            case.state, case.close_reason = CaseState.CLOSED, CloseReason.DISCONNECTED
            case.closed_at, case.next_step_at, case.next_step_reason = now, None, ""
            note(session, case, "close", "The Stripe account was disconnected.", now)
    log.warning("account %s was disconnected", account_id)


def note_trouble(services: Services, account_id: int, problem: str) -> None:
    """Remember (or, with "", forget) that Stripe refuses our key, for the founder's page.

    Nothing is closed for it: a key can be mended, and its cases then go on.
    """
    changed = update(Account).where(Account.id == account_id, Account.problem != problem[:255])
    with services.db.begin() as session:
        session.execute(changed.values(problem=problem[:255]))


def connected(services: Services) -> list[Account]:
    """Every account that is connected, for the clock's rounds."""
    with services.db.read() as session:
        query = select(Account).where(Account.disconnected_at.is_(None)).order_by(Account.id)
        return list(session.scalars(query))


def named_or_only(services: Services, account_id: int | None) -> Account:
    """The connected account of that id, or the only one. Raises PermanentError without such."""
    found = [one for one in connected(services) if account_id in (None, one.id)]
    if len(found) == 1:
        return found[0]
    if account_id is not None:
        raise PermanentError(f"No account {account_id} is connected: recover account list")
    names = ", ".join(f"{one.id} ({one.name})" for one in found) or "none is connected"
    raise PermanentError(f"Name one account with --account. There are: {names}.")
