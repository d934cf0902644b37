"""A company connects its Stripe account itself: through Stripe's OAuth page, or with a key.

Either way it ends connected, or unchanged with a sentence that says why. Only the webhook endpoint
may fail by itself: the account is then connected, and its page offers to make the endpoint again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe

from sqlalchemy import select, update

from recover.accounts import connections
from recover.accounts.disconnecting import remove_endpoints
from recover.accounts.health import replace_endpoint
from recover.accounts.settings.catalogue import TestMail
from recover.foundation.errors import (
    PermanentError,
    RecoverError,
    StripeRejected,
    StripeUnavailable,
)
from recover.models import Account, Connection, ConnectRequest, User
from recover.services import Services
from recover.stripe_api.gateway import StripeConnect
from recover.stripe_api.oauth import SCOPE
from recover.stripe_api.objects import OAuthGrant

log = logging.getLogger(__name__)

RETURN_PATH = "/settings/stripe/return"
REQUEST_LIFETIME = timedelta(minutes=30)  # to sign in at Stripe, or to fetch a colleague who can


class NotConnected(PermanentError):
    """Nothing was connected and nothing changed. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Connected:
    """``trouble``: why Stripe does not send events yet; "" where it does."""

    account: Account
    trouble: str = ""


def offers_oauth(services: Services) -> bool:
    return bool(services.settings.stripe_client_id)


def platform_livemode(services: Services) -> bool:
    """The mode in which OAuth connects: that of the platform's key."""
    return "_live_" in services.settings.stripe_secret_key


def _platform(services: Services) -> StripeConnect:
    settings = services.settings
    return services.gateway.connect(settings.stripe_secret_key, settings.stripe_client_id)


def begin(services: Services, user: User, session_token: str) -> str:
    """The address of Stripe's OAuth page for this user; its answer is valid for `REQUEST_LIFETIME`.

    The answer counts once, and only in the session with this token.
    """
    state = token_urlsafe(32)
    with services.db.begin() as session:
        session.add(
            ConnectRequest(
                company_id=user.company_id,
                user_id=user.id,
                state_hash=_sha256(state),
                session_hash=_sha256(session_token),
                livemode=platform_livemode(services),
                created_at=services.now(),
            )
        )
    return _platform(services).authorize_url(state, services.settings.base_url + RETURN_PATH)


