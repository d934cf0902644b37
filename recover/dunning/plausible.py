"""Times that no real case holds. Nothing can be reckoned from those, and near the ends of the
calendar every sum of a time and a span would fail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recover.dunning.facts import Facts

_OUR_TIME = range(1990, 2200)  # years


def strange_time(facts: Facts, now: datetime) -> str:
    """Why no time at all can be reckoned from these facts, as a sentence; "" where one can."""
    times = [now, facts.failed_at, *facts.paid_hours]
    for told in (facts.attempts, facts.card_uses, facts.messages, facts.issuer_answers):
        times += [each.at for each in told]
    if facts.next_stripe_attempt_at is not None:
        times.append(facts.next_stripe_attempt_at)
    for at in times:
        if at.year not in _OUR_TIME or at.tzinfo is None:
            return f"A time of this case cannot be right ({at.isoformat()}), so no try is planned."
    return ""


def after(now: datetime, pause: timedelta) -> datetime:
    """``now`` and ``pause``, at most the last moment there is."""
    try:
        return now + pause
    except OverflowError:
        return datetime.max.replace(tzinfo=now.tzinfo)
