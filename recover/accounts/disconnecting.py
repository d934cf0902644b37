"""Disconnecting from our side: stop at once, then tell Stripe, however often it takes.

The order is for safety. First one transaction closes every case and sets ``leaving_at``: from then
on nothing is charged or sent, whatever happens to this process. Then Stripe is told, which may be
repeated: access or an endpoint that is already gone is no error. Last the keys are deleted and
``leaving_at`` is cleared. If a worker dies on the way, the clock's next round continues.
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
    """Disconnect an account. True if Stripe was told too; if not, the clock tries again."""
    connections.disconnect(services, account_id, actor=actor, by_us=True, reason=reason)
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
    return account.leaving_at is None or _deauthorize(services, account)


def finish_disconnecting(services: Services) -> int:
    """Tell Stripe of every account that it could not be told of before. Returns how many remain."""
    query = select(Account).where(Account.leaving_at.is_not(None)).order_by(Account.id)
    with services.db.read() as session:
        waiting = list(session.scalars(query))
    return sum(not _deauthorize(services, account) for account in waiting)


def access_revoked(services: Services, account: Account) -> None:
    """Disconnect the account if Stripe confirms that the company has revoked our access.

    The event may be old: a company that has connected again since stays connected.
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
        _revoke_at_stripe(services, account)
    except StripeAccessLost as error:
        if account.connection == Connection.PLATFORM:  # the platform's own key is refused
            log.warning("access to account %s could not be returned: %s", account.id, error)
            return False
        # The account's own key was revoked: it can remove no endpoint, and gives us no access.
    except RecoverError as error:
        log.warning(
            "Stripe could not be told that account %s was disconnected: %s", account.id, error
        )
        return False
    _delete_keys(services, account, account.leaving_at)
    return True


def _revoke_at_stripe(services: Services, account: Account) -> None:
    settings = services.settings
    if account.connection == Connection.PLATFORM and settings.stripe_client_id:
        connect = services.gateway.connect(settings.stripe_secret_key, settings.stripe_client_id)
        connect.deauthorize(account.stripe_account_id)
    elif account.connection == Connection.KEY:
        remove_endpoints(services, account)


def remove_endpoints(services: Services, account: Account, *, keep: str = "") -> int:
    """Remove our webhook endpoints from this account at Stripe, except ``keep``. Returns how many.

    Ours are those whose address ends in the account's own token, under whatever host this
    installation had at the time.
    """
    stripe = services.stripe(account)
    ending = f"/webhooks/stripe/{account.hook_token}"
    ours = [one.id for one in stripe.list_webhook_endpoints() if one.url.endswith(ending)]
    for endpoint_id in ours:
        if endpoint_id != keep:
            stripe.delete_webhook_endpoint(endpoint_id)
    return len([one for one in ours if one != keep])


def _delete_keys(services: Services, account: Account, left_at: datetime | None) -> None:
    """Delete the stored keys, unless the account was connected again meanwhile."""
    done = (
        update(Account)
        .where(Account.id == account.id, Account.leaving_at == left_at)
        .values(
            leaving_at=None, secret_key_sealed="", webhook_secrets_sealed="", publishable_key=""
        )
    )
    with services.db.begin() as session:
        session.execute(done)
