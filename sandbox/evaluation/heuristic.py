"""What a careful engineer writes in an afternoon: the decline code, and a calendar of paydays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from recover.dunning import Campaign, Pace, Retry, current_rule
from recover.dunning.facts import Facts
from sandbox.evaluation.case import Case
from sandbox.evaluation.proposals import Unlearning

_TRIES = 4
_APART = timedelta(days=2)
_MORNING = time(9)


class CodeAndPayday(Unlearning):
    """Technical failures after hours, empty accounts on paydays, the rest on days 1, 3, 7, 13."""

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> list[Retry | None]:
        return [_next(case.facts, len(case.tried), case.now, campaign) for case in cases]


def _next(facts: Facts, used: int, now: datetime, campaign: Campaign) -> Retry | None:
    if used >= _TRIES:
        return None
    pace = current_rule(facts).pace
    if pace is Pace.SOON:
        return Retry(facts.failed_at + timedelta(hours=(2, 24, 72, 168)[used]), "technical")
    if pace is Pace.PAYDAY:
        until = facts.failed_at + campaign.window
        paydays = (at for at in _paydays(now + _APART / 2, facts.timezone) if at < until)
        after = now + (_APART if used else timedelta())
        at = next((at for at in paydays if at >= after), None)
        return Retry(at, "a likely payday") if at else None
    return Retry(facts.failed_at + timedelta(days=(1, 3, 7, 13)[used]), "a while later")


def _paydays(after: datetime, timezone: str) -> Iterator[datetime]:
    """Mornings of Fridays, of the 1st and 15th, and of the month's last days, from ``after`` on."""
    zone = ZoneInfo(timezone)
    first = after.astimezone(zone).date()
    for ahead in range(45):
        day = first + timedelta(ahead)
        at = datetime.combine(day, _MORNING, zone).astimezone(UTC)
        if _likely(day) and at >= after:
            yield at


def _likely(day: date) -> bool:
    return day.weekday() == 4 or day.day in (1, 15, 28, 30)
