"""What an upgrade of Recover asks of accounts already connected: new events, new permissions.

Looked at every hour, since an upgrade tells nobody. The endpoint is changed by itself and keeps its
secret. Permissions are asked for weekly, and at once where some are new; the account's page lists
what is missing and what is off without it.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from recover.accounts import restricted_keys
from recover.accounts.health import endpoint_url, missing_events
from recover.cases.disputes import is_about_permission
from recover.compliance.audit_log import RECOVER, Subject, write
from recover.foundation.errors import StripeAccessLost, StripeRejected
from recover.models import Account, Connection
from recover.services import Services
from recover.stripe_api import event_types
from recover.stripe_api.key_permissions import NEEDED, OPTIONAL, Permission

log = logging.getLogger(__name__)

ASKED_EVERY = timedelta(days=7)


def look_after(services: Services, account: Account) -> None:
    """Bring one account's endpoint up to date, and learn what its key may do.

    Only an account with its own key has either: the platform's endpoint and key are not the
    company's. Raises StripeUnavailable, and StripeAccessLost where the key itself is refused.
    """
    if account.connection != Connection.KEY:
        return
    try:
        add_events(services, account)
    except StripeRejected as error:
        log.warning("the endpoint of account %s was not changed: %s", account.id, error)
    except StripeAccessLost as lost:
        if not is_about_permission(lost):
            raise
    ask_permissions(services, account)


def add_events(services: Services, account: Account) -> list[str]:
    """Have the account's endpoint send what it does not send yet. Which events were added."""
    stripe, wanted = services.stripe(account), event_types.OF_AN_ACCOUNT
    added: set[str] = set()
    for endpoint in stripe.list_webhook_endpoints():
        missing = missing_events(endpoint, set(wanted))
        if endpoint.url == endpoint_url(services, account) and missing:
            stripe.set_webhook_events(endpoint.id, wanted)
            added.update(missing)
    if added:
        _note_added(services, account, sorted(added))
    return sorted(added)


def _note_added(services: Services, account: Account, added: list[str]) -> None:
    with services.db.begin() as session:
        write(
            session,
            "listen",
            f"The webhook endpoint at Stripe now also sends {', '.join(added)}.",
            services.now(),
            Subject(f"account:{account.id}", account_id=account.id),
            actor=RECOVER,
        )


def ask_permissions(services: Services, account: Account) -> None:
    """Ask Stripe what the key may do, where that was long ago or not asked of all of it."""
    asked, now = account.permissions_asked_at, services.now()
    known = {one.key for one in (*NEEDED, *OPTIONAL)} <= account.permissions.keys()
    if known and asked is not None and now < asked + ASKED_EVERY:
        return
    found = restricted_keys.granted(services.stripe(account))
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        row.permissions, row.permissions_asked_at = found, now


def missing_permissions(account: Account) -> list[Permission]:
    """What the account's key may not do, as last asked; none where nobody asked yet."""
    both = (*NEEDED, *OPTIONAL)
    return [one for one in both if account.permissions.get(one.key, True) is False]
