"""A campaign: which mails go out when, for which kind of decline, and when to give up.

When a *retry* happens is not the campaign's business but the timing's (`Timing`).
Campaigns are versioned: an open case keeps the version it began with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from recover.dunning.declines import DeclineCategory
from recover.dunning.network_rules import DEFAULT_RETRIES


class Leavers(StrEnum):
    """How somebody is treated whose subscription is set to end and who still owes a payment."""

    LEAVE_ALONE = "not_at_all"  # neither charged nor written to
    ONE_MAIL = "once"  # written to once, not charged unattended
    AS_USUAL = "as_usual"


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a campaign. ``key`` is unique in its campaign and never reused."""

    key: str
    template: str  # a folder of emails/templates
    after: timedelta  # since the first failure
    categories: frozenset[DeclineCategory]  # sent only while the latest decline is one of these
    reasons: frozenset[str] = frozenset()  # and its `subscriber_reason` one of these; empty: any
    failures: int = 1  # and the invoice has failed this often ...
    at_latest: timedelta | None = None  # ... or this much time has passed since the first failure


@dataclass(frozen=True, slots=True)
class Campaign:
    """Where two steps fall on the same moment, the one listed first is meant."""

    key: str
    version: int
    steps: tuple[Step, ...]
    window: timedelta  # since the first failure; then the case is exhausted
    max_retries: int  # our own scheduled retries of one invoice
    min_gap: timedelta  # between any two attempts on one card, ours or Stripe's
    message_gap: timedelta  # between any two mails to one customer
    messages_per_week: int  # to one customer, over all their invoices
    send_from_hour: int  # local; mails wait for the next opening
    send_until_hour: int
    leavers: Leavers = Leavers.LEAVE_ALONE


_SOFT = frozenset({DeclineCategory.RETRY_LATER})
_ACTION = frozenset({DeclineCategory.CUSTOMER_ACTION})
_CUSTOMER = frozenset(
    {DeclineCategory.NEW_PAYMENT_METHOD, DeclineCategory.CUSTOMER_ACTION, DeclineCategory.NEVER}
)
_ALL = frozenset(DeclineCategory)
_AUTHENTICATION = frozenset({"authentication"})


def _days(count: int) -> timedelta:
    return timedelta(days=count)


# A soft decline is retried before anybody is troubled; only the customer can mend the others, and
# most who follow a link do so on the day they get it.
DEFAULT = Campaign(
    key="default",
    version=1,
    steps=(
        Step("soft-1", "payment_failed", _days(1), _SOFT, failures=2, at_latest=_days(3)),
        Step("soft-5", "payment_failed", _days(5), _SOFT),
        Step("soft-10", "payment_failed", _days(10), _SOFT),
        Step("confirm-0", "authentication_needed", _days(0), _ACTION, _AUTHENTICATION),
        Step("confirm-3", "authentication_needed", _days(3), _ACTION, _AUTHENTICATION),
        Step("confirm-7", "authentication_needed", _days(7), _ACTION, _AUTHENTICATION),
        Step("card-0", "payment_failed", _days(0), _CUSTOMER),
        Step("card-3", "payment_failed", _days(3), _CUSTOMER),
        Step("card-7", "payment_failed", _days(7), _CUSTOMER),
        Step("last", "last_notice", _days(18), _ALL),
    ),
    window=_days(21),
    max_retries=DEFAULT_RETRIES,
    min_gap=timedelta(hours=12),
    message_gap=timedelta(hours=20),
    messages_per_week=3,
    send_from_hour=9,
    send_until_hour=20,
)

_CAMPAIGNS = {(known.key, known.version): known for known in (DEFAULT,)}


def campaign(key: str, version: int) -> Campaign:
    """The campaign an open case began with. KeyError where there never was such a one."""
    try:
        return _CAMPAIGNS[key, version]
    except KeyError:
        known = ", ".join(f"{key} version {version}" for key, version in sorted(_CAMPAIGNS))
        raise KeyError(f'no campaign "{key}" version {version}; there are: {known}') from None
