"""Times that no real case has. Nothing can be planned from those, and near the ends of the calendar
every sum of a time and a span would fail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recover.dunning.facts import Facts

_POSSIBLE_YEARS = range(1990, 2200)


def time_fault(facts: Facts, now: datetime) -> str:
    """Why nothing can be planned from the times in these facts, as a sentence; "" where it can."""
    times = [now, facts.failed_at, *facts.paid_hours]
    for events in (facts.attempts, facts.card_uses, facts.messages, facts.issuer_answers):
        times += [event.at for event in events]
    if facts.next_stripe_attempt_at is not None:
        times.append(facts.next_stripe_attempt_at)
    for at in times:
        if at.year not in _POSSIBLE_YEARS or at.tzinfo is None:
            return f"A time of this case cannot be right ({at.isoformat()}), so no try is planned."
    return ""


def saturating_add(now: datetime, pause: timedelta) -> datetime:
    """``now`` and ``pause``, at most the last moment that a datetime can hold."""
    try:
        return now + pause
    except OverflowError:
        return datetime.max.replace(tzinfo=now.tzinfo)
