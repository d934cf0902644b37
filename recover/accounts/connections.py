"""Connected Stripe accounts: connect, disconnect, and note problems with their keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from emails.brand import DEFAULT_COLOR
from recover.accounts.settings import changes
from recover.accounts.settings.catalogue import TestMail
from recover.cases import lifecycle
from recover.compliance import audit_log
from recover.compliance.audit_log import COMMAND, RECOVER, STRIPE, Subject, write
from recover.dunning import DEFAULT, CaseState, CloseReason, RetryMode, Stop
from recover.foundation.errors import PermanentError
from recover.models import Account, Company, Connection
from recover.services import Services
from recover.stripe_api.objects import StripeAccountInfo

log = logging.getLogger(__name__)


class ConnectedElsewhere(PermanentError):
    """The Stripe account belongs to another company of this installation, and stays there."""


@dataclass(frozen=True, slots=True)
class Keys:
    """How an account is to be reached: by a key of its own, or (without one) by the platform's."""

    secret: str = field(default="", repr=False)
    stripe_account_id: str = ""  # whose account it is, where the platform's key is used
    publishable: str = ""
    webhook_secrets: Sequence[str] = field(default=(), repr=False)


def connect(
    services: Services,
    company_name: str,
    keys: Keys,
    *,
    company_id: int | None = None,
    mode: str = RetryMode.OBSERVE,
    test_mail: str = TestMail.EVERYONE,
    actor: str = COMMAND,
) -> Account:
    """Connect an account.

    Asks Stripe for the account's name, zone and mode first, so that a wrong key is found here.
    Connecting again updates the keys and keeps everything else, also after a disconnection. The
    account joins the company ``company_id``; without one, a new company. Either is called
    ``company_name``, or where that is "", as Stripe calls it.

    Raises ConnectedElsewhere, StripeAccessLost, StripeUnavailable; nothing is stored then.
    """
    key = keys.secret or services.settings.stripe_secret_key
    stripe = services.gateway.account(key, "" if keys.secret else keys.stripe_account_id)
    info = stripe.account_info()
    new = {
        "hook_token": token_urlsafe(24),
        "name": company_name or info.name,
        "mode": mode,
        "test_mail": test_mail,
    }
    access = _connection_columns(services, keys)
    try:
        return _store(services, info, company_id, new, access, actor)
    except IntegrityError:  # somebody else stored the same account a moment ago
        return _store(services, info, company_id, new, access, actor)


def _connection_columns(services: Services, keys: Keys) -> dict[str, Any]:
    """The columns that say how an account is reached; those not known now are left out."""
    shared = "" if keys.secret else services.settings.stripe_publishable_key
    access: dict[str, Any] = {
        "connection": Connection.KEY if keys.secret else Connection.PLATFORM,
        "secret_key_sealed": services.vault.seal(keys.secret),
        "disconnected_at": None,
        "leaving_at": None,
        "permissions": {},  # of another key, perhaps: asked again within the hour
        "permissions_asked_at": None,
        "problem": "",
    }
    if shown := keys.publishable or shared:
        access["publishable_key"] = shown
    if keys.webhook_secrets:
        access["webhook_secrets_sealed"] = services.vault.seal(",".join(keys.webhook_secrets))
    return access


def _store(
    services: Services,
    info: StripeAccountInfo,
    company_id: int | None,
    new: Mapping[str, str],
    access: Mapping[str, Any],
    actor: str,
) -> Account:
    query = select(Account).where(
        Account.stripe_account_id == info.id, Account.livemode == info.livemode
    )
    with services.db.begin() as session:
        account = session.scalar(query)
        if account is None:
            company_id = company_id or _new_company(session, services, new["name"])
            account = _new_account(services, info, company_id, new)
            account.name = account.name or session.get_one(Company, company_id).name
            session.add(account)
        elif company_id not in (None, account.company_id):
            raise ConnectedElsewhere(
                f"The Stripe account {info.id} is connected to another company on this"
                " installation. Nothing was changed."
            )
        for name, value in access.items():
            setattr(account, name, value)
        session.flush()
        described = {
            Connection.KEY: "with a key of its own",
            Connection.PLATFORM: "through Stripe Connect",
        }
        write(
            session,
            "connect",
            f"{info.id} was connected {described[account.connection]}.",
            services.now(),
            Subject(f"account:{account.id}", account_id=account.id),
            actor=actor,
        )
    return account