def _sha256(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def redeem_request(
    services: Services, user: User, session_token: str, state: str
) -> ConnectRequest:
    """Mark the request with this ``state`` as used, and return it. Raises NotConnected."""
    now = services.now()
    mine = (
        ConnectRequest.state_hash == _sha256(state),
        ConnectRequest.session_hash == _sha256(session_token),
        ConnectRequest.user_id == user.id,
        ConnectRequest.company_id == user.company_id,
    )
    fresh = (ConnectRequest.used_at.is_(None), ConnectRequest.created_at > now - REQUEST_LIFETIME)
    use = update(ConnectRequest).where(*mine, *fresh).values(used_at=now)
    with services.db.begin() as session:
        request: ConnectRequest | None = session.scalar(use.returning(ConnectRequest))
        if request is None:
            raise NotConnected(_why_unusable(session.scalar(select(ConnectRequest).where(*mine))))
    return request


def _why_unusable(request: ConnectRequest | None) -> str:
    if request is None:
        return (
            "This answer does not belong to a connection that you began in this browser. Nothing"
            " was changed. If you meant to connect an account, begin again."
        )
    if request.used_at:
        return "This answer was used already, and counts once. Nothing more was changed."
    return "This answer came too late. Nothing was changed; begin again."


def finish(services: Services, user: User, session_token: str, state: str, code: str) -> Connected:
    """Connect the account that Stripe granted. Raises NotConnected, StripeUnavailable."""
    request = redeem_request(services, user, session_token, state)
    grant = _exchange_code(services, code)
    _require_usable(services, grant, request)
    before = _connected_before(services, user.company_id, grant.stripe_account_id, grant.livemode)
    try:
        account = connections.connect(
            services,
            "",
            connections.Keys(
                stripe_account_id=grant.stripe_account_id, publishable=grant.publishable_key
            ),
            company_id=user.company_id,
            test_mail=TestMail.TEAM,
            actor=f"user:{user.id}",
        )
    except connections.ConnectedElsewhere as error:
        raise NotConnected(str(error)) from None
    if before and before.connection == Connection.KEY and not before.disconnected_at:
        _remove_own_endpoints(services, before)
    return Connected(account)


def _exchange_code(services: Services, code: str) -> OAuthGrant:
    try:
        return _platform(services).exchange(code)
    except StripeRejected as error:
        raise NotConnected(
            f"Stripe did not accept its own answer again: {error} Nothing was changed; begin again."
        ) from None
    except StripeUnavailable as error:
        raise StripeUnavailable(
            f"{error} Nothing was connected here. Begin again: Stripe will ask you once more."
        ) from None


def _require_usable(services: Services, grant: OAuthGrant, request: ConnectRequest) -> None:
    fault = ""
    if not grant.stripe_account_id:
        fault = "Stripe did not say which account it is."
    elif grant.livemode != request.livemode:
        got, asked = ("live", "test") if grant.livemode else ("test", "live")
        fault = (
            f"Stripe gave access in {got} mode, and {asked} mode was asked for: STRIPE_CLIENT_ID"
            " and STRIPE_SECRET_KEY are not of the same mode."
        )
    elif grant.scope != SCOPE:
        fault = f"Stripe allowed only {grant.scope}: Recover could not pay an invoice with it."
    if fault:
        _deauthorize_unless_connected(services, grant)
        raise NotConnected(f"{fault} Nothing was connected.")


def _deauthorize_unless_connected(services: Services, grant: OAuthGrant) -> None:
    """Return access that we cannot use, unless an account that is connected here depends on it."""
    query = select(Account.id).where(
        Account.stripe_account_id == grant.stripe_account_id,
        Account.connection == Connection.PLATFORM,
        Account.disconnected_at.is_(None),
    )
    with services.db.read() as session:
        in_use = session.scalar(query.limit(1)) is not None
    if grant.stripe_account_id and not in_use:
        try:
            _platform(services).deauthorize(grant.stripe_account_id)
        except RecoverError as error:
            log.warning("unusable access to a Stripe account could not be returned: %s", error)


def _connected_before(
    services: Services, company_id: int, stripe_account_id: str, livemode: bool
) -> Account | None:
    """The company's own account of that id, if it was connected before."""
    query = select(Account).where(
        Account.company_id == company_id,
        Account.stripe_account_id == stripe_account_id,
        Account.livemode == livemode,
    )
    with services.db.read() as session:
        return session.scalar(query)


def _remove_own_endpoints(services: Services, before: Account) -> None:
    """Remove the account's own endpoint with its old key: events now come to the platform's."""
    try:
        remove_endpoints(services, before)
    except RecoverError as error:
        log.warning("the old webhook endpoint of account %s was not removed: %s", before.id, error)


def connect_key(services: Services, user: User, key: str, publishable_key: str) -> Connected:
    """Store a key that was checked, and have Stripe send its events.

    Raises NotConnected, StripeAccessLost, StripeUnavailable; nothing is stored then.
    """
    try:
        account = connections.connect(
            services,
            "",
            connections.Keys(secret=key, publishable=publishable_key),
            company_id=user.company_id,
            test_mail=TestMail.TEAM,
            actor=f"user:{user.id}",
        )
    except connections.ConnectedElsewhere as error:
        raise NotConnected(str(error)) from None
    return Connected(account, try_to_replace_endpoint(services, account, f"user:{user.id}"))


def try_to_replace_endpoint(services: Services, account: Account, actor: str) -> str:
    """Make the account's webhook endpoint. Returns why that failed, or ""."""
    try:
        replace_endpoint(services, account, actor)
    except RecoverError as error:
        log.warning("account %s has no webhook endpoint: %s", account.id, error)
        return str(error)
    return ""
