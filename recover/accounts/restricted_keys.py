"""Checks a key before it is stored: is it a key, for which mode, and what is it allowed?

Stripe is asked with the key itself, and nothing is stored. What is wrong is said in one sentence
that also says what to do; no sentence quotes the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recover.foundation.errors import PermanentError, StripeAccessLost
from recover.services import Services
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.key_permissions import NEEDED, NOT_NEEDED, OPTIONAL, Permission

KEY_FORMAT = re.compile(r"(sk|rk)_(live|test)_\w{8,}")
PERMISSION_NAME = re.compile(r"'(?:rak_)?([a-z0-9_]+_(?:read|write))'")

# What people paste by mistake, by its beginning.
MISTAKEN_FOR_KEYS = {
    "pk_": "This is a publishable key. Recover needs the secret one beside it: it begins with rk_.",
    "whsec_": "This is a webhook's signing secret, not a key. A restricted key begins with rk_.",
    "acct_": "This is the id of an account, not a key. A restricted key begins with rk_.",
    "ca_": "This is the id of an application, not a key. A restricted key begins with rk_.",
    "mk_": "This is the id of a key, not the key. Stripe shows the key itself once, when you make"
    " it.",
    "sk_org": "This is the key of an organisation. Make a key in the account itself.",
}


class KeyRefused(PermanentError):
    """A key that cannot be used at all. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Missing:
    """``stripe_names``: what Stripe calls the permission, if not by its usual slug."""

    permission: Permission
    stripe_names: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """Which permissions a key lacks or need not have. ``full``: an unrestricted key."""

    missing: tuple[Missing, ...]
    off: tuple[Permission, ...] = ()  # lacking too, but Recover works on without
    excess: tuple[Permission, ...] = ()
    full: bool = False

    @property
    def more_than_needed(self) -> bool:
        return self.full or bool(self.excess)


def check(services: Services, key: str, *, livemode: bool | None = None) -> Fit:
    """Compare a key's permissions with those needed, by about twenty requests that change nothing.

    ``livemode``: the mode that is wanted; None accepts either. Raises KeyRefused, and
    StripeUnavailable where Stripe could not be asked.
    """
    _require_plausible(services, key, livemode)
    account = services.gateway.account(key)
    try:
        missing = tuple(found for one in NEEDED if (found := _missing(account, one)))
        if key.startswith("sk_"):
            return Fit(missing, full=True)
        off = tuple(one for one in OPTIONAL if _missing(account, one))
        excess = tuple(one for one in NOT_NEEDED if not account.missing_permission(one.probe))
    except StripeAccessLost as refused:
        raise KeyRefused(_why_refused(refused)) from None
    return Fit(missing, off, excess)


def granted(account: StripeAccount) -> dict[str, bool]:
    """By each permission's `key`, whether the account's key has it; needed and optional ones.

    By requests that change nothing. Raises StripeAccessLost where the key itself is refused, and
    StripeUnavailable.
    """
    return {one.key: _missing(account, one) is None for one in (*NEEDED, *OPTIONAL)}


def _require_plausible(services: Services, key: str, livemode: bool | None) -> None:
    for beginning, refusal in MISTAKEN_FOR_KEYS.items():
        if key.startswith(beginning):
            raise KeyRefused(refusal)
    if not KEY_FORMAT.fullmatch(key):
        raise KeyRefused(
            "This is not a key of Stripe's. A restricted key begins with rk_live_ or rk_test_;"
            " copy all of it."
        )
    live = "_live_" in key
    if livemode is not None and live != livemode:
        have, want = ("live", "test") if live else ("test", "live")
        raise KeyRefused(
            f"This is a {have} key, and you are connecting the account in {want} mode. Choose"
            f" {have} mode, or make a key in Stripe's {want} mode."
        )
    if live and not services.settings.base_url.startswith("https://"):
        raise KeyRefused(
            "A live account needs this installation to have an https:// address: set BASE_URL."
        )


def _missing(account: StripeAccount, permission: Permission) -> Missing | None:
    for probe in permission.probes:
        if refusal := account.missing_permission(probe):
            names = PERMISSION_NAME.findall(refusal)
            return Missing(permission, ", ".join(n for n in names if n != permission.slug))
    return None


def _why_refused(refused: StripeAccessLost) -> str:
    if refused.code == "api_key_expired":
        return "Stripe says that this key was revoked or has expired. Make a new one and paste it."
    return (
        "Stripe does not know this key, or does not take it from this machine's address. Copy all"
        f" of it, or make a new one. {refused}"
    )