def _new_company(session: Session, services: Services, name: str) -> int:
    company = Company(name=name, created_at=services.now())
    session.add(company)
    session.flush()
    return company.id


def _new_account(
    services: Services, info: StripeAccountInfo, company_id: int, new: Mapping[str, str]
) -> Account:
    return Account(
        company_id=company_id,
        stripe_account_id=info.id,
        livemode=info.livemode,
        timezone=info.timezone or "UTC",
        support_email=info.support_email,
        color=DEFAULT_COLOR,
        campaign_key=DEFAULT.key,
        campaign_version=DEFAULT.version,
        connected_at=services.now(),
        **new,
    )


def add_webhook_endpoint(services: Services, account: Account, events: Sequence[str]) -> str:
    """Have Stripe send ``events`` to this account's own address, and store the signing secret.

    Returns the address. Raises StripeRejected, StripeAccessLost, StripeUnavailable.
    """
    url = f"{services.settings.base_url}/webhooks/stripe/{account.hook_token}"
    _, secret = services.stripe(account).create_webhook_endpoint(url, sorted(events))
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        row.webhook_secrets_sealed = services.vault.seal(secret)
    return url


def set_mode(
    services: Services, account_id: int, mode: str, *, actor: str = audit_log.COMMAND
) -> None:
    """Change who retries. Every open case is planned anew in the same transaction."""
    changes.change(services, account_id, {"mode": mode}, actor=actor)


def set_retries(
    services: Services,
    account_id: int,
    wanted: Mapping[str, str | int | float | None],
    *,
    actor: str = audit_log.COMMAND,
) -> None:
    """Change how this account's retries are timed and limited; open cases are planned anew.

    ``wanted`` by the columns' names: timing, explore, max_retries, min_gap_hours; None goes back
    to the campaign's own. Raises SettingsRefused, and changes nothing, where one is out of bounds.
    """
    changes.change(services, account_id, wanted, actor=actor)


def disconnect(
    services: Services,
    account_id: int,
    *,
    actor: str = STRIPE,
    by_us: bool = False,
    reason: str = "Stripe took our access away.",
) -> bool:
    """Close every open case and charge or send nothing more. False if already disconnected.

    ``by_us``: somebody disconnected here, so Stripe has yet to be told:
    `recover.accounts.disconnecting` does that.
    """
    now = services.now()
    with services.db.begin() as session:
        account = session.get_one(Account, account_id, with_for_update=True)
        if account.disconnected_at:
            return False
        account.disconnected_at, account.problem = now, ""
        account.leaving_at = now if by_us else None
        disconnected = Stop(
            CaseState.CLOSED, "The Stripe account was disconnected.", CloseReason.DISCONNECTED
        )
        by = actor if by_us else RECOVER
        lifecycle.close_all(session, account_id, disconnected, now, actor=by)
        write(
            session,
            "disconnect",
            reason,
            now,
            Subject(f"account:{account_id}", account_id=account_id),
            actor=actor,
        )
    log.warning("account %s was disconnected", account_id)
    return True


def note_trouble(services: Services, account_id: int, problem: str) -> None:
    """Store that Stripe refuses our key, or with "" that it accepts it again, for the pages.

    No case is closed: once the key works again, the cases go on.
    """
    changed = update(Account).where(Account.id == account_id, Account.problem != problem[:255])
    with services.db.begin() as session:
        noted = changed.values(problem=problem[:255]).returning(Account.id)
        if session.scalar(noted) is not None:
            write(
                session,
                "trouble" if problem else "mended",
                problem[:255] or "Stripe accepts our key again.",
                services.now(),
                Subject(f"account:{account_id}", account_id=account_id),
                actor=STRIPE,
            )


def all_connected(services: Services) -> list[Account]:
    """Every connected account, by id."""
    with services.db.read() as session:
        query = select(Account).where(Account.disconnected_at.is_(None)).order_by(Account.id)
        return list(session.scalars(query))


def named_or_only(services: Services, account_id: int | None) -> Account:
    """The connected account of that id, or the only one. Raises PermanentError without such."""
    found = [one for one in all_connected(services) if account_id in (None, one.id)]
    if len(found) == 1:
        return found[0]
    if account_id is not None:
        raise PermanentError(f"No account {account_id} is connected: recover account list")
    names = ", ".join(f"{one.id} ({one.name})" for one in found) or "none is connected"
    raise PermanentError(f"Name one account with --account. There are: {names}.")
