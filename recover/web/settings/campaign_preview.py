"""A campaign's mails as a subscriber would get them, in order, for the founder to read first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from emails import subscriber_mails
from emails.billing import Bill, Reader, ShownCard
from emails.brand import Brand
from emails.render import Rendered
from recover.accounts.settings.brand import brand
from recover.dunning import DeclineCategory, Step, campaign
from recover.learning import timing_in_force
from recover.models import Account

LINK = "https://example.com/card"
ENDS = datetime(2027, 3, 31, tzinfo=UTC)
SAMPLE = Reader(), Bill(2900, "usd", "Pro", "A1B2C3D4-0007"), ShownCard("visa", "4242")


@dataclass(frozen=True, slots=True)
class Mail:
    when: str
    to_whom: str
    subject: str
    text: str


def steps_of(account: Account) -> list[Mail]:
    """Each step of the account's campaign with a sample of its mail, soft declines first."""
    own = campaign(account.campaign_key, account.campaign_version)
    face, seen = brand(account), dict[str, int]()
    found = []
    for step in timing_in_force.within_limits(account, own).steps:
        kind = step.key.partition("-")[0]
        seen[kind] = seen.get(kind, 0) + 1
        mail = SAMPLES[step.template](face, step, seen[kind])
        found.append(Mail(_when(step), _whom(step), mail.subject, mail.text))
    return found


def _when(step: Step) -> str:
    days = step.after.days
    day = "At once" if not days else f"Day {days}"
    if step.at_latest:
        return f"{day}, after the second failed attempt; day {step.at_latest.days} at the latest"
    return day


def _whom(step: Step) -> str:
    if step.reasons:
        return "The bank wants the customer to confirm"
    if step.categories == frozenset({DeclineCategory.RETRY_LATER}):
        return "The card may work later"
    if step.categories == frozenset(DeclineCategory):
        return "Everybody, before the case ends"
    return "Only the customer can fix it"


def _failed(face: Brand, step: Step, nth: int) -> Rendered:
    soft = DeclineCategory.RETRY_LATER in step.categories
    reason = "insufficient_funds" if soft else "expired"
    return subscriber_mails.payment_failed(face, *SAMPLE, reason=reason, notice=nth, link=LINK)


def _authenticate(face: Brand, _step: Step, nth: int) -> Rendered:
    return subscriber_mails.authentication_needed(face, *SAMPLE, notice=nth, link=LINK)


def _last(face: Brand, _step: Step, _nth: int) -> Rendered:
    return subscriber_mails.last_notice(face, *SAMPLE, ends_at=ENDS, link=LINK)


SAMPLES: dict[str, Callable[[Brand, Step, int], Rendered]] = {
    "payment_failed": _failed,
    "authentication_needed": _authenticate,
    "last_notice": _last,
}
