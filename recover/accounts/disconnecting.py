"""Disconnecting from our side: stop at once, then tell Stripe, however often it takes.

The order is for safety. First, in one transaction, every case ends and the account is marked as
leaving: from then on nothing is charged or sent, whatever happens to this process. Then Stripe is
told, which is harmless to repeat: access that is gone already, or an endpoint that is, is no error.
Last the key is forgotten and the mark taken off. A clock's round goes on where a worker died.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select, update

from recover.accounts import connections
from recover.foundation.errors import RecoverError, StripeAccessLost
from recover.models import Account, Connection
from recover.services import Services

log = logging.getLogger(__name__)

UNKNOWN_KEY = 401


def disconnect(services: Services, account_id: int, actor: str, reason: str) -> bool:
    """Disconnect an account. True where Stripe was told too; else that is still to be done."""
    connections.disconnect(services, account_id, actor=actor, leaving=True, reason=reason)
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
    return account.leaving_at is None or _deauthorize(services, account)


def finish_disconnecting(services: Services) -> int:
    """Tell Stripe of every account that left while it could not be told. How many are left."""
    query = select(Account).where(Account.leaving_at.is_not(None)).order_by(Account.id)
    with services.db.read() as session:
        waiting = list(session.scalars(query))
    return sum(not _deauthorize(services, account) for account in waiting)


def access_revoked(services: Services, account: Account) -> None:
    """Stripe told us that the company took our access away. True once it is so.

    The message may be old: a company that connected again since is not disconnected by it.
    """
    try:
        services.stripe(account).account_info()
    except StripeAccessLost as lost:
        if account.connection == Connection.PLATFORM and lost.status == UNKNOWN_KEY:
            raise  # the platform's own key is refused: that says nothing of this account
        connections.disconnect(services, account.id)
    else:
        log.info("account %s is connected again since it was disconnected", account.id)


def _deauthorize(services: Services, account: Account) -> bool:
    try:
        _at_stripe(services, account)
    except StripeAccessLost as error:
        if (
            account.connection == Connection.PLATFORM
        ):  # it is the platform's own key that is refused
            log.warning("account %s could not be given back: %s", account.id, error)
            return False
        # A key that is revoked can remove nothing, and gives us nothing.
    except RecoverError as error:
        log.warning("account %s is still to be told to Stripe: %s", account.id, error)
        return False
    _forget(services, account, account.leaving_at)
    return True


def _at_stripe(services: Services, account: Account) -> None:
    settings = services.settings
    if account.connection == Connection.PLATFORM and settings.stripe_client_id:
        connect = services.gateway.connect(settings.stripe_secret_key, settings.stripe_client_id)
        connect.deauthorize(account.stripe_account_id)
    elif account.connection == Connection.KEY:
        remove_endpoints(services, account)


def remove_endpoints(services: Services, account: Account, *, but: str = "") -> int:
    """Remove this account's endpoints of ours at Stripe, all ``but`` one. How many.

    Ours are those with the account's own token in their address, wherever this installation was
    at the time.
    """
    stripe = services.stripe(account)
    ending = f"/webhooks/stripe/{account.hook_token}"
    ours = [one.id for one in stripe.list_webhook_endpoints() if one.url.endswith(ending)]
    for endpoint_id in ours:
        if endpoint_id != but:
            stripe.delete_webhook_endpoint(endpoint_id)
    return len([one for one in ours if one != but])


def _forget(services: Services, account: Account, left_at: datetime | None) -> None:
    """Unless the account was connected anew meanwhile."""
    done = (
        update(Account)
        .where(Account.id == account.id, Account.leaving_at == left_at)
        .values(
            leaving_at=None, secret_key_sealed="", webhook_secrets_sealed="", publishable_key=""
        )
    )
    with services.db.begin() as session:
        session.execute(done)
