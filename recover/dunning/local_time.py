"""Hours of the day where the subscriber lives. Aware UTC in, aware UTC out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NIGHT_FROM, NIGHT_UNTIL, MORNING = 1, 6, 9  # issuers decline more at night


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The zone, or UTC where the name (from a customer's metadata) is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or a folder such as "America"
        return ZoneInfo("UTC")


def local(at: datetime, timezone: str) -> datetime:
    return at.astimezone(zone(timezone))


def days_later(at: datetime, days: int, timezone: str) -> datetime:
    """The same hour on the clock ``days`` later, also across a change to summer time."""
    return (local(at, timezone) + timedelta(days=days)).astimezone(UTC)


def out_of_the_night(at: datetime, timezone: str) -> datetime:
    """``at``, or 09:00 of the same local day where it falls between 01:00 and 06:00."""
    there = local(at, timezone)
    if not NIGHT_FROM <= there.hour < NIGHT_UNTIL:
        return at
    return there.replace(hour=MORNING, minute=0, second=0, microsecond=0).astimezone(UTC)


def next_opening(at: datetime, from_hour: int, until_hour: int, timezone: str) -> datetime:
    """``at``, or when the local hour is next in ``from_hour`` .. ``until_hour`` (excluded)."""
    there = local(at, timezone)
    if from_hour <= there.hour < until_hour:
        return at
    opening = there.replace(hour=from_hour, minute=0, second=0, microsecond=0, fold=0)
    if there.hour >= until_hour:
        opening += timedelta(days=1)
    return max(at, opening.astimezone(UTC))
