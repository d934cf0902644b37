"""Whether Stripe's events reach us and our key works, for one account; and how to repair it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.accounts.disconnecting import remove_endpoints
from recover.compliance.audit_log import Subject, write
from recover.foundation.errors import RecoverError
from recover.models import Account, Connection, ReconciliationReport, StripeEvent
from recover.services import Services
from recover.stripe_api import event_types
from recover.stripe_api.gateway import API_VERSION
from recover.stripe_api.objects import WebhookEndpoint

SECRETS_KEPT = 2  # what Stripe sends while an endpoint is replaced may be signed by the old one


@dataclass(frozen=True, slots=True)
class Health:
    """``faults`` are sentences about the webhook endpoint; empty if it is as it should be."""

    last_event_at: datetime | None
    last_reconciled_at: datetime | None
    key_problem: str
    faults: tuple[str, ...] = ()
    asked: bool = True  # False: Stripe could not be asked about the endpoint


def can_verify_events(account: Account) -> bool:
    """Whether we hold the secret that this account's events are signed with. Asks nothing."""
    return account.connection == Connection.PLATFORM or bool(account.webhook_secrets_sealed)


def health(services: Services, account: Account) -> Health:
    """The account's health now. Asks Stripe about the endpoint, in one request."""
    with services.db.read() as session:
        seen, reconciled = _last_event(session, account), _last_reconciled(session, account)
    faults: tuple[str, ...] = ()
    asked, problem = True, account.problem
    if not account.disconnected_at:
        try:
            faults = endpoint_faults(services, account)
        except RecoverError as error:
            asked, problem = False, problem or str(error)
    return Health(seen, reconciled, problem, faults, asked)


def _last_event(session: Session, account: Account) -> datetime | None:
    query = select(StripeEvent.received_at).where(StripeEvent.account_id == account.id)
    return session.scalar(query.order_by(StripeEvent.id.desc()).limit(1))


def _last_reconciled(session: Session, account: Account) -> datetime | None:
    query = select(ReconciliationReport.finished_at).where(
        ReconciliationReport.account_id == account.id, ReconciliationReport.finished_at.is_not(None)
    )
    return session.scalar(query.order_by(ReconciliationReport.id.desc()).limit(1))


def endpoint_url(services: Services, account: Account) -> str:
    """Where Stripe is to send this account's events; the platform's come to one address."""
    base = f"{services.settings.base_url}/webhooks/stripe"
    return base if account.connection == Connection.PLATFORM else f"{base}/{account.hook_token}"


def endpoint_faults(services: Services, account: Account) -> tuple[str, ...]:
    """What is wrong with the endpoint at Stripe. Raises StripeUnavailable, StripeAccessLost."""
    settings = services.settings
    if account.connection == Connection.PLATFORM:
        if not settings.stripe_webhook_secrets:
            return ("The installation has no signing secret: set STRIPE_WEBHOOK_SECRETS.",)
        stripe = services.gateway.account(settings.stripe_secret_key)
        wanted = set(event_types.OF_THE_PLATFORM)
    else:
        if not account.webhook_secrets_sealed:
            return ("Not listening yet: there is no webhook endpoint at Stripe.",)
        stripe, wanted = services.stripe(account), set(event_types.OF_AN_ACCOUNT)
    url = endpoint_url(services, account)
    ours = [one for one in stripe.list_webhook_endpoints() if one.url == url]
    if not ours:
        return (f"Stripe has no webhook endpoint with the address {url}.",)
    faults = _faults(ours, wanted)
    if account.connection == Connection.PLATFORM and (lacking := missing_events(ours[0], wanted)):
        return (*faults, _platform_step(ours[0], lacking))
    return faults


def missing_events(endpoint: WebhookEndpoint, wanted: set[str]) -> list[str]:
    """The event types that an endpoint should send and does not."""
    subscribed = set(endpoint.events)
    return [] if "*" in subscribed else sorted(wanted - subscribed)


def _platform_step(endpoint: WebhookEndpoint, lacking: list[str]) -> str:
    """How the installation's operator adds events to the platform's endpoint; its secret stays."""
    events = sorted({*endpoint.events, *lacking})
    command = " ".join(f'-d "enabled_events[]={name}"' for name in events)
    return (
        f"To add them, with the platform's key: stripe webhook_endpoints update {endpoint.id}"
        f" {command}"
    )


def _faults(ours: list[WebhookEndpoint], wanted: set[str]) -> tuple[str, ...]:
    faults = []
    endpoint, subscribed = ours[0], set(ours[0].events)
    missing = missing_events(endpoint, wanted)
    if len(ours) > 1:
        faults.append(f"Stripe has {len(ours)} webhook endpoints with our address; one is enough.")
    if endpoint.status != "enabled":
        faults.append("The webhook endpoint is switched off at Stripe.")
    if missing:
        faults.append(f"The webhook endpoint does not send {', '.join(missing)}.")
    if extra := sorted(subscribed - set(event_types.OF_THE_PLATFORM)):
        faults.append(f"The webhook endpoint sends more than is needed: {', '.join(extra)}.")
    if endpoint.api_version != API_VERSION:
        has = endpoint.api_version or "the account's own version"
        faults.append(f"The webhook endpoint speaks {has}; Recover is made for {API_VERSION}.")
    return tuple(faults)


def replace_endpoint(services: Services, account: Account, actor: str) -> None:
    """Make a new webhook endpoint at Stripe for an account with its own key, and remove old ones.

    The new one's secret is stored before an old one is removed, so that no event is lost.
    Raises StripeRejected, StripeAccessLost, StripeUnavailable.
    """
    url = endpoint_url(services, account)
    endpoint_id, secret = services.stripe(account).create_webhook_endpoint(
        url, event_types.OF_AN_ACCOUNT
    )
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        old = services.vault.open(row.webhook_secrets_sealed).split(",")
        kept = [secret, *(one for one in old if one)][:SECRETS_KEPT]
        row.webhook_secrets_sealed = services.vault.seal(",".join(kept))
        write(
            session,
            "listen",
            "A webhook endpoint was made at Stripe.",
            services.now(),
            Subject(f"account:{account.id}", account_id=account.id),
            actor=actor,
        )
    remove_endpoints(services, account, keep=endpoint_id)
